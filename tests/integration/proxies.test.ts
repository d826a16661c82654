/** The guide's proxy configurations, as they stand in docs/guides/proxies, in front of a real server. Only ports and addresses are changed. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import {
  collectEvents,
  programPath,
  subscribed,
  fromWire,
  toWire,
  until,
  WIRES,
  type Program,
} from '@trunkline/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { useBed } from '../support/bed.js';

const bed = useBed(() => ({
  config: {
    api: { keys: [{ name: 'tests', org: 'acme', key: 'a key of the tests' }] },
    server: { trustedProxies: ['127.0.0.1'] },
    auth: { allowAnonymous: true, defaultOrg: 'acme' },
    channels: {
      namespaces: [
        {
          name: 'open',
          historySize: 100,
          forceRecovery: true,
          allowSubscribe: ['anonymous'],
          allowPublish: ['anonymous'],
        },
      ],
    },
  },
  apiKey: 'a key of the tests',
}));

const guide = (file: string): Promise<string> =>
  readFile(fileURLToPath(new URL(`../../docs/guides/proxies/${file}`, import.meta.url)), 'utf8');

const PROXIES = [
  {
    name: 'nginx',
    file: 'nginx.conf',
    args: (directory: string, file: string) => [
      '-c',
      file,
      '-p',
      directory,
      '-e',
      'stderr',
      '-g',
      `daemon off; master_process off; pid ${directory}/nginx.pid;`,
    ],
  },
  {
    name: 'caddy',
    file: 'Caddyfile',
    args: (_directory: string, file: string) => ['run', '--config', file, '--adapter', 'caddyfile'],
  },
  { name: 'haproxy', file: 'haproxy.cfg', args: (_directory: string, file: string) => ['-db', '-f', file] },
] as const;

describe.each(PROXIES)('behind $name', ({ name, file, args }) => {
  let proxy: Program;
  beforeAll(async () => {
    proxy = await bed.fileKit.program({
      name,
      binary: programPath(`${name.toUpperCase()}_BIN`, name),
      prepare: async ({ directory, port }) => {
        const text = await guide(file);
        const own = text.replaceAll('8080', String(port)).replaceAll('8000', String(bed.server.port));
        expect(own).not.toBe(text);
        await writeFile(join(directory, file), own);
      },
      args: ({ directory }) => args(directory, join(directory, file)),
      ready: async ({ port }) => (await fetch(`http://127.0.0.1:${port}/health/ready`)).ok,
    });
  });

  test.each(WIRES)(
    '[PROXY-1] a stock client over %s subscribes, publishes and receives in order',
    async (wire) => {
      const { client } = bed.kit.stock(`ws://127.0.0.1:${proxy.port}/connection/websocket`, { wire });
      const channel = bed.channel('open');
      const subscription = client.newSubscription(channel);
      client.connect();
      await subscribed(subscription);
      const received = collectEvents<{ data: unknown; offset: number }>(subscription, 'publication', 20);
      for (let n = 1; n <= 20; n++) await bed.publish(channel, n);
      expect((await received).map(({ data, offset }) => [fromWire(data), offset])).toEqual(
        Array.from({ length: 20 }, (_, index) => [index + 1, index + 1]),
      );
      const seen = collectEvents<{ data: unknown }>(subscription, 'publication', 1);
      await subscription.publish(toWire(wire, { from: 'behind a proxy' }));
      expect(fromWire((await seen)[0]?.data)).toEqual({ from: 'behind a proxy' });
    },
  );

  test('[PROXY-2] the address of the client is known behind it, metrics stay inside', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/connection/websocket`, {
      localAddress: '127.0.0.9',
    });
    try {
      await new Promise((resolve) => socket.once('open', resolve));
      socket.send(JSON.stringify({ id: 1, connect: { name: name } }));
      await new Promise((resolve) => socket.once('message', resolve));
      const { connections } = await bed.api('connections', {});
      const list = Object.values(connections as Record<string, { app_name: string; remote_address: string }>);
      expect(list.filter((one) => one.app_name === name).map((one) => one.remote_address)).toEqual([
        '127.0.0.9',
      ]);
    } finally {
      socket.terminate();
    }
    expect((await fetch(`http://127.0.0.1:${proxy.port}/metrics`)).status).toBe(404);
  });

  test('[PROXY-3] the proxy dies and comes back: nothing is lost, nothing twice', async () => {
    const { client } = bed.kit.stock(`ws://127.0.0.1:${proxy.port}/connection/websocket`);
    const channel = bed.channel('open');
    const subscription = client.newSubscription(channel);
    const data: unknown[] = [];
    subscription.on('publication', (publication) => data.push(publication.data));
    client.connect();
    await subscribed(subscription);
    await bed.publish(channel, 1);
    await until('the first', () => data.length === 1);
    const lost = new Promise((resolve) => subscription.once('subscribing', resolve));
    await proxy.kill9();
    await lost;
    for (let n = 2; n <= 10; n++) await bed.publish(channel, n);
    await proxy.restart();
    await until('all', () => data.length >= 10);
    await bed.publish(channel, 11);
    await until('the last', () => data.at(-1) === 11);
    expect(data).toEqual(Array.from({ length: 11 }, (_, index) => index + 1));
  });
});
