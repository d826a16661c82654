/**
 * The server side of channels inside one org (`OrgApi`): what the HTTP API, the console and modules use. It names channels, never keys, and
 * asks no client permission: its callers are trusted for this org and no other. What concerns clients of other nodes travels as a
 * control message.
 */
import {
  channelKey,
  closeOf,
  CodedError,
  ERROR_CODES,
  isChannelName,
  isOrgId,
  type ChannelKey,
  type Position,
} from '@trunkline/protocol';
import type { Namespace } from '../channels/namespaces.js';
import type { Client } from '../clients/client.js';
import type { ClientTarget, OrgApi, ServerSubscribeOptions } from '../ports/api.js';
import type { Kind } from '../ports/questions.js';
import { matchesGlob } from './authorise.js';
import { readPresence, type HandlerDeps } from './handlers.js';
import { publishStream, writeMap } from './publishing.js';
import { callRpcDirectly } from './rpc.js';

const NOWHERE: Position = { epoch: '', offset: 0 };

/** Who wants to know how many clients a control message met. */
export interface ControlReply {
  readonly id: string;
  readonly to: string;
}

/** What one node asks of the others. */
export type ControlMessage =
  | {
      readonly kind: 'disconnect';
      readonly org: string;
      readonly target: ClientTarget;
      readonly code: number;
      readonly reason: string;
      readonly except?: readonly string[];
    }
  | {
      readonly kind: 'unsubscribe';
      readonly org: string;
      readonly target: ClientTarget;
      readonly channel: string;
    }
  | {
      readonly kind: 'subscribe';
      readonly org: string;
      readonly target: ClientTarget;
      readonly channel: string;
      readonly options?: ServerSubscribeOptions;
    }
  | {
      readonly kind: 'refresh';
      readonly org: string;
      readonly target: ClientTarget;
      readonly expiresAtMs?: number;
    };

/** What another node wrote; undefined where it is no control message. Whether the org is one is checked, and that the target names somebody. */
export function readControl(
  text: string,
): { readonly message: ControlMessage; readonly reply: ControlReply | undefined } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value) || !isObject(value['target'])) return undefined;
  const { kind, org, channel, code, reason, except, expiresAtMs, options } = value;
  if (typeof org !== 'string' || !isOrgId(org) || !isTarget(value['target'])) return undefined;
  const wellFormed = {
    disconnect:
      typeof code === 'number' && typeof reason === 'string' && (except === undefined || isTexts(except)),
    unsubscribe: typeof channel === 'string',
    subscribe: typeof channel === 'string' && isSubscribeOptions(options),
    refresh: expiresAtMs === undefined || typeof expiresAtMs === 'number',
  };
  if (typeof kind !== 'string' || !Object.hasOwn(wellFormed, kind)) return undefined;
  if (!wellFormed[kind as keyof typeof wellFormed]) return undefined;
  const { reply } = value;
  return {
    message: value as unknown as ControlMessage,
    reply:
      isObject(reply) && typeof reply['id'] === 'string' && typeof reply['to'] === 'string'
        ? { id: reply['id'], to: reply['to'] }
        : undefined,
  };
}

/** How many clients a control message met at a node. */
const MET: Kind<null, number> = {
  name: 'hub.met',
  question: () => null,
  answer: (value) => {
    if (typeof value !== 'number' || !(value >= 0)) throw new TypeError('a number from 0 is expected');
    return value;
  },
};

/** A node that does not say by then is not counted. */
const MET_MS = 1_000;

function isTarget({ user, client, sessions }: Readonly<Record<string, unknown>>): boolean {
  if (user === undefined && client === undefined) return false;
  return isTextOrAbsent(user) && isTextOrAbsent(client) && (sessions === undefined || isTexts(sessions));
}

