/** A node module on a fake clock with invented orgs: what the tests of this folder share. */
import { FakeClock } from '@trunkline/base/testing';
import { createSeededRandom, silentLogger } from '@trunkline/base';
import {
  HUB_DEFAULTS,
  type CallContext,
  type ConnectionSummary,
  type LocalEmitter,
  type Module,
  type ModuleContext,
  type ModuleParts,
  type NodeStats,
  type OrgApi,
  type OrgEvent,
  type OrgStats,
  type Principal,
  type RpcOutcome,
} from '@trunkline/hub';
import { createLoneNodes } from '@trunkline/hub/testing';
import { vi } from 'vitest';
import type { NodeModuleOptions } from './options.js';

export const EMPTY: NodeStats = {
  nodeId: 'n1',
  startedAtMs: 1_000,
  connections: 3,
  users: 2,
  orgs: 2,
  subscriptions: 5,
  channels: 4,
  framesIn: 0,
  framesOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  publications: 0,
  deliveries: 0,
  commands: {},
  errors: {},
  closes: {},
  overflows: { recover: 0, latest: 0, gap: 0, close: 0 },
  recoveries: { recovered: 0, unrecovered: 0 },
  denials: 0,
  outboxBytes: 0,
  deliveryLatencyMs: { p50: 1, p99: 2, max: 3 },
};

export const EMPTY_ORG: OrgStats = {
  sinceMs: 1_000,
  connections: 2,
  users: 2,
  subscriptions: 3,
  messagesIn: 0,
  messagesOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  outboxBytes: 20,
};

export const position = { epoch: 'e', offset: 7 };

export const connection = (given: Partial<ConnectionSummary>): ConnectionSummary => ({
  client: 'c1',
  user: 'u1',
  org: 'acme',
  transport: 'websocket',
  codec: 'json',
  remoteAddress: '127.0.0.1',
  name: 'js',
  version: '1',
  connectedAtMs: 0,
  extensions: [],
  outboxMessages: 0,
  outboxBytes: 10,
  subscriptions: [],
  ...given,
});

export const subscription = (
  channel: string,
  given: Partial<ConnectionSummary['subscriptions'][number]> = {},
): ConnectionSummary['subscriptions'][number] => ({
  channel,
  subscribedAtMs: 5,
  type: 'stream',
  position,
  recoverable: true,
  serverSide: false,
  delivery: 'flowing',
  dropped: 0,
  ...given,
});

export const refusal = (seq: number, given: object = {}): OrgEvent => ({
  seq,
  timeMs: 1_000 + seq,
  client: 'c1',
  user: 'u1',
  kind: 'subscribeRefused',
  channel: 'secret',
  code: 103,
  message: 'permission denied',
  ...given,
});

/** An org whose methods are spies with plausible answers; `stats` and `events` are its state. */
export function fakeOrg(org: string, ask: OrgApi['ask'] = () => Promise.reject(new Error('nobody to ask'))) {
  const state: { stats: OrgStats; events: readonly OrgEvent[] } = { stats: EMPTY_ORG, events: [] };
  return {
    org,
    ask,
    state,
    stats: () => state.stats,
    events: vi.fn<OrgApi['events']>(({ after = 0, limit = Infinity } = {}) =>
      state.events.filter((event) => event.seq > after).slice(0, limit),
    ),
    publish: vi.fn(async () => ({ position, deduplicated: false })),
    mapPublish: vi.fn<OrgApi['mapPublish']>(async () => ({ position, deduplicated: false, applied: true })),
    mapRemove: vi.fn(async () => ({
      position: { epoch: '', offset: 0 },
      deduplicated: false,
      applied: true,
    })),
    history: vi.fn<OrgApi['history']>(async () => ({
      publications: [
        { offset: 6, data: '{"a":1}', timeMs: 5, info: { user: 'u', client: 'c', connInfo: '{}' } },
        { offset: 7, data: new Uint8Array([1, 2, 3]) },
      ],
      position,
    })),
    presence: vi.fn(async () => new Map([['c9', { user: 'u9', client: 'c9', connInfo: '{"name":"Ann"}' }]])),
    mapState: vi.fn<OrgApi['mapState']>(async () => ({
      entries: [{ offset: 1, data: '', key: 'k', removed: true }],
      cursor: '',
      position,
    })),
    channels: vi.fn<OrgApi['channels']>(() => [
      { channel: 'a', subscribers: 2 },
      { channel: 'b', subscribers: 1 },
    ]),
    channel: vi.fn<OrgApi['channel']>(async (channel) => ({
      channel,
      subscribers: 1,
      namespace: '',
      class: 'live',
      type: 'stream',
      overflow: 'recover',
      historySize: 10,
      historyTtlMs: Infinity,
      presence: false,
      position,
    })),
    connections: vi.fn<OrgApi['connections']>(() => ({
      connections: [connection({}), connection({ client: 'c2', user: 'u2' })],
      total: 2,
    })),
    disconnect: vi.fn(async () => 1),
    unsubscribe: vi.fn(async () => 1),
  };
}

