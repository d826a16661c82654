/**
 * Doubles for tests of the hub and of modules: a transport in memory whose reader can stop, a raw peer that speaks the native wire by
 * hand, an authenticator whose tokens are plain JSON, and a hub put together from them on a fake clock.
 */
import { createSeededRandom, silentLogger, type Clock, type Logger } from '@trunkline/base';
import { FakeClock, settle } from '@trunkline/base/testing';
import { createMemoryBroker, type BrokerFactory } from '@trunkline/broker';
import {
  CodedError,
  fromUtf8,
  type ChannelKey,
  type Encoded,
  type Payload,
  type Position,
  type Publication,
} from '@trunkline/protocol';
import { createJsonCodec } from '@trunkline/protocol/json';
import { createHub, type Hub, type Link } from './hub.js';
import { CONNECTIONS } from './nodes/connections.js';
import { HubNodes } from './nodes/nodes.js';
import { hubAnswers } from './nodes/surveys.js';
import type { HubOptions } from './options.js';
import type { OrgApi } from './ports/api.js';
import type { Authenticator, ChannelGrant } from './ports/authenticator.js';
import type { DurableLog, DurablePublication } from './ports/durable-log.js';
import type { OpenRequest } from './ports/endpoint.js';
import type { CommandStore } from './ports/idempotency.js';
import type { NodeFacts } from './ports/questions.js';
import type { Principal } from './ports/principal.js';
import type { QuotasOf } from './ports/quotas.js';
import type { Transport, TransportHandlers } from './ports/transport.js';
import { nativeProfile } from './router/native-endpoint.js';

export const TEST_REQUEST: OpenRequest = {
  method: 'GET',
  path: '/connection/websocket',
  params: {},
  query: new URLSearchParams(),
  headers: {},
  remoteAddress: '127.0.0.1',
  originAllowed: true,
  subprotocols: [],
};

/** A principal of org `acme`, unless told otherwise. */
export function testPrincipal(given: Partial<Principal> = {}): Principal {
  return { user: 'ada', org: 'acme', roles: ['member'], groups: [], caps: [], channels: [], ...given };
}

/** Tokens are JSON: a connection token is a partial principal, a channel token a `ChannelGrant`. `''` is refused, `expired` is expired. */
export const testAuthenticator: Authenticator = {
  authenticate: ({ token }) => {
    if (token === '') return Promise.reject(new CodedError('unauthorized', 'token is missing'));
    if (token === 'expired') return Promise.reject(new CodedError('tokenExpired'));
    return Promise.resolve({ principal: testPrincipal(JSON.parse(token) as Partial<Principal>) });
  },
  refresh: (token, current) => Promise.resolve({ ...current, ...(JSON.parse(token) as Partial<Principal>) }),
  verifyChannelToken: (token) => {
    if (token === 'expired') return Promise.reject(new CodedError('tokenExpired'));
    return Promise.resolve(JSON.parse(token) as ChannelGrant);
  },
};

/** A transport in memory. `stall` makes the reader stop reading; `unstall` lets it read on. */
export class MemoryTransport implements Transport {
  readonly name = 'memory';
  readonly documents: string[] = [];
  readonly writes: number[] = [];
  closed: { code: number; reason: string } | undefined;
  destroyed = false;
  paused = false;
  #stalled = false;
  #buffered: string[] = [];
  #handlers: TransportHandlers | undefined;

  attach(handlers: TransportHandlers): void {
    this.#handlers = handlers;
  }

