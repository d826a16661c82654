/**
 * Cuts a stream of chunks into lines at `\n`. A line that lies within one chunk is a view on it, nothing is copied; one that spans chunks is put together
 * once, at its end, so that a large object in a thousand pieces costs its length and not its square. What waits for its end is bounded.
 */
import { KubeError } from '../errors.js';

export interface LineOptions {
  /** Longest line in bytes, without its end. */
  readonly maxLineBytes: number;
  /** What a longer line means. `refuse` throws `kubeTooLarge`: half an object is no object. `cut` breaks it into several lines: right for logs. */
  readonly onLong: 'refuse' | 'cut';
}

const NEWLINE = 0x0a;

export class LineSplitter {
  readonly #options: LineOptions;
  #pieces: Uint8Array[] = [];
  #pendingBytes = 0;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  /** Bytes of the line that has begun and not ended. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** The lines that end in `chunk`, in order, without their ends; empty ones are left out. They are views on `chunk` where they can be. */
  push(chunk: Uint8Array): Uint8Array[] {
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#add(chunk.subarray(start, end), lines);
      this.#finish(lines);
      start = end + 1;
    }
    if (start < chunk.length) this.#add(chunk.subarray(start), lines);
    return lines;
  }

  /** What came after the last `\n`, at the end of the stream. */
  flush(): Uint8Array[] {
    const lines: Uint8Array[] = [];
    this.#finish(lines);
    return lines;
  }

  #add(piece: Uint8Array, lines: Uint8Array[]): void {
    const { maxLineBytes, onLong } = this.#options;
    let rest = piece;
    while (this.#pendingBytes + rest.length > maxLineBytes) {
      if (onLong === 'refuse')
        throw new KubeError('kubeTooLarge', `a line of more than ${maxLineBytes} bytes (maxLineBytes)`);
      const room = maxLineBytes - this.#pendingBytes;
      this.#keep(rest.subarray(0, room));
      this.#finish(lines);
      rest = rest.subarray(room);
    }
    this.#keep(rest);
  }

  #keep(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#pendingBytes += piece.length;
  }

  #finish(lines: Uint8Array[]): void {
    const [first] = this.#pieces;
    if (first === undefined) return;
    lines.push(this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces, this.#pendingBytes));
    this.#pieces = [];
    this.#pendingBytes = 0;
  }
}
