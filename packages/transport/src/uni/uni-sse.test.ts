import { once } from 'node:events';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSeededRandom, silentLogger } from '@trunkline/base';
import { settle } from '@trunkline/base/testing';
import { nativeProfile, type HubOptions } from '@trunkline/hub';
import { createTestHub, testAuthenticator, type TestHub } from '@trunkline/hub/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { createEntrance, type Entrance } from '../entrance.js';
import type { EntranceOptions } from '../options.js';
import { uniSse } from './uni-sse.js';

interface Event {
  readonly id?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A reader as plain as they come. */
interface Reader {
  readonly status: number;
  readonly body: () => string;
  events(): readonly Event[];
  /** Waits for an event that fits. */
  event(where: (data: Event['data']) => boolean): Promise<Event>;
  ended(): Promise<void>;
  leave(): void;
  pause(): void;
  resume(): void;
}

class Bed {
  readonly test: TestHub;
  readonly #server: Server;
  readonly #entrance: Entrance;

  constructor(options: Partial<HubOptions> = {}, entrance: Partial<EntranceOptions> = {}) {
    const open = ['user', 'anonymous'] as const;
    this.test = createTestHub({
      namespaces: [
        { name: 'room', historySize: 5, forceRecovery: true, allowSubscribe: open },
        { name: 'plain', allowSubscribe: open },
        { name: 'gappy', historySize: 5, overflow: 'gap', allowSubscribe: open },
        { name: 'secret', historySize: 5 },
        { name: 'map', type: 'map', allowSubscribe: open },
      ],
      ...options,
    });
    const { hub, clock } = this.test;
    this.#entrance = createEntrance(
      { clock, random: createSeededRandom(1), logger: silentLogger, hub },
      entrance,
    );
    this.#server = createServer((request, response) => {
      if (this.#entrance.serves(request)) this.#entrance.serve(request, response);
      else response.writeHead(404).end();
    });
  }

  async start(): Promise<this> {
    const { hub } = this.test;
    await hub.use(uniSse({ profile: nativeProfile(hub.options), authenticator: testAuthenticator }));
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  /** Lets the sockets and the hub, whose clock stands still, do what they have to. */
  async pass(met: () => boolean): Promise<void> {
    for (let turn = 0; turn < 2_000 && !met(); turn++) {
      await this.test.clock.advance(0);
      await settle();
    }
    if (!met()) throw new Error('it did not happen');
  }

  async publish(channel: string, n: number): Promise<void> {
    const done = this.test.hub.forOrg('acme').publish(channel, JSON.stringify({ n }));
    await this.test.clock.advance(0);
    await done;
  }

  async read(query: string, headers: Readonly<Record<string, string>> = {}): Promise<Reader> {
    const { port } = this.#server.address() as AddressInfo;
    let text = '';
    let status = 0;
    let over = false;
    const sent = httpRequest({
      port,
      host: '127.0.0.1',
      path: `/connection/uni_sse${query}`,
      headers,
      agent: false,
    });
    const answered = new Promise<import('node:http').IncomingMessage>((resolve) => {
      sent.once('response', resolve);
    });
    sent.end();
    let response: import('node:http').IncomingMessage | undefined;
    void answered.then((one) => {
      response = one;
      status = one.statusCode ?? 0;
      one.on('error', () => undefined);
      one.on('data', (chunk: Buffer) => (text += chunk.toString()));
      one.once('close', () => (over = true));
    });
    await this.pass(() => status !== 0);
    const events = (): Event[] =>
      text
        .split('\n\n')
        .slice(0, -1)
        .map((block) => ({
          id: /^id: (.*)$/m.exec(block)?.[1],
          data: /^data: (.*)$/m.exec(block)?.[1],
        }))
        .flatMap(({ id, data }) =>
          data === undefined ? [] : [{ ...(id === undefined ? {} : { id }), data: JSON.parse(data) }],
        );
    return {
      get status() {
        return status;
      },
      body: () => text,
      events,
      event: async (where) => {
        await this.pass(() => events().some(({ data }) => where(data)));
        return events().find(({ data }) => where(data)) as Event;
      },
      ended: () => this.pass(() => over),
      leave: () => void response?.destroy(),
      pause: () => void response?.pause(),
      resume: () => void response?.resume(),
    };
  }

  async stop(): Promise<void> {
    this.#entrance.dispose();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await this.test.hub.dispose();
  }
}

let bed: Bed | undefined;
afterEach(async () => {
  await bed?.stop();
  bed = undefined;
});
const start = (...given: ConstructorParameters<typeof Bed>): Promise<Bed> =>
  new Bed(...given).start().then((one) => (bed = one));

