/**
 * Pushes of the native wire. Gap, source, drain and call have no form of their own there and travel as message pushes that stock clients
 * hand to the application (spec EXT-4).
 */
import type { ClientInfo, Publication, Push, SourceState } from '../model.js';
import {
  expiryFields,
  flagField,
  infoObject,
  jsonOf,
  object,
  payloadField,
  positionFields,
  publicationObject,
} from './write.js';

/** The body shared by all receivers: concatenation only, since it runs for every publication. */
export function publicationText(channel: string, publication: Publication): string {
  return `{"push":{"channel":${JSON.stringify(channel)},"pub":${publicationObject(publication)}}}`;
}

export function pushText(push: Push): string {
  switch (push.kind) {
    case 'publication':
      return publicationText(push.channel, push.publication);
    case 'join':
      return presenceChange(push.channel, 'join', push.info);
    case 'leave':
      return presenceChange(push.channel, 'leave', push.info);
    case 'unsubscribed':
      return inChannel(
        push.channel,
        'unsubscribe',
        `{"code":${push.code},"reason":${JSON.stringify(push.reason)}}`,
      );
    case 'subscribed': {
      const fields =
        flagField('recoverable', push.recoverable) +
        positionFields(push.position) +
        flagField('positioned', push.positioned);
      return inChannel(push.channel, 'subscribe', object(fields + payloadField('data', push.data)));
    }
    case 'message':
      return message(jsonOf(push.data));
    case 'refresh':
      return `{"push":{"refresh":${object(expiryFields(push))}}}`;
    case 'disconnect':
      return `{"push":{"disconnect":{"code":${push.code},"reason":${JSON.stringify(push.reason)}${flagField('reconnect', comesBack(push.code))}}}}`;
    case 'gap': {
      const { channel, epoch, from, to, reason } = push;
      return message(JSON.stringify({ tl: { gap: { channel, epoch, from, to, reason } } }));
    }
    case 'source':
      return message(
        JSON.stringify({ tl: { source: { channel: push.channel, ...sourceFields(push.source) } } }),
      );
    case 'drain':
      return message(JSON.stringify({ tl: { drain: { withinMs: push.withinMs } } }));
    case 'call':
      return message(
        `{"tl":{"call":{"id":${JSON.stringify(push.callId)},"method":${JSON.stringify(push.method)},"data":${jsonOf(push.data)}}}}`,
      );
  }
}

function inChannel(channel: string, name: string, body: string): string {
  return `{"push":{"channel":${JSON.stringify(channel)},"${name}":${body}}}`;
}

function presenceChange(channel: string, name: 'join' | 'leave', info: ClientInfo): string {
  return inChannel(channel, name, `{"info":${infoObject(info)}}`);
}

function message(data: string): string {
  return `{"push":{"message":{"data":${data}}}}`;
}

function sourceFields(source: SourceState): object {
  return source.state === 'live'
    ? { state: 'live' }
    : { state: source.state, sinceMs: source.sinceMs, reason: source.reason };
}

/** Which ranges of close codes invite the client back (codes.ts). */
function comesBack(code: number): boolean {
  return code < 3500 || (code >= 4000 && code < 4500);
}