  get handlers(): TransportHandlers {
    if (!this.#handlers) throw new Error('not attached');
    return this.#handlers;
  }

  write(documents: readonly Encoded[]): boolean {
    this.writes.push(documents.length);
    const texts = documents.map((document) => fromUtf8(document.bytes));
    if (this.#stalled) this.#buffered.push(...texts);
    else this.documents.push(...texts);
    return !this.#stalled;
  }

  bufferedBytes(): number {
    return this.#buffered.reduce((sum, text) => sum + text.length, 0);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  close(code: number, reason: string): void {
    if (this.closed) return;
    this.closed = { code, reason };
    this.handlers.onClosed(code, reason);
  }

  destroy(): void {
    this.destroyed = true;
    this.close(1006, 'destroyed');
  }

  stall(): void {
    this.#stalled = true;
  }

  unstall(): void {
    this.#stalled = false;
    this.documents.push(...this.#buffered);
    this.#buffered = [];
    this.handlers.onDrain();
  }
}

/** A frame as a test reads it. */
export type Frame = Record<string, unknown>;

/** A peer that speaks the native wire by hand. */
export class RawPeer {
  readonly transport = new MemoryTransport();
  readonly #clock: FakeClock;
  #read = 0;
  #id = 0;

  constructor(hub: Hub, clock: FakeClock, link: Partial<Link> = {}) {
    this.#clock = clock;
    this.transport.attach(
      hub.accept(this.transport, {
        codec: createJsonCodec(),
        profile: nativeProfile(hub.options),
        request: TEST_REQUEST,
        ...link,
      }),
    );
  }

  /** Sends a command and returns its reply; other frames stay unread. Lets time-free work settle first. */
  async call(command: Frame): Promise<Frame> {
    const id = ++this.#id;
    this.send({ id, ...command });
    await this.#clock.advance(0);
    const at = this.transport.documents.findIndex(
      (text, index) => index >= this.#read && (JSON.parse(text) as Frame)['id'] === id,
    );
    if (at < 0)
      throw new Error(
        `no reply to ${JSON.stringify(command)}; closed: ${JSON.stringify(this.transport.closed)}`,
      );
    const [text = '{}'] = this.transport.documents.splice(at, 1);
    return JSON.parse(text) as Frame;
  }

  send(...commands: Frame[]): void {
    this.transport.handlers.onFrame(commands.map((command) => JSON.stringify(command)).join('\n'));
  }

  /** Everything received since the last call, parsed, in order. */
  async frames(): Promise<Frame[]> {
    await this.#clock.advance(0);
    const fresh = this.transport.documents.slice(this.#read);
    this.#read = this.transport.documents.length;
    return fresh.map((text) => JSON.parse(text) as Frame);
  }

  /** Publications received since the last call, of one channel or all. */
  async publications(channel?: string): Promise<Frame[]> {
    const frames = await this.frames();
    return frames
      .map((frame) => frame['push'] as Frame | undefined)
      .filter((push) => push?.['pub'] !== undefined && (channel === undefined || push['channel'] === channel))
      .map((push) => push?.['pub'] as Frame);
  }

  /** Connects with a JSON token; `extensions` are offered. */
  async connect(principal: Partial<Principal> = {}, extensions = ''): Promise<Frame> {
    const reply = await this.call({
      connect: {
        token: JSON.stringify(principal),
        ...(extensions === '' ? {} : { headers: { 'trunkline-extensions': extensions } }),
      },
    });
    return (reply['connect'] ?? reply) as Frame;
  }

  drop(): void {
    this.transport.handlers.onClosed(1006, '');
  }
}

/** A log in memory with the store's promises: numbers on commit, reads only what is committed. */
export class MemoryDurableLog implements DurableLog {
  readonly epoch = 'log';
  readonly #channels = new Map<string, Publication[]>();

  readonly #keys = new Map<string, Position>();
  /** Called after each `append`, as an outbox would. */
  onCommitted: ((key: ChannelKey, publication: Publication) => void) | undefined;

  /** Commits a publication and returns it. */
  commit(key: ChannelKey, data: Payload): Publication {
    const kept = this.#channels.get(key) ?? [];
    const publication: Publication = { offset: kept.length + 1, data };
    this.#channels.set(key, [...kept, publication]);
    return publication;
  }

  append(
    key: ChannelKey,
    { data }: DurablePublication,
    idempotencyKey?: string,
  ): Promise<{ position: Position; deduplicated: boolean }> {
    const name = `${key} ${idempotencyKey}`;
    const known = idempotencyKey === undefined ? undefined : this.#keys.get(name);
    if (known) return Promise.resolve({ position: known, deduplicated: true });
    const publication = this.commit(key, data);
    const position = { epoch: this.epoch, offset: publication.offset };
    this.#keys.set(name, position);
    this.onCommitted?.(key, publication);
    return Promise.resolve({ position, deduplicated: false });
  }

  read(
    key: ChannelKey,
    since: Position | undefined,
    limit: number,
    reverse: boolean,
  ): Promise<{ publications: readonly Publication[]; position: Position }> {
    const kept = this.#channels.get(key) ?? [];
    const foreign = since !== undefined && since.epoch !== '' && since.epoch !== this.epoch;
    const from = since?.offset ?? 0;
    const chosen = reverse
      ? kept.filter(({ offset }) => from === 0 || offset < from).reverse()
      : kept.filter(({ offset }) => offset > from);
    return Promise.resolve({
      publications: foreign ? [] : chosen.slice(0, limit),
      position: { epoch: this.epoch, offset: kept.length },
    });
  }
}

export interface TestHub {
  readonly hub: Hub;
  readonly clock: FakeClock;
  peer(link?: Partial<Link>): RawPeer;
}

/** A hub on a fake clock with the memory broker and open namespaces, unless told otherwise. */
export function createTestHub(
  options: Partial<HubOptions> = {},
  given: {
    readonly clock?: FakeClock;
    readonly broker?: BrokerFactory;
    readonly durableLog?: DurableLog;
    readonly commands?: CommandStore;
    readonly quotasOf?: QuotasOf;
    readonly logger?: Logger;
    readonly seed?: number;
  } = {},
): TestHub {
  const clock = given.clock ?? new FakeClock();
  const random = createSeededRandom(given.seed ?? 1);
  const logger = given.logger ?? silentLogger;
  const open = ['user', 'anonymous'] as const;
  const hub = createHub(
    {
      clock,
      random,
      logger,
      broker: given.broker ?? createMemoryBroker({ clock, random }),
      authenticator: testAuthenticator,
      ...(given.durableLog ? { durableLog: given.durableLog } : {}),
      ...(given.commands ? { commands: given.commands } : {}),
      ...(given.quotasOf ? { quotasOf: given.quotasOf } : {}),
    },
    {
      namespaces: [
        {
          name: 'room',
          historySize: 100,
          forceRecovery: true,
          presence: true,
          joinLeave: true,
          allowSubscribe: open,
          allowPublish: open,
          allowPresence: open,
          allowHistory: open,
        },
        { name: 'plain', allowSubscribe: open, allowPublish: open },
        { name: 'secret', historySize: 10, presence: true },
        {
          name: 'map',
          type: 'map',
          map: {
            mode: 'persistent',
            keyTtlMs: 0,
            streamSize: 100,
            streamTtlMs: 300_000,
            clientKey: 'none',
            maxKeys: 1000,
          },
          allowSubscribe: open,
          allowPublish: open,
          allowTagsFilter: true,
        },
      ],
      ...options,
    },
  );
  return { hub, clock, peer: (link) => new RawPeer(hub, clock, link) };
}

/** A memory engine for several test hubs. */
export function createTestEngine(clock: Clock, seed = 1): BrokerFactory {
  return createMemoryBroker({ clock, random: createSeededRandom(seed) });
}

/** Nodes without another one, for doubles of a hub: what is asked is answered here. */
export function createLoneNodes(
  nodeId: string,
  clock: Clock,
  forOrg: (org: string) => OrgApi,
  facts: () => Omit<NodeFacts, 'node'>,
): HubNodes {
  const nodes = new HubNodes(
    { clock, logger: silentLogger, nodeId, forOrg, facts, send: () => Promise.resolve(), address: '' },
    { announceIntervalMs: 0, expiryMs: 1, max: 0, askTimeoutMs: 1_000, messageMaxBytes: 1, pageBytes: 1 },
  );
  for (const answer of [...hubAnswers(() => ({ node: nodeId, ...facts() })), ...CONNECTIONS.answers])
    nodes.register(answer);
  return nodes;
}

export { settle };
