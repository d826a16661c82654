/**
 * Walks over Protobuf bytes: varints, lengths, wire types. Knows no schema. Everything that is not Protobuf throws `Malformed`; nothing
 * reads beyond the end it was given, and nothing is allocated for a length before the bytes are known to be there.
 */

/** The bytes cannot be read as a command; `message` says why, for the reason of a close. */
export class Malformed extends Error {}

function malformed(why: string): Malformed {
  return new Malformed(`command is not Protobuf: ${why}`);
}

export const VARINT = 0;
const FIXED64 = 1;
export const DELIMITED = 2;
const FIXED32 = 5;

const MAX_VARINT_BYTES = 10;
/** Text up to this length is read in a loop, which beats the call into the platform while it is ASCII. */
const LOOP_LENGTH = 12;
/** The mark of byte order is a character like others. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const TWO_32 = 4_294_967_296;

export class Cursor {
  readonly bytes: Uint8Array;
  at = 0;
  /** The halves of the last varint, unsigned. */
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** A length, and that many bytes behind it before `end`: the index behind them. */
  endOfDelimited(end: number): number {
    const length = this.uint64(end);
    if (length > end - this.at) throw malformed('a length is beyond the end');
    return this.at + length;
  }

  /** A view of what stands behind its length. */
  delimited(end: number): Uint8Array {
    const last = this.endOfDelimited(end);
    const bytes = this.bytes.subarray(this.at, last);
    this.at = last;
    return bytes;
  }

  /**
   * Text that is not UTF-8 is no Protobuf. That ends the frame at the first, which is as well: a frame may hold hundreds of thousands, and
   * finding one out costs an exception.
   */
  text(end: number): string {
    const last = this.endOfDelimited(end);
    const from = this.at;
    this.at = last;
    const short = last - from <= LOOP_LENGTH ? asciiOf(this.bytes, from, last) : undefined;
    if (short !== undefined) return short;
    try {
      return decoder.decode(this.bytes.subarray(from, last));
    } catch {
      throw malformed('text is not UTF-8');
    }
  }

  /** Field number and wire type in one, as they stand on the wire: `number * 8 + type`. */
  tag(end: number): number {
    const tag = this.uint64(end);
    if (tag < 8 || tag >= TWO_32) throw malformed('a field has no number');
    return tag;
  }

  /** Steps over the value of a field. */
  skip(wireType: number, end: number): void {
    switch (wireType) {
      case VARINT:
        this.#varint(end);
        return;
      case DELIMITED:
        this.at = this.endOfDelimited(end);
        return;
      case FIXED64:
        return this.#skipFixed(8, end);
      case FIXED32:
        return this.#skipFixed(4, end);
      default:
        // 3 and 4 are groups, which this schema language no longer has.
        throw malformed(`wire type ${wireType} is not known`);
    }
  }

  /** Beyond 2^53 the nearest double, which is beyond 2^53 as well. */
  uint64(end: number): number {
    const first = this.bytes[this.at] as number;
    // One byte is the most frequent length: tags, and lengths below 128.
    if (first < 0x80 && this.at < end) {
      this.at++;
      return first;
    }
    this.#varint(end);
    return this.#high * TWO_32 + this.#low;
  }

  int64(end: number): number {
    this.#varint(end);
    return (this.#high | 0) * TWO_32 + this.#low;
  }

  /** Negative numbers come as 64 bits with the sign repeated, from some writers as 32. */
  int32(end: number): number {
    this.#varint(end);
    if (this.#high === 0 || this.#high === 0xffff_ffff) return this.#low | 0;
    return this.#high * TWO_32 + this.#low;
  }

  #skipFixed(size: number, end: number): void {
    if (end - this.at < size) throw malformed('a field is cut off');
    this.at += size;
  }

  #varint(end: number): void {
    const { bytes } = this;
    let low = 0;
    let high = 0;
    for (let count = 0; count < MAX_VARINT_BYTES; count++) {
      if (this.at >= end) throw malformed('a number is cut off');
      const byte = bytes[this.at++] as number;
      const bits = byte & 0x7f;
      if (count < 4) low |= bits << (7 * count);
      else if (count === 4) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (7 * count - 32);
      if (byte < 0x80) {
        this.#low = low >>> 0;
        this.#high = high >>> 0;
        return;
      }
    }
    throw malformed('a number is longer than 64 bits');
  }
}

/** Undefined at the first byte that is not ASCII. */
function asciiOf(bytes: Uint8Array, from: number, to: number): string | undefined {
  let text = '';
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number;
    if (byte > 0x7f) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}