function isSubscribeOptions(options: unknown): boolean {
  if (options === undefined) return true;
  if (!isObject(options)) return false;
  const { info, data, expiresAtMs } = options;
  return (
    isTextOrAbsent(info) &&
    isTextOrAbsent(data) &&
    (expiresAtMs === undefined || typeof expiresAtMs === 'number')
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTextOrAbsent(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** Carries out a control message on this node; returns how many clients it met. Also the way in for other nodes' messages. */
export async function applyControl(deps: HandlerDeps, message: ControlMessage): Promise<number> {
  const clients = deps.clients.find(message.org, message.target);
  if (message.kind === 'subscribe') return subscribeAll(deps, clients, message.channel, message.options);
  let count = 0;
  for (const client of clients) {
    switch (message.kind) {
      case 'disconnect':
        if (message.except?.includes(client.id) === true) break;
        client.disconnect({ code: message.code, reason: message.reason });
        count++;
        break;
      case 'unsubscribe':
        for (const subscription of [...client.subscriptions.values()]) {
          if (subscription.channel !== message.channel) continue;
          if (deps.subscriptions.unsubscribe(client, subscription.subId, 'unsubscribed')) count++;
        }
        break;
      case 'refresh':
        client.expiresAtMs = message.expiresAtMs;
        client.push({
          kind: 'refresh',
          ...(message.expiresAtMs === undefined
            ? {}
            : { ttlSeconds: Math.max(1, Math.ceil((message.expiresAtMs - deps.clock.now()) / 1000)) }),
        });
        count++;
        break;
    }
  }
  return count;
}

/** Each by itself: one that cannot be subscribed keeps none of the others from it. Throws only where none could be, and not because it left. */
async function subscribeAll(
  deps: HandlerDeps,
  clients: readonly Client[],
  channel: string,
  options?: ServerSubscribeOptions,
): Promise<number> {
  const settled = await Promise.allSettled(
    clients
      .filter(({ identity }) => identity.bare !== true)
      .map((client) => subscribeFromServer(deps, client, channel, options)),
  );
  const count = settled.filter((outcome) => outcome.status === 'fulfilled' && outcome.value).length;
  const failures = settled.flatMap((outcome) =>
    outcome.status === 'rejected' && !isGone(outcome.reason) ? [outcome.reason as unknown] : [],
  );
  if (failures.length > 0 && count === 0) throw failures[0];
  if (failures.length > 0)
    deps.logger.warn(
      { channel, failed: failures.length, cause: String(failures[0]) },
      'subscribing some connections failed',
    );
  return count;
}

function isGone(cause: unknown): boolean {
  return cause instanceof CodedError && cause.code === ERROR_CODES.clientGone.code;
}

async function subscribeFromServer(
  deps: HandlerDeps,
  client: Client,
  channel: string,
  { info, data, expiresAtMs }: ServerSubscribeOptions = {},
): Promise<boolean> {
  const namespace = deps.namespaces.find(channel);
  if (!namespace || namespace.options.type !== 'stream' || client.subscriptions.has(channel)) return false;
  const { result, begin } = await deps.subscriptions.subscribe(client, {
    subId: channel,
    channel,
    namespace,
    type: 'stream',
    rejectUnrecovered: false,
    positioned: false,
    recoverable: true,
    joinLeave: false,
    phase: 'live',
    cursor: '',
    limit: 0,
    serverSide: true,
    ...(info === undefined ? {} : { chanInfo: info }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  });
  client.push({
    kind: 'subscribed',
    channel,
    recoverable: result.recoverable,
    positioned: result.positioned,
    position: result.position,
    ...(data === undefined ? {} : { data }),
  });
  begin();
  return true;
}

/** Throws a RangeError for what is no org id: orgs come from credentials and configuration, never from a message. */
export function createOrgApi(deps: HandlerDeps, org: string): OrgApi {
  if (!isOrgId(org)) throw new RangeError(`'${org}' is not an org id (1 to 64 of A-Z a-z 0-9 . _ -)`);

  const locate = (channel: string): { key: ChannelKey; namespace: Namespace } => {
    if (!isChannelName(channel, deps.options.limits.maxChannelLength))
      throw new CodedError(
        'badRequest',
        `channel must be 1 to ${deps.options.limits.maxChannelLength} printable characters`,
      );
    const namespace = deps.namespaces.find(channel);
    if (!namespace) throw new CodedError('unknownChannel', 'no namespace covers this channel');
    return { key: channelKey(org, channel), namespace };
  };
  const requireOpen = ({ module }: Namespace): void => {
    if (module?.confidential === true)
      throw new CodedError('permissionDenied', 'this channel shows its subscribers what they may see');
  };
  const control = async (message: ControlMessage): Promise<number> => {
    // The other nodes are told whatever comes of it here; also those that this one does not know of yet, which are not counted.
    const met = deps.nodes.expect(org, MET, MET_MS);
    const reply = met && { id: met.id, to: deps.nodeId };
    const [here, told] = await Promise.allSettled([
      applyControl(deps, message),
      deps.broker.sendControl(JSON.stringify({ ...message, ...(reply && { reply }) })),
    ]);
    if (here.status === 'rejected') throw here.reason;
    if (told.status === 'rejected') throw told.reason;
    const elsewhere = met ? (await met.settled).replies : [];
    return elsewhere.reduce((sum, { answer }) => sum + answer, here.value);
  };
  const requireTarget = (target: ClientTarget): ClientTarget => {
    if (target.client === undefined && target.user === undefined)
      throw new CodedError('badRequest', 'client or user is required');
    return {
      ...(target.client === undefined ? {} : { client: target.client }),
      ...(target.user === undefined ? {} : { user: target.user }),
      ...(target.sessions === undefined ? {} : { sessions: target.sessions }),
    };
  };

  const api: OrgApi = {
    org,
    publish: async (channel, data, options = {}) =>
      publishStream(deps, { ...locate(channel), data, ...options }),
    broadcast: async (channels, data, options = {}) => {
      const results = await Promise.allSettled(
        channels.map((channel) => api.publish(channel, data, options)),
      );
      return results.map((result) =>
        result.status === 'fulfilled'
          ? result.value
          : { error: result.reason instanceof Error ? result.reason : new Error(String(result.reason)) },
      );
    },
    history: async (channel, filter) => {
      const { key, namespace } = locate(channel);
      requireOpen(namespace);
      if (!namespace.numbered) throw new CodedError('notAvailable', 'history is not kept for this channel');
      const limit =
        filter.limit < 0
          ? deps.options.historyMaxLimit
          : Math.min(filter.limit, deps.options.historyMaxLimit);
      return deps.channels.origin(key, namespace).read(filter.since, limit, filter.reverse ?? false);
    },
    historyRemove: async (channel) => {
      const { key, namespace } = locate(channel);
      const { options, module } = namespace;
      if (options.class === 'durable' && !module && deps.durableLog?.clear) return deps.durableLog.clear(key);
      if (!namespace.numbered || options.class !== 'live' || options.type !== 'stream')
        throw new CodedError('notAvailable', 'history of this channel cannot be removed');
      await deps.broker.removeHistory(key);
    },
    presence: async (channel) => readPresence(deps, presenceKey(channel)),
    presenceStats: async (channel) => deps.broker.presenceStats(presenceKey(channel)),
    mapPublish: async (channel, key, data, options = {}) =>
      writeMap(deps, { ...locate(channel), data, ...options, entryKey: key, removed: false }),
    mapRemove: async (channel, key, options = {}) =>
      writeMap(deps, { ...locate(channel), data: 'null', ...options, entryKey: key, removed: true }),
    mapState: async (channel, page) => {
      const { key, namespace } = locate(channel);
      requireOpen(namespace);
      if (namespace.options.type === 'stream')
        throw new CodedError('badRequest', 'this channel is not a map');
      const max = deps.options.mapPageMaxEntries;
      const limit = page.limit === undefined || page.limit <= 0 ? max : Math.min(page.limit, max);
      const bounds = { cursor: page.cursor ?? '', limit, maxBytes: deps.options.mapPageMaxBytes };
      return deps.channels.mapState(key, namespace, bounds);
    },
    channels: (pattern, limit = 1_000) => {
      const found = [];
      for (const channel of deps.channels.all()) {
        if (
          channel.org !== org ||
          channel.size === 0 ||
          (pattern !== undefined && !matchesGlob(pattern, channel.name))
        )
          continue;
        found.push({ channel: channel.name, subscribers: channel.size });
        if (found.length >= limit) break;
      }
      return found;
    },
    channel: async (name) => {
      const { key, namespace } = locate(name);
      const { options } = namespace;
      const found = deps.channels.find(key);
      const position = namespace.numbered
        ? (await deps.channels.origin(key, namespace).read(undefined, 0)).position
        : NOWHERE;
      const stream = options.type === 'stream';
      return {
        channel: name,
        subscribers: found?.size ?? 0,
        namespace: options.name,
        class: options.class,
        type: options.type,
        overflow: options.overflow,
        historySize: stream ? options.historySize : options.map.streamSize,
        historyTtlMs: stream ? options.historyTtlMs : options.map.streamTtlMs,
        presence: options.presence,
        position,
      };
    },
    connections: ({ limit = 100, offset = 0, ...target }) => {
      const all = [...deps.clients.find(org, target)].sort(
        (a, b) => b.identity.connectedAtMs - a.identity.connectedAtMs || (a.id < b.id ? -1 : 1),
      );
      return {
        connections: all.slice(offset, offset + limit).map((client) => client.summary()),
        total: all.length,
      };
    },
    subscribe: async (channel, target, options) => {
      locate(channel);
      return control({
        kind: 'subscribe',
        org,
        channel,
        target: requireTarget(target),
        ...(options === undefined ? {} : { options }),
      });
    },
    unsubscribe: async (channel, target) =>
      control({ kind: 'unsubscribe', org, channel, target: requireTarget(target) }),
    disconnect: async (target, close = closeOf('forceDisconnect'), except = []) =>
      control({
        kind: 'disconnect',
        org,
        target: requireTarget(target),
        ...close,
        ...(except.length === 0 ? {} : { except }),
      }),
    refresh: async (target, expiresAtMs) =>
      control({
        kind: 'refresh',
        org,
        target: requireTarget(target),
        ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
      }),
    call: async (clientId, method, data, timeoutMs = deps.options.rpcTimeoutMs) => {
      const [client] = deps.clients.find(org, { client: clientId });
      if (!client) throw new CodedError('clientGone');
      return client.call(method, data, timeoutMs);
    },
    rpc: async (method, params, call) => {
      if (call.principal.org !== org) throw new CodedError('permissionDenied');
      return callRpcDirectly(deps, method, params, call);
    },
    send: (target, data) => {
      const clients = deps.clients.find(org, requireTarget(target));
      for (const client of clients) client.push({ kind: 'message', data });
      return clients.length;
    },
    stats: () => deps.clients.statsOf(org),
    events: (filter) => deps.events.list(org, filter),
    ask: (kind, question, options) => deps.nodes.askIn(org, kind, question, options),
  };

  const presenceKey = (channel: string): ChannelKey => {
    const { key, namespace } = locate(channel);
    if (!namespace.options.presence)
      throw new CodedError('notAvailable', 'presence is not kept for this channel');
    return key;
  };
  return api;
}
