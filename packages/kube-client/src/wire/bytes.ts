/**
 * Puts pieces of a stream together. One piece stays the view that it is; from the second on they are copied into a buffer that doubles, so that a text in a million
 * pieces costs its length, in time and in memory, and not one object for each piece. Whoever knows about how long it will be saves the copies, and buffers that the garbage collector
 * is hurried by.
 */
const FIRST_BYTES = 4_096;

export class ByteCollector {
  #buffer: Uint8Array = new Uint8Array(0);
  /** The buffer is somebody else's chunk and has no room behind. */
  #borrowed = true;
  #length = 0;
  readonly #expectedBytes: number;

  /** @param expectedBytes of each text, as a guess; 0 for none */
  constructor(expectedBytes = 0) {
    this.#expectedBytes = expectedBytes;
  }

  get length(): number {
    return this.#length;
  }

  add(piece: Uint8Array): void {
    if (this.#length === 0) {
      this.#buffer = piece;
      this.#borrowed = true;
    } else {
      if (this.#borrowed || this.#length + piece.length > this.#buffer.length) this.#grow(piece.length);
      this.#buffer.set(piece, this.#length);
    }
    this.#length += piece.length;
  }

  /** What was added since the last call, as one piece; it is the caller's from here on. */
  take(): Uint8Array {
    const taken = this.#buffer.subarray(0, this.#length);
    this.#buffer = new Uint8Array(0);
    this.#borrowed = true;
    this.#length = 0;
    return taken;
  }

  #grow(more: number): void {
    const grown = Buffer.allocUnsafeSlow(this.#room(more));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
    this.#borrowed = false;
  }

  #room(more: number): number {
    const needed = this.#length + more;
    return needed <= this.#expectedBytes ? this.#expectedBytes : Math.max(FIRST_BYTES, needed * 2);
  }
}
