/**
 * The native wire in Protobuf: Centrifugal client protocol v2, every command and reply behind its length. One instance serves every
 * connection, and one encoded publication every receiver; all it keeps is the scratch space of its writer. The schema is wire.proto,
 * rules are in docs/spec/wire.md.
 */
import { Encoded, type Codec } from '../codec.js';
import { decodeFrame } from './frame.js';
import { writePublicationPush, writePush } from './pushes.js';
import { writeReply } from './replies.js';
import { Writer } from './writer.js';

export function createProtobufCodec(): Codec {
  const writer = new Writer();
  /** One document: what `write` wrote, behind its length. After a throw nothing of it is left for the next. */
  function document(write: () => void): Encoded {
    try {
      write();
      writer.delimiter();
      return new Encoded(writer.finish());
    } catch (error) {
      writer.clear();
      throw error;
    }
  }
  return {
    name: 'protobuf',
    binary: true,
    decode: decodeFrame,
    encodeReply: (reply) => document(() => writeReply(writer, reply)),
    encodePush: (push) => document(() => writePush(writer, push)),
    encodePublication: (channel, publication) =>
      document(() => writePublicationPush(writer, channel, publication)),
    // An empty reply: a length of zero.
    ping: new Encoded(new Uint8Array([0])),
    join: joinDocuments,
  };
}

/** Documents carry their lengths, so that they follow one another without anything between. */
function joinDocuments(documents: readonly Encoded[]): Uint8Array {
  let length = 0;
  for (const { bytes } of documents) length += bytes.length;
  const frame = new Uint8Array(length);
  let at = 0;
  for (const { bytes } of documents) {
    frame.set(bytes, at);
    at += bytes.length;
  }
  return frame;
}
