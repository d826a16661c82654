/**
 * The native wire as JSON: Centrifugal client protocol v2, one object per line. Stateless, so one instance serves every connection, and
 * one encoded publication every receiver. Rules: docs/spec/wire.md.
 */
import { utf8 } from '../bytes.js';
import { Encoded, type Codec } from '../codec.js';
import { decodeFrame } from './frame.js';
import { publicationText, pushText } from './pushes.js';
import { replyText } from './replies.js';

export function createJsonCodec(): Codec {
  return {
    name: 'json',
    binary: false,
    decode: decodeFrame,
    encodeReply: (reply) => new Encoded(utf8(replyText(reply))),
    encodePush: (push) => new Encoded(utf8(pushText(push))),
    encodePublication: (channel, publication) => new Encoded(utf8(publicationText(channel, publication))),
    ping: new Encoded(utf8('{}')),
    join: joinLines,
  };
}

const NEWLINE = 0x0a;

function joinLines(documents: readonly Encoded[]): Uint8Array {
  let length = documents.length - 1;
  for (const { bytes } of documents) length += bytes.length;
  const frame = new Uint8Array(Math.max(0, length));
  let at = 0;
  for (const { bytes } of documents) {
    if (at > 0) frame[at++] = NEWLINE;
    frame.set(bytes, at);
    at += bytes.length;
  }
  return frame;
}
