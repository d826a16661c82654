/**
 * Commands of the native wire, one reader per kind, from the object under the field that carries it. Names of fields are those of the
 * public client protocol. What they check is type and range; rights, lengths and states are the router's.
 */
import { CodedError, type ErrorData } from '../codes.js';
import type { AnswerCommand, Command, Position, SubscribeCommand, SubscriptionType } from '../model.js';
import { MAP_PUBLISH, PHASES, REJECT_UNRECOVERED, SHARED_POLL_TYPE, TYPES } from '../wire-numbers.js';
import {
  badField,
  flag,
  int32,
  isBody,
  object,
  offset,
  payload,
  payloadObject,
  requiredPayload,
  requiredText,
  text,
  texts,
  type Body,
} from './fields.js';
import { filterNode } from './filter.js';

type Reader = (id: number, body: Body) => Command;

/** The RPC method by which a client answers a server's call (spec EXT-5). */
export const ANSWER_METHOD = 'tl.answer';

/** By the name of the field that carries the command. A `Map`, so that no inherited name is taken for a kind. */
export const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['connect', readConnect],
  ['subscribe', readSubscribe],
  [
    'unsubscribe',
    (id, body) => ({ kind: 'unsubscribe', id, subId: requiredText(body, 'unsubscribe', 'channel') }),
  ],
  ['publish', readPublish],
  ['presence', (id, body) => ({ kind: 'presence', id, channel: requiredText(body, 'presence', 'channel') })],
  [
    'presence_stats',
    (id, body) => ({ kind: 'presenceStats', id, channel: requiredText(body, 'presence_stats', 'channel') }),
  ],
  ['history', readHistory],
  ['ping', (id) => ({ kind: 'ping', id })],
  ['send', (id, body) => ({ kind: 'send', id, data: requiredPayload(body, 'send', 'data') })],
  ['rpc', readRpc],
  ['refresh', (id, body) => ({ kind: 'refresh', id, token: requiredText(body, 'refresh', 'token') })],
  ['sub_refresh', readSubRefresh],
]);

function readConnect(id: number, body: Body): Command {
  const data = payload(body, 'connect', 'data');
  return {
    kind: 'connect',
    id,
    token: text(body, 'connect', 'token'),
    ...(data !== undefined && { data }),
    name: text(body, 'connect', 'name'),
    version: text(body, 'connect', 'version'),
    headers: texts(body, 'connect', 'headers'),
    subs: readConnectSubs(object(body, 'connect', 'subs')),
  };
}

function readConnectSubs(subs: Body | undefined): ReadonlyMap<string, Position> {
  const positions = new Map<string, Position>();
  for (const [channel, sub] of Object.entries(subs ?? {})) {
    const path = `connect.subs[${channel.slice(0, 64)}]`;
    if (!isBody(sub)) throw badField(path, 'must be an object');
    if (flag(sub, path, 'recover')) positions.set(channel, readPosition(sub, path));
  }
  return positions;
}

function readPosition(body: Body, path: string): Position {
  return { epoch: text(body, path, 'epoch'), offset: offset(body, path, 'offset') };
}

function readSubscribe(id: number, body: Body): Command {
  const channel = requiredText(body, 'subscribe', 'channel');
  const phase = PHASES[int32(body, 'subscribe', 'phase')];
  if (phase === undefined) throw badField('subscribe.phase', 'must be 0, 1 or 2');
  const command: { -readonly [Field in keyof SubscribeCommand]: SubscribeCommand[Field] } = {
    kind: 'subscribe',
    id,
    subId: channel,
    channel,
    token: text(body, 'subscribe', 'token'),
    type: readType(body),
    positioned: flag(body, 'subscribe', 'positioned'),
    recoverable: flag(body, 'subscribe', 'recoverable'),
    joinLeave: flag(body, 'subscribe', 'join_leave'),
    delta: text(body, 'subscribe', 'delta'),
    rejectUnrecovered: (int32(body, 'subscribe', 'flag') & REJECT_UNRECOVERED) !== 0,
    phase,
    cursor: text(body, 'subscribe', 'cursor'),
    limit: int32(body, 'subscribe', 'limit', 0),
  };
  const position = readPosition(body, 'subscribe');
  if (flag(body, 'subscribe', 'recover')) command.recover = position;
  if (phase !== 'live' && position.epoch !== '') command.since = position;
  const data = payload(body, 'subscribe', 'data');
  if (data !== undefined) command.data = data;
  const filter = body['tf'] ?? undefined;
  if (filter !== undefined) command.filter = filterNode(filter, 'subscribe.tf');
  return command;
}

function readType(body: Body): SubscriptionType {
  const number = int32(body, 'subscribe', 'type');
  const type = TYPES[number];
  if (type !== undefined) return type;
  if (number === SHARED_POLL_TYPE) throw new CodedError('notAvailable', 'subscribe.type 4 (shared poll)');
  throw badField('subscribe.type', 'must be 0, 1, 2 or 3');
}

function readPublish(id: number, body: Body): Command {
  const channel = requiredText(body, 'publish', 'channel');
  const type = int32(body, 'publish', 'type');
  if (type === 0) return { kind: 'publish', id, channel, data: requiredPayload(body, 'publish', 'data') };
  if (type !== MAP_PUBLISH) throw badField('publish.type', 'must be 0 or 1');
  const key = requiredText(body, 'publish', 'key');
  if (key === '') throw badField('publish.key', 'must not be empty');
  const removed = flag(body, 'publish', 'removed');
  const data = removed
    ? (payload(body, 'publish', 'data') ?? 'null')
    : requiredPayload(body, 'publish', 'data');
  return { kind: 'publish', id, channel, data, map: { key, removed } };
}

function readHistory(id: number, body: Body): Command {
  const since = object(body, 'history', 'since');
  return {
    kind: 'history',
    id,
    channel: requiredText(body, 'history', 'channel'),
    limit: int32(body, 'history', 'limit'),
    ...(since !== undefined && { since: readPosition(since, 'history.since') }),
    reverse: flag(body, 'history', 'reverse'),
  };
}

function readRpc(id: number, body: Body): Command {
  const method = text(body, 'rpc', 'method');
  if (method === ANSWER_METHOD) return readAnswer(id, payloadObject(body, 'rpc', 'data'));
  const data = payload(body, 'rpc', 'data');
  return { kind: 'rpc', id, method, ...(data !== undefined && { data }) };
}

function readAnswer(id: number, body: Body | undefined): AnswerCommand {
  if (body === undefined) throw badField('rpc.data', 'must be an object');
  const callId = requiredText(body, 'rpc.data', 'id');
  const error = object(body, 'rpc.data', 'error');
  if (error === undefined)
    return { kind: 'answer', id, callId, outcome: { result: requiredPayload(body, 'rpc.data', 'result') } };
  return { kind: 'answer', id, callId, outcome: { error: readError(error) } };
}

function readError(body: Body): ErrorData {
  const code = offset(body, 'rpc.data.error', 'code');
  return {
    code,
    message: text(body, 'rpc.data.error', 'message'),
    temporary: flag(body, 'rpc.data.error', 'temporary'),
  };
}

function readSubRefresh(id: number, body: Body): Command {
  if (int32(body, 'sub_refresh', 'type') !== 0)
    throw new CodedError('notAvailable', 'sub_refresh.type (shared poll)');
  return {
    kind: 'subRefresh',
    id,
    subId: requiredText(body, 'sub_refresh', 'channel'),
    token: requiredText(body, 'sub_refresh', 'token'),
  };
}
