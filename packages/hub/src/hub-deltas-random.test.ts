import { createSeededRandom, randomInt, type Random } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import { createMemoryBroker, type BrokerFactory } from '@trunkline/broker';
import { applyDelta, fromUtf8, utf8, type Codec, type Payload } from '@trunkline/protocol';
import { createJsonCodec } from '@trunkline/protocol/json';
import { describe, expect, test } from 'vitest';
import { defineModule, type LocalEmitter } from './ports/index.js';
import { createTestHub, RawPeer, TEST_REQUEST, type Frame, type TestHub } from './testing.js';
import { nativeProfile } from './router/native-endpoint.js';

/**
 * Random worlds with deltas: readers that stall, drop, filter, recover and start again, on streams and maps of every outcome, over two codecs,
 * beside plain readers. Each reader keeps what it holds as the stock client does, but forgets it at every subscribe; whatever it reconstructs
 * must be the very text that was published under that offset.
 */
const open = ['user'] as const;
const map = {
  mode: 'persistent',
  keyTtlMs: 0,
  streamSize: 25,
  streamTtlMs: 300_000,
  clientKey: 'none',
  maxKeys: 100,
} as const;
const NAMESPACES = [
  { name: 'log', historySize: 1_000, forceRecovery: true },
  { name: 'feed', historySize: 30, overflow: 'gap' },
  { name: 'tail', historySize: 5, overflow: 'latest' },
  { name: 'tags', historySize: 50, allowTagsFilter: true },
  { name: 'last', historySize: 5, forceRecovery: true, recoveryMode: 'cache' },
  // Idle for some seconds, it begins a new epoch.
  { name: 'short', historySize: 20, historyTtlMs: 4_000, metaTtlMs: 4_000 },
  { name: 'plain', overflow: 'latest' },
  { name: 'map', type: 'map', allowTagsFilter: true, map },
  { name: 'keys', type: 'map', overflow: 'latest', map: { ...map, mode: 'ephemeral', keyTtlMs: 20_000 } },
  { name: 'rows', type: 'map', overflow: 'gap', map: { ...map, streamSize: 40 } },
] as const;
const CHANNELS = [...NAMESPACES.map(({ name }) => `${name}:1`), 'local:1'];
const KEYS = ['a', 'b', 'c', 'd'];
const isMap = (channel: string): boolean => /^(map|keys|rows):/.test(channel);
const FILTER = { key: 'team', cmp: 'eq', val: 'a' };

/** What was published, by channel: by epoch and offset, and all of it for what has no offset. */
class Truth {
  readonly #numbered = new Map<string, string>();
  readonly #all = new Map<string, Set<string>>();

  note(channel: string, epoch: string, offset: number, data: Payload): void {
    const text = typeof data === 'string' ? data : JSON.stringify(Buffer.from(data).toString('base64'));
    this.#numbered.set(`${channel} ${epoch} ${offset}`, text);
    const all = this.#all.get(channel) ?? new Set();
    this.#all.set(channel, all.add(text));
  }

  holds(channel: string, epoch: string, offset: number, text: string): boolean {
    return offset === 0
      ? this.#all.get(channel)?.has(text) === true
      : this.#numbered.get(`${channel} ${epoch} ${offset}`) === text;
  }
}

interface Held {
  epoch: string;
  offset: number;
  subscribed: boolean;
  delta: boolean;
  /** Payloads by place, as bytes. */
  readonly bases: Map<string, Uint8Array>;
  readonly state: Map<string, string>;
}

interface ReaderOptions {
  readonly extensions: string;
  readonly delta: boolean;
  readonly filter: boolean;
  readonly codec: Codec;
}

class Reader {
  readonly #world: TestHub;
  readonly #truth: Truth;
  readonly #options: ReaderOptions;
  readonly held = new Map<string, Held>();
  readonly problems: string[] = [];
  readonly seen = { full: 0, delta: 0, plain: 0 };
  readonly #asked = new Map<number, string>();
  #nextId = 100;
  peer: RawPeer;
  open = false;

  constructor(world: TestHub, truth: Truth, options: ReaderOptions) {
    this.#world = world;
    this.#truth = truth;
    this.#options = options;
    this.peer = this.#newPeer();
  }

