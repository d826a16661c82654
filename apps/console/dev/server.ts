/**
 * A pretended server for looking at the console without one: it answers the console's methods and feeds its channels with invented numbers.
 * Only the development server loads it (`npx vite --mode pretend`); no build contains it.
 */
import type {
  ConnectionSummary,
  NamespaceSummary,
  NodeStatsSample,
  OrgStatsSample,
} from '@trunkline/contracts/node';

export interface Published {
  readonly offset: number;
  readonly data: unknown;
  readonly key?: string;
  readonly timeMs: number;
  readonly info?: { readonly user: string; readonly client: string };
  readonly tags?: Readonly<Record<string, string>>;
}

const EPOCH = 'xQ3f';
const USERS = ['ada', 'grace', 'linus', 'margaret', 'alan', 'barbara', 'edsger', 'katherine', 'tim', 'radia'];
const SDKS = ['js', 'go', 'python', 'swift'];
const startedAtMs = Date.now() - 187_000_000;
const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T;
const hex = (): string =>
  Math.floor(Math.random() * 2 ** 32)
    .toString(16)
    .padStart(8, '0');

export class PretendedServer {
  readonly role: 'operator' | 'admin';
  readonly topics = new Map<string, Published[]>();
  readonly maps = new Map<string, Map<string, Published>>([['cursors:board-1', new Map()]]);
  readonly connections: ConnectionSummary[] = Array.from({ length: 340 }, (_, index) => invent(index));
  onPublish: (channel: string, published: Published) => void = () => undefined;
  #load = 420;
  #stats: NodeStatsSample | OrgStatsSample;

