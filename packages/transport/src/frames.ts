/**
 * Bytes of outgoing documents: WebSocket frames (RFC 6455 section 5.2; server to client, so unmasked; never fragmented, never
 * compressed), lines of an HTTP stream, events of an event stream. A document is framed once per framing and that is kept on it; a batch of
 * several documents is framed once and kept for the receivers that follow, who usually get the same documents in the same turn. Every
 * receiver is written the same Buffer.
 */
import { BinaryEncoded, type Codec, type Encoded } from '@trunkline/protocol';

const TEXT = 0x81;
const BINARY = 0x82;

/** How the documents of one codec become bytes on one kind of transport. Compared by identity: made once per codec, not per connection. */
export interface Framing {
  /** One document, complete in itself. */
  one(document: Encoded): Buffer;
  /** Several in order, two or more. */
  many(documents: readonly Encoded[]): Buffer;
}

/** What transports leave in `Encoded.wire`: a document is read over two or three framings at most (WebSocket, lines, events). */
class Framed {
  readonly framing: Framing;
  readonly bytes: Buffer;
  readonly next: Framed | undefined;

  constructor(framing: Framing, bytes: Buffer, next: Framed | undefined) {
    this.framing = framing;
    this.bytes = bytes;
    this.next = next;
  }
}

/** The document's bytes in a framing, built on first use. */
export function frameOf(document: Encoded, framing: Framing): Buffer {
  const known = document.wire instanceof Framed ? document.wire : undefined;
  for (let framed = known; framed; framed = framed.next) if (framed.framing === framing) return framed.bytes;
  const bytes = framing.one(document);
  document.wire = new Framed(framing, bytes, known);
  return bytes;
}

/** Keeps one framing for each codec. */
function perCodec(make: (codec: Codec) => Framing): (codec: Codec) => Framing {
  const known = new WeakMap<Codec, Framing>();
  return (codec) => {
    const framing = known.get(codec) ?? make(codec);
    known.set(codec, framing);
    return framing;
  };
}

/** Made of single frames where there is no shorter form of several. */
function singly(one: Framing['one']): Framing {
  const framing: Framing = {
    one,
    many: (documents) => Buffer.concat(documents.map((document) => frameOf(document, framing))),
  };
  return framing;
}

/** WebSocket frames; several documents joined by the codec into one, or a frame each. */
export const joinedFrames = perCodec((codec) => ({
  one: ({ bytes }) => toFrame(bytes, codec.binary),
  many: (documents) => toFrame(codec.join(documents), codec.binary),
}));
export const singleFrames = perCodec((codec) => singly(({ bytes }) => toFrame(bytes, codec.binary)));

/** Of endpoints that speak for themselves: a frame each, of the kind that the document says. */
export const ownFrames: Framing = singly((document) =>
  toFrame(document.bytes, document instanceof BinaryEncoded),
);

/** HTTP streaming: text documents are lines, binary ones say their own length. */
export const lines = perCodec((codec) =>
  singly(({ bytes }) => (codec.binary ? toBuffer(bytes) : Buffer.concat([bytes, NEWLINE]))),
);

/** An event of a `text/event-stream` each; documents hold no raw line breaks. */
export const events = perCodec(() => singly(({ bytes }) => Buffer.concat([DATA, bytes, END_OF_EVENT])));

const NEWLINE = Buffer.from('\n');
const DATA = Buffer.from('data: ');
const END_OF_EVENT = Buffer.from('\n\n');

/** The same memory. */
function toBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** One complete final frame. */
export function toFrame(payload: Uint8Array, binary: boolean): Buffer {
  const length = payload.length;
  const header = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(header + length);
  frame[0] = binary ? BINARY : TEXT;
  if (header === 2) {
    frame[1] = length;
  } else if (header === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeUInt32BE(Math.floor(length / 4_294_967_296), 2);
    frame.writeUInt32BE(length % 4_294_967_296, 6);
  }
  frame.set(payload, header);
  return frame;
}

export interface BatchFramerOptions {
  /** Batches remembered, newest first to go round. 0: none, every batch is framed anew. */
  readonly sharedBatches: number;
  /** Bytes of documents in the largest batch framed together. */
  readonly sharedBatchMaxBytes: number;
}

interface Batch {
  readonly framing: Framing;
  readonly documents: readonly Encoded[];
  readonly bytes: Buffer;
}

/** One per server. Memory is bounded by `sharedBatches` times `sharedBatchMaxBytes` and what the documents themselves hold. */
export class BatchFramer {
  readonly #options: BatchFramerOptions;
  readonly #batches: Batch[] = [];
  #next = 0;
  #latest = 0;

  constructor(options: BatchFramerOptions) {
    this.#options = options;
  }

  /**
   * The bytes that carry `documents` (two or more) in order. Undefined when they are too large to be worth copying; the caller then
   * writes the single frames.
   */
  frame(framing: Framing, documents: readonly Encoded[]): Buffer | undefined {
    const known = this.#find(framing, documents);
    if (known) return known.bytes;
    if (weigh(documents) > this.#options.sharedBatchMaxBytes) return undefined;
    const bytes = framing.many(documents);
    this.#keep({ framing, documents: documents.slice(), bytes });
    return bytes;
  }

  #find(framing: Framing, documents: readonly Encoded[]): Batch | undefined {
    // Receivers of one burst come one after the other: the batch found last is almost always the one.
    const latest = this.#batches[this.#latest];
    if (latest && isSame(latest, framing, documents)) return latest;
    for (let index = 0; index < this.#batches.length; index++) {
      const batch = this.#batches[index];
      if (batch && isSame(batch, framing, documents)) {
        this.#latest = index;
        return batch;
      }
    }
    return undefined;
  }

  #keep(batch: Batch): void {
    if (this.#options.sharedBatches === 0) return;
    this.#batches[this.#next] = batch;
    this.#latest = this.#next;
    this.#next = (this.#next + 1) % this.#options.sharedBatches;
  }
}

function isSame(batch: Batch, framing: Framing, documents: readonly Encoded[]): boolean {
  if (batch.framing !== framing || batch.documents.length !== documents.length) return false;
  for (let index = 0; index < documents.length; index++) {
    if (batch.documents[index] !== documents[index]) return false;
  }
  return true;
}

function weigh(documents: readonly Encoded[]): number {
  let bytes = 0;
  for (const document of documents) bytes += document.bytes.length;
  return bytes;
}
