/** One node of a world: a hub with the world's namespaces, on its own connection to the engine; it can crash, drain and start again. */
import {
  createSeededRandom,
  silentLogger,
  type Disposable,
  type LogFields,
  type Logger,
} from '@trunkline/base';
import {
  createHub,
  defineModule,
  type Hub,
  type HubOptions,
  type LocalEmitter,
  type Principal,
} from '@trunkline/hub';
import { CodedError, channelKey, type ChannelKey } from '@trunkline/protocol';
import { DURABLE, LOCAL, LOCAL_MAP, NAMESPACES } from './cases.js';
import type { Dice } from './dice.js';
import { NodeStore } from './durable.js';
import type { SimDatabase } from './database-engine.js';
import type { EngineNode, SimEngine } from './engine.js';
import { Link, type ClientEnd, type Weather } from './link.js';
import { MapFollower, type OutsideMaps } from './local-map.js';
import { ADD_EFFECT } from './statements.js';
import type { SimTime } from './time.js';
import type { Truth } from './truth.js';

export interface NodeDeps {
  readonly time: SimTime;
  readonly dice: Dice;
  readonly engine: SimEngine;
  readonly database: SimDatabase;
  /** The only node there is: its database is its own. */
  readonly alone: boolean;
  readonly truth: Truth;
  /** What stands behind local maps. */
  readonly outside: OutsideMaps;
  /** Whether this user may listen to durable channels now. */
  readonly permitted: (user: string) => boolean;
  /** For how long such a permission is good; undefined: until somebody says otherwise. */
  readonly permittedMs: number | undefined;
  readonly problem: (text: string) => void;
}

/** A local source that is open on a node. */
export interface OpenSource {
  readonly key: ChannelKey;
  /** Its place in the order in which sources were asked for. */
  readonly asked: number;
  readonly emit: Pick<LocalEmitter, 'state' | 'reset'>;
  /** Of a stream. */
  readonly publish: LocalEmitter['publish'] | undefined;
  /** Of a map. */
  readonly map: MapFollower | undefined;
  epoch: string;
  top: number;
  /** Since when it does not flow; undefined: it does. */
  brokenSince: number | undefined;
}

interface SimToken extends Partial<Principal> {
  readonly user: string;
  readonly org: string;
  readonly lifeMs?: number;
}

export class SimNode {
  readonly index: number;
  readonly #deps: NodeDeps;
  readonly #options: Partial<HubOptions>;
  readonly links = new Set<Link>();
  #asked = 0;
  readonly sources = new Map<ChannelKey, OpenSource>();
  #hub: Hub | undefined;
  #broker: EngineNode | undefined;
  #store: NodeStore | undefined;
  /** Until the store of the life before is closed. */
  #closing: Promise<void> = Promise.resolve();
  #lives = 0;
  draining = false;

  constructor(deps: NodeDeps, index: number, options: Partial<HubOptions>) {
    this.#deps = deps;
    this.index = index;
    this.#options = options;
  }

  get up(): boolean {
    return this.#hub !== undefined;
  }

