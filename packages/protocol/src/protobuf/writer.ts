/**
 * Writes Protobuf from the end to the beginning: when the length of a nested message is needed, the message is already there, so nothing
 * is sized twice and nothing is moved. Callers therefore write the fields of a message from the last to the first. The scratch space is
 * reused from document to document; `finish` hands out a copy. Knows field numbers and kinds, no schema.
 */
import type { Payload } from '../model.js';

interface NodeBytes extends Uint8Array {
  write(text: string, offset: number, length: number, encoding: 'utf8'): number;
  copy(target: Uint8Array, at: number, from: number, to: number): number;
}
interface NodeBuffer {
  allocUnsafe(size: number): NodeBytes;
  byteLength(text: string, encoding: 'utf8'): number;
}
const nodeBuffer = (globalThis as { Buffer?: NodeBuffer }).Buffer;
const encoder = new TextEncoder();

/** Scratch space at first: a frame of most kinds. */
const INITIAL_BYTES = 2_048;
/** Scratch space kept for the next document: beyond it a large one would hold memory for good. */
const KEPT_BYTES = 65_536;
/** Text up to this length is written in a loop, which beats the call into the platform while it is ASCII. */
const LOOP_LENGTH = 24;

const VARINT = 0;
const DELIMITED = 2;

/** A varint of 64 bits takes at most this. */
const MAX_VARINT_BYTES = 10;

export class Writer {
  #bytes: Uint8Array = allocate(INITIAL_BYTES);
  /** Index of the first byte written so far; what is written lies from here to the end. */
  #at = INITIAL_BYTES;

  /** How much is written; taken before a message's fields and given to `message` after them. */
  get length(): number {
    return this.#bytes.length - this.#at;
  }

  /** What was written since the last `finish`, copied; the writer is empty again. */
  finish(): Uint8Array {
    const from = this.#at;
    const bytes = this.#bytes;
    const result = allocate(bytes.length - from);
    if (nodeBuffer) (bytes as NodeBytes).copy(result, 0, from, bytes.length);
    else result.set(bytes.subarray(from));
    this.clear();
    return result;
  }

  /** Drops what was written. */
  clear(): void {
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = allocate(INITIAL_BYTES);
    this.#at = this.#bytes.length;
  }

  /** Closes a nested message whose fields were written since `length` was `before`. An empty one is there, unlike other empty fields. */
  message(field: number, before: number): void {
    this.#reserve(2 * MAX_VARINT_BYTES);
    this.#varint(this.length - before);
    this.#tag(field, DELIMITED);
  }

  /** The length before a document, as streams of documents need it. */
  delimiter(): void {
    this.#reserve(MAX_VARINT_BYTES);
    this.#varint(this.length);
  }

  /** Left out when empty. */
  text(field: number, value: string): void {
    if (value !== '') this.textAlways(field, value);
  }

  textAlways(field: number, value: string): void {
    const before = this.length;
    this.#rawText(value);
    this.message(field, before);
  }

  /** JSON text becomes its UTF-8, bytes stay what they are. Left out when there is none, or nothing in it. */
  payload(field: number, value: Payload | undefined): void {
    if (value === undefined || value.length === 0) return;
    const before = this.length;
    if (typeof value === 'string') this.#rawText(value);
    else this.#rawBytes(value);
    this.message(field, before);
  }

  /** A whole number from 0 to 2^53-1, left out when 0. */
  number(field: number, value: number): void {
    if (value === 0) return;
    this.#reserve(2 * MAX_VARINT_BYTES);
    this.#varint(value);
    this.#tag(field, VARINT);
  }

  /** Left out when false. */
  flag(field: number, value: boolean): void {
    if (value) this.number(field, 1);
  }

  #rawText(text: string): void {
    if (text.length <= LOOP_LENGTH && this.#shortAscii(text)) return;
    if (!nodeBuffer) return this.#rawBytes(encoder.encode(text));
    const size = nodeBuffer.byteLength(text, 'utf8');
    this.#reserve(size);
    this.#at -= size;
    (this.#bytes as NodeBytes).write(text, this.#at, size, 'utf8');
  }

  /** False, with nothing kept, at the first character that is not ASCII. */
  #shortAscii(text: string): boolean {
    this.#reserve(LOOP_LENGTH);
    const bytes = this.#bytes;
    let at = this.#at;
    for (let index = text.length - 1; index >= 0; index--) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) return false;
      bytes[--at] = unit;
    }
    this.#at = at;
    return true;
  }

  #rawBytes(given: Uint8Array): void {
    this.#reserve(given.length);
    this.#at -= given.length;
    this.#bytes.set(given, this.#at);
  }

  /** The caller has reserved the space. */
  #varint(value: number): void {
    const bytes = this.#bytes;
    let at = this.#at - varintSize(value);
    this.#at = at;
    let rest = value;
    // Beyond 32 bits with division: shifts would cut.
    for (; rest > 0xffff_ffff; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 0x80;
    for (; rest > 0x7f; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
    bytes[at] = rest;
  }

  /** The caller has reserved the space. */
  #tag(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType);
  }

  /** Makes room before what is written; grows by doubling. */
  #reserve(size: number): void {
    if (this.#at >= size) return;
    const written = this.length;
    const grown = allocate(Math.max(this.#bytes.length * 2, written + size));
    grown.set(this.#bytes.subarray(this.#at), grown.length - written);
    this.#bytes = grown;
    this.#at = grown.length - written;
  }
}

function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  let size = 2;
  for (let rest = Math.floor(value / 0x4000); rest > 0; rest = Math.floor(rest / 128)) size++;
  return size;
}

function allocate(size: number): Uint8Array {
  return nodeBuffer ? nodeBuffer.allocUnsafe(size) : new Uint8Array(size);
}
