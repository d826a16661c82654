#!/usr/bin/env node
/**
 * Applying events to a list of Kubernetes objects: a live list of the SDK (from the decoded publication of its channel to the array of rows that a component gets) against
 * the way lists are usually kept, which copies the array for each event and scans it for the object. `node bench/micro/kube-list.mjs`
 *
 * Events come in frames: those of one are decoded, then applied on the clock, and whoever shows the list takes the array once. Figures are processor time of this process per event, garbage
 * collection that falls into it included; ratios are medians over rounds in which both take turns.
 */
import { createSystemClock } from '@trunkline/base';
import { liveList } from '@trunkline/client/kube';
import { fakeMap } from '@trunkline/client/kube/testing';
import { median, medianRatio, spread } from '../lib/statistics.mjs';

const EVENTS = 10_000;
const ROUNDS = 3;

let version = 0;

/** About 1.3 KB as JSON, fields in the order in which an API server writes them. */
function pod(index) {
  const name = `web-${index}-7f9c6d5b4-x2x9q`;
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: {
      name,
      generateName: `web-${index}-7f9c6d5b4-`,
      namespace: `ns-${index % 20}`,
      uid: `6a1f2c3d-0000-4000-8000-${String(index).padStart(12, '0')}`,
      resourceVersion: String(++version),
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app: `web-${index}`, 'pod-template-hash': '7f9c6d5b4', tier: 'front' },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `web-${index}-7f9c6d5b4`, controller: true },
      ],
    },
    spec: {
      containers: [
        {
          name: 'main',
          image: 'registry.example.com/team/web:1.2.3',
          ports: [{ containerPort: 8080, protocol: 'TCP' }],
          env: [
            { name: 'MODE', value: 'production' },
            { name: 'INDEX', value: String(index) },
          ],
          resources: { limits: { cpu: '500m', memory: '256Mi' }, requests: { cpu: '100m', memory: '128Mi' } },
        },
      ],
      nodeName: `node-${index % 50}`,
      restartPolicy: 'Always',
      serviceAccountName: 'default',
    },
    status: {
      phase: 'Running',
      conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
        type,
        status: 'True',
      })),
      podIP: `10.0.${index % 250}.${version % 250}`,
      containerStatuses: [{ name: 'main', ready: true, restartCount: version % 9, started: true }],
    },
  };
}
const keyOf = ({ metadata }) => `${metadata.namespace}/${metadata.name}`;

/** What a page does that keeps a list of objects in a query cache. */
class CopyAndScan {
  constructor(items) {
    this.list = { items };
  }

  apply(object) {
    const items = [...this.list.items];
    const index = items.findIndex((item) => item.metadata.uid === object.metadata.uid);
    if (index === -1) items.push(object);
    else if (items[index].metadata.resourceVersion !== object.metadata.resourceVersion) items[index] = object;
    this.list = { items };
  }
}

/** A live list over a channel that this program feeds. */
async function openLive(items) {
  const channel = fakeMap('kube:bench', (object) => object.metadata.resourceVersion);
  const clock = createSystemClock();
  const flushes = new Set();
  const client = {
    state: { get: () => ({ kind: 'connected' }), subscribe: () => () => undefined },
    rpc: async () => ({ lists: [{ channel: 'kube:bench' }], denied: [], askAgainMs: 3_600_000 }),
    map: () => channel.map,
    now: () => clock.now(),
    schedule: (flush) => void flushes.add(flush),
  };
  const list = liveList(client, { cluster: 'bench', resource: 'pods' });
  const frame = () => {
    for (const flush of [...flushes]) {
      flushes.delete(flush);
      flush();
    }
  };
  await new Promise((resolve) => setImmediate(resolve));
  channel.sync(items.map((item) => [keyOf(item), item]));
  frame();
  if (list.get().total !== items.length) throw new Error(`${list.get().total} rows`);
  return { list, channel, frame };
}

/** Which object each event changes: the same for both. */
function objectOf(event, rows) {
  return (event * 7_919 + 13) % rows;
}

/**
 * `count` events, a frame at a time: decoded, then applied on the clock.
 * @returns {number} nanoseconds of processor time per event
 */
function play(rows, count, perFrame, apply) {
  let usedUs = 0;
  for (let at = 0; at < count; at += perFrame) {
    const text = JSON.stringify(
      Array.from({ length: perFrame }, (_, index) => pod(objectOf(at + index, rows))),
    );
    const events = JSON.parse(text);
    const keys = events.map(keyOf);
    const before = process.cpuUsage();
    apply(events, keys);
    const { user, system } = process.cpuUsage(before);
    usedUs += user + system;
  }
  return (usedUs * 1_000) / count;
}

async function measure(rows, perFrame, scans) {
  const items = Array.from({ length: rows }, (_, index) => pod(index));
  const { list, channel, frame } = await openLive(items);
  const scan = new CopyAndScan(items);
  let last;
  const ours = [];
  const theirs = [];
  for (let round = -1; round < ROUNDS; round++) {
    const live = play(rows, EVENTS, perFrame, (events, keys) => {
      for (let at = 0; at < events.length; at++) channel.set(keys[at], events[at]);
      frame();
      if (list.get().rows.length !== rows) throw new Error('rows');
      last = events.at(-1);
    });
    if (!list.get().rows.includes(last)) throw new Error('an event is missing');
    const scanned = play(rows, scans, perFrame, (events) => events.forEach((event) => scan.apply(event)));
    if (round < 0) continue;
    ours.push(live);
    theirs.push(scanned);
  }
  const versus =
    scans === 0
      ? ''
      : `; copy and scan ${median(theirs).toFixed(0)} ns, × ${medianRatio(theirs, ours).toFixed(0)} (${spread(theirs.map((value, round) => value / ours[round])).low.toFixed(0)}–${spread(theirs.map((value, round) => value / ours[round])).high.toFixed(0)})`;
  process.stdout.write(
    `${String(rows).padStart(7)} rows, ${String(perFrame).padStart(5)} events a frame: ${median(ours).toFixed(0).padStart(7)} ns an event${versus}\n`,
  );
  list.close();
}

for (const perFrame of [100, 1_000, 10_000])
  await measure(10_000, perFrame, perFrame === 10_000 ? 10_000 : 1_000);
for (const rows of [1_000, 100_000])
  for (const perFrame of [100, 1_000, 10_000]) await measure(rows, perFrame, 0);
