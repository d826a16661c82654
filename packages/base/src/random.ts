/** Randomness as a port, so that a seed reproduces a run. Not for secrets except through `secureRandom`. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
}

/** The platform's cryptographic source; what servers use for ids and epochs. */
export function createSystemRandom(): Random {
  const words = new Uint32Array(256);
  let used = words.length;
  return {
    next: () => {
      if (used === words.length) {
        globalThis.crypto.getRandomValues(words);
        used = 0;
      }
      return (words[used++] ?? 0) / 4_294_967_296;
    },
  };
}

/** A small seeded generator (mulberry32) for tests, simulation and benchmarks. Never for ids that must not be guessed. */
export function createSeededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    next: () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = state;
      mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
    },
  };
}

/** An integer in [0, below). */
export function randomInt(random: Random, below: number): number {
  return Math.floor(random.next() * below);
}
