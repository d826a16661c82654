/** The server dies between any two statements of a transaction, one place after the other: what was under way never was, or was whole, and is told to everybody. */
import { createClient, type Client, type Untyped } from '@trunkline/client';
import { Kit, until } from '@trunkline/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ENGINES, startDurableServer, verifyCounter } from '../support/durable-server.js';
import { ServerOrders } from '../support/server-orders.js';

/** More steps than a transaction of one command has. */
const MOST = 20;

let kit: Kit;
beforeEach(() => {
  kit = new Kit();
});
afterEach(() => kit.dispose());

describe.each(ENGINES)('on %s', (engine) => {
  it.each([
    ['the command', 'INSERT INTO counter_values', 6],
    ['the dispatching of its event', 'DELETE FROM store_outbox', 2],
  ])(
    '[DUR-2] [CMD-3] killed between any two statements of %s: the value, the events and what readers saw are one',
    { timeout: 240_000 },
    async (_, sql, least) => {
      const { server } = await startDurableServer(kit, engine);
      const orders = new ServerOrders(server);
      const client: Client<Untyped> = kit.use(
        createClient<Untyped>({
          url: server.wsUrl,
          websocket: WebSocket,
          minDelayMs: 20,
          maxDelayMs: 200,
          onError: () => undefined,
        }),
      );
      const seen: string[] = [];
      const reader = client.stream('counter:part', {
        onPublication: ({ data }) => seen.push((data as { note: string }).note),
        onReset: ({ reason }) => void seen.push(reason),
      });
      await until('it is live', () => reader.state.get().kind === 'live');
      const commands: { by: number; note: string }[] = [];
      let deaths = 0;
      for (let at = 0; at < MOST; at++) {
        const command = { by: 1 + at, note: `n${at}` };
        commands.push(command);
        await orders.give({ sql, at, then: 'die' });
        const call = client
          .command('counter.add', { id: 'part', ...command }, { key: command.note })
          .then(({ result }) => (result as { value: number }).value);
        // The call outlives the server: it is sent again, under its key.
        const answered = call.catch(() => undefined);
        const died = until('it dies', () => !server.running, 6_000, 5).then(
          () => true,
          () => false,
        );
        // What comes after the answer may still kill it.
        if (!(await died)) break;
        deaths++;
        await server.restart();
        const value = (await answered) ?? (await again(client, command));
        expect(value).toBe(commands.reduce((sum, { by }) => sum + by, 0));
      }
      await orders.takeBack();
      expect(deaths).toBeGreaterThanOrEqual(least);
      expect(deaths).toBeLessThan(MOST);
      const events = await verifyCounter(server, 'part', commands);
      await until('the reader has all', () => seen.length >= events.length);
      expect(seen).toEqual(events.map(({ note }) => note));
    },
  );
});

/** The same command, under its key, once the server is back. */
async function again(client: Client<Untyped>, command: { by: number; note: string }): Promise<number> {
  const { result } = await client.command('counter.add', { id: 'part', ...command }, { key: command.note });
  return (result as { value: number }).value;
}
