/**
 * The methods of the HTTP API: from the public snake_case shapes to an org's API and back. Every method sees one org and nothing else;
 * parameters were checked against the contract before, what a schema cannot say is checked here.
 */
import type { ApiMethod, ApiParams } from '@trunkline/contracts/api';
import type {
  ApiMapPublished,
  ApiMapPublishOptions,
  ApiPublished,
  ApiPublishOptions,
  ClientTarget,
  ConnectionSummary,
  Hub,
  OrgApi,
  Principal,
} from '@trunkline/hub';
import { surveyChannels, surveyConnections, surveyEvents, surveyNodes, surveyOrgNodes } from '@trunkline/hub';
import {
  closeOf,
  CodedError,
  type ClientInfo,
  type Payload,
  type Position,
  type Publication,
} from '@trunkline/protocol';
import { payloadMember, RawJson } from './json.js';

/** One call: in which org, by whom. */
export interface ApiCall {
  readonly org: OrgApi;
  /** Whether the key is for all orgs, and may see totals of the node. */
  readonly allOrgs: boolean;
  /** The key as an acting person, for methods of modules. */
  readonly principal: Principal;
  readonly requestId: string;
  readonly remoteAddress?: string;
  /** Aborted when the caller hangs up. */
  readonly signal: AbortSignal;
}

export interface ApiEnvironment {
  readonly hub: Pick<Hub, 'options' | 'nodeId' | 'namespaces' | 'nodes'>;
  readonly version: string;
  readonly nodeName: string;
  /** Channels of one broadcast. */
  readonly maxChannels: number;
}

/** Results are plain values for `toJson`. Refusals are `CodedError`. */
export type ApiHandlers = {
  readonly [M in ApiMethod]: (call: ApiCall, params: ApiParams<M>) => Promise<object>;
};

interface HistoryFilter {
  readonly limit?: number | undefined;
  readonly since?: Position | undefined;
  readonly reverse?: boolean | undefined;
}

const DEFAULT_CHANNELS = 10_000;
const DEFAULT_CONNECTIONS = 100;
const DEFAULT_EVENTS = 100;