export const principal = (roles: Principal['roles'], org = 'acme'): Principal => ({
  user: 'ann',
  org,
  roles,
  groups: [],
  caps: [],
  channels: [],
});

/** What a local channel's readers were sent. */
export class Readers implements LocalEmitter {
  readonly data: unknown[] = [];
  publish(data: string | Uint8Array) {
    this.data.push(JSON.parse(data as string));
    return { epoch: 'e', offset: this.data.length };
  }
  state(): void {}
  reset(): void {}
}

export const moduleOptions: NodeModuleOptions = {
  process: () => ({ rssBytes: 100, heapUsedBytes: 50, cpuPercent: 12, eventLoopDelayMs: 1.5 }),
  namespaces: () => [],
  hub: () => HUB_DEFAULTS,
  endpoints: () => [{ id: 'native', path: '/connection/websocket', transport: 'websocket' }],
  configuration: () => [{ path: 'server.port', value: '8000', source: 'default' }],
  version: '1.2.3',
  runtime: 'node 20',
};

export interface NodeBed {
  readonly clock: FakeClock;
  readonly parts: ModuleParts;
  /** Orgs that were asked for. */
  readonly orgs: Map<string, ReturnType<typeof fakeOrg>>;
  /** The node's counters; may be replaced. */
  counters: NodeStats;
  /** How often they were read. */
  reads: number;
  org(name?: string): ReturnType<typeof fakeOrg>;
  /** Opens one of the module's channels. */
  open(channel: string, org?: string): { readonly data: readonly unknown[]; close(): void };
  call(method: string, params: unknown, roles?: Principal['roles'], org?: string): Promise<RpcOutcome>;
}

/** Starts what `make` makes. */
export async function createNodeBed(
  make: (options: NodeModuleOptions) => Module,
  options: Partial<NodeModuleOptions> = {},
): Promise<NodeBed> {
  const clock = new FakeClock();
  const orgs = new Map<string, ReturnType<typeof fakeOrg>>();
  const org = (name = 'acme') => {
    const found =
      orgs.get(name) ?? fakeOrg(name, (kind, question, given) => nodes.askIn(name, kind, question, given));
    orgs.set(name, found);
    return found;
  };
  const nodes = createLoneNodes(
    'n1',
    clock,
    (name) => org(name) as unknown as OrgApi,
    () => {
      const { startedAtMs, connections, users, orgs: count, subscriptions, channels } = bed.counters;
      const uptimeMs = clock.now() - startedAtMs;
      const said = { name: 'first', version: '1.2.3', startedAtMs, uptimeMs };
      return { ...said, connections, users, orgs: count, subscriptions, channels };
    },
  );
  const context: ModuleContext = {
    nodes,
    clock,
    random: createSeededRandom(1),
    logger: silentLogger,
    nodeId: 'n1',
    forOrg: (name) => org(name) as unknown as OrgApi,
    stats: () => {
      bed.reads++;
      return bed.counters;
    },
    orgs: () => [...orgs.keys()],
  };
  const bed = { clock, orgs, counters: EMPTY, reads: 0, org };
  const parts = await make({ ...moduleOptions, ...options }).start(context);
  for (const answer of parts.answers ?? []) nodes.register(answer);
  return Object.assign(bed, {
    parts,
    open: (channel: string, name = 'acme') => {
      const emit = new Readers();
      const source = parts.namespaces?.[0]?.source;
      if (!source) throw new Error('a source is expected');
      const opened = source({ org: name, channel, emit }) as { dispose(): void };
      return { data: emit.data, close: () => opened.dispose() };
    },
    call: async (
      method: string,
      params: unknown,
      roles: Principal['roles'] = ['admin'],
      name = 'acme',
    ): Promise<RpcOutcome> => {
      const caller: CallContext = {
        principal: principal(roles, name),
        client: 'me',
        requestId: 'r1',
        signal: new AbortController().signal,
      };
      const found = parts.rpc?.[method];
      if (!found) throw new Error(`no method ${method}`);
      return found.handle(params, caller);
    },
  });
}
