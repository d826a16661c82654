/**
 * Durable channels and commands while everything dies: the server is killed and started again in the middle, the network between it and its clients breaks,
 * and (on PostgreSQL) so does the database. `DURABLE_COUNT=10000` makes the runs long.
 */
import { createSeededRandom, randomInt } from '@trunkline/base';
import { createClient, type Client, type Untyped } from '@trunkline/client';
import type { CodedError } from '@trunkline/protocol';
import { Kit, until, wait, type FaultProxy } from '@trunkline/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { gather } from '../support/crowd.js';
import { ENGINES, startDurableServer, verifyCounter, type DurableServer } from '../support/durable-server.js';

const LONG = Number(process.env['DURABLE_COUNT'] ?? 0);
const COUNT = LONG > 0 ? LONG : 200;
const KILLS = LONG > 0 ? 8 : 2;
const TIME = LONG > 0 ? 1_200_000 : 60_000;

let kit: Kit;
beforeEach(() => {
  kit = new Kit();
});
afterEach(() => kit.dispose());

/** Kills the server at even parts of the way, and once the database; breaks connections all the time. Ends with the number of kills. */
async function disturb(
  { server, postgres }: DurableServer,
  proxy: FaultProxy,
  progress: () => number,
): Promise<() => Promise<number>> {
  const random = createSeededRandom(5);
  const state = { stop: false, kills: 0 };
  const network = (async () => {
    while (!state.stop) {
      await wait(200 + randomInt(random, 800));
      if (randomInt(random, 2) === 0) proxy.drop();
      else proxy.truncate(1 + randomInt(random, 2_000));
    }
  })();
  const killer = (async () => {
    for (let kill = 1; kill <= KILLS && !state.stop; kill++) {
      await until(`part ${kill}`, () => state.stop || progress() >= kill / (KILLS + 1), TIME, 5);
      if (progress() === 1) break;
      await server.kill9();
      state.kills++;
      // The database dies while the server comes back.
      if (postgres && kill === KILLS) await Promise.all([postgres.restart(), server.restart()]);
      else await server.restart();
    }
  })();
  return async () => {
    state.stop = true;
    await Promise.all([network, killer]);
    proxy.restore();
    return state.kills;
  };
}

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

describe.each(ENGINES)('on %s', (engine) => {
  it(
    '[DUR-1] [DUR-2] [DUR-3] a durable stream: what was acknowledged reaches every subscriber once and in order, whoever dies',
    { timeout: TIME },
    async () => {
      const durable = await startDurableServer(kit, engine);
      const { server } = durable;
      const proxy = await kit.proxy(server);
      const channels = ['kept:a', 'kept:b', 'kept:c', 'kept:d'];
      const each = Math.ceil(COUNT / channels.length);
      const crowds = [
        await gather(kit, 'trunkline', proxy.wsUrl, 2, channels),
        await gather(kit, 'stock', proxy.wsUrl, 1, channels),
        await gather(kit, 'stock', proxy.wsUrl, 1, channels, 'websocket protobuf'),
      ];
      const checkers = crowds.flatMap((crowd) => crowd.checkers);
      let acknowledged = 0;
      let repeats = 0;
      const calm = await disturb(durable, proxy, () => acknowledged / COUNT);
      await Promise.all(
        channels.map(async (channel) => {
          for (let seq = 1; seq <= each; seq++) {
            const request = { channel, data: { seq }, idempotency_key: `${channel} ${seq}` };
            for (;;) {
              const answer = await server.api('publish', request).catch(() => undefined);
              if (answer?.body.result !== undefined) {
                expect(answer.body.result['offset']).toBe(seq);
                break;
              }
              // Refusals while the store is away are temporary ones.
              if (answer) expect([1100, 1102, 1103, 1106]).toContain(answer.body.error?.code);
              repeats++;
              await wait(50);
            }
            acknowledged++;
          }
        }),
      );
      const kills = await calm();
      await until(
        'everybody has everything',
        () => checkers.every(({ last }) => last === each),
        30_000,
      ).catch(() => undefined);
      for (const checker of checkers) checker.verify(each);
      expect(kills).toBeGreaterThan(0);
      if (LONG > 0)
        console.log(
          `${engine}: ${acknowledged} publications, ${repeats} repeats, ${kills} kills, ${checkers.length} readers`,
        );
    },
  );

  it(
    '[CMD-1] [CMD-3] commands: each takes effect once, and its event is there exactly if it did, whoever dies',
    { timeout: TIME },
    async () => {
      const durable = await startDurableServer(kit, engine);
      const { server } = durable;
      const proxy = await kit.proxy(server);
      const commands = Array.from({ length: COUNT }, (_, index) => ({
        by: 1 + (index % 7),
        note: `n${index}`,
      }));
      let done = 0;
      let repeats = 0;
      const calm = await disturb(durable, proxy, () => done / COUNT);
      const left = [...commands];
      const results = new Map<string, number>();
      const worker = async (): Promise<void> => {
        const client = openClient(proxy.wsUrl);
        for (let command = left.shift(); command; command = left.shift()) {
          const { note } = command;
          for (;;) {
            try {
              const { result } = await client.command(
                'counter.add',
                { id: 'chaos', ...command },
                { key: note },
              );
              results.set(note, (result as { value: number }).value);
              break;
            } catch (cause) {
              const { code, temporary } = cause as CodedError;
              if (!temporary && code >= 100) throw cause;
              repeats++;
              await wait(20);
            }
          }
          done++;
        }
      };
      await Promise.all(Array.from({ length: 8 }, worker));
      const kills = await calm();
      const events = await verifyCounter(server, 'chaos', commands);
      // Each caller was told the value that its own effect made, however often it asked.
      let value = 0;
      for (const { by, note } of events) expect(results.get(note)).toBe((value += by));
      expect(kills).toBeGreaterThan(0);
      if (LONG > 0) console.log(`${engine}: ${done} commands, ${repeats} repeats, ${kills} kills`);
    },
  );

  it(
    '[CMD-1] [CMD-3] killed between two statements of a transaction: it never was, and the repeat is the first',
    { timeout: TIME },
    async () => {
      const { server } = await startDurableServer(kit, engine, { env: { DIE_AFTER: '4' } });
      const client = openClient(server.wsUrl);
      const commands = Array.from({ length: 8 }, (_, index) => ({ by: 1 + index, note: `n${index}` }));
      let deaths = 0;
      for (const command of commands) {
        for (;;) {
          const call = client.command(
            'counter.add',
            { id: 'part', ...command },
            { key: command.note, timeoutMs: 4_000 },
          );
          const outcome = await Promise.race([
            call.then(() => 'done'),
            call.catch(() => 'failed'),
            until('it died', () => !server.running, 4_000).then(
              () => 'died',
              () => 'late',
            ),
          ]);
          if (outcome === 'done') break;
          if (server.running) continue;
          deaths++;
          await server.restart();
        }
      }
      expect(deaths).toBeGreaterThan(1);
      await verifyCounter(server, 'part', commands);
    },
  );
});
