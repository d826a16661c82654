#!/usr/bin/env node
/**
 * What deltas save and cost: a document of about 2 KB of which a few fields change, published to 1,000 readers, with and without deltas, in
 * interleaved rounds of one process. Transports only count, so the figures are the hub's: CPU per delivery, and bytes that would go to the
 * network. What fewer bytes save in the kernel is not in them. `node bench/micro/delta.mjs`
 */
import { createSystemClock, createSystemRandom, silentLogger } from '@trunkline/base';
import { createMemoryBroker } from '@trunkline/broker';
import { createHub } from '@trunkline/hub';
import { applyDelta, createDelta } from '@trunkline/protocol';
import { median, spread } from '../lib/statistics.mjs';
import { time } from './measure.mjs';

const READERS = 1_000;
const ROUNDS = 15;
const ROUND_MS = 150;

class CountingTransport {
  name = 'count';
  write() {
    return true;
  }
  bufferedBytes() {
    return 0;
  }
  pause() {}
  resume() {}
  close() {}
  destroy() {}
}

/** A row of sixteen workloads; between two versions a counter, a time and three measurements change. */
function documentOf(version) {
  const pods = Array.from({ length: 16 }, (_, id) => ({
    id,
    name: `web-${id * 7919}`,
    phase: 'Running',
    node: `worker-${id % 5}`,
    cpu: (id + version) % 6 === 0 ? 200 + ((version * 37) % 900) : 115 + id,
    labels: { app: 'web', tier: id % 2 ? 'front' : 'back' },
  }));
  return JSON.stringify({ version, at: 1_700_000_000_000 + version * 1_000, pods });
}

async function buildHub() {
  const [clock, random] = [createSystemClock(), createSystemRandom()];
  const principal = (user) => ({ user, org: 'bench', roles: ['member'], groups: [], caps: [], channels: [] });
  const hub = createHub(
    {
      clock,
      random,
      logger: silentLogger,
      broker: createMemoryBroker({ clock, random }),
      authenticator: {
        authenticate: async ({ token }) => ({ principal: principal(token) }),
        refresh: async (_token, current) => current,
        verifyChannelToken: async () => Promise.reject(new Error('none')),
      },
    },
    {
      pingIntervalMs: 0,
      namespaces: [{ name: 'doc', allowSubscribe: ['user'], allowDelta: ['fossil'], historySize: 100 }],
    },
  );
  const endpoint = hub.endpoints()[0];
  for (let index = 0; index < READERS; index++) {
    const request = {
      method: 'GET',
      path: endpoint.path,
      params: {},
      query: new URLSearchParams(),
      headers: {},
      remoteAddress: '127.0.0.1',
      originAllowed: true,
      subprotocols: [],
    };
    const { codec, profile } = await endpoint.open(request, new AbortController().signal);
    const handlers = hub.accept(new CountingTransport(), { codec, profile, request });
    const subscribes = ['doc:delta', 'doc:plain'].map((channel, at) => ({
      id: at + 2,
      subscribe: { channel, ...(channel === 'doc:delta' ? { delta: 'fossil' } : {}) },
    }));
    const commands = [{ id: 1, connect: { token: `u${index}` } }, ...subscribes];
    handlers.onFrame(commands.map((command) => JSON.stringify(command)).join('\n'));
  }
  while (hub.stats().subscriptions < READERS * 2) await turn();
  await turn();
  return hub;
}

function turn() {
  return new Promise((resolve) => setImmediate(resolve));
}

/** CPU nanoseconds and bytes per delivery. */
async function round(hub, channel, durationMs) {
  const org = hub.forOrg('bench');
  const bytes = hub.stats().bytesOut;
  const cpu = process.cpuUsage();
  const started = performance.now();
  let publications = 0;
  while (performance.now() - started < durationMs) {
    await org.publish(channel, documentOf(++version));
    await turn();
    publications++;
  }
  const { user, system } = process.cpuUsage(cpu);
  const deliveries = publications * READERS;
  return { ns: ((user + system) * 1e3) / deliveries, bytes: (hub.stats().bytesOut - bytes) / deliveries };
}

let version = 0;
const hub = await buildHub();
const channels = ['doc:plain', 'doc:delta'];
for (const channel of channels) await round(hub, channel, 500);
const seen = { 'doc:plain': [], 'doc:delta': [] };
for (let index = 0; index < ROUNDS; index++)
  for (const channel of index % 2 ? channels : channels.toReversed())
    seen[channel].push(await round(hub, channel, ROUND_MS));
for (const channel of channels) {
  const ns = seen[channel].map((one) => one.ns);
  const { low, high } = spread(ns);
  const bytes = median(seen[channel].map((one) => one.bytes));
  process.stdout.write(
    `${channel.padEnd(10)} ${String(READERS)} readers: ${median(ns).toFixed(0).padStart(6)} ns CPU per delivery (${low.toFixed(0)}–${high.toFixed(0)}), ${bytes.toFixed(0).padStart(5)} bytes\n`,
  );
}
const ratios = seen['doc:delta'].map((one, index) => one.ns / seen['doc:plain'][index].ns);
const saved = 1 - seen['doc:delta'][0].bytes / seen['doc:plain'][0].bytes;
process.stdout.write(
  `with deltas: CPU ×${median(ratios).toFixed(2)}, bytes −${(saved * 100).toFixed(1)} %\n\n`,
);
await hub.dispose();

const [base, target] = [1, 2].map((of) => new TextEncoder().encode(documentOf(of)));
const delta = createDelta(base, target);
process.stdout.write(`document ${target.length} bytes, delta ${delta.length} bytes\n`);
time('create a delta', () => createDelta(base, target));
time('apply it', () => applyDelta(base, delta));
