/**
 * The one-way wire: what a reader without a way up is told, as JSON documents without any envelope (`{"channel", "pub"}`,
 * `{"connect"}`, `{"disconnect"}` …). They are the native wire's own bodies; gaps and source states, which travel there inside messages, have
 * a form of their own. Stateless and shared, so that a publication is encoded once for all; what belongs to one connection (which command a
 * reply answers, how far it got) is said by the writer, for which documents carry what they are about.
 */
import {
  closeOf,
  Encoded,
  fromUtf8,
  utf8,
  type Codec,
  type Position,
  type Push,
  type Reply,
} from '@trunkline/protocol';

/** A document after which its reader stands at `position` of `channel`. An empty epoch: the one it is in. */
export class Placed extends Encoded {
  readonly channel: string;
  readonly position: Position;

  constructor(bytes: Uint8Array, channel: string, position: Position) {
    super(bytes);
    this.channel = channel;
    this.position = position;
  }
}

/** The answer to a command of the session plan. Its bytes only weigh it: the writer puts it in other words. */
export class Answered extends Encoded {
  readonly reply: Reply;

  constructor(bytes: Uint8Array, reply: Reply) {
    super(bytes);
    this.reply = reply;
  }
}

/** `json`: the native codec. */
export function createUniCodec(json: Codec): Codec {
  return {
    name: 'json',
    binary: false,
    decode: () => ({ items: [], fatal: closeOf('badRequest', 'this wire has no way up') }),
    encodeReply: (reply) => new Answered(json.encodeReply(reply).bytes, reply),
    encodePush: (push) => encodePush(json, push),
    encodePublication: (channel, publication) =>
      new Placed(unwrap(json.encodePublication(channel, publication)), channel, {
        epoch: '',
        offset: publication.offset,
      }),
    ping: new Encoded(utf8('{}')),
    join: (documents) => utf8(documents.map(({ bytes }) => fromUtf8(bytes)).join('\n')),
  };
}

function encodePush(json: Codec, push: Push): Encoded | undefined {
  switch (push.kind) {
    case 'gap': {
      const { channel, epoch, from, to, reason } = push;
      return new Placed(inChannel(channel, 'gap', { reason, epoch, from, to }), channel, {
        epoch,
        offset: to,
      });
    }
    case 'source':
      return new Encoded(inChannel(push.channel, 'source', push.source));
    default: {
      const document = json.encodePush(push);
      return document && new Encoded(unwrap(document));
    }
  }
}

/** `{"channel", "<kind>"}`. */
export function inChannel(channel: string, kind: string, body: object): Uint8Array {
  return utf8(JSON.stringify({ channel, [kind]: body }));
}

/** A native push without its envelope. */
function unwrap({ bytes }: Encoded): Uint8Array {
  return bytes.subarray(ENVELOPE.length, bytes.length - 1);
}

const ENVELOPE = '{"push":';
