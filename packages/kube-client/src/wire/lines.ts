/**
 * Cuts a stream of chunks into lines at `\n`. A line that lies within one chunk is a view on it, nothing is copied; one that spans chunks is put together in a
 * buffer of its own. What waits for its end is bounded.
 */
import { KubeError } from '../errors.js';
import { ByteCollector } from './bytes.js';

export interface LineOptions {
  /** Longest line in bytes, without its end. */
  readonly maxLineBytes: number;
  /** What a longer line means. `refuse` throws `kubeTooLarge`: half an object is no object. `cut` breaks it into several lines: right for logs. */
  readonly onLong: 'refuse' | 'cut';
  /** Lines without a byte: `drop`, or `keep`, since they belong to a log. */
  readonly onEmpty: 'drop' | 'keep';
}

const NEWLINE = 0x0a;

export class LineSplitter {
  readonly #options: LineOptions;
  readonly #pending = new ByteCollector();
  /** The line under way had its first pieces cut off: its end is no empty line. */
  #cut = false;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  /** Bytes of the line that has begun and not ended. */
  get pendingBytes(): number {
    return this.#pending.length;
  }

  /** The lines that end in `chunk`, in order, without their ends; they are views on `chunk` where they can be. After a throw the splitter is of no use. */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      yield* this.#add(chunk.subarray(start, end));
      const { length } = this.#pending;
      if (length > 0 || (this.#options.onEmpty === 'keep' && !this.#cut)) yield this.#pending.take();
      this.#cut = false;
      start = end + 1;
    }
    if (start < chunk.length) yield* this.#add(chunk.subarray(start));
  }

  /** What came after the last `\n`, at the end of the stream; undefined where that is nothing. */
  flush(): Uint8Array | undefined {
    return this.#pending.length === 0 ? undefined : this.#pending.take();
  }

  *#add(piece: Uint8Array): Generator<Uint8Array> {
    const { maxLineBytes, onLong } = this.#options;
    let rest = piece;
    while (this.#pending.length + rest.length > maxLineBytes) {
      if (onLong === 'refuse')
        throw new KubeError('kubeTooLarge', `a line of more than ${maxLineBytes} bytes (maxLineBytes)`);
      const room = maxLineBytes - this.#pending.length;
      this.#pending.add(rest.subarray(0, room));
      yield this.#pending.take();
      this.#cut = true;
      rest = rest.subarray(room);
    }
    if (rest.length > 0) this.#pending.add(rest);
  }
}