export function createApiHandlers(environment: ApiEnvironment): ApiHandlers {
  const { hub } = environment;
  const readHistory = (
    org: OrgApi,
    channel: string,
    { limit = 0, since, reverse = false }: HistoryFilter,
  ): ReturnType<OrgApi['history']> => {
    const most = hub.options.historyMaxLimit;
    return org.history(channel, {
      limit: limit < 0 ? most : Math.min(limit, most),
      reverse,
      ...(since === undefined ? {} : { since }),
    });
  };
  return {
    publish: async ({ org }, params) =>
      toPublished(await org.publish(params.channel, toPayload(params), toPublishOptions(params))),
    broadcast: async ({ org }, params) => {
      if (params.channels.length > environment.maxChannels)
        throw new CodedError(
          'limitExceeded',
          `channels: at most ${environment.maxChannels} in one broadcast`,
        );
      const outcomes = await org.broadcast(params.channels, toPayload(params), toPublishOptions(params));
      return {
        responses: outcomes.map((outcome) =>
          'error' in outcome ? { error: toApiError(outcome.error) } : { result: toPublished(outcome) },
        ),
      };
    },
    subscribe: async ({ org }, { channel, info, data, expire_at, ...target }) => ({
      num_clients: await org.subscribe(channel, toTarget(target), {
        ...(info === undefined ? {} : { info: JSON.stringify(info) }),
        ...(data === undefined ? {} : { data: JSON.stringify(data) }),
        ...(expire_at === undefined || expire_at === 0 ? {} : { expiresAtMs: expire_at * 1_000 }),
      }),
    }),
    unsubscribe: async ({ org }, params) => ({
      num_clients: await org.unsubscribe(params.channel, toTarget(params)),
    }),
    disconnect: async ({ org }, { disconnect: close, whitelist = [], ...target }) => ({
      num_clients: await org.disconnect(
        toTarget(target),
        close && { code: close.code, reason: close.reason ?? '' },
        whitelist,
      ),
    }),
    refresh: async ({ org }, { expired, expire_at, ...target }) => {
      if (expired === true)
        return { num_clients: await org.disconnect(toTarget(target), closeOf('connectionExpired')) };
      return {
        num_clients: await org.refresh(
          toTarget(target),
          expire_at === undefined || expire_at === 0 ? undefined : expire_at * 1_000,
        ),
      };
    },
    presence: async ({ org }, { channel }) => ({
      presence: mapValues(await org.presence(channel), toClientInfo),
    }),
    presence_stats: async ({ org }, { channel }) => {
      const { numClients, numUsers } = await org.presenceStats(channel);
      return { num_clients: numClients, num_users: numUsers };
    },
    history: async ({ org }, { channel, ...filter }) => {
      const { publications, position } = await readHistory(org, channel, filter);
      return { publications: publications.map(toApiPublication), ...position };
    },
    history_remove: async ({ org }, { channel }) => {
      await org.historyRemove(channel);
      return {};
    },
    channels: async ({ org }, { pattern, limit = DEFAULT_CHANNELS }) => {
      const { channels, incomplete } = await surveyChannels(org, pattern, limit);
      return {
        channels: Object.fromEntries(
          channels.map(({ channel, subscribers }) => [channel, { num_clients: subscribers }]),
        ),
        incomplete,
      };
    },
    connections: async ({ org }, { limit = DEFAULT_CONNECTIONS, offset = 0, ...target }) => {
      const page = { limit, offset };
      const { items, total, incomplete } = await surveyConnections(
        hub.nodes,
        org,
        withoutEmpty(target),
        page,
      );
      return {
        connections: Object.fromEntries(
          items.map(({ node, item }) => [item.client, toApiConnection(item, node)]),
        ),
        total,
        incomplete,
      };
    },
    rpc: async ({ org, principal, requestId, remoteAddress, signal }, { method, params = {} }) => {
      const { result, after } = await org.rpc(method, params, {
        principal,
        client: '',
        requestId,
        signal,
        ...(remoteAddress === undefined ? {} : { remoteAddress }),
      });
      return {
        data: result ?? null,
        position: after && { channel: after.channel, ...after.position },
      };
    },
    info: async ({ org, allOrgs }) => {
      const { found, incomplete } = await (allOrgs ? surveyNodes(hub.nodes) : surveyOrgNodes(org));
      const own = { name: environment.nodeName, version: environment.version };
      return {
        nodes: found.map(({ uptimeMs, ...facts }) => ({
          uid: facts.node,
          ...(facts.node === hub.nodeId ? own : { name: facts.name, version: facts.version }),
          num_clients: facts.connections,
          num_users: facts.users,
          num_subs: facts.subscriptions,
          num_channels: facts.channels,
          uptime: Math.floor(uptimeMs / 1_000),
        })),
        incomplete,
      };
    },
    namespaces: () =>
      Promise.resolve({
        namespaces: [...hub.namespaces()].sort((a, b) => (a.name < b.name ? -1 : 1)).map(toSnakeCase),
      }),
    events: async ({ org }, { channel, kinds, after, node = '', limit = DEFAULT_EVENTS, ...target }) => {
      const filter = {
        ...withoutEmpty(target),
        ...(channel === undefined ? {} : { channel }),
        ...(kinds === undefined ? {} : { kinds }),
        ...(after === undefined ? {} : { after }),
        limit,
      };
      const { events, incomplete } = await surveyEvents(org, filter, node === '' ? undefined : node);
      return {
        events: events.map(({ timeMs, ...event }) => ({ time: timeMs, ...(toSnakeCase(event) as object) })),
        incomplete,
      };
    },
    map_publish: async ({ org }, params) =>
      toMapPublished(
        await org.mapPublish(params.channel, params.key, toPayload(params), toMapOptions(params)),
      ),
    map_remove: async ({ org }, params) =>
      toMapPublished(await org.mapRemove(params.channel, params.key, toMapOptions(params))),
    map_state: async ({ org }, { channel, cursor, limit = 0 }) => {
      const page = await org.mapState(channel, {
        ...(cursor === undefined ? {} : { cursor }),
        ...(limit <= 0 ? {} : { limit }),
      });
      return { entries: page.entries.map(toApiPublication), cursor: page.cursor, ...page.position };
    },
    map_read_stream: async (
      { org },
      { channel, limit, reverse, since_offset: offset, since_epoch: epoch = '' },
    ) => {
      const since = offset === undefined ? {} : { since: { offset, epoch } };
      const { publications, position } = await readHistory(org, channel, { limit, reverse, ...since });
      return { entries: publications.map(toApiPublication), ...position };
    },
  };
}

