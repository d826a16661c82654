/** The console as an operator meets it: a development server with some life on it, and the link it printed. */
import { until, type ServerOptions, type StockClient, type TestServer } from '@trunkline/testkit';
import type { Kit } from '@trunkline/testkit';

export function developmentServer(): ServerOptions {
  return { config: { development: true, log: { level: 'warn' } } };
}

/** The newest one-time link the server printed. */
export function consoleLink(server: TestServer): Promise<string> {
  return until('the link is printed', () =>
    server
      .logs()
      .match(/https?:\S+\/console\/login\?code=\S+/g)
      ?.at(-1),
  );
}

/** Clients that read and publish; `stop` ends the publishing. */
export async function populate(
  kit: Kit,
  server: TestServer,
): Promise<{ readonly clients: readonly StockClient[]; stop(): void }> {
  const channels = ['chat:lobby', 'chat:support', 'builds:web', 'prices:eur'];
  const clients = await Promise.all(
    ['web', 'mobile', 'worker'].map(async (name) => {
      const stock = kit.stock(server.wsUrl, { name, version: '1.4.0' });
      await stock.connect();
      for (const channel of channels) {
        const subscription = stock.client.newSubscription(channel);
        subscription.subscribe();
        await subscription.ready(20_000);
      }
      return stock;
    }),
  );
  let count = 0;
  const timer = setInterval(() => {
    for (const [index, channel] of channels.entries()) {
      if (count % (index + 1) !== 0) continue;
      void clients[count % clients.length]?.client
        .publish(channel, { number: count, text: `message ${count}` })
        .catch(() => undefined);
    }
    count++;
  }, 150);
  kit.defer(() => clearInterval(timer));
  return { clients, stop: () => clearInterval(timer) };
}
