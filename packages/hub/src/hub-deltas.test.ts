import { createSeededRandom } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import { createMemoryBroker, type Broker, type BrokerFactory, type BrokerHandler } from '@trunkline/broker';
import { applyDelta, fromUtf8, utf8, type Codec, type Publication } from '@trunkline/protocol';
import { createJsonCodec } from '@trunkline/protocol/json';
import { describe, expect, test } from 'vitest';
import type { HubOptions } from './options.js';
import { nativeProfile } from './router/native-endpoint.js';
import { createTestHub, type Frame, type RawPeer, type TestHub } from './testing.js';

const open = ['user'] as const;
const fossil = { allowSubscribe: open, allowDelta: ['fossil'] } as const;
const MAP = {
  mode: 'persistent',
  keyTtlMs: 0,
  streamSize: 100,
  streamTtlMs: 300_000,
  clientKey: 'none',
  maxKeys: 100,
} as const;
const NAMESPACES: HubOptions['namespaces'] = [
  { name: 'doc', historySize: 100, ...fossil },
  { name: 'bare', ...fossil },
  { name: 'gaps', historySize: 100, overflow: 'gap', ...fossil },
  { name: 'tags', historySize: 100, allowTagsFilter: true, ...fossil },
  { name: 'none', historySize: 100, allowSubscribe: open },
  { name: 'map', type: 'map', map: MAP, allowTagsFilter: true, ...fossil },
];
/** Long enough that what changes is little of it. */
const text = (version: number | string): string =>
  JSON.stringify({ version, same: 'what stays as it was, in every version of it'.repeat(3) });

function world(options: Partial<HubOptions> = {}, given: Parameters<typeof createTestHub>[1] = {}): TestHub {
  return createTestHub({ pingIntervalMs: 0, namespaces: NAMESPACES, ...options }, given);
}

async function subscribed(peer: RawPeer, channel: string, fields: Frame = {}): Promise<Frame> {
  const reply = await peer.call({ subscribe: { channel, delta: 'fossil', ...fields } });
  return (reply['subscribe'] ?? reply) as Frame;
}

async function reader(hub: TestHub, channel: string, fields: Frame = {}, extensions = ''): Promise<RawPeer> {
  const peer = hub.peer();
  await peer.connect({}, extensions);
  await subscribed(peer, channel, fields);
  await peer.frames();
  return peer;
}

/** What a list of publications says, read as the stock client does; `bases` carries on between lists. */
function readAll(publications: unknown, bases = new Map<string, Uint8Array>()): string[] {
  return ((publications ?? []) as Frame[]).map((publication) => {
    const key = String(publication['key'] ?? '');
    if (publication['removed'] === true) {
      bases.delete(key);
      return `removed ${key}`;
    }
    const base = bases.get(key);
    const data = utf8(publication['data'] as string);
    const delta = publication['delta'] === true;
    if (delta && !base) throw new Error(`a delta without a base at ${String(publication['offset'])}`);
    const whole = delta && base ? applyDelta(base, data) : data;
    bases.set(key, whole);
    const { version } = JSON.parse(fromUtf8(whole)) as { version: unknown };
    return `${delta ? 'delta' : 'full'} ${String(version)}`;
  });
}

/** Counts what is encoded, by form. */
function countingCodec(): { codec: Codec; forms: string[] } {
  const codec = createJsonCodec();
  const forms: string[] = [];
  const encodePublication = (channel: string, publication: Publication) => {
    forms.push(publication.form ?? 'plain');
    return codec.encodePublication(channel, publication);
  };
  return { codec: { ...codec, encodePublication }, forms };
}

describe('who has deltas', () => {
  test('[DELTA-1] whoever asks where the namespace allows it; elsewhere the answer is as if it had not', async () => {
    const hub = world();
    const peer = hub.peer();
    await peer.connect({ channels: ['doc:server'] });
    expect((await subscribed(peer, 'doc:1'))['delta']).toBe(true);
    expect(await subscribed(peer, 'none:1')).not.toHaveProperty('delta');
    expect(await subscribed(peer, 'doc:2', { delta: 'xdelta' })).not.toHaveProperty('delta');
    expect(await subscribed(peer, 'doc:3', { delta: '' })).not.toHaveProperty('delta');
    await peer.frames();
    for (const channel of ['doc:1', 'none:1', 'doc:2', 'doc:3', 'doc:server'])
      await hub.hub.forOrg('acme').publish(channel, text(1));
    const publications = (await peer.publications()).map(({ data }) => typeof data);
    expect(publications).toEqual(['string', 'object', 'object', 'object', 'object']);
  });

  test('[DELTA-1] an unknown kind in the options is refused by name', () => {
    expect(() => world({ namespaces: [{ name: 'x', allowDelta: ['zip'] as never }] })).toThrow(
      "namespace 'x': allowDelta must hold only 'fossil', got 'zip'",
    );
  });
});

