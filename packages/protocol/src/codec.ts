/**
 * The codec port: bytes to commands, replies and pushes to bytes, pure. A codec knows no sockets, no time and no state; throttling
 * and folding are channel policies. One document may be shared by any number of receivers.
 */
import type { Close, ErrorData } from './codes.js';
import type { Command, Publication, Push, Reply } from './model.js';

/** One encoded document. Immutable; transports may cache a framed form in `wire`. */
export class Encoded {
  readonly bytes: Uint8Array;
  /** A transport's own cache (a WebSocket frame built once and written to every receiver). Nobody else reads it. */
  wire: unknown = undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** A document that leaves as a binary frame on a wire that has frames of both kinds. Where a codec decides for all documents it is like any other. */
export class BinaryEncoded extends Encoded {}

/** A command that could be read far enough to be answered but not to be carried out. */
export interface Refused {
  readonly kind: 'refused';
  /** The command's id, or 0 where none could be read (then no reply is sent). */
  readonly id: number;
  readonly error: ErrorData;
}

/** Items in the order they came; with `fatal`, the peer broke the protocol after them and is closed once they are handled. */
export interface Decoded {
  readonly items: readonly (Command | Refused)[];
  readonly fatal?: Close;
}

export interface DecodeLimits {
  /** Commands in one frame. */
  readonly maxCommands: number;
  /** Nesting of arrays and objects, checked before parsing. */
  readonly maxDepth: number;
}

export interface Codec {
  /** For logs and metrics, e.g. `json`. */
  readonly name: string;
  /** Whether frames are binary on transports that distinguish. */
  readonly binary: boolean;
  decode(frame: string | Uint8Array, limits: DecodeLimits): Decoded;
  encodeReply(reply: Reply): Encoded;
  /** Undefined for pushes this wire has no form for. */
  encodePush(push: Push): Encoded | undefined;
  /** The body shared by all receivers of a publication. Where `envelope` is absent it is the whole document. */
  encodePublication(channel: string, publication: Publication): Encoded;
  /** What one subscription adds around the shared body. */
  envelope?(body: Encoded, subId: string): Encoded;
  /** The keep-alive document. */
  readonly ping: Encoded;
  /** Joins documents into one frame's payload; called only with two or more. */
  join(documents: readonly Encoded[]): Uint8Array;
}
