/** Replies of the native wire. What this product adds travels inside `data` (docs/spec/extensions.md). */
import type { ErrorData } from '../codes.js';
import type {
  ConnectResult,
  HistoryResult,
  MapPhase,
  Payload,
  PresenceResult,
  Reply,
  ReplyResult,
  SubscribeResult,
  SubscriptionType,
} from '../model.js';
import {
  expiryFields,
  flagField,
  infoObject,
  jsonOf,
  numberField,
  object,
  payloadField,
  positionFields,
  publicationsField,
  textField,
} from './write.js';

const TYPE_NUMBERS: Readonly<Record<SubscriptionType, number>> = {
  stream: 0,
  map: 1,
  map_clients: 2,
  map_users: 3,
};
const PHASE_NUMBERS: Readonly<Record<MapPhase, number>> = { live: 0, stream: 1, state: 2 };

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
  const { client, version, data, subs, pingSeconds, pong, session, node, timeMs } = result;
  let fields = textField('client', client) + textField('version', version) + expiryFields(result);
  fields +=
    result.extensions.length === 0 ? payloadField('data', data) : `,"data":${connectEnvelope(result)}`;
  if (subs.size > 0)
    fields += `,"subs":{${[...subs].map(([channel, sub]) => `${JSON.stringify(channel)}:${subscribeObject(sub)}`).join(',')}}`;
  fields +=
    numberField('ping', pingSeconds) +
    flagField('pong', pong) +
    textField('session', session) +
    textField('node', node);
  return object(fields + numberField('time', timeMs ?? 0));
}

/** Spec EXT-2. */
function connectEnvelope({ extensions, version, limits, data }: ConnectResult): string {
  return envelope(JSON.stringify({ extensions, version, limits }), data);
}

/** Spec EXT-3; the data alone where nothing is announced. */
function subscribeData({ announced, data }: SubscribeResult): string {
  if (announced === undefined) return payloadField('data', data);
  return `,"data":${envelope(JSON.stringify({ class: announced.class, outcome: announced.outcome, source: announced.source }), data)}`;
}

function envelope(ours: string, data: Payload | undefined): string {
  return data === undefined ? `{"tl":${ours}}` : `{"tl":${ours},"data":${jsonOf(data)}}`;
}

function subscribeObject(result: SubscribeResult): string {
  let fields =
    expiryFields(result) + flagField('recoverable', result.recoverable) + positionFields(result.position);
  fields += publicationsField('publications', result.publications);
  fields +=
    flagField('recovered', result.recovered) +
    flagField('positioned', result.positioned) +
    subscribeData(result);
  fields += flagField('was_recovering', result.wasRecovering);
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