const TOKEN = `token=${encodeURIComponent('{"user":"ada"}')}`;
const n = ({ data }: Event): number | undefined =>
  (data['pub'] as { data: { n: number } } | undefined)?.data.n;
const numbers = (reader: Reader): (number | undefined)[] =>
  reader
    .events()
    .map(n)
    .filter((one) => one !== undefined);
const isPub =
  (wanted: number) =>
  (data: Event['data']): boolean =>
    n({ data }) === wanted;

describe('what a reader asks for', () => {
  it('[UNI-3] a token in the query, a bearer token, or one in the connect request', async () => {
    const { read } = await start().then((one) => ({ read: one.read.bind(one) }));
    const connect = encodeURIComponent(JSON.stringify({ token: '{"user":"ada"}', name: 'mine' }));
    for (const [query, headers] of [
      [`?${TOKEN}`, {}],
      ['', { authorization: 'Bearer {"user":"ada"}' }],
      [`?cf_connect=${connect}`, {}],
    ] as const) {
      const reader = await read(query, headers);
      expect((await reader.event((data) => 'connect' in data)).data['connect']).toMatchObject({
        client: expect.any(String),
      });
      reader.leave();
    }
  });

  it('[UNI-3] without a credential that is accepted the answer is a status, after which nobody comes back', async () => {
    const one = await start();
    for (const [query, code] of [
      ['', 101],
      ['?token=expired', 109],
    ] as const) {
      const reader = await one.read(query);
      expect(reader.status).toBe(401);
      await reader.ended();
      expect(JSON.parse(reader.body()).error.code).toBe(code);
    }
    expect(one.test.hub.stats().connections).toBe(0);
  });

  it('[UNI-1] what cannot be understood is a 400 that names the parameter', async () => {
    const one = await start();
    const many = Array.from({ length: 65 }, (_, index) => `channel=room:${index}`).join('&');
    const long = Array.from(
      { length: 60 },
      (_, index) => `channel=room:${index}${'%F0%9F%92%A5'.repeat(20)}`,
    );
    for (const [query, word] of [
      ['cf_connect=nonsense', 'cf_connect'],
      ['cf_connect=[]', 'cf_connect'],
      [`cf_connect=${encodeURIComponent('{"token":5}')}`, 'token'],
      [many, 'channel'],
      [long.join('&'), 'channel'],
    ] as const) {
      const reader = await one.read(`?${TOKEN}&${query}`);
      expect([query.slice(0, 30), reader.status]).toEqual([query.slice(0, 30), 400]);
      await reader.ended();
      expect(JSON.parse(reader.body()).error.message).toContain(word);
    }
  });

  it('[STREAM-8] foreign origins are refused', async () => {
    const one = await start();
    expect((await one.read(`?${TOKEN}`, { origin: 'https://evil.test' })).status).toBe(403);
  });

  it('[UNI-4] each channel is authorised like any subscribe; a refusal is an event and harms no other', async () => {
    const one = await start();
    const reader = await one.read(`?${TOKEN}&channel=secret:x&channel=room:x&channel=map:x&channel=`);
    await reader.event((data) => data['channel'] === 'room:x' && 'subscribe' in data);
    await one.pass(() => reader.events().filter(({ data }) => 'error' in data).length === 3);
    const refusals = new Map(
      reader
        .events()
        .filter(({ data }) => 'error' in data)
        .map(({ data }) => [data['channel'], (data['error'] as { code: number }).code]),
    );
    expect(refusals).toEqual(
      new Map([
        ['secret:x', 103],
        ['map:x', 107],
        ['', 107],
      ]),
    );
    await one.publish('room:x', 1);
    await reader.event(isPub(1));
  });

  it('[UNI-4] channels that the credential brings need not be named', async () => {
    const one = await start();
    const token = encodeURIComponent('{"user":"ada","channels":["room:own"]}');
    const reader = await one.read(`?token=${token}`);
    const connect = await reader.event((data) => 'connect' in data);
    expect(connect.id).toMatch(/^room%3Aown=/);
    await one.publish('room:own', 1);
    expect((await reader.event(isPub(1))).id).toMatch(/\.1$/);
    await one.publish('room:own', 2);
    reader.leave();
    const again = await one.read(`?token=${token}`, { 'last-event-id': connect.id ?? '' });
    await again.event(isPub(2));
    expect(numbers(again)).toEqual([1, 2]);
  });
});

