/** Commands that happen once and durable channels, as clients meet them: the queue of the SDK, answers that wait, a database that is away. */
import { readFile } from 'node:fs/promises';
import { createClient, type Client, type Untyped } from '@trunkline/client';
import { createOfflineQueue, memoryStore } from '@trunkline/client/offline';
import type { CodedError } from '@trunkline/protocol';
import { Kit, until } from '@trunkline/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import {
  readEvents,
  startDurableServer,
  verifyCounter,
  type DurableServer,
} from '../support/durable-server.js';

const fileKit = new Kit();
let kit = new Kit();
let durable: DurableServer;
beforeAll(async () => {
  durable = await startDurableServer(fileKit, 'PostgreSQL', { config: { store: { deadline: '2s' } } });
}, 120_000);
afterEach(async () => {
  await kit.dispose();
  kit = new Kit();
});
afterAll(() => fileKit.dispose());

let counters = 0;
const newCounter = (): string => `c${process.pid}_${++counters}`;

function open(url = durable.server.wsUrl): Client<Untyped> {
  return kit.use(
    createClient<Untyped>({
      url,
      websocket: WebSocket,
      minDelayMs: 20,
      maxDelayMs: 200,
      onError: () => undefined,
    }),
  );
}

const codeOf = (work: Promise<unknown>): Promise<number> =>
  work.then(
    () => 0,
    (error: CodedError) => error.code,
  );

describe('commands', () => {
  it('[CMD-1] [CMD-2] a repeat is answered as the first call was; with other params it is refused', async () => {
    const id = newCounter();
    const [one, two] = [open(), open()];
    const first = await one.command('counter.add', { id, by: 3, note: 'a' }, { key: `${id} a` });
    expect(first).toMatchObject({ result: { value: 3 }, position: { channel: `counter:${id}`, offset: 1 } });
    await one.command('counter.add', { id, by: 4, note: 'b' }, { key: `${id} b` });
    expect(await two.command('counter.add', { note: 'a', by: 3, id }, { key: `${id} a` })).toEqual(first);
    expect(await codeOf(two.command('counter.add', { id, by: 5 }, { key: `${id} a` }))).toBe(1006);
    const both = await Promise.all(
      [one, two].map((client) => client.command('counter.add', { id, by: 1, note: 'c' }, { key: `${id} c` })),
    );
    expect(both[0]).toEqual(both[1]);
    await verifyCounter(durable.server, id, [
      { by: 3, note: 'a' },
      { by: 4, note: 'b' },
      { by: 1, note: 'c' },
    ]);
  });

  it('[ORD-3] [CMD-3] whoever listens sees the event before the answer that promises it', async () => {
    const id = newCounter();
    const client = open();
    const seen: string[] = [];
    const subscription = client.stream(`counter:${id}`, {
      onPublication: ({ data }) => seen.push(`event ${(data as { note: string }).note}`),
    });
    await until('it is live', () => subscription.state.get().kind === 'live');
    for (const note of ['1', '2', '3']) {
      await client.command('counter.add', { id, by: 1, note }, { key: `${id} ${note}` });
      seen.push(`answer ${note}`);
    }
    expect(seen).toEqual(['event 1', 'answer 1', 'event 2', 'answer 2', 'event 3', 'answer 3']);
    expect(await codeOf(client.rpc('counter.add', { id, by: 0.5 }))).toBe(107);
  });

  it('[CMD-1] [CMD-5] a queue that was filled offline is replayed in order, once, through a killed server', async () => {
    const id = newCounter();
    const proxy = await kit.proxy(durable.server);
    proxy.cut();
    const client = open(proxy.wsUrl);
    const queue = createOfflineQueue(client, { store: memoryStore(), minDelayMs: 20, maxDelayMs: 200 });
    const commands = Array.from({ length: 60 }, (_, index) => ({ by: index + 1, note: `q${index}` }));
    const outcomes = [];
    for (const command of commands)
      outcomes.push((await queue.add('counter.add', { id, ...command })).outcome);
    proxy.restore();
    await until('some are done', async () => (await readEvents(durable.server, id)).length > 10, 20_000);
    await durable.server.kill9();
    await durable.server.restart();
    proxy.drop();
    const ended = await Promise.all(outcomes);
    expect(ended.every(({ status }) => status === 'done')).toBe(true);
    const events = await verifyCounter(durable.server, id, commands);
    expect(events.map(({ note }) => note)).toEqual(commands.map(({ note }) => note));
    await queue.dispose();
  });

  it('[CMD-5] calls with numbers take effect in their order, however they arrive after the first', async () => {
    const id = newCounter();
    const client = open();
    await until('it is connected', () => client.state.get().kind === 'connected');
    const call = (seq: number): Promise<unknown> =>
      client.command('counter.add', { id, by: 1, note: `s${seq}` }, { key: `${id} ${seq}`, seq, order: id });
    await Promise.all([1, 5, 4, 3, 2].map(call));
    expect((await readEvents(durable.server, id)).map(({ note }) => note)).toEqual([
      's1',
      's2',
      's3',
      's4',
      's5',
    ]);
  });
});

