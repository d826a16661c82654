/** Replies of the native wire. What this product adds travels inside `data` (docs/spec/extensions.md). */
import type { ErrorData } from '../codes.js';
import { connectData, subscribeData } from '../extensions.js';
import type {
  ConnectResult,
  HistoryResult,
  PresenceResult,
  Reply,
  ReplyResult,
  SubscribeResult,
} from '../model.js';
import { PHASE_NUMBERS, TYPE_NUMBERS } from '../wire-numbers.js';
import {
  expiryFields,
  flagField,
  infoObject,
  numberField,
  object,
  payloadField,
  positionFields,
  publicationsField,
  textField,
} from './write.js';

export function replyText({ id, outcome }: Reply): string {
  const body = 'error' in outcome ? `"error":${errorObject(outcome.error)}` : resultField(outcome.result);
  return `{"id":${id},${body}}`;
}

function errorObject({ code, message, temporary }: ErrorData): string {
  return `{"code":${code},"message":${JSON.stringify(message)}${flagField('temporary', temporary)}}`;
}

function resultField(result: ReplyResult): string {
  switch (result.kind) {
    case 'connect':
      return `"connect":${connectObject(result)}`;
    case 'subscribe':
      return `"subscribe":${subscribeObject(result)}`;
    case 'unsubscribe':
      return '"unsubscribe":{}';
    case 'publish':
      return '"publish":{}';
    case 'presence':
      return `"presence":${presenceObject(result)}`;
    case 'presenceStats':
      return `"presence_stats":{"num_clients":${result.numClients},"num_users":${result.numUsers}}`;
    case 'history':
      return `"history":${historyObject(result)}`;
    case 'ping':
      return '"ping":{}';
    case 'rpc':
      return `"rpc":${object(payloadField('data', result.data))}`;
    case 'refresh':
      return `"refresh":${object(textField('client', result.client) + textField('version', result.version) + expiryFields(result))}`;
    case 'subRefresh':
      return `"sub_refresh":${object(expiryFields(result))}`;
  }
}

function connectObject(result: ConnectResult): string {
  const { client, version, subs, pingSeconds, pong, session, node, timeMs } = result;
  let fields = textField('client', client) + textField('version', version) + expiryFields(result);
  fields += payloadField('data', connectData(result));
  if (subs.size > 0)
    fields += `,"subs":{${[...subs].map(([channel, sub]) => `${JSON.stringify(channel)}:${subscribeObject(sub)}`).join(',')}}`;
  fields +=
    numberField('ping', pingSeconds) +
    flagField('pong', pong) +
    textField('session', session) +
    textField('node', node);
  return object(fields + numberField('time', timeMs ?? 0));
}

function subscribeObject(result: SubscribeResult): string {
  let fields =
    expiryFields(result) + flagField('recoverable', result.recoverable) + positionFields(result.position);
  fields += publicationsField('publications', result.publications);
  fields +=
    flagField('recovered', result.recovered) +
    flagField('positioned', result.positioned) +
    payloadField('data', subscribeData(result));
  fields += flagField('was_recovering', result.wasRecovering) + flagField('delta', result.delta);
  fields +=
    numberField('type', TYPE_NUMBERS[result.type]) + numberField('phase', PHASE_NUMBERS[result.phase]);
  fields += textField('cursor', result.cursor) + publicationsField('state', result.state);
  return object(fields + numberField('publish_debounce', result.publishDebounceMs));
}

function presenceObject({ clients }: PresenceResult): string {
  return `{"presence":{${[...clients].map(([client, info]) => `${JSON.stringify(client)}:${infoObject(info)}`).join(',')}}}`;
}

function historyObject({ publications, position }: HistoryResult): string {
  return object(publicationsField('publications', publications) + positionFields(position));
}