describe('events', () => {
  it('[UNI-2] every push is one event, publications with an id', async () => {
    const one = await start();
    const reader = await one.read(`?${TOKEN}&channel=room:x&channel=plain:x`);
    await one.pass(() => reader.events().filter(({ data }) => 'subscribe' in data).length === 2);
    await one.publish('room:x', 1);
    await one.publish('plain:x', 2);
    const [first, second] = [await reader.event(isPub(1)), await reader.event(isPub(2))];
    expect(first.id).toMatch(/^plain%3Ax=\.0&room%3Ax=\w+\.1$/);
    // A channel that numbers nothing has no place that an id could name.
    expect(second.id).toBeUndefined();
    expect(reader.body()).toMatch(/^retry: \d{4}\n\n/);
    const times = /retry: (\d+)/.exec(reader.body())?.[1];
    expect(Number(times)).toBeGreaterThanOrEqual(1_000);
    expect(Number(times)).toBeLessThan(3_000);
  });

  it('[UNI-8] the ping is a comment, at the interval of the hub, and asks for no answer', async () => {
    const one = await start({ pingIntervalMs: 25_000, pongTimeoutMs: 8_000 });
    const reader = await one.read(`?${TOKEN}&channel=room:x`);
    await reader.event((data) => 'subscribe' in data);
    for (let turn = 0; turn < 4; turn++) {
      await one.test.clock.advance(25_000);
      await one.pass(() => (reader.body().match(/^:$/gm) ?? []).length > turn);
    }
    expect(one.test.hub.stats().connections).toBe(1);
    expect(reader.events().every(({ data }) => Object.keys(data).length > 0)).toBe(true);
  });

  it('[STREAM-7] a close is an event, then the end', async () => {
    const one = await start();
    const reader = await one.read(`?${TOKEN}&channel=room:x`);
    await reader.event((data) => 'subscribe' in data);
    await one.test.hub.forOrg('acme').disconnect({ user: 'ada' }, { code: 3503, reason: 'out' });
    expect((await reader.event((data) => 'disconnect' in data)).data['disconnect']).toMatchObject({
      code: 3503,
      reason: 'out',
    });
    await reader.ended();
  });
});