describe('the store of the server', () => {
  const health = async (): Promise<{ status: number; body: unknown }> => {
    const answer = await fetch(`${durable.server.url}/health/ready`);
    return { status: answer.status, body: await answer.json() };
  };
  const publish = async (channel: string): Promise<number> =>
    (await durable.server.api('publish', { channel, data: 1 })).body.error?.code ?? 0;

  it('[DUR-8] is seen in the metrics', async () => {
    await publish('kept:m');
    await until('the numbers are there', async () => {
      const text = await (await fetch(`${durable.server.url}/metrics`)).text();
      const value = (name: string): number =>
        Number(new RegExp(`^trunkline_store_${name} (\\S+)`, 'm').exec(text)?.[1]);
      return (
        value('up') === 1 &&
        value('committed_units_total') > 0 &&
        value('commit_seconds_count') > 0 &&
        value('outbox_lag_seconds_count') > 0
      );
    });
  });

  it.each(['killed', 'frozen'] as const)(
    '[DUR-6] a database that is %s costs temporary errors in time, and live channels nothing',
    async (how) => {
      const { postgres, server } = durable;
      if (!postgres) throw new Error('this runs on PostgreSQL');
      const id = newCounter();
      const client = open();
      await client.command('counter.add', { id, by: 1, note: 'before' }, { key: `${id} before` });
      const live: unknown[] = [];
      const reader = client.stream('live:a', { onPublication: ({ data }) => live.push(data) });
      await until('it is live', () => reader.state.get().kind === 'live');
      if (how === 'killed') await postgres.kill9();
      else postgres.freeze();
      // Of a frozen server, the processes that hold connections are to hang as well.
      const others = how === 'frozen' ? await freezeAll(postgres.pid) : [];
      try {
        const started = Date.now();
        expect([1100, 1102, 1103]).toContain(await publish('kept:a'));
        const call = client.command('counter.add', { id, by: 1, note: 'while' }, { key: `${id} while` });
        expect([1, 1001, 1100, 1102, 1103]).toContain(await codeOf(call));
        expect(Date.now() - started).toBeLessThan(25_000);
        await until('the server says so', async () =>
          JSON.stringify((await health()).body).includes('"down"'),
        );
        expect((await health()).status).toBe(200);
        expect(await publish('live:a')).toBe(0);
        await until('live goes on', () => live.length === 1);
      } finally {
        for (const pid of others) process.kill(pid, 'SIGCONT');
        if (how === 'killed') await postgres.restart();
        else postgres.thaw();
      }
      await until(
        'it is up again',
        async () => JSON.stringify((await health()).body).includes('"up"'),
        20_000,
      );
      await until(
        'the command is done',
        async () =>
          (await codeOf(
            client.command('counter.add', { id, by: 1, note: 'while' }, { key: `${id} while` }),
          )) === 0,
        20_000,
      );
      expect(await publish('kept:a')).toBe(0);
      await verifyCounter(server, id, [
        { by: 1, note: 'before' },
        { by: 1, note: 'while' },
      ]);
    },
  );
});

/** Stops the children of a process; answers which. */
async function freezeAll(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  const children = text.split(' ').filter(Boolean).map(Number);
  for (const child of children) process.kill(child, 'SIGSTOP');
  return children;
}
