/**
 * Worlds of fixed seeds, and the seeds that were kept because they found something (docs/spec/simulation.md). `npm run soak` runs seeds nobody ran before.
 *
 *   TRUNKLINE_SIM_SEED=7 npx vitest run --project system tests/sim      one world, its steps printed as they are taken
 *   TRUNKLINE_SIM_STEPS=30 …                                            with another number of steps
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeOutcome, runSeed, type Outcome } from './run.js';

interface Kept {
  readonly seed: number;
  /** What was wrong. */
  readonly defect: string;
  /** The mutant that puts it back; absent where the judge was wrong. */
  readonly mutant?: string;
}

const KEPT = JSON.parse(readFileSync(new URL('kept-seeds.json', import.meta.url), 'utf8')) as readonly Kept[];

/** About a minute on one core. */
const SEEDS = 240;
const PORTION = 20;
/** A world takes a quarter of a second; slow machines that do other things beside may need twenty times as much. */
const TIMEOUT_MS = 120_000;

const { TRUNKLINE_SIM_SEED: only, TRUNKLINE_SIM_STEPS: given } = process.env;
const options = given === undefined ? {} : { steps: Number(given) };

async function requireClean(seed: number): Promise<Outcome> {
  const outcome = await runSeed(seed, options);
  expect(outcome.problems, describeOutcome(outcome)).toEqual([]);
  return outcome;
}

function describeSimulation(): void {
  for (let first = 1; first <= SEEDS; first += PORTION) {
    const last = first + PORTION - 1;
    it(
      `[SIM-1] [SIM-5] [SIM-6] [SIM-7] [SIM-8] [SIM-9] [SIM-10] [SIM-11] [SIM-12] [SIM-13] seeds ${first} to ${last}: nothing is lost, repeated or crossed without a word`,
      async () => {
        const sums = { given: 0, told: 0, committed: 0 };
        let several = 0;
        for (let seed = first; seed <= last; seed++) {
          const { given, told, committed, nodes, dispatchers } = await requireClean(seed);
          sums.given += given;
          sums.told += told;
          sums.committed += committed;
          if (nodes > 1 && dispatchers > 1) several++;
        }
        // A world in which nothing happens proves nothing.
        expect(sums.given).toBeGreaterThan(PORTION * 30);
        expect(sums.told).toBeGreaterThan(PORTION);
        expect(sums.committed).toBeGreaterThan(PORTION * 10);
        expect(several).toBeGreaterThan(PORTION / 4);
      },
      TIMEOUT_MS,
    );
  }

  for (const { seed, defect } of KEPT)
    it(`[SIM-4] kept seed ${seed}: ${defect}`, () => requireClean(seed).then(() => undefined), TIMEOUT_MS);

  it('[SIM-2] a seed is one world: run again, it takes the same steps to the same end', async () => {
    const [one, two] = [await runSeed(5, options), await runSeed(5, options)];
    expect(two).toEqual(one);
    expect((await runSeed(6, options)).steps).not.toEqual(one.steps);
  });

  it('[SIM-3] a failure prints its seed, what was wrong, the steps and how to run it again', () => {
    const text = describeOutcome({
      seed: 7,
      problems: ['3 is missing'],
      steps: ['100  a step'],
      given: 1,
      told: 0,
      nodes: 1,
      committed: 0,
      dispatchers: 0,
    });
    expect(text).toContain('TRUNKLINE_SIM_SEED=7 npx vitest run --project system tests/sim');
    expect(text).toContain('3 is missing');
    expect(text).toContain('100  a step');
  });
}

function describeWorld(seed: number): void {
  it(`seed ${seed}`, async () => {
    const outcome = await runSeed(seed, { ...options, onStep: (said) => console.log(said) });
    expect(outcome.problems, describeOutcome(outcome)).toEqual([]);
  }, 600_000);
}

describe('the simulation', () => (only === undefined ? describeSimulation() : describeWorld(Number(only))));