  get hub(): Hub {
    if (!this.#hub) throw new Error(`node ${this.index} is down`);
    return this.#hub;
  }

  get store(): NodeStore {
    if (!this.#store) throw new Error(`node ${this.index} is down`);
    return this.#store;
  }

  async start(): Promise<void> {
    if (this.#hub) return;
    const { time, engine, database, alone, dice } = this.#deps;
    this.draining = false;
    const factory = engine.factory();
    const random = createSeededRandom(
      1_000 * (this.index + 1) + ++this.#lives + dice.between(0, 1_000_000) * 7,
    );
    let broker: EngineNode | undefined;
    const store = new NodeStore(
      time,
      random,
      { database, alone, after: this.#closing },
      async (key, publication, epoch) => {
        await broker?.carry(key, publication, epoch);
        database.database.noteDispatched(key, publication.offset, this.index);
      },
    );
    const hub = createHub(
      {
        clock: time,
        random,
        logger: this.#logger(),
        broker: (handler) => (broker = factory(handler) as EngineNode),
        durableLog: store.log,
        commands: store.commands,
        authenticator: {
          authenticate: async ({ token }) => {
            await time.sleep(dice.between(0, 5));
            if (token === '') throw new CodedError('unauthorized');
            return { principal: this.#principal(token) };
          },
          refresh: (token) => Promise.resolve(this.#principal(token)),
          verifyChannelToken: () => Promise.reject(new CodedError('unauthorized')),
        },
      },
      // Announcements would only spend dice: nodes ask each other nothing here.
      { ...this.#options, namespaces: NAMESPACES, nodeId: `node-${this.index}`, nodeAnnounceIntervalMs: 0 },
    );
    await hub.use(this.#module());
    void store.open();
    this.#hub = hub;
    this.#store = store;
    this.#broker = broker;
  }

  /** The process dies. `silent`: the machine went with it, nobody tells the clients. */
  async crash(silent: boolean): Promise<void> {
    const hub = this.#hub;
    if (!hub) return;
    const store = this.#store;
    this.#hub = undefined;
    this.#store = undefined;
    this.#broker?.die();
    if (store) this.#closing = store.crash();
    this.sources.clear();
    for (const link of [...this.links]) link.crash(silent);
    this.links.clear();
    await hub.dispose();
  }

  /** Advises and closes its clients, then ends. */
  async drain(windowMs: number): Promise<void> {
    const hub = this.#hub;
    if (!hub || this.draining) return;
    this.draining = true;
    await hub.drain({ windowMs, ratePerSecond: 20 });
    if (this.#hub !== hub) return;
    const store = this.#store;
    this.#hub = undefined;
    this.#store = undefined;
    this.sources.clear();
    this.#closing = (async () => {
      await hub.dispose();
      await store?.dispose();
    })();
    await this.#closing;
    for (const link of [...this.links]) link.cut();
    this.links.clear();
  }

  /** A client's connection, or a refusal, after a moment. */
  connect(weather: Weather, end: ClientEnd): Link {
    const { time, dice } = this.#deps;
    let hub: Hub | undefined;
    const link = new Link(time, dice, weather, this.index, {
      ...end,
      onOpen: () => end.onOpen(),
      onMessage: (text) => end.onMessage(text),
      onClose: (code, reason) => {
        this.links.delete(link);
        end.onClose(code, reason);
      },
    });
    time.setTimeout(
      () => {
        hub = this.#hub;
        if (!link.open) return;
        if (!hub || this.draining) return link.cut();
        const endpoint = hub.endpoints().find(({ id }) => id === 'native-websocket');
        const decision = endpoint?.open(REQUEST, new AbortController().signal);
        if (decision === undefined || decision instanceof Promise || decision.kind !== 'accept')
          return link.cut();
        this.links.add(link);
        link.inspect = (documents) => this.#checkWrite(documents);
        link.onWronged = () =>
          this.#deps.problem(`node ${this.index} closed a peer as slow that read all the time`);
        link.attach(hub.accept(link, { codec: decision.codec, profile: decision.profile, request: REQUEST }));
      },
      dice.between(1, 20),
    );
    return link;
  }

  // ------------------------------------------------------------ inside

  /** What leaves together waited together: publications within the bounds, or one alone. A reply holds no more than may be recovered and buffered. */
  #checkWrite(documents: readonly string[]): void {
    const options = this.#hub?.options;
    if (!options) return;
    for (const document of documents) {
      if (!document.includes('"publications":') || !document.includes('"subscribe":')) continue;
      const { subscribe } = JSON.parse(document) as {
        subscribe?: { publications?: readonly { data: unknown }[]; recovered?: boolean; type?: number };
      };
      const { publications = [], recovered = false, type = 0 } = subscribe ?? {};
      // With a map's last page it is what was buffered meanwhile, and what the broker had not delivered by then.
      const most = recovered ? options.recoveryMaxPublications : 2 * options.subscribeBufferMax;
      if (publications.length > most)
        this.#deps.problem(`a subscribe reply holds ${publications.length} publications, more than ${most}`);
      if (!recovered || type !== 0) continue;
      const bytes = publications.reduce(
        (sum, { data }) => sum + (typeof data === 'string' ? data : JSON.stringify(data)).length,
        0,
      );
      if (bytes > options.recoveryMaxBytes)
        this.#deps.problem(`a recovery holds ${bytes} bytes, more than ${options.recoveryMaxBytes}`);
    }
    const { outboxMaxBytes, outboxMaxMessages } = options;
    const publications = documents.filter((text) => text.startsWith('{"push":') && text.includes('"pub":'));
    if (publications.length < 2) return;
    const bytes = publications.reduce((sum, text) => sum + text.length, 0);
    if (bytes > outboxMaxBytes || publications.length > outboxMaxMessages)
      this.#deps.problem(
        `${publications.length} publications of ${bytes} bytes left an outbox of ${outboxMaxMessages} and ${outboxMaxBytes} bytes together`,
      );
  }

  #principal(token: string): Principal {
    const { lifeMs, ...given } = JSON.parse(token) as SimToken;
    return {
      roles: ['member'],
      groups: [],
      caps: [],
      channels: [],
      ...given,
      ...(lifeMs === undefined ? {} : { expiresAtMs: this.#deps.time.now() + lifeMs }),
    };
  }

  #module() {
    const { permitted, permittedMs, time, dice, truth, outside } = this.#deps;
    return defineModule<object>({
      id: 'sim',
      start: () => ({
        namespaces: [
          {
            ...DURABLE,
            authorise: async ({ user }) => {
              if (permittedMs === undefined) return permitted(user);
              await time.sleep(dice.between(0, 100));
              if (dice.chance(0.05)) throw new CodedError('sourceUnavailable', 'nobody knows');
              return permitted(user) && { allowed: true, recheckMs: permittedMs };
            },
          },
          {
            ...LOCAL,
            source: async ({ org, channel, emit }) => {
              const asked = ++this.#asked;
              await this.#sourceOpens();
              return this.#opened(channelKey(org, channel), asked, emit, emit.publish, undefined);
            },
          },
          {
            ...LOCAL_MAP,
            mapSource: async ({ org, channel, emit }) => {
              const key = channelKey(org, channel);
              const asked = ++this.#asked;
              // Longer than a first reader waits for it.
              if (dice.chance(0.15)) await time.sleep(dice.between(1_000, 4_000));
              await this.#sourceOpens();
              const map = new MapFollower(emit, dice, outside, key);
              map.load();
              // What an opening said that fails after all is void.
              if (dice.chance(0.1)) throw new CodedError('sourceUnavailable', 'the source went away');
              return this.#opened(key, asked, emit, undefined, map);
            },
          },
        ],
        rpc: {
          'sim.add': {
            idempotent: true,
            // The call's effect and the publication that shows it; how often it is made ready is nobody's matter, how often it takes place is.
            handle: async (params, { principal }) => {
              const { name, channel, data } = params as {
                name: string;
                channel: string;
                data: { n: number };
              };
              if (dice.chance(0.3)) await time.sleep(dice.between(0, 300));
              return {
                commit: {
                  statements: [{ sql: ADD_EFFECT, parameters: [name, principal.org, data.n] }],
                  publications: [{ channel, data: JSON.stringify(data) }],
                },
                result: { name },
              };
            },
          },
          'sim.state': {
            handle: (params, { principal }) => {
              const { channel } = params as { channel: string };
              const facts = truth.of(channelKey(principal.org, channel));
              const { position } = facts;
              return { result: { position, sum: sumOf(facts.between(position.epoch, 1, position.offset)) } };
            },
          },
        },
      }),
    })({});
  }

  async #sourceOpens(): Promise<void> {
    const { time, dice } = this.#deps;
    await time.sleep(dice.between(0, 400));
    if (dice.chance(0.1)) throw new CodedError('sourceUnavailable', 'the source does not answer');
  }

  #opened(
    key: ChannelKey,
    asked: number,
    emit: Pick<LocalEmitter, 'state' | 'reset'>,
    publish: LocalEmitter['publish'] | undefined,
    map: MapFollower | undefined,
  ): Disposable {
    const source: OpenSource = { key, asked, emit, publish, map, epoch: '', top: 0, brokenSince: undefined };
    // One that was asked for earlier and took longer is nobody's any more.
    if ((this.sources.get(key)?.asked ?? 0) < asked) this.sources.set(key, source);
    return {
      dispose: () => {
        if (this.sources.get(key) === source) this.sources.delete(key);
      },
    };
  }

  /** Whatever a hub calls an internal error is a defect. */
  #logger(): Logger {
    const { problem } = this.#deps;
    return {
      ...silentLogger,
      error: (fields: LogFields, message: string) =>
        problem(`node ${this.index}: ${message} ${JSON.stringify(fields)}`),
      child: () => this.#logger(),
    };
  }
}

/** What an application would build from a channel's publications. */
export function sumOf(facts: readonly { readonly data: unknown }[]): number {
  return facts.reduce((sum, { data }) => fold(sum, data), 0);
}

export function fold(sum: number, data: unknown): number {
  return (sum * 31 + (data as { n: number }).n) % 1_000_003;
}

const REQUEST = {
  method: 'GET',
  path: '/connection/websocket',
  params: {},
  query: new URLSearchParams(),
  headers: {},
  remoteAddress: '127.0.0.1',
  originAllowed: true,
  subprotocols: [],
} as const;