describe('continuity', () => {
  it('[UNI-5] a reader that comes back with its last id gets what it missed, once and in order', async () => {
    const one = await start();
    const query = `?${TOKEN}&channel=room:x&channel=room:y`;
    const reader = await one.read(query);
    await one.pass(() => reader.events().filter(({ data }) => 'subscribe' in data).length === 2);
    await one.publish('room:x', 1);
    await one.publish('room:y', 2);
    const { id = '' } = await reader.event(isPub(2));
    reader.leave();
    for (const [channel, number] of [
      ['room:x', 3],
      ['room:y', 4],
      ['room:x', 5],
    ] as const)
      await one.publish(channel, number);
    for (const [headers, more] of [
      [{ 'last-event-id': id }, ''],
      [{}, `&since=${encodeURIComponent(id)}`],
    ] as const) {
      const again = await one.read(query + more, headers);
      await one.pass(() => numbers(again).length === 3);
      expect(numbers(again).toSorted()).toEqual([3, 4, 5]);
      expect(again.events().filter(({ data }) => 'gap' in data)).toEqual([]);
      // Every id on the way is a place from which nothing would be missed or come twice.
      for (const [index, event] of again.events().entries()) {
        if (event.id === undefined) continue;
        const seen = again
          .events()
          .slice(0, index + 1)
          .map(n);
        const third = await one.read(query, { 'last-event-id': event.id });
        const rest = [3, 4, 5].filter((number) => !seen.includes(number));
        await one.pass(
          () =>
            third.events().filter(({ data }) => 'subscribe' in data).length === 2 &&
            numbers(third).length >= rest.length,
        );
        expect(numbers(third).toSorted()).toEqual(rest);
        third.leave();
      }
      again.leave();
    }
  });

  it('[UNI-6] one that missed more than is kept is told of the gap, and goes on from its end', async () => {
    const one = await start();
    const query = `?${TOKEN}&channel=room:x`;
    const reader = await one.read(query);
    const { id = '' } = await reader.event((data) => 'subscribe' in data);
    reader.leave();
    for (let number = 1; number <= 9; number++) await one.publish('room:x', number);
    const again = await one.read(query, { 'last-event-id': id });
    const gap = await again.event((data) => 'gap' in data);
    expect(gap.data['gap']).toMatchObject({
      reason: 'unrecovered',
      since: { offset: 0 },
      position: { offset: 9 },
    });
    expect(gap.id).toMatch(/\.9$/);
    // Whoever leaves before the gap was told is told again.
    const told = await again.event((data) => 'subscribe' in data);
    expect(told.id).toBe(id);
    await one.publish('room:x', 10);
    await again.event(isPub(10));
    expect(numbers(again)).toEqual([10]);
  });

  it('[UNI-6] an id that cannot be read, and a channel without history, are gaps and not fresh starts', async () => {
    const one = await start();
    const lost = await one.read(`?${TOKEN}&channel=room:x`, { 'last-event-id': 'nonsense' });
    expect((await lost.event((data) => 'gap' in data)).data['channel']).toBe('room:x');
    const reader = await one.read(`?${TOKEN}&channel=plain:x`);
    const { id = '' } = await reader.event((data) => 'subscribe' in data);
    const again = await one.read(`?${TOKEN}&channel=plain:x`, { 'last-event-id': id });
    expect((await again.event((data) => 'gap' in data)).data['channel']).toBe('plain:x');
  });

  it('[UNI-6] a reader that falls behind is cut off with an end, so that it comes back by its id', async () => {
    const one = await start({ outboxMaxMessages: 3, outboxMaxBytes: 100_000 }, { highWaterBytes: 1_024 });
    const query = `?${TOKEN}&channel=room:x`;
    const reader = await one.read(query);
    const { id = '' } = await reader.event((data) => 'subscribe' in data);
    expect(id).toMatch(/\.0$/);
    reader.pause();
    const filler = 'x'.repeat(60_000);
    const { hub, clock } = one.test;
    for (let number = 1; number <= 200 && hub.stats().closes[3010] === undefined; number++) {
      void hub.forOrg('acme').publish('room:x', JSON.stringify({ n: number, filler }));
      await clock.advance(0);
      await settle();
    }
    expect(hub.stats().closes[3010]).toBe(1);
    expect(hub.stats().overflows.recover).toBe(1);
    reader.resume();
    expect((await reader.event((data) => 'disconnect' in data)).data['disconnect']).toMatchObject({
      code: 3010,
    });
    await reader.ended();
    const seen = numbers(reader);
    expect(seen).toEqual(Array.from({ length: seen.length }, (_, index) => index + 1));
    const again = await one.read(query, {
      'last-event-id': reader.events().findLast((event) => event.id)?.id ?? '',
    });
    const { data } = await again.event((one) => 'gap' in one || isPub(seen.length + 1)(one));
    expect(data).toBeTruthy();
  });

  it('[UNI-6] where the channel drops instead, the range is told', async () => {
    const one = await start({ outboxMaxMessages: 3, outboxMaxBytes: 100_000 }, { highWaterBytes: 1_024 });
    const { hub, clock } = one.test;
    const reader = await one.read(`?${TOKEN}&channel=gappy:x`);
    await reader.event((data) => 'subscribe' in data);
    reader.pause();
    const filler = 'x'.repeat(60_000);
    let number = 0;
    while (hub.stats().overflows.gap === 0 && number < 300) {
      void hub.forOrg('acme').publish('gappy:x', JSON.stringify({ n: ++number, filler }));
      await clock.advance(0);
      await settle();
    }
    expect(hub.stats().overflows.gap).toBe(1);
    reader.resume();
    const told = await reader.event((data) => 'gap' in data);
    const { from, to } = told.data['gap'] as { from: number; to: number };
    expect([from, to]).toEqual([numbers(reader).length + 1, number]);
    expect(told.id).toMatch(new RegExp(`\\.${to}$`));
    expect(hub.stats().connections).toBe(1);
    expect(hub.stats().closes).toEqual({});
  });

  it('[UNI-6] a refusal that may pass ends the stream, so that the reader asks again', async () => {
    const one = await start({ subscribeDeadlineMs: 1_000 });
    await one.test.hub.use({
      id: 'slow',
      start: () => ({
        namespaces: [
          {
            options: { name: 'slow', historySize: 1, allowSubscribe: ['user'] },
            authorise: () => new Promise<boolean>(() => undefined),
          },
        ],
      }),
    });
    const reader = await one.read(`?${TOKEN}&channel=slow:x`);
    await reader.event((data) => 'connect' in data);
    await one.test.clock.advance(2_000);
    expect((await reader.event((data) => 'error' in data)).data['error']).toMatchObject({
      code: 1000,
      temporary: true,
    });
    expect((await reader.event((data) => 'disconnect' in data)).data['disconnect']).toMatchObject({
      code: 3011,
    });
    await reader.ended();
  });
});
