/**
 * The Fossil delta format (fossil-scm.org, `www/delta_format.wiki`): a target told as pieces of a base and new bytes between them. This
 * file holds the format itself and its reader; `fossil-create.ts` finds what two payloads share. Both work on bytes and know no channels.
 *
 *   delta  = length LF segment* checksum ";"     of the target
 *   copy   = length "@" offset ","               a piece of the base
 *   insert = length ":" bytes                    new bytes
 *
 * Numbers are unsigned 32-bit integers in base 64, most significant digit first.
 */
import { CodedError } from './codes.js';

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~';
export const LF = 0x0a;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const AT = 0x40;

const MAX_NUMBER = 0xffff_ffff;
const DIGIT_CODES = Uint8Array.from(DIGITS, (digit) => digit.charCodeAt(0));
const VALUES = new Int8Array(256).fill(-1);
for (const [value, code] of DIGIT_CODES.entries()) VALUES[code] = value;

/** Digits of a number. */
export function digitsOf(value: number): number {
  let digits = 1;
  for (let rest = Math.floor(value / 64); rest > 0; rest = Math.floor(rest / 64)) digits++;
  return digits;
}

/** Writes a number at `at`; returns the place after it. */
export function putNumber(into: Uint8Array, at: number, value: number): number {
  const end = at + digitsOf(value);
  let rest = value;
  for (let place = end - 1; place >= at; place--) {
    into[place] = DIGIT_CODES[rest % 64] ?? 0;
    rest = Math.floor(rest / 64);
  }
  return end;
}

/** The sum of the bytes as big-endian 32-bit words, the last one filled with zeros, modulo 2^32. */
export function checksum(bytes: Uint8Array): number {
  const whole = bytes.length - (bytes.length % 4);
  let sum = 0;
  for (let at = 0; at < whole; at += 4) {
    sum =
      (sum +
        (((bytes[at] ?? 0) << 24) |
          ((bytes[at + 1] ?? 0) << 16) |
          ((bytes[at + 2] ?? 0) << 8) |
          (bytes[at + 3] ?? 0))) |
      0;
  }
  for (let at = whole; at < bytes.length; at++)
    sum = (sum + ((bytes[at] ?? 0) << (24 - 8 * (at - whole)))) | 0;
  return sum >>> 0;
}

export interface ApplyOptions {
  /** Bytes the target may have; more is refused before anything is allocated. Default 16 MiB. */
  readonly maxBytes?: number;
}

const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;

/**
 * Turns `base` into the target. Throws `badRequest` for anything but a delta of exactly this base: broken segments, pieces beyond the base, a target
 * of another length or checksum, bytes after the end. Time and memory are bounded by `maxBytes` and the delta's own length.
 */
export function applyDelta(base: Uint8Array, delta: Uint8Array, options: ApplyOptions = {}): Uint8Array {
  const reader = new Reader(delta);
  const length = reader.number();
  reader.expect(LF, 'a line break after the length');
  if (length > (options.maxBytes ?? DEFAULT_MAX_BYTES)) throw broken('the target is too long');
  const target = new Uint8Array(length);
  let filled = 0;
  for (;;) {
    const count = reader.number();
    const operator = reader.byte();
    if (operator === SEMICOLON) {
      if (filled !== length) throw broken('the target is shorter than announced');
      if (checksum(target) !== count) throw broken('the checksum differs');
      if (!reader.done) throw broken('there are bytes after the end');
      return target;
    }
    if (count > length - filled) throw broken('the target is longer than announced');
    if (operator === AT) {
      const offset = reader.number();
      reader.expect(COMMA, 'a comma after a copy');
      if (offset + count > base.length) throw broken('a copy reaches beyond the base');
      target.set(base.subarray(offset, offset + count), filled);
    } else if (operator === COLON) target.set(reader.take(count), filled);
    else throw broken('unknown operator');
    filled += count;
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw broken('it ends too early');
    return byte;
  }

  expect(byte: number, what: string): void {
    if (this.byte() !== byte) throw broken(`${what} is missing`);
  }

  number(): number {
    let value = 0;
    const start = this.#at;
    for (;;) {
      const digit = VALUES[this.#bytes[this.#at] ?? 0] ?? -1;
      if (digit < 0) break;
      value = value * 64 + digit;
      if (value > MAX_NUMBER) throw broken('a number is too large');
      this.#at++;
    }
    if (this.#at === start) throw broken('a number is missing');
    return value;
  }

  take(count: number): Uint8Array {
    const end = this.#at + count;
    if (end > this.#bytes.length) throw broken('it ends too early');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

function broken(what: string): CodedError {
  return new CodedError('badRequest', `delta: ${what}`);
}
