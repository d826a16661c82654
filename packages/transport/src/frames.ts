/**
 * WebSocket frames of outgoing documents (RFC 6455 section 5.2; server to client, so unmasked; never fragmented, never compressed). A
 * document is framed once and the frame is kept on it; a batch of several documents is framed once and kept for the receivers that
 * follow, who usually get the same documents in the same turn. Every receiver is written the same Buffer.
 */
import type { Codec, Encoded } from '@trunkline/protocol';

const TEXT = 0x81;
const BINARY = 0x82;

/** What this transport leaves in `Encoded.wire`. */
class FramedDocument {
  readonly frame: Buffer;
  readonly binary: boolean;

  constructor(frame: Buffer, binary: boolean) {
    this.frame = frame;
    this.binary = binary;
  }
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

/** The document's frame, built on first use. */
export function frameOf(document: Encoded, binary: boolean): Buffer {
  const known = document.wire;
  if (known instanceof FramedDocument && known.binary === binary) return known.frame;
  const frame = toFrame(document.bytes, binary);
  document.wire = new FramedDocument(frame, binary);
  return frame;
}

export interface BatchFramerOptions {
  /** Batches remembered, newest first to go round. 0: none, every batch is framed anew. */
  readonly sharedBatches: number;
  /** Bytes of documents in the largest batch framed together. */
  readonly sharedBatchMaxBytes: number;
}

interface Batch {
  readonly codec: Codec;
  readonly join: boolean;
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
   * The bytes that carry `documents` (two or more) in order: one frame where `join` is true, a frame each otherwise. Undefined when they
   * are too large to be worth copying; the caller then writes the single frames.
   */
  frame(codec: Codec, join: boolean, documents: readonly Encoded[]): Buffer | undefined {
    const known = this.#find(codec, join, documents);
    if (known) return known.bytes;
    if (weigh(documents) > this.#options.sharedBatchMaxBytes) return undefined;
    const bytes = join
      ? toFrame(codec.join(documents), codec.binary)
      : Buffer.concat(documents.map((document) => frameOf(document, codec.binary)));
    this.#keep({ codec, join, documents: documents.slice(), bytes });
    return bytes;
  }

  #find(codec: Codec, join: boolean, documents: readonly Encoded[]): Batch | undefined {
    // Receivers of one burst come one after the other: the batch found last is almost always the one.
    const latest = this.#batches[this.#latest];
    if (latest && isSame(latest, codec, join, documents)) return latest;
    for (let index = 0; index < this.#batches.length; index++) {
      const batch = this.#batches[index];
      if (batch && isSame(batch, codec, join, documents)) {
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

function isSame(batch: Batch, codec: Codec, join: boolean, documents: readonly Encoded[]): boolean {
  if (batch.codec !== codec || batch.join !== join || batch.documents.length !== documents.length)
    return false;
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
