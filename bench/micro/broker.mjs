#!/usr/bin/env node
/** The memory broker alone: publishing to a key with and without history, reading history. `node bench/micro/broker.mjs` */
import { createSystemClock, createSystemRandom } from '@trunkline/base';
import { createMemoryBroker } from '@trunkline/broker';
import { channelKey } from '@trunkline/protocol';
import { buildPayload, nowUs } from '../lib/payload.mjs';
import { timeAsync } from './measure.mjs';

let delivered = 0;
const broker = createMemoryBroker({ clock: createSystemClock(), random: createSystemRandom() })({
  onPublication: () => void delivered++,
  onJoin: () => undefined,
  onLeave: () => undefined,
  onControl: () => undefined,
  onResumed: () => undefined,
});
const key = channelKey('bench', 'bench:c0');
const keys = Array.from({ length: 1_000 }, (_, index) => channelKey('bench', `bench:k${index}`));
const data = buildPayload(1, nowUs());
const plain = { historySize: 0, historyTtlMs: 0, metaTtlMs: 0 };
const kept = { historySize: 100, historyTtlMs: 300_000, metaTtlMs: 3_600_000 };
await broker.subscribe(key);
for (const other of keys) await broker.subscribe(other);

let turn = 0;
await timeAsync('publish without history', () => broker.publish(key, data, plain));
await timeAsync('publish with history of 100', () => broker.publish(key, data, kept));
await timeAsync('publish with history of 100, 1,000 keys in turn', () =>
  broker.publish(keys[turn++ % keys.length], data, kept),
);
await timeAsync(
  'read 50 of history, per publication',
  () => broker.history(key, { limit: 50, reverse: true }, 0),
  50,
);
if (delivered === 0) throw new Error('nothing was delivered');
await broker.dispose();