/** A refusal inside a result (broadcast, batch). What is not coded says nothing of its cause. */
export function toApiError(error: unknown): { readonly code: number; readonly message: string } {
  const { code, message } = error instanceof CodedError ? error : new CodedError('internal');
  return { code, message };
}

function toPayload({
  data,
  b64data,
}: {
  readonly data?: unknown;
  readonly b64data?: string | undefined;
}): Payload {
  if (b64data === undefined || b64data === '') {
    if (data === undefined) throw new CodedError('badRequest', 'data is required');
    return JSON.stringify(data);
  }
  if (data !== undefined) throw new CodedError('badRequest', 'b64data must not be given together with data');
  if (b64data.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(b64data))
    throw new CodedError('badRequest', 'b64data must be base64');
  return new Uint8Array(Buffer.from(b64data, 'base64'));
}

interface Publishing {
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly idempotency_key?: string | undefined;
  readonly skip_history?: boolean | undefined;
}

function toPublishOptions({ tags, idempotency_key, skip_history }: Publishing): ApiPublishOptions {
  return {
    ...(tags === undefined ? {} : { tags }),
    ...(idempotency_key === undefined || idempotency_key === '' ? {} : { idempotencyKey: idempotency_key }),
    ...(skip_history === undefined ? {} : { skipHistory: skip_history }),
  };
}

function toMapOptions({
  expect,
  ...publishing
}: Publishing & { readonly expect?: 'absent' | number | undefined }): ApiMapPublishOptions {
  return { ...toPublishOptions(publishing), ...(expect === undefined ? {} : { expect }) };
}

/** Nobody is not everybody: a target without a user and without a client is refused. */
function toTarget(given: {
  readonly user?: string | undefined;
  readonly client?: string | undefined;
}): ClientTarget {
  const target = withoutEmpty(given);
  if (target.user === undefined && target.client === undefined)
    throw new CodedError('badRequest', 'user or client is required');
  return target;
}

/** Server libraries send an empty text for what they were not given. */
function withoutEmpty({
  user = '',
  client = '',
}: {
  readonly user?: string | undefined;
  readonly client?: string | undefined;
}): ClientTarget {
  return { ...(user === '' ? {} : { user }), ...(client === '' ? {} : { client }) };
}

function toPublished({ position }: ApiPublished): object {
  return { offset: position.offset, epoch: position.epoch };
}

function toMapPublished({ position, applied, current }: ApiMapPublished): object {
  return {
    offset: position.offset,
    epoch: position.epoch,
    applied,
    current: current && toApiPublication(current),
  };
}

function toApiPublication({ data, offset, tags, info, timeMs, key, removed }: Publication): object {
  return {
    ...payloadMember(data),
    offset,
    tags,
    info: info && toClientInfo(info),
    time: timeMs,
    key,
    removed,
  };
}

function toClientInfo({ client, user, connInfo, chanInfo }: ClientInfo): object {
  return {
    client,
    user,
    conn_info: connInfo === undefined ? undefined : toInfo(connInfo),
    chan_info: chanInfo === undefined ? undefined : toInfo(chanInfo),
  };
}

/** Bytes have no place of their own in the public shape; they are given as base64 text. */
function toInfo(info: Payload): RawJson | string {
  return typeof info === 'string' ? new RawJson(info) : Buffer.from(info).toString('base64');
}

function toApiConnection(connection: ConnectionSummary, node: string): object {
  return {
    user: connection.user,
    node,
    app_name: connection.name,
    app_version: connection.version,
    transport: connection.transport,
    protocol: connection.codec,
    remote_address: connection.remoteAddress,
    connected_at: connection.connectedAtMs,
    connected_at_ms: connection.connectedAtMs,
    outbox_messages: connection.outboxMessages,
    outbox_bytes: connection.outboxBytes,
    state: {
      channels: Object.fromEntries(
        connection.subscriptions.map(({ channel, position, delivery, dropped }) => [
          channel,
          { ...position, delivery, dropped },
        ]),
      ),
    },
  };
}

/** Options as they are, under the names this API uses. What is without limit is left out: JSON has no word for it. */
function toSnakeCase(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return value === Infinity ? undefined : value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`),
      toSnakeCase(member),
    ]),
  );
}

function mapValues<T>(map: ReadonlyMap<string, T>, change: (value: T) => unknown): object {
  return Object.fromEntries([...map].map(([key, value]) => [key, change(value)]));
}