  #newPeer(): RawPeer {
    return this.#world.peer({
      codec: this.#options.codec,
      request: TEST_REQUEST,
      profile: nativeProfile(this.#world.hub.options),
    });
  }

  async connect(): Promise<void> {
    this.peer = this.#newPeer();
    this.#asked.clear();
    await this.peer.connect({}, this.#options.extensions);
    this.open = true;
    for (const [channel, held] of this.held) {
      held.subscribed = false;
      // In the middle of its pages.
      if (held.offset === -1) this.held.delete(channel);
    }
  }

  subscribe(channel: string): void {
    const held = this.held.get(channel);
    if (!this.open || held?.subscribed || [...this.#asked.values()].includes(channel)) return;
    const recover = held && held.epoch !== '' && held.offset >= 0;
    const position = recover ? { recover: true, epoch: held.epoch, offset: held.offset } : {};
    this.#ask(
      channel,
      isMap(channel)
        ? { type: 1, phase: recover ? 1 : 2, limit: 2, ...position }
        : { recoverable: true, ...position },
    );
  }

  unsubscribe(channel: string): void {
    const held = this.held.get(channel);
    if (!this.open || !held?.subscribed) return;
    held.subscribed = false;
    this.peer.send({ id: this.#nextId++, unsubscribe: { channel } });
  }

  #ask(channel: string, fields: Frame): void {
    const id = this.#nextId++;
    this.#asked.set(id, channel);
    const { delta, filter } = this.#options;
    const filtered = filter && /^(tags|map):/.test(channel);
    this.peer.send({
      id,
      subscribe: {
        channel,
        ...fields,
        ...(delta ? { delta: 'fossil' } : {}),
        ...(filtered ? { tf: FILTER } : {}),
      },
    });
  }

  #onSubscribed(channel: string, reply: Frame): void {
    const result = reply['subscribe'] as Frame | undefined;
    if (!result) {
      const { code, temporary } = reply['error'] as { code: number; temporary?: boolean };
      if (code === 112) this.held.delete(channel);
      else if (temporary !== true) this.problems.push(`${channel}: ${JSON.stringify(reply['error'])}`);
      return;
    }
    const phase = Number(result['phase'] ?? 0);
    const before = this.held.get(channel);
    const paging = before !== undefined && before.offset === -1;
    const continued = paging || result['recovered'] === true;
    const held: Held = {
      epoch: String(result['epoch'] ?? ''),
      offset: Number(result['offset'] ?? 0),
      subscribed: phase === 0,
      delta: result['delta'] === true,
      // Nothing of an earlier subscription may be relied on.
      bases: paging ? before.bases : new Map(),
      state: continued && before ? before.state : new Map(),
    };
    if (held.delta !== this.#options.delta) this.problems.push(`${channel}: delta ${held.delta}`);
    this.held.set(channel, held);
    for (const entry of (result['state'] ?? []) as Frame[]) this.#accept(channel, held, entry);
    for (const publication of (result['publications'] ?? []) as Frame[])
      this.#accept(channel, held, publication);
    held.offset = Number(result['offset'] ?? 0);
    if (phase !== 0) {
      held.offset = -1;
      this.#ask(channel, {
        type: 1,
        phase,
        limit: 2,
        cursor: result['cursor'],
        epoch: held.epoch,
        offset: Number(result['offset'] ?? 0),
      });
    }
  }

  async read(): Promise<void> {
    for (const frame of await this.peer.frames()) {
      const push = frame['push'] as Frame | undefined;
      const asked = this.#asked.get(Number(frame['id'] ?? 0));
      if (asked !== undefined) {
        this.#asked.delete(Number(frame['id']));
        this.#onSubscribed(asked, frame);
      }
      if (!push) continue;
      const channel = String(push['channel']);
      const held = this.held.get(channel);
      if (push['pub'] && held?.subscribed) {
        this.#accept(channel, held, push['pub'] as Frame);
        held.offset = Number((push['pub'] as Frame)['offset'] ?? held.offset);
      } else if (push['unsubscribe'] && held) held.subscribed = false;
      const gap = (
        (push['message'] as Frame | undefined)?.['data'] as
          { tl?: { gap?: { channel: string; to: number; reason: string } } } | undefined
      )?.tl?.gap;
      const skipped = gap && this.held.get(gap.channel);
      if (skipped) skipped.offset = gap.to;
    }
    if (this.peer.transport.closed) this.open = false;
  }

  /** As the stock client reads a publication of a subscription with deltas, or of one without. */
  #accept(channel: string, held: Held, publication: Frame): void {
    const { data } = publication;
    const key = String(publication['key'] ?? '');
    const offset = Number(publication['offset'] ?? 0);
    if (publication['removed'] === true) {
      held.bases.delete(key);
      held.state.delete(key);
      return;
    }
    let text: string;
    try {
      if (publication['delta'] === true) {
        this.seen.delta++;
        const base = held.bases.get(key);
        if (!base) throw new Error('a delta without a base');
        text = fromUtf8(applyDelta(base, utf8(data as string)));
      } else if (held.delta) {
        this.seen.full++;
        text = data as string;
      } else {
        this.seen.plain++;
        text = JSON.stringify(data);
      }
    } catch (error) {
      this.problems.push(`${channel} ${key} at ${offset}: ${String(error)}`);
      return;
    }
    held.bases.set(key, utf8(text));
    held.state.set(key, text);
    if (!this.#truth.holds(channel, held.epoch, offset, text))
      this.problems.push(`${channel} ${key} at ${offset}: is ${text.slice(0, 40)}`);
  }
}