describe('live publications', () => {
  test('[DELTA-2] [DELTA-4] the first is whole, then deltas; a plain reader beside gets payloads', async () => {
    const hub = world();
    const [one, plain] = [await reader(hub, 'doc:1'), await reader(hub, 'doc:1', { delta: '' })];
    const api = hub.hub.forOrg('acme');
    const bases = new Map<string, Uint8Array>();
    await api.publish('doc:1', text(1));
    await api.publish('doc:1', text(2));
    const late = await reader(hub, 'doc:1');
    await api.publish('doc:1', text(3));
    expect(readAll(await one.publications(), bases)).toEqual(['full 1', 'delta 2', 'delta 3']);
    expect(readAll(await late.publications())).toEqual(['full 3']);
    expect((await plain.publications()).map(({ data }) => (data as Frame)['version'])).toEqual([1, 2, 3]);
    // What has nothing in common goes whole, and the next starts from it.
    await api.publish('doc:1', '{"version":4}');
    await api.publish('doc:1', text(5));
    expect(readAll(await one.publications(), bases)).toEqual(['full 4', 'full 5']);
  });

  test('[DELTA-2] channels without history have deltas too, and publications that skip it are part of the chain', async () => {
    const hub = world();
    const api = hub.hub.forOrg('acme');
    const [bare, doc] = [await reader(hub, 'bare:1'), await reader(hub, 'doc:1')];
    for (const version of [1, 2, 3]) await api.publish('bare:1', text(version));
    expect(readAll(await bare.publications())).toEqual(['full 1', 'delta 2', 'delta 3']);
    for (const version of [1, 2, 3, 4])
      await api.publish('doc:1', text(version), { skipHistory: version === 2 });
    expect(readAll(await doc.publications())).toEqual(['full 1', 'delta 2', 'delta 3', 'delta 4']);
  });

  test('[DELTA-3] one delta and one document for each codec and form, however many readers', async () => {
    const hub = world();
    const counting = countingCodec();
    const peers: RawPeer[] = [];
    for (let index = 0; index < 6; index++) {
      const peer = hub.peer({ codec: counting.codec, profile: nativeProfile(hub.hub.options) });
      await peer.connect();
      await subscribed(peer, 'doc:1', index < 4 ? {} : { delta: '' });
      peers.push(peer);
    }
    const api = hub.hub.forOrg('acme');
    await api.publish('doc:1', text(1));
    expect(counting.forms.splice(0).sort()).toEqual(['full', 'plain']);
    await api.publish('doc:1', text(2));
    expect(counting.forms.splice(0).sort()).toEqual(['delta', 'plain']);
    // Nobody is left who has deltas: nothing is remembered or made.
    for (const peer of peers.slice(0, 4)) await peer.call({ unsubscribe: { channel: 'doc:1' } });
    await api.publish('doc:1', text(3));
    expect(counting.forms).toEqual(['plain']);
  });

  test('[DELTA-4] after a reported gap and after a filtered publication the next is whole', async () => {
    const hub = world({ outboxMaxMessages: 2 });
    const api = hub.hub.forOrg('acme');
    const one = await reader(hub, 'gaps:1', {}, 'gap');
    const bases = new Map<string, Uint8Array>();
    await api.publish('gaps:1', text(1));
    expect(readAll(await one.publications(), bases)).toEqual(['full 1']);
    one.transport.stall();
    for (let version = 2; version <= 9; version++) {
      await api.publish('gaps:1', text(version));
      await hub.clock.advance(1);
    }
    one.transport.unstall();
    await api.publish('gaps:1', text(10));
    await api.publish('gaps:1', text(11));
    const seen = readAll(await one.publications(), bases);
    expect(seen.slice(-2)).toEqual(['full 10', 'delta 11']);
    expect(seen.length).toBeLessThan(8);

    const filtered = await reader(hub, 'tags:1', { tf: { key: 'team', cmp: 'eq', val: 'a' } });
    for (const [version, team] of ['a', 'a', 'b', 'a', 'a'].entries())
      await api.publish('tags:1', text(version), { tags: { team } });
    expect(readAll(await filtered.publications())).toEqual(['full 0', 'delta 1', 'full 3', 'delta 4']);
  });

  test('[DELTA-5] bytes go whole on a wire of text, and text after them', async () => {
    const hub = world();
    const one = await reader(hub, 'doc:1');
    const api = hub.hub.forOrg('acme');
    for (const data of [text(1), utf8(text(2)), text(3), text(4)]) await api.publish('doc:1', data);
    const publications = await one.publications();
    expect(publications.map(({ delta }) => delta === true)).toEqual([false, false, false, true]);
    expect(JSON.parse(publications[1]?.['data'] as string)).toBe(Buffer.from(text(2)).toString('base64'));
  });

  test('[DELTA-8] a payload larger than the memory for deltas is not remembered', async () => {
    const hub = world({ deltaMemoryMaxBytes: 400 });
    const one = await reader(hub, 'doc:1');
    const api = hub.hub.forOrg('acme');
    await api.publish('doc:1', text(1));
    await api.publish('doc:1', text('long'.repeat(100)));
    await api.publish('doc:1', text('long'.repeat(101)));
    await api.publish('doc:1', text(4));
    await api.publish('doc:1', text(5));
    expect((await one.publications()).map(({ delta }) => delta === true)).toEqual([
      false,
      true,
      false,
      false,
      true,
    ]);
  });
});

