/**
 * Makes Fossil deltas (`fossil.ts` holds the format). What the two ends share is found by comparing; between them the base is known by
 * the hashes of its blocks, and a rolling hash walks over the target. The search is greedy and bounded: it wants small deltas of documents
 * that changed a little, quickly, not the smallest ones.
 *
 * Work. Every place of the target is compared with at most `PROBES` blocks, and whatever a comparison reads in common is either used,
 * which moves the walk past it, or shorter than what is used instead. So the time is at most proportional to `PROBES` times the sum of both lengths, for any input,
 * repetition included; memory is the delta and about 20 bytes for every 16 of the base.
 *
 * Text. A piece of new bytes begins and ends between two characters where the target is UTF-8, so that the delta, whose other parts are ASCII, is
 * UTF-8 itself and can travel in a JSON string.
 */
import { AT, checksum, COLON, COMMA, digitsOf, LF, putNumber, SEMICOLON } from './fossil.js';

/** Bytes of a block. Shorter ones find more and cost more; a copy costs 4 to 12 bytes itself. */
const BLOCK = 16;
/** Blocks of the same hash that are tried at one place. */
const PROBES = 8;
/** Multiplier of the rolling hash (odd, so that no byte is lost). */
const FACTOR = 0x01000193;
/** A piece of this length is taken without trying the other blocks. */
const LONG = 1_024;
/**
 * After this many bytes without a piece the walk takes larger steps, up to `MAX_STEP`: what it then steps over it finds again backwards from the next
 * hit. Steps are odd, so that they meet every position within a block in turn.
 */
const PATIENCE = 512;
const MAX_STEP = 13;
/** Bytes by which a boundary moves at most to come between two characters of UTF-8. */
const CHARACTER_REST = 3;

/** `FACTOR ** BLOCK`: what the byte that leaves the window was multiplied by. */
const LEAVING = ((): number => {
  let power = 1;
  for (let index = 0; index < BLOCK; index++) power = Math.imul(power, FACTOR);
  return power;
})();

interface Piece {
  /** Of the base, of the target, and how much is the same from there. */
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

/**
 * The delta that turns `base` into `target`; undefined where it would have `maxBytes` bytes or more (default: those of the target, so that a delta is
 * always smaller than what it stands for).
 */
export function createDelta(
  base: Uint8Array,
  target: Uint8Array,
  maxBytes: number = target.length,
): Uint8Array | undefined {
  const pieces = findPieces(base, target);
  const sum = checksum(target);
  const size = sizeOf(pieces, target, sum);
  return size < maxBytes ? write(pieces, target, sum, size) : undefined;
}

// ---------------------------------------------------------------- finding

/** What base and target share, in the order of the target, without overlaps. */
function findPieces(base: Uint8Array, target: Uint8Array): readonly Piece[] {
  const shorter = Math.min(base.length, target.length);
  let head = 0;
  while (head < shorter && base[head] === target[head]) head++;
  let tail = 0;
  while (tail < shorter - head && base[base.length - 1 - tail] === target[target.length - 1 - tail]) tail++;
  const pieces: Piece[] = [];
  const first = aligned(target, { from: 0, to: 0, length: head });
  if (first) pieces.push(first);
  const last = aligned(target, { from: base.length - tail, to: target.length - tail, length: tail });
  const start = first ? first.to + first.length : 0;
  const end = last ? last.to : target.length;
  if (end - start >= BLOCK && base.length >= BLOCK) walk(new Blocks(base), base, target, start, end, pieces);
  if (last) pieces.push(last);
  return pieces;
}

/** Looks for pieces of the base in `target[start, end)`. */
function walk(
  blocks: Blocks,
  base: Uint8Array,
  target: Uint8Array,
  start: number,
  end: number,
  pieces: Piece[],
): void {
  let done = start;
  let at = start;
  let hash = hashAt(target, at);
  while (at + BLOCK <= end) {
    const piece = longest(blocks, hash, base, target, at, done, end);
    if (piece) {
      pieces.push(piece);
      done = piece.to + piece.length;
      at = Math.max(at + 1, done);
      if (at + BLOCK <= end) hash = hashAt(target, at);
    } else {
      const step = Math.min(MAX_STEP, 1 + 2 * Math.floor((at - done) / PATIENCE));
      for (const next = at + step; at < next; at++)
        hash = rolled(hash, target[at] ?? 0, target[at + BLOCK] ?? 0);
    }
  }
}

/** The longest piece around `target[at]`, reaching back to `done` at most; undefined where none is worth its command. */
function longest(
  blocks: Blocks,
  hash: number,
  base: Uint8Array,
  target: Uint8Array,
  at: number,
  done: number,
  end: number,
): Piece | undefined {
  let best: Piece | undefined;
  let probes = 0;
  for (let block = blocks.first(hash); block >= 0 && probes < PROBES; block = blocks.next(block)) {
    probes++;
    const place = block * BLOCK;
    let ahead = 0;
    const most = Math.min(base.length - place, end - at);
    while (ahead < most && base[place + ahead] === target[at + ahead]) ahead++;
    // Another block of the same hash.
    if (ahead < BLOCK) continue;
    let back = 0;
    const backMost = Math.min(place, at - done);
    while (back < backMost && base[place - 1 - back] === target[at - 1 - back]) back++;
    if (best === undefined || ahead + back > best.length)
      best = { from: place - back, to: at - back, length: ahead + back };
    if (best.length >= LONG) break;
  }
  return best && aligned(target, best);
}

/** Cut so that it begins and ends between two characters; undefined where what is left costs more than it saves. */
function aligned(target: Uint8Array, { from, to, length }: Piece): Piece | undefined {
  let skipped = 0;
  while (skipped < CHARACTER_REST && skipped < length && isInside(target, to + skipped)) skipped++;
  let dropped = 0;
  while (dropped < CHARACTER_REST && dropped < length - skipped && isInside(target, to + length - dropped))
    dropped++;
  const piece = { from: from + skipped, to: to + skipped, length: length - skipped - dropped };
  // Two more for the header of the new bytes that it parts.
  return piece.length > copySize(piece) + 2 ? piece : undefined;
}

/** Whether a character of UTF-8 goes on at `at`. */
function isInside(bytes: Uint8Array, at: number): boolean {
  return ((bytes[at] ?? 0) & 0xc0) === 0x80;
}

/** The base's blocks by hash: the newest of each, and for each the one before with a hash in the same slot. */
class Blocks {
  readonly #heads: Int32Array;
  readonly #before: Int32Array;
  readonly #shift: number;

