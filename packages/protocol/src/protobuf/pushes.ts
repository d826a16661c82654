/**
 * Pushes of the native wire in Protobuf: a reply without id that holds a push. Fields are written from the last to the first (writer.ts).
 * Gap, source, drain and call travel as messages, with the JSON text that the JSON codec would send (spec EXT-4).
 */
import { invitesBack } from '../codes.js';
import { extensionMessage } from '../extensions.js';
import type { ClientInfo, Payload, Publication, Push } from '../model.js';
import { writeClientInfo, writeExpiry, writePublication } from './messages.js';
import type { Writer } from './writer.js';

/** The field of a reply that holds a push. */
const PUSH_FIELD = 4;

/** Fields of a push. */
const CHANNEL = 2;
const PUB = 4;
const JOIN = 5;
const LEAVE = 6;
const UNSUBSCRIBE = 7;
const MESSAGE = 8;
const SUBSCRIBE = 9;
const DISCONNECT = 11;
const REFRESH = 12;

/** The body shared by all receivers. */
export function writePublicationPush(writer: Writer, channel: string, publication: Publication): void {
  writePublication(writer, publication);
  closePush(writer, PUB, channel);
}

export function writePush(writer: Writer, push: Push): void {
  switch (push.kind) {
    case 'publication':
      return writePublicationPush(writer, push.channel, push.publication);
    case 'join':
      return writePresenceChange(writer, JOIN, push.channel, push.info);
    case 'leave':
      return writePresenceChange(writer, LEAVE, push.channel, push.info);
    case 'unsubscribed':
      writer.text(3, push.reason);
      writer.number(2, push.code);
      return closePush(writer, UNSUBSCRIBE, push.channel);
    case 'subscribed':
      writer.payload(7, push.data);
      writer.flag(6, push.positioned);
      writer.number(5, push.position.offset);
      writer.text(4, push.position.epoch);
      writer.flag(1, push.recoverable);
      return closePush(writer, SUBSCRIBE, push.channel);
    case 'message':
      return writeMessage(writer, push.data);
    case 'refresh':
      writeExpiry(writer, 1, push);
      return closePush(writer, REFRESH, '');
    case 'disconnect':
      writer.flag(3, invitesBack(push.code));
      writer.text(2, push.reason);
      writer.number(1, push.code);
      return closePush(writer, DISCONNECT, '');
    case 'gap':
    case 'source':
    case 'drain':
    case 'call':
      return writeMessage(writer, extensionMessage(push));
  }
}

function writePresenceChange(writer: Writer, field: number, channel: string, info: ClientInfo): void {
  writeClientInfo(writer, info);
  writer.message(1, 0);
  closePush(writer, field, channel);
}

function writeMessage(writer: Writer, data: Payload): void {
  writer.payload(1, data);
  closePush(writer, MESSAGE, '');
}

/** Everything written so far is the body of a push of this kind: closes it, the push, and leaves the reply to be delimited. */
function closePush(writer: Writer, field: number, channel: string): void {
  writer.message(field, 0);
  writer.text(CHANNEL, channel);
  writer.message(PUSH_FIELD, 0);
}
