/**
 * A durable stream and commands at once, while everything dies: the server is killed and started again, on PostgreSQL its database too, and the network
 * between it and its clients is cut, truncated, stalled and half open. `DURABLE_COUNT=10000` makes the run long and prints its figures.
 */
import { createClient, type Client, type Untyped } from '@trunkline/client';
import type { CodedError } from '@trunkline/protocol';
import { Kit, until, wait, type TestServer } from '@trunkline/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { gather } from '../support/crowd.js';
import { disturb } from '../support/disturbance.js';
import { ENGINES, startDurableServer, verifyCounter } from '../support/durable-server.js';

/** Publications, and as many commands. */
const LONG = Number(process.env['DURABLE_COUNT'] ?? 0);
const COUNT = LONG > 0 ? LONG : 400;
const KILLS = LONG > 0 ? 40 : 4;
const TIME = LONG > 0 ? 3_000_000 : 300_000;

const CHANNELS = ['kept:a', 'kept:b', 'kept:c', 'kept:d'];
const EACH = Math.ceil(COUNT / CHANNELS.length);
const COMMANDS = Array.from({ length: COUNT }, (_, index) => ({ by: 1 + (index % 7), note: `n${index}` }));

let kit: Kit;
beforeEach(() => {
  kit = new Kit();
});
afterEach(() => kit.dispose());

function openClient(url: string): Client<Untyped> {
  return kit.use(
    createClient<Untyped>({
      url,
      websocket: WebSocket,
      minDelayMs: 20,
      maxDelayMs: 200,
      connectTimeoutMs: 2_000,
      timeoutMs: 4_000,
      pingGraceMs: 500,
      onError: () => undefined,
    }),
  );
}

/** What was done, and how often something had to be repeated. */
interface Work {
  done: number;
  repeats: number;
}

/** Publishes in order, each until it is acknowledged. */
async function publish(server: TestServer, channel: string, work: Work): Promise<void> {
  for (let seq = 1; seq <= EACH; seq++) {
    const request = { channel, data: { seq }, idempotency_key: `${channel} ${seq}` };
    for (;;) {
      const answer = await server.api('publish', request).catch(() => undefined);
      if (answer?.body.result !== undefined) {
        expect(answer.body.result['offset']).toBe(seq);
        break;
      }
      // Refusals while the store is away are temporary ones.
      if (answer) expect([1005, 1100, 1102, 1103, 1106], answer.text).toContain(answer.body.error?.code);
      work.repeats++;
      await wait(50);
    }
    work.done++;
  }
}

/** Takes commands from `left`, each under its key until it is answered; answers the values that were told, by note. */
async function command(
  url: string,
  left: (typeof COMMANDS)[number][],
  told: Map<string, number>,
  work: Work,
): Promise<void> {
  const client = openClient(url);
  for (let next = left.shift(); next; next = left.shift()) {
    const { note } = next;
    for (;;) {
      try {
        const { result } = await client.command('counter.add', { id: 'chaos', ...next }, { key: note });
        told.set(note, (result as { value: number }).value);
        break;
      } catch (cause) {
        const { code, temporary } = cause as CodedError;
        if (!temporary && code >= 100) throw cause;
        work.repeats++;
        await wait(20);
      }
    }
    work.done++;
  }
}

/** A reader of the events of the commands, live when this resolves: their notes, as they came. */
async function readNotes(url: string): Promise<{ readonly notes: string[]; readonly resets: string[] }> {
  const seen = { notes: [] as string[], resets: [] as string[] };
  const subscription = openClient(url).stream('counter:chaos', {
    onPublication: ({ data }) => void seen.notes.push((data as { note: string }).note),
    onReset: ({ reason }) => void seen.resets.push(reason),
  });
  await until('it is live', () => subscription.state.get().kind === 'live');
  return seen;
}

describe.each(ENGINES)('on %s', (engine) => {
  it(
    '[DUR-1] [DUR-2] [DUR-3] [CMD-1] [CMD-3] every publication reaches everybody once and in order, every command takes effect once, whoever dies',
    { timeout: TIME },
    async () => {
      const durable = await startDurableServer(kit, engine);
      const { server } = durable;
      const paths = [await kit.proxy(server), await kit.proxy(server)] as const;
      const [first, second] = paths;
      const crowds = [
        await gather(kit, 'trunkline', first.wsUrl, 2, CHANNELS),
        await gather(kit, 'stock', second.wsUrl, 1, CHANNELS),
        await gather(kit, 'stock', first.wsUrl, 1, CHANNELS, 'websocket protobuf'),
      ];
      const readers = [await readNotes(first.wsUrl), await readNotes(second.wsUrl)];
      const publishing: Work = { done: 0, repeats: 0 };
      const commanding: Work = { done: 0, repeats: 0 };
      const started = performance.now();
      const disturbance = disturb(durable, paths, {
        seed: 5,
        kills: KILLS,
        progress: () => (publishing.done + commanding.done) / (2 * COUNT),
      });
      const left = [...COMMANDS];
      const told = new Map<string, number>();
      await Promise.all([
        ...CHANNELS.map((channel) => publish(server, channel, publishing)),
        ...Array.from({ length: 8 }, (_, index) =>
          command(paths[index % 2]?.wsUrl ?? '', left, told, commanding),
        ),
      ]);
      const damage = await disturbance.calm();
      const seconds = Math.round((performance.now() - started) / 1_000);

      const events = await verifyCounter(server, 'chaos', COMMANDS);
      // Each caller was told the value that its own effect made, however often it asked.
      let value = 0;
      for (const { by, note } of events) expect(told.get(note)).toBe((value += by));
      const checkers = crowds.flatMap((crowd) => crowd.checkers);
      await until(
        'everybody has everything',
        () =>
          checkers.every(({ last }) => last === EACH) && readers.every(({ notes }) => notes.length >= COUNT),
        60_000,
      ).catch(() => undefined);
      for (const checker of checkers) checker.verify(EACH);
      const order = events.map(({ note }) => note);
      for (const { notes, resets } of readers) expect([notes, resets]).toEqual([order, []]);
      expect(damage.kills).toBeGreaterThan(1);
      if (LONG > 0)
        console.log(
          JSON.stringify({ engine, seconds, publishing, commanding, ...damage, readers: checkers.length }),
        );
    },
  );
});