  constructor(base: Uint8Array) {
    const count = Math.floor(base.length / BLOCK);
    const bits = Math.max(4, 33 - Math.clz32(count));
    this.#shift = 32 - bits;
    this.#heads = new Int32Array(1 << bits).fill(-1);
    this.#before = new Int32Array(count).fill(-1);
    // Backwards, so that the first occurrence is tried first: offsets in front are shorter to write.
    for (let block = count - 1; block >= 0; block--) {
      const slot = this.#slot(hashAt(base, block * BLOCK));
      this.#before[block] = this.#heads[slot] ?? -1;
      this.#heads[slot] = block;
    }
  }

  first(hash: number): number {
    return this.#heads[this.#slot(hash)] ?? -1;
  }

  next(block: number): number {
    return this.#before[block] ?? -1;
  }

  #slot(hash: number): number {
    return Math.imul(hash, 0x9e3779b1) >>> this.#shift;
  }
}

function hashAt(bytes: Uint8Array, at: number): number {
  let hash = 0;
  for (let index = at; index < at + BLOCK; index++)
    hash = (Math.imul(hash, FACTOR) + (bytes[index] ?? 0)) | 0;
  return hash;
}

function rolled(hash: number, leaving: number, entering: number): number {
  return (Math.imul(hash, FACTOR) - Math.imul(leaving, LEAVING) + entering) | 0;
}

// ---------------------------------------------------------------- writing

function copySize({ from, length }: Piece): number {
  return digitsOf(length) + 1 + digitsOf(from) + 1;
}

function sizeOf(pieces: readonly Piece[], target: Uint8Array, sum: number): number {
  let size = digitsOf(target.length) + 1 + digitsOf(sum) + 1;
  let at = 0;
  for (const piece of pieces) {
    size += insertSize(piece.to - at) + copySize(piece);
    at = piece.to + piece.length;
  }
  return size + insertSize(target.length - at);
}

function insertSize(length: number): number {
  return length === 0 ? 0 : digitsOf(length) + 1 + length;
}

function write(pieces: readonly Piece[], target: Uint8Array, sum: number, size: number): Uint8Array {
  const delta = new Uint8Array(size);
  let at = putNumber(delta, 0, target.length);
  delta[at++] = LF;
  let told = 0;
  const insert = (end: number): void => {
    if (end === told) return;
    at = putNumber(delta, at, end - told);
    delta[at++] = COLON;
    delta.set(target.subarray(told, end), at);
    at += end - told;
  };
  for (const { from, to, length } of pieces) {
    insert(to);
    at = putNumber(delta, at, length);
    delta[at++] = AT;
    at = putNumber(delta, at, from);
    delta[at++] = COMMA;
    told = to + length;
  }
  insert(target.length);
  at = putNumber(delta, at, sum);
  delta[at] = SEMICOLON;
  return delta;
}
