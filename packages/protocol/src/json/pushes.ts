/**
 * Pushes of the native wire. Gap, source, drain and call have no form of their own there and travel as message pushes that stock clients
 * hand to the application (spec EXT-4).
 */
import { invitesBack } from '../codes.js';
import { extensionMessage } from '../extensions.js';
import { jsonOf } from '../json-text.js';
import type { ClientInfo, Publication, Push } from '../model.js';
import {
  expiryFields,
  flagField,
  infoObject,
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
      return `{"push":{"disconnect":{"code":${push.code},"reason":${JSON.stringify(push.reason)}${flagField('reconnect', invitesBack(push.code))}}}}`;
    case 'gap':
    case 'source':
    case 'drain':
    case 'call':
      return message(extensionMessage(push));
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
