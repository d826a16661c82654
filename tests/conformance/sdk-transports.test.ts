/**
 * The SDK over each of its transports against a real hub behind real sockets: what a proxy refuses is gone round, and whatever carries the frames, nothing
 * is missed and nothing told twice. Also values that travel as differences.
 */
import { EventSource } from 'eventsource';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createClient, type Client, type TransportName, type Untyped } from '@trunkline/client';
import { fallbacks, type EventSourceConstructor, type Fetch } from '@trunkline/client/fallbacks';
import { Kit, until, type FaultProxy } from '@trunkline/testkit';
import { startWorld, type World } from '../support/sdk-world.js';

const ALL: readonly TransportName[] = ['websocket', 'http_stream', 'sse'];
const BEHIND: readonly { found: TransportName; refused: readonly TransportName[] }[] = [
  { found: 'websocket', refused: [] },
  { found: 'http_stream', refused: ['websocket'] },
  { found: 'sse', refused: ['websocket', 'http_stream'] },
];

let kit: Kit;
let world: World;
let proxy: FaultProxy;
let errors: string[];

function open(): Client<Untyped> {
  const client = createClient<Untyped>({
    url: proxy.url,
    websocket: WebSocket as never,
    minDelayMs: 20,
    maxDelayMs: 200,
    onError: (error, { where }) => void errors.push(`${where} ${String(error)}`),
    transport: fallbacks({
      transports: ALL,
      fetch: fetch as unknown as Fetch,
      eventSource: EventSource as unknown as EventSourceConstructor,
    }),
  });
  kit.defer(() => client.dispose());
  return client;
}
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

beforeEach(async () => {
  kit = new Kit();
  world = kit.use(await startWorld());
  proxy = await kit.proxy(world);
  errors = [];
});
afterEach(() => kit.dispose());

describe.each(BEHIND)('the SDK over $found', ({ found, refused }) => {
  beforeEach(() => {
    for (const transport of refused) world.refuses.add(transport);
  });

  it('[CLIENT-21] goes round what is refused, and shows what it found', async () => {
    const client = open();
    await client.ready();
    expect(client.state.get()).toMatchObject({ kind: 'connected', transport: found });
    expect([...client.extensions]).toContain('rpc');
  });

  it('[CLIENT-21] every publication once and in order while the network is cut again and again', async () => {
    const client = open();
    const log: unknown[] = [];
    const resets: unknown[] = [];
    const sub = client.stream('news:a', {
      onPublication: ({ data }) => void log.push(data),
      onReset: (reset) => void resets.push(reset),
    });
    await until('it is live', () => sub.state.get().kind === 'live');
    for (const seq of upTo(300)) {
      await world.org.publish('news:a', JSON.stringify(seq));
      if (seq % 60 === 0) {
        proxy.drop();
        await until('it is live again', () => sub.state.get().kind === 'live');
      }
    }
    await until('all came', () => log.length >= 300);
    expect(log).toEqual(upTo(300));
    expect(resets).toEqual([]);
    expect(client.state.get()).toMatchObject({ kind: 'connected', transport: found });
  });

  it('[CLIENT-21] calls and publications of a client arrive in the order they were made', async () => {
    const client = open();
    await client.ready();
    const answers = await Promise.all(upTo(60).map((n) => client.rpc('echo', { n, text: 'Grüße 東京' })));
    expect(answers).toEqual(upTo(60).map((n) => ({ n, text: 'Grüße 東京' })));
    expect(world.calls).toEqual(answers);
    const log: unknown[] = [];
    const sub = client.stream('news:b', { onPublication: ({ data }) => void log.push(data) });
    await until('it is live', () => sub.state.get().kind === 'live');
    for (const n of upTo(40)) {
      void client.publish('news:b', n).catch((error: unknown) => errors.push(String(error)));
      if (n % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await until('all came', () => log.length === 40);
    expect([log, errors]).toEqual([upTo(40), errors.filter((error) => error.startsWith('transport'))]);
  });

  it('[CLIENT-22] values that travel as differences arrive whole, also over lost connections', async () => {
    const client = open();
    const document = (n: number): object => ({
      title: 'A document that changes little',
      body: 'the same words '.repeat(20),
      revision: n,
    });
    const log: unknown[] = [];
    const sub = client.stream('doc:1', { delta: 'fossil', onPublication: ({ data }) => void log.push(data) });
    const cells = client.map('cells:1', { delta: 'fossil' });
    await until('both are live', () => [sub, cells].every(({ state }) => state.get().kind === 'live'));
    for (const n of upTo(40)) {
      await world.org.publish('doc:1', JSON.stringify(document(n)));
      await world.org.mapPublish('cells:1', `row ${n % 3}`, JSON.stringify(document(n)));
      if (n % 15 === 0) proxy.drop();
    }
    await until('all came', () => log.length >= 40 && sub.state.get().kind === 'live');
    await until(
      'the map is there',
      () => cells.state.get().kind === 'live' && cells.getKey('row 1') !== undefined,
    );
    expect(log).toEqual(upTo(40).map(document));
    expect(Object.fromEntries(cells.get())).toEqual({
      'row 0': document(39),
      'row 1': document(40),
      'row 2': document(38),
    });
    for (const n of [41, 42, 43]) await world.org.publish('doc:1', JSON.stringify(document(n)));
    await until('the last came', () => log.length === 43);
    expect(sub.deltas?.numDeltaPayloads).toBeGreaterThan(0);
    expect(sub.deltas?.compressionRatio).toBeGreaterThan(0.3);
    expect(errors.filter((error) => error.startsWith('decode'))).toEqual([]);
  });
});