describe('replies', () => {
  test('[DELTA-6] recovered publications are a chain that begins whole and goes on live', async () => {
    const hub = world();
    const api = hub.hub.forOrg('acme');
    await reader(hub, 'doc:1');
    const { position } = await api.publish('doc:1', text(1));
    for (const version of [2, 3, 4]) await api.publish('doc:1', text(version));
    // The second one finds what was made for the first.
    for (const version of [5, 6]) {
      const peer = hub.peer();
      await peer.connect();
      const bases = new Map<string, Uint8Array>();
      const result = await subscribed(peer, 'doc:1', { recoverable: true, recover: true, ...position });
      expect(readAll(result['publications'], bases).slice(0, 3)).toEqual(['full 2', 'delta 3', 'delta 4']);
      await api.publish('doc:1', text(version));
      expect(readAll(await peer.publications(), bases)).toEqual([`delta ${version}`]);
    }
  });

  test('[DELTA-6] [CONT-7] a reply of another epoch than the one that is delivered is refused, and the next shares nothing with it', async () => {
    const clock = new FakeClock();
    const memory = createMemoryBroker({ clock, random: createSeededRandom(1) });
    let other: Awaited<ReturnType<Broker['history']>> | undefined;
    const broker: BrokerFactory = (handler) =>
      intercepted(memory(handler), { history: (run) => (other ? Promise.resolve(other) : run()) });
    const hub = world({}, { clock, broker });
    const api = hub.hub.forOrg('acme');
    await reader(hub, 'doc:1');
    for (const version of [1, 2, 3]) await api.publish('doc:1', text(version));
    other = {
      publications: [7, 8].map((version, index) => ({ offset: index + 2, data: text(`other ${version}`) })),
      position: { epoch: 'other', offset: 3 },
    };
    const peer = hub.peer();
    await peer.connect();
    const request = { recoverable: true, recover: true, epoch: 'other', offset: 1 };
    const refused = await peer.call({ subscribe: { channel: 'doc:1', delta: 'fossil', ...request } });
    expect(refused['error']).toMatchObject({ code: 1000, temporary: true });
    const result = await subscribed(peer, 'doc:1', request);
    expect(readAll(result['publications'])).toEqual(['full other 7', 'delta other 8']);
  });
});

/** A broker whose answers to some methods go through `given`. */
function intercepted(
  broker: Broker,
  given: Partial<Record<keyof Broker, (run: () => Promise<never>) => Promise<unknown>>>,
): Broker {
  return new Proxy(broker, {
    get: (target, name) => {
      const value = Reflect.get(target, name, target) as unknown;
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        const run = (): Promise<never> =>
          (value as (...args: unknown[]) => Promise<never>).apply(target, args);
        return given[name as keyof Broker]?.(run) ?? run();
      };
    },
  });
}

