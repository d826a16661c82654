import { createSeededRandom } from '@trunkline/base';
import { settle } from '@trunkline/base/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClient, type Client } from './client.js';
import type { Untyped } from './contract-types.js';
import { FakeServer } from './testing.js';
import { fossilDelta } from './testing/fossil.js';

let server: FakeServer;
let client: Client<Untyped>;
let errors: string[];

const pass = async (ms: number): Promise<void> => {
  await vi.advanceTimersByTimeAsync(ms);
  await settle();
};
const long = (middle: unknown): object => ({ kept: 'the same text every time', middle, also: 'kept' });
/** A difference that fits nothing. */
const broken = (offset: number, key?: string): object => ({
  offset,
  data: fossilDelta('something else altogether', 'that never was'),
  delta: true,
  ...(key === undefined ? {} : { key }),
});

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  server = new FakeServer();
  errors = [];
  client = createClient<Untyped>({
    url: 'ws://test/',
    websocket: server.websocket,
    random: createSeededRandom(1),
    onError: (_, { where }) => void errors.push(where),
  });
  server.channel('doc').deltas = true;
});
afterEach(() => {
  client.dispose();
  vi.useRealTimers();
});

describe('differences', () => {
  it('[CLIENT-22] are asked for, put together, and counted', async () => {
    const log: unknown[] = [];
    const sub = client.stream('doc', { delta: 'fossil', onPublication: ({ data }) => void log.push(data) });
    await settle();
    expect(server.received('subscribe')[0]).toMatchObject({ delta: 'fossil' });
    for (const value of [1, 2, 3]) server.publish('doc', long(value));
    await settle();
    expect(log).toEqual([long(1), long(2), long(3)]);
    expect(sub.deltas).toMatchObject({ numPublications: 3, numFullPayloads: 1, numDeltaPayloads: 2 });
    expect(sub.deltas?.bytesReceived).toBeLessThan(sub.deltas?.bytesDecoded ?? 0);
    expect(client.stream('plain').deltas).toBeUndefined();
  });

  it('[CLIENT-22] a server that grants none sends whole values', async () => {
    const log: unknown[] = [];
    const sub = client.stream('news', { delta: 'fossil', onPublication: ({ data }) => void log.push(data) });
    await settle();
    for (const value of [1, 2]) server.publish('news', long(value));
    await settle();
    expect(log).toEqual([long(1), long(2)]);
    expect(sub.deltas).toMatchObject({ numDeltaPayloads: 0 });
  });

  it('[CLIENT-22] continue over a lost connection', async () => {
    const log: unknown[] = [];
    client.stream('doc', { delta: 'fossil', onPublication: ({ data }) => void log.push(data) });
    await settle();
    server.publish('doc', long(1));
    await settle();
    server.cut();
    server.publish('doc', long(2));
    server.publish('doc', long(3));
    await pass(2_000);
    server.publish('doc', long(4));
    await settle();
    expect(log).toEqual([1, 2, 3, 4].map(long));
    expect(errors.filter((where) => where === 'decode')).toEqual([]);
  });

  it('[CLIENT-22] one that does not fit is a loss of its channel alone, and is fetched whole', async () => {
    const log: unknown[] = [];
    const others: unknown[] = [];
    const sub = client.stream('doc', {
      delta: 'fossil',
      onPublication: ({ data }) => void log.push(data),
      onReset: ({ reason }) => void log.push(reason),
    });
    client.stream('news', { onPublication: ({ data }) => void others.push(data) });
    await settle();
    server.publish('doc', long(1));
    const { offset } = server.publishLost('doc', long(2));
    server.connection.push({ channel: 'doc', pub: broken(offset) });
    server.publish('news', 'on');
    await pass(100);
    server.publish('doc', long(3));
    await settle();
    expect(log).toEqual([long(1), long(2), long(3)]);
    expect(others).toEqual(['on']);
    expect(sub.state.get()).toEqual({ kind: 'live' });
    expect(errors).toEqual(['decode']);
    expect(server.connections).toHaveLength(1);
  });

  it('[CLIENT-22] where nothing can be fetched, one that does not fit is a reset', async () => {
    server.channel('doc').historySize = 0;
    const log: unknown[] = [];
    client.stream('doc', {
      delta: 'fossil',
      onPublication: ({ data }) => void log.push(data),
      onReset: ({ reason }) => void log.push(reason),
    });
    await settle();
    server.publish('doc', long(1));
    server.connection.push({ channel: 'doc', pub: broken(0) });
    await settle();
    expect(log).toEqual([long(1), 'undecodable']);
  });

  it('[CLIENT-22] a map gets whole values, and after one that does not fit its whole state', async () => {
    server.publishLost('doc', long('a'), { key: 'a' });
    const map = client.map('doc', { delta: 'fossil' });
    await settle();
    server.publish('doc', long('A'), { key: 'a' });
    server.publish('doc', long('b'), { key: 'b' });
    await settle();
    expect([...map.get()]).toEqual([
      ['a', long('A')],
      ['b', long('b')],
    ]);
    expect(map.deltas?.numDeltaPayloads).toBeGreaterThan(0);
    const { offset } = server.publishLost('doc', long('B'), { key: 'b' });
    server.connection.push({ channel: 'doc', pub: broken(offset, 'b') });
    await settle();
    expect(map.state.get().kind).not.toBe('live');
    await pass(2_000);
    expect(map.getKey('b')).toEqual(long('B'));
    expect(map.state.get()).toEqual({ kind: 'live' });
    expect(server.connections).toHaveLength(1);
  });

  it('[CLIENT-22] a difference fits a value of the first state, which counts as a whole one', async () => {
    server.publishLost('doc', long('first'), { key: 'a' });
    const map = client.map('doc', { delta: 'fossil' });
    await settle();
    expect(map.getKey('a')).toEqual(long('first'));
    expect(map.deltas).toMatchObject({ numFullPayloads: 1, numDeltaPayloads: 0 });
    server.publish('doc', long('second'), { key: 'a' });
    server.publish('doc', long('third'), { key: 'a' });
    await settle();
    expect(map.getKey('a')).toEqual(long('third'));
    expect(map.deltas).toMatchObject({ numFullPayloads: 1, numDeltaPayloads: 2 });
  });

  it('[CLIENT-22] values of a page are read while the next one is on its way', async () => {
    server.pageSize = 2;
    for (const key of ['a', 'b', 'c', 'd', 'e']) server.publishLost('doc', long(key), { key });
    let asked = 0;
    class CountedSocket extends server.websocket {
      override send(data: string): void {
        if (data.includes('"subscribe"')) asked++;
        super.send(data);
      }
    }
    client.dispose();
    client = createClient<Untyped>({ url: 'ws://test/', websocket: CountedSocket });
    const readAtPage: number[] = [];
    const original = JSON.parse;
    const parse = vi.spyOn(JSON, 'parse').mockImplementation((text, reviver) => {
      if (text.startsWith('{"kept"')) readAtPage.push(asked);
      return original(text, reviver) as unknown;
    });
    const map = client.map('doc', { delta: 'fossil' });
    await settle();
    parse.mockRestore();
    // Those of the first page once the second was asked for, those of the second likewise, the last with the last answer.
    expect(readAtPage).toEqual([2, 2, 3, 3, 3]);
    expect([...map.get().values()]).toEqual(['a', 'b', 'c', 'd', 'e'].map(long));
    expect(map.deltas).toMatchObject({ numFullPayloads: 5, numDeltaPayloads: 0 });
    server.publish('doc', long('A'), { key: 'a' });
    await settle();
    expect(map.getKey('a')).toEqual(long('A'));
    expect(map.deltas).toMatchObject({ numDeltaPayloads: 1 });
  });

  it('[CLIENT-22] values that are texts come as they are from a server that grants no differences', async () => {
    server.pageSize = 1;
    for (const key of ['a', 'b']) server.publishLost('plain', '{"not":"parsed"}', { key });
    const map = client.map('plain', { delta: 'fossil' });
    await settle();
    expect([...map.get().values()]).toEqual(['{"not":"parsed"}', '{"not":"parsed"}']);
  });

  it('[CLIENT-22] and a filter exclude each other; readers must agree', async () => {
    const filter = { key: 'a', cmp: 'eq', val: 'b' } as never;
    expect(() => client.stream('doc', { delta: 'fossil', filter })).toThrow(/delta and filter/);
    client.stream('doc', { delta: 'fossil' });
    expect(() => client.stream('doc')).toThrow(/another "delta"/);
    await settle();
    expect(server.received('subscribe')).toHaveLength(1);
  });
});