  constructor(role: 'operator' | 'admin') {
    this.role = role;
    this.#stats = this.#sample(Date.now());
    const past: Published[] = [];
    for (let second = 240; second > 0; second--) {
      const timeMs = Date.now() - second * 1_000;
      past.push({ offset: 241 - second, data: this.#sample(timeMs), timeMs });
    }
    this.topics.set(this.statsChannel, past);
    for (let index = 0; index < 14; index++) this.publish('chat:lobby', line());
    setInterval(() => this.publish(this.statsChannel, (this.#stats = this.#sample(Date.now()))), 1_000);
    setInterval(() => this.publish('chat:lobby', line()), 900);
    setInterval(
      () =>
        this.set('cursors:board-1', pick(USERS), {
          x: Math.round(Math.random() * 1200),
          y: Math.round(Math.random() * 800),
        }),
      500,
    );
  }

  get statsChannel(): string {
    return this.role === 'operator' ? 'node:stats' : 'node:org-stats';
  }

  publish(channel: string, data: unknown, tags?: Readonly<Record<string, string>>): number {
    const kept = this.topics.get(channel) ?? [];
    const offset = (kept.at(-1)?.offset ?? 0) + 1;
    const published: Published = {
      offset,
      data,
      timeMs: Date.now(),
      ...(tags && { tags }),
      info: { user: pick(USERS), client: hex() },
    };
    this.topics.set(channel, [...kept, published].slice(-300));
    this.onPublish(channel, published);
    return offset;
  }

  set(channel: string, key: string, data: unknown): number {
    const entries = this.maps.get(channel) ?? new Map<string, Published>();
    const offset = Math.max(0, ...[...entries.values()].map((one) => one.offset)) + 1;
    const published: Published = { offset, data, key, timeMs: Date.now() };
    entries.set(key, published);
    this.maps.set(channel, entries);
    this.onPublish(channel, published);
    return offset;
  }

  top(channel: string): { epoch: string; offset: number } {
    const map = this.maps.get(channel);
    const offset = map
      ? Math.max(0, ...[...map.values()].map((one) => one.offset))
      : (this.topics.get(channel)?.at(-1)?.offset ?? 0);
    return { epoch: EPOCH, offset };
  }

  /** The result of a method; throws `{code, message}`. */
  answer(method: string, given: unknown): unknown {
    const params = (given ?? {}) as Record<string, unknown>;
    const channel = String(params['channel'] ?? '');
    switch (method) {
      case 'node.info':
        return {
          nodeId: 'node-7f3a',
          version: '0.1.0',
          startedAtMs,
          runtime: 'node 20.20.2 on linux x64',
          org: 'acme',
          user: 'ada',
          roles: [this.role],
          namespaces: NAMESPACES,
        };
      case 'node.stats':
        return this.#stats;
      case 'node.channels':
        return {
          channels: CHANNELS.filter((one) => matches(one.channel, params['pattern'])).slice(
            0,
            Number(params['limit'] ?? 1_000),
          ),
        };
      case 'node.channel':
        if (channel.startsWith('secret:'))
          throw { code: 102, message: 'unknown channel: no namespace "secret"' };
        return this.#channel(channel);
      case 'node.connections': {
        const all = this.connections.filter(
          (one) =>
            (params['client'] === undefined || one.client === params['client']) &&
            (params['user'] === undefined || one.user === params['user']),
        );
        const offset = Number(params['offset'] ?? 0);
        return { connections: all.slice(offset, offset + Number(params['limit'] ?? 100)), total: all.length };
      }
      case 'node.disconnect': {
        const at = this.connections.findIndex((one) => one.client === params['client']);
        return { count: at < 0 ? 0 : this.connections.splice(at, 1).length };
      }
      case 'node.unsubscribe': {
        const found = this.connections.find((one) => one.client === params['client']);
        const at = found?.subscriptions.findIndex((one) => one.channel === channel) ?? -1;
        return { count: at < 0 ? 0 : (found?.subscriptions.splice(at, 1).length ?? 0) };
      }
      case 'node.publish': {
        const offset =
          params['key'] === undefined
            ? this.publish(channel, params['data'], params['tags'] as Record<string, string>)
            : this.set(channel, String(params['key']), params['data']);
        return { position: { epoch: EPOCH, offset }, deduplicated: false };
      }
      case 'node.history': {
        const since = params['since'] as { offset: number } | undefined;
        const kept = (this.topics.get(channel) ?? []).filter(
          (one) => since === undefined || one.offset < since.offset,
        );
        return {
          publications: kept.slice(-Number(params['limit'] ?? 100)).reverse(),
          position: this.top(channel),
        };
      }
      case 'node.presence':
        return {
          clients: this.connections.slice(0, 6).map((one) => ({ client: one.client, user: one.user })),
        };
      default:
        throw { code: 104, message: 'method not found' };
    }
  }

  #channel(channel: string) {
    const prefix = channel.includes(':') ? channel.slice(0, channel.indexOf(':')) : '';
    const {
      type,
      class: kind,
      overflow,
      historySize,
      historyTtlMs,
      presence,
    } = NAMESPACES.find((one) => one.name === prefix) ?? (NAMESPACES[0] as NamespaceSummary);
    return {
      channel,
      subscribers: CHANNELS.find((one) => one.channel === channel)?.subscribers ?? 1,
      namespace: prefix,
      class: kind,
      type,
      overflow,
      historySize,
      historyTtlMs,
      presence,
      position: this.top(channel),
    };
  }

  #sample(timeMs: number): NodeStatsSample | OrgStatsSample {
    this.#load = Math.max(120, Math.min(1_400, this.#load + (Math.random() - 0.5) * 90));
    const wave = 1 + Math.sin(timeMs / 37_000) / 3;
    const base = { nodeId: 'node-7f3a', timeMs, startedAtMs };
    const connections = Math.round(338 + 20 * wave);
    if (this.role === 'admin')
      return {
        ...base,
        scope: 'org',
        org: 'acme',
        connections,
        channels: 126,
        subscriptions: 1_204 + Math.round(wave * 40),
        users: 10,
        outboxBytes: Math.round(4_000 * wave),
        behind: wave > 1.2 ? 2 : 0,
        complete: true,
      };
    const p50 = 0.35 + Math.random() * 0.15;
    return {
      ...base,
      scope: 'node',
      intervalMs: 1_000,
      connections,
      users: 10,
      orgs: 3,
      subscriptions: 1_204 + Math.round(wave * 40),
      channels: 126,
      publicationsPerSecond: Math.round(this.#load * wave),
      deliveriesPerSecond: Math.round(this.#load * wave * 31),
      commandsPerSecond: Math.round(this.#load * 0.4),
      errorsPerSecond: 0.2,
      bytesOutPerSecond: Math.round(this.#load * wave * 31 * 212),
      publications: 48_112_904,
      deliveries: 1_490_211_554,
      overflows: { recover: 12, latest: 340, gap: 3, close: 1 },
      recoveries: { recovered: 4_811, unrecovered: 37 },
      denials: 214,
      outboxBytes: 18_244,
      deliveryLatencyMs: { p50, p99: p50 * (3 + Math.random() * 2), max: 12 },
      memory: {
        rssBytes: 148_000_000 + wave * 9_000_000,
        heapUsedBytes: 71_000_000 + Math.random() * 14_000_000,
      },
      cpuPercent: 12 + wave * 8,
      eventLoopDelayMs: 0.8 + Math.random() * 0.9,
    };
  }
}

const namespace = (given: Partial<NamespaceSummary> & { name: string }): NamespaceSummary => ({
  type: 'stream',
  class: 'live',
  historySize: 0,
  historyTtlMs: 300_000,
  presence: false,
  joinLeave: false,
  forcePositioning: false,
  forceRecovery: false,
  recoveryMode: 'stream',
  overflow: 'recover',
  allowSubscribe: ['user'],
  allowPublish: [],
  allowPresence: [],
  allowHistory: [],
  ...given,
});

const NAMESPACES: readonly NamespaceSummary[] = [
  namespace({ name: '', historySize: 100 }),
  namespace({
    name: 'chat',
    historySize: 500,
    historyTtlMs: 86_400_000,
    presence: true,
    joinLeave: true,
    forceRecovery: true,
    allowPublish: ['subscriber'],
    allowPresence: ['subscriber'],
    allowHistory: ['subscriber'],
  }),
  namespace({ name: 'metrics', overflow: 'latest', historySize: 1, recoveryMode: 'cache' }),
  namespace({ name: 'cursors', type: 'map', overflow: 'latest', allowPublish: ['subscriber'] }),
  namespace({
    name: 'jobs',
    historySize: 1_000,
    historyTtlMs: 3_600_000,
    forceRecovery: true,
    allowSubscribe: ['member', 'admin'],
  }),
  namespace({
    name: 'node',
    class: 'local',
    overflow: 'latest',
    allowSubscribe: ['admin', 'operator'],
    allowHistory: ['admin', 'operator'],
  }),
];

const CHANNELS = [
  { channel: 'chat:lobby', subscribers: 212 },
  { channel: 'metrics:cluster-eu', subscribers: 88 },
  { channel: 'node:stats', subscribers: 1 },
  { channel: 'cursors:board-1', subscribers: 24 },
  ...Array.from({ length: 80 }, (_, index) => ({
    channel: `jobs:run-${1_000 + index}`,
    subscribers: 1 + (index % 5),
  })),
  ...Array.from({ length: 42 }, (_, index) => ({
    channel: `chat:team-${index + 1}`,
    subscribers: 3 + ((index * 7) % 40),
  })),
];

function invent(index: number): ConnectionSummary {
  const now = Date.now();
  const slow = index === 4 ? 'conflating' : index === 9 ? 'cut' : 'flowing';
  const channels = [
    'chat:lobby',
    `chat:team-${1 + (index % 42)}`,
    `jobs:run-${1_000 + (index % 80)}`,
    'metrics:cluster-eu',
  ].slice(0, 1 + (index % 4));
  return {
    client: `${hex()}-${hex().slice(0, 4)}-${hex()}`,
    user: USERS[index % USERS.length] as string,
    org: 'acme',
    transport: 'websocket',
    codec: index % 6 === 0 ? 'protobuf' : 'json',
    remoteAddress: `10.4.${index % 7}.${(index * 13) % 255}`,
    name: SDKS[index % 4] as string,
    version: '5.8.0',
    connectedAtMs: now - index * 41_000 - 3_000,
    extensions: index % 3 === 0 ? [] : ['gap', 'source', 'drain', 'rpc'],
    outboxMessages: slow === 'flowing' ? 0 : 240,
    outboxBytes: slow === 'flowing' ? 0 : 918_000,
    subscriptions: channels.map((channel, at) => ({
      channel,
      subscribedAtMs: now - index * 41_000 - 2_000,
      type: 'stream',
      position: {
        epoch: channel === 'chat:lobby' ? EPOCH : 'b71k',
        offset: channel === 'chat:lobby' ? 14 : 400 + at,
      },
      recoverable: at !== 3,
      serverSide: at === 3,
      delivery: at === 0 ? slow : 'flowing',
      dropped: slow === 'conflating' && at === 0 ? 512 : 0,
    })),
  };
}

function line(): unknown {
  const texts = [
    'Deploy of api-gateway finished',
    'Anyone looking at the queue depth?',
    'Rolling back 4.12.1',
    'Back to normal since a minute',
    'Who can review the new quota rules?',
  ];
  return { id: hex(), text: pick(texts), room: 'lobby', mentions: Math.random() > 0.7 ? [pick(USERS)] : [] };
}

function matches(channel: string, pattern: unknown): boolean {
  if (typeof pattern !== 'string') return true;
  return new RegExp(
    `^${pattern
      .split('*')
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
  ).test(channel);
}