describe('maps', () => {
  const STATE = { type: 1, phase: 2 };

  test('[DELTA-6] [DELTA-7] pages are whole, what follows starts from them, key by key; a removal ends a chain', async () => {
    const hub = world();
    const api = hub.hub.forOrg('acme');
    for (const key of ['a', 'b', 'c']) await api.mapPublish('map:1', key, text(`${key}1`));
    const peer = hub.peer();
    await peer.connect();
    const bases = new Map<string, Uint8Array>();
    const first = await subscribed(peer, 'map:1', { ...STATE, limit: 2 });
    expect(readAll(first['state'], bases)).toEqual(['full a1', 'full b1']);
    await api.mapPublish('map:1', 'a', text('a2'));
    const last = await subscribed(peer, 'map:1', {
      ...STATE,
      limit: 2,
      cursor: first['cursor'],
      epoch: first['epoch'],
      offset: 3,
    });
    expect(last['delta']).toBe(true);
    expect(readAll(last['state'], bases)).toEqual(['full c1']);
    expect(readAll(last['publications'], bases)).toEqual(['full a2']);
    await api.mapPublish('map:1', 'a', text('a3'));
    await api.mapPublish('map:1', 'c', text('c2'));
    await api.mapRemove('map:1', 'c');
    await api.mapPublish('map:1', 'c', text('c3'));
    await api.mapPublish('map:1', 'c', text('c4'));
    expect(readAll(await peer.publications(), bases)).toEqual([
      'delta a3',
      'delta c2',
      'removed c',
      'full c3',
      'delta c4',
    ]);
  });

  test('[DELTA-6] [DELTA-7] recovery of a map is a chain per key', async () => {
    const hub = world();
    const api = hub.hub.forOrg('acme');
    const { position } = await api.mapPublish('map:1', 'a', text('a1'));
    for (const [key, version] of [
      ['a', 2],
      ['b', 1],
      ['a', 3],
      ['b', 2],
    ] as const)
      await api.mapPublish('map:1', key, text(`${key}${version}`));
    const peer = hub.peer();
    await peer.connect();
    const bases = new Map<string, Uint8Array>();
    const result = await subscribed(peer, 'map:1', { type: 1, phase: 1, recover: true, ...position });
    expect(readAll(result['publications'], bases)).toEqual(['full a2', 'full b1', 'delta a3', 'delta b2']);
    await api.mapPublish('map:1', 'b', text('b3'));
    expect(readAll(await peer.publications(), bases)).toEqual(['delta b3']);
  });

  test('[DELTA-4] a page that is ahead of delivery is not taken for what was delivered', async () => {
    const clock = new FakeClock();
    const memory = createMemoryBroker({ clock, random: createSeededRandom(1) });
    const late: (() => void)[] = [];
    let lagging = false;
    const broker: BrokerFactory = (handler: BrokerHandler) =>
      memory({
        ...handler,
        onPublication: (...args) => {
          if (lagging) late.push(() => handler.onPublication(...args));
          else handler.onPublication(...args);
        },
      });
    const hub = world({}, { clock, broker });
    const api = hub.hub.forOrg('acme');
    const before = await reader(hub, 'map:1', STATE);
    for (const key of ['a', 'b', 'c']) await api.mapPublish('map:1', key, text(`${key}1`));
    const peer = hub.peer();
    await peer.connect();
    const bases = new Map<string, Uint8Array>();
    const first = await subscribed(peer, 'map:1', { ...STATE, limit: 2 });
    readAll(first['state'], bases);
    lagging = true;
    await api.mapPublish('map:1', 'c', text('c2'));
    const last = await subscribed(peer, 'map:1', {
      ...STATE,
      limit: 2,
      cursor: first['cursor'],
      epoch: first['epoch'],
      offset: 3,
    });
    // It has c2 already, which comes with it (MAP-1) and is still to be delivered.
    expect(readAll(last['state'], bases)).toEqual(['full c2']);
    expect(readAll(last['publications'], bases)).toEqual(['full c2']);
    lagging = false;
    for (const deliver of late) deliver();
    await api.mapPublish('map:1', 'c', text('c3'));
    expect(readAll(await peer.publications(), bases)).toEqual(['delta c3']);
    expect(readAll(await before.publications())).toEqual([
      'full a1',
      'full b1',
      'full c1',
      'delta c2',
      'delta c3',
    ]);
  });

  test('[DELTA-4] a page that delivery has overtaken is no base', async () => {
    const clock = new FakeClock();
    const memory = createMemoryBroker({ clock, random: createSeededRandom(1) });
    let release: (() => void) | undefined;
    let holding = false;
    const broker: BrokerFactory = (handler) =>
      intercepted(memory(handler), {
        mapState: (run) => {
          const answer = run();
          return holding ? new Promise((resolve) => (release = () => resolve(answer))) : answer;
        },
      });
    const hub = world({}, { clock, broker });
    const api = hub.hub.forOrg('acme');
    await api.mapPublish('map:1', 'a', text('a1'));
    const peer = hub.peer();
    await peer.connect();
    await peer.frames();
    holding = true;
    peer.send({ id: 90, subscribe: { channel: 'map:1', delta: 'fossil', ...STATE } });
    await clock.advance(1);
    await api.mapRemove('map:1', 'a');
    release?.();
    await clock.advance(1);
    await api.mapPublish('map:1', 'a', text('a2'));
    const [reply, push] = await peer.frames();
    const bases = new Map<string, Uint8Array>();
    const result = reply?.['subscribe'] as Frame;
    expect(readAll(result['state'], bases)).toEqual(['full a1']);
    expect(readAll(result['publications'], bases)).toEqual(['removed a']);
    expect(readAll([(push?.['push'] as Frame)['pub']], bases)).toEqual(['full a2']);
  });
});