async function run(
  seed: number,
): Promise<{ problems: string[]; full: number; delta: number; plain: number }> {
  const random: Random = createSeededRandom(seed);
  const clock = new FakeClock();
  const memory = createMemoryBroker({ clock, random: createSeededRandom(seed + 1) });
  let lossy = 0;
  // Other nodes publish too: what they did is in the broker before it is delivered here.
  let lagging = false;
  const late: (() => void)[] = [];
  const catchUp = (): void => {
    for (const deliver of late.splice(0)) deliver();
  };
  const broker: BrokerFactory = (handler) =>
    memory({
      ...handler,
      onPublication: (key, publication, epoch) => {
        if (random.next() < lossy) return;
        late.push(() => handler.onPublication(key, publication, epoch));
        if (!lagging) catchUp();
      },
    });
  const world = createTestHub(
    {
      outboxMaxMessages: 6,
      outboxMaxBytes: 3_000,
      recoveryMaxPublications: 40,
      pingIntervalMs: 0,
      // Some worlds remember little: what was forgotten goes out whole.
      deltaMemoryMaxBytes: seed % 3 === 0 ? 700 : 1_000_000,
      namespaces: NAMESPACES.map((namespace) => ({
        ...namespace,
        allowSubscribe: open,
        allowDelta: ['fossil'],
      })),
    },
    { clock, broker },
  );
  let emitter: LocalEmitter | undefined;
  await world.hub.use(
    defineModule<void>({
      id: 'local',
      start: () => ({
        namespaces: [
          {
            options: {
              name: 'local',
              class: 'local',
              overflow: 'latest',
              allowSubscribe: open,
              allowDelta: ['fossil'],
            },
            source: ({ emit }) => {
              emitter = emit;
              return { dispose: () => undefined };
            },
          },
        ],
      }),
    })(),
  );
  const api = world.hub.forOrg('acme');
  const truth = new Truth();
  const codecs: Codec[] = [createJsonCodec(), { ...createJsonCodec(), name: 'other' }];
  const readers = ['', 'gap', 'gap, source'].flatMap((extensions, index) =>
    [true, false].map(
      (delta) =>
        new Reader(world, truth, {
          extensions,
          delta,
          filter: index === 1,
          codec: codecs[index % 2] as Codec,
        }),
    ),
  );
  for (const reader of readers) await reader.connect();
  let version = 0;
  const document = (): Payload => {
    version++;
    const text = JSON.stringify({
      version,
      fixed: 'ü日😀'.repeat(8),
      at: `${randomInt(random, 1_000)}`,
      tail: 'the same end of it all',
    });
    // Some payloads are bytes; the codecs that carry text give them to everybody whole.
    return random.next() < 0.05 ? utf8(text) : random.next() < 0.05 ? String(version) : text;
  };
  const publish = async (channel: string): Promise<void> => {
    const tags = { tags: { team: random.next() < 0.6 ? 'a' : 'b' } };
    if (isMap(channel)) {
      const key = KEYS[randomInt(random, KEYS.length)] ?? 'a';
      if (random.next() < 0.15) {
        await api.mapRemove(channel, key);
        return;
      }
      const data = document();
      // The number is known before it is delivered: readers are read later.
      const { position } = await api.mapPublish(channel, key, data, tags);
      truth.note(channel, position.epoch, position.offset, data);
    } else if (channel === 'local:1') {
      if (random.next() < 0.1) emitter?.reset('new');
      const data = document();
      const position = emitter?.publish(data);
      if (position) truth.note(channel, position.epoch, position.offset, data);
    } else {
      const data = document();
      const skipHistory = random.next() < (channel === 'tags:1' ? 0.4 : 0.1);
      const { position } = await api.publish(channel, data, {
        ...tags,
        ...(skipHistory ? { skipHistory } : {}),
      });
      truth.note(channel, position.epoch, position.offset, data);
    }
  };
  for (let step = 0; step < 120; step++) {
    const reader = readers[randomInt(random, readers.length)];
    const channel = CHANNELS[randomInt(random, CHANNELS.length)] ?? 'log:1';
    const dice = random.next();
    lossy = random.next() < 0.1 ? 0.2 : 0;
    lagging = random.next() < 0.5;
    if (!lagging || random.next() < 0.3) catchUp();
    if (!reader) continue;
    if (dice < 0.5) {
      const burst = 1 + randomInt(random, dice < 0.06 ? 30 : 5);
      for (let n = 0; n < burst; n++) {
        await publish(channel);
        if (random.next() < 0.3) await clock.advance(1);
      }
    } else if (dice < 0.72) {
      const other = readers[randomInt(random, readers.length)];
      reader.subscribe(channel);
      other?.subscribe(channel);
      // Published while the subscribes are under way.
      if (random.next() < 0.5) await publish(channel);
    } else if (dice < 0.76) reader.unsubscribe(channel);
    else if (dice < 0.82) reader.peer.transport.stall();
    else if (dice < 0.9) reader.peer.transport.unstall();
    else if (dice < 0.95) {
      reader.peer.drop();
      reader.open = false;
      await reader.connect();
    } else await clock.advance(randomInt(random, random.next() < 0.7 ? 6_000 : 50_000));
    for (const one of readers) await one.read();
  }
  lossy = 0;
  lagging = false;
  catchUp();
  const settle = async (): Promise<void> => {
    for (let round = 0; round < 6; round++) {
      for (const reader of readers) {
        reader.peer.transport.unstall();
        await reader.read();
        if (!reader.open) await reader.connect();
        for (const channel of CHANNELS) reader.subscribe(channel);
        await reader.read();
      }
    }
  };
  await settle();
  await clock.advance(50_000);
  await settle();
  for (const channel of CHANNELS) {
    await publish(channel);
    await publish(channel);
  }
  await settle();
  // Where publications are dropped, a key may stand with an older value: the reader was told.
  for (const channel of ['map:1', 'keys:1']) {
    const { entries } = await api.mapState(channel, {});
    for (const [index, reader] of readers.entries()) {
      // With a filter, a key may stand with a value that did not pass.
      if (channel === 'map:1' && (index === 2 || index === 3)) continue;
      const state = reader.held.get(channel)?.state ?? new Map<string, string>();
      if (state.size !== entries.length)
        reader.problems.push(`${channel}: ${state.size} keys of ${entries.length}`);
      for (const { key = '', data } of entries) {
        const text = typeof data === 'string' ? data : JSON.stringify(Buffer.from(data).toString('base64'));
        if (state.get(key) !== text) reader.problems.push(`${channel} ${key}: another value at the end`);
      }
    }
  }
  await world.hub.dispose();
  const sum = (form: 'full' | 'delta' | 'plain'): number =>
    readers.reduce((total, { seen }) => total + seen[form], 0);
  return {
    problems: readers.flatMap((reader) => reader.problems),
    full: sum('full'),
    delta: sum('delta'),
    plain: sum('plain'),
  };
}

describe('random worlds with deltas', () => {
  test('[DELTA-2] [DELTA-4] [DELTA-5] [DELTA-6] [DELTA-7] [DELTA-8] every value is the one that was published, whatever was missed', async () => {
    const total = { full: 0, delta: 0, plain: 0 };
    for (let seed = 1; seed <= 50; seed++) {
      const { problems, ...seen } = await run(seed);
      expect(problems, `seed ${seed}`).toEqual([]);
      total.full += seen.full;
      total.delta += seen.delta;
      total.plain += seen.plain;
    }
    // The worlds really use all three.
    expect(total.delta).toBeGreaterThan(3_000);
    expect(total.full).toBeGreaterThan(3_000);
    expect(total.plain).toBeGreaterThan(3_000);
  }, 60_000);
});
