#!/usr/bin/env node
/**
 * Applying events to a list of Kubernetes objects: a live list of the SDK (from the decoded publication of its channel to what a component reads) against the way lists are
 * usually kept, which copies the array for each event and scans it for the object.
 *
 *   node --expose-gc bench/micro/kube-list.mjs [--quick] [--json]
 *
 * Events come in frames. Those of some frames are decoded off the clock, and what decoding left behind is collected; then they are applied on the clock, and after each frame the list is
 * read as whoever draws it does: `rows` and fields of fifty of them (`table`), or those fifty alone (`page`, by `rowAt`). Figures are processor time of this process for each
 * event, with all garbage collection of the list's own; both ways get the same frames and are read alike, round by round in turns.
 */
import { parseArgs } from 'node:util';
import { createSeededRandom, createSystemClock, randomId } from '@trunkline/base';
import { liveList, rowAt } from '@trunkline/client/kube';
import { fakeMap } from '@trunkline/client/kube/testing';
import { median, medianRatio, spread } from '../lib/statistics.mjs';

const { values: flags } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
});
if (globalThis.gc === undefined) throw new Error('needs --expose-gc');

const EVENTS = flags.quick ? 2_000 : 10_000;
const ROUNDS = flags.quick ? 1 : 4;
/** Copy and scan gets fewer events of the same frames: it takes long. */
const SCANNED = flags.quick ? 200 : 1_000;
/** Events that are decoded together: reading the clock takes some 70 µs here. */
const PERIOD = 1_000;
/** Rows on a screen. */
const PAGE = 50;
/** 10,000 events within a second of 60 frames; the rate at which a large cluster goes on and on; what comes after a recovery. */
const FRAMES = { '10,000 events/s': 167, '500 events/s': 8, '1,000 at once': 1_000 };

const random = createSeededRandom(1);
let version = 0;

const uids = [];

/** As random as those of a cluster. */
function uidOf(index) {
  return (uids[index] ??= `${randomId(random, 8)}-${randomId(random, 4)}-4000-8000-${randomId(random, 12)}`);
}

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
      uid: uidOf(index),
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

/** What drawing reads of the rows that are on show; returned so that it is not optimised away. */
function draw(at, count) {
  let seen = 0;
  for (let index = 0; index < Math.min(PAGE, count); index++) {
    const { metadata, status } = at(index);
    seen += metadata.name.length + status.phase.length;
  }
  return seen;
}

/** @type {Record<string, { ours: (list: unknown) => number, theirs?: (list: unknown) => number }>} */
const READERS = {
  table: {
    ours: (list) => {
      const { rows } = list.get();
      return draw((index) => rows[index], rows.length);
    },
    theirs: ({ list: { items } }) => draw((index) => items[index], items.length),
  },
  page: {
    ours: (list) => {
      const shown = list.get();
      return draw((index) => rowAt(shown, index), shown.total);
    },
  },
};

/**
 * `count` events, a frame at a time: decoded, then applied on the clock.
 * @returns {number} nanoseconds of processor time per event
 */
function play(rows, count, perFrame, apply) {
  let usedUs = 0;
  for (let at = 0; at < count;) {
    const events = Array.from({ length: Math.min(count - at, Math.max(perFrame, PERIOD)) }, (_, index) => {
      const object = pod(objectOf(at + index, rows));
      return { key: keyOf(object), object };
    });
    const decoded = JSON.parse(JSON.stringify(events));
    const frames = [];
    while (decoded.length > 0) frames.push(decoded.splice(0, perFrame));
    globalThis.gc({ type: 'minor' });
    const before = process.cpuUsage();
    for (const frame of frames) apply(frame);
    const { user, system } = process.cpuUsage(before);
    usedUs += user + system;
    at += events.length;
  }
  return (usedUs * 1_000) / count;
}

async function measure(rows, load, reader) {
  const perFrame = FRAMES[load];
  const items = JSON.parse(JSON.stringify(Array.from({ length: rows }, (_, index) => pod(index))));
  const { list, channel, frame } = await openLive(items);
  const scan = new CopyAndScan(items);
  const { ours: read, theirs: readScanned } = READERS[reader];
  const compared = rows === 10_000 && readScanned !== undefined;
  let last;
  let drawn = 0;
  const ours = [];
  const theirs = [];
  globalThis.gc();
  for (let round = -1; round < ROUNDS; round++) {
    const live = play(rows, EVENTS, perFrame, (events) => {
      for (const { key, object } of events) channel.set(key, object);
      frame();
      drawn += read(list);
      last = events.at(-1).object;
    });
    const { rows: all } = list.get();
    if (all.length !== rows || !all.includes(last)) throw new Error('an event is missing');
    const scanned = compared
      ? play(rows, Math.max(SCANNED, perFrame), perFrame, (events) => {
          for (const { object } of events) scan.apply(object);
          drawn += readScanned(scan);
        })
      : undefined;
    if (round < 0) continue;
    ours.push(live);
    if (compared) theirs.push(scanned);
  }
  if (drawn === 0) throw new Error('nothing was drawn');
  list.close();
  return { rows, load, perFrame, reader, ns: ours, ...(compared ? { scanNs: theirs } : {}) };
}

function print({ rows, load, reader, ns, scanNs }) {
  const ratios = scanNs?.map((value, round) => value / ns[round]);
  const versus =
    scanNs === undefined
      ? ''
      : `; copy and scan ${(median(scanNs) / 1_000).toFixed(0)} µs, × ${medianRatio(scanNs, ns).toFixed(0)} (${spread(ratios).low.toFixed(0)}–${spread(ratios).high.toFixed(0)})`;
  process.stdout.write(
    `${String(rows).padStart(7)} rows, ${load}, read by a ${reader}: ${(median(ns) / 1_000).toFixed(2)} µs an event${versus}\n`,
  );
}

const results = [];
for (const rows of flags.quick ? [1_000, 10_000] : [1_000, 10_000, 100_000])
  for (const reader of Object.keys(READERS))
    for (const load of Object.keys(FRAMES)) {
      const result = await measure(rows, load, reader);
      results.push(result);
      if (!flags.json) print(result);
    }
if (flags.json) process.stdout.write(`${JSON.stringify(results)}\n`);
