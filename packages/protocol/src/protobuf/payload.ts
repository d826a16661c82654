/**
 * What a payload that came as bytes is: JSON text or opaque. Decided once, when it arrives, so that readers of either codec and handlers
 * that parse it find it as if it had come over the JSON wire, and readers of this one get the very bytes (spec WIRE-41).
 */
import { CarriedPayload } from '../commands/fields.js';
import { isDeeperThan } from '../depth.js';
import type { Payload } from '../model.js';

/** The mark of byte order is kept: it would be lost on the way out, and is not JSON. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Text where the bytes are UTF-8 and JSON nested at most `maxDepth` deep, else a copy of the bytes (the frame they lie in is not kept).
 * Text turns back into the same bytes. Most opaque bytes are told by their first and last byte, without being parsed.
 */
export function toPayload(bytes: Uint8Array, maxDepth: number): Payload {
  if (bytes.length === 0 || !beginsAsJson(bytes) || !endsAsJson(bytes)) return new Uint8Array(bytes);
  try {
    const text = decoder.decode(bytes);
    if (isDeeperThan(text, maxDepth)) return new Uint8Array(bytes);
    JSON.parse(text);
    return text;
  } catch {
    return new Uint8Array(bytes);
  }
}

/** A payload where it lies in its frame, judged when it is read. */
export class BytesPayload extends CarriedPayload {
  readonly #bytes: Uint8Array;
  readonly #maxDepth: number;

  constructor(bytes: Uint8Array, maxDepth: number) {
    super();
    this.#bytes = bytes;
    this.#maxDepth = maxDepth;
  }

  override read(): Payload {
    return toPayload(this.#bytes, this.#maxDepth);
  }
}

/** White space, or the first character of a value: one of `{["-`, a digit, `t`, `f`, `n`. */
function beginsAsJson(bytes: Uint8Array): boolean {
  return FIRST.has(bytes[0] as number);
}

/** White space, or the last character of a value: one of `}]"`, a digit, `e`, `l`. */
function endsAsJson(bytes: Uint8Array): boolean {
  return LAST.has(bytes[bytes.length - 1] as number);
}

const codesOf = (text: string): number[] => [...text].map((character) => character.charCodeAt(0));
const FIRST: ReadonlySet<number> = new Set(codesOf(' \t\r\n{["-0123456789tfn'));
const LAST: ReadonlySet<number> = new Set(codesOf(' \t\r\n}]"0123456789el'));
