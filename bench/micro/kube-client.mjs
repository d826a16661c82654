#!/usr/bin/env node
/**
 * The Kubernetes client's reflector: what a pod costs in memory and a watch event in processor time, beside the plain way of `JSON.parse` for both.
 *
 *   node --expose-gc bench/micro/kube-client.mjs [--pods 10000] [--events 50000] [--kept reflector|pruned|parsed]
 *
 * Pods are those of the demo cluster, with `managedFields` of the size that `kubectl apply` and the kubelet leave (they are dropped on arrival). The server's bytes are made first, then
 * played to the client through a wire without sockets, in chunks of 64 KiB: what is measured is scanning, pruning, copying, storing and telling. Memory is heap plus array buffers
 * after garbage collection. `parsed` keeps the objects that `JSON.parse` makes instead, `pruned` the same without managedFields; each runs in a process of its own.
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { createSeededRandom, createSystemClock, silentLogger } from '@trunkline/base';
import { createKubeCluster, Reflector } from '@trunkline/kube-client';
import { answerText, FakeBody, FakeWire } from '@trunkline/kube-client/testing';
import { createKubeSim, startWorkload } from '@trunkline/kube-sim';
import { readConditions } from '../lib/conditions.mjs';

const CHUNK_BYTES = 65_536;
const PAGE = 500;
const PODS = { group: '', version: 'v1', resource: 'pods' };

const { values } = parseArgs({
  options: {
    pods: { type: 'string', default: '10000' },
    events: { type: 'string', default: '50000' },
    kept: { type: 'string' },
  },
});
const clock = createSystemClock();

if (values.kept === undefined) {
  const args = [
    '--expose-gc',
    '--max-old-space-size=4096',
    import.meta.filename,
    '--pods',
    values.pods,
    '--events',
    values.events,
  ];
  const results = ['reflector', 'pruned', 'parsed'].map((kept) =>
    JSON.parse(execFileSync(process.execPath, [...args, '--kept', kept], { encoding: 'utf8' })),
  );
  console.log(JSON.stringify({ conditions: await readConditions(), results }, null, 2));
} else console.log(JSON.stringify(await measure(values.kept)));

async function measure(kept) {
  const texts = await makePods(Number(values.pods));
  const pages = makePages(texts);
  const chunks = makeChunks(texts, Number(values.events));
  const json = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  texts.length = 0;
  const result = {
    kept,
    pods: Number(values.pods),
    events: Number(values.events),
    wireBytesPerPod: Math.round(json / Number(values.pods)),
  };
  if (kept === 'reflector') return { ...result, ...(await measureReflector(pages, chunks)) };
  return { ...result, ...measureParsed(pages, chunks, kept === 'pruned') };
}

async function measureReflector(pages, chunks) {
  let body;
  const wire = new FakeWire(({ path, signal }) => {
    if (path.includes('watch=1')) return { status: 200, headers: {}, body: (body = new FakeBody(signal)) };
    const page = Number(/continue=(\d+)/.exec(path)?.[1] ?? 0);
    return answerText(200, pages[page]);
  });
  const cluster = createKubeCluster({ clock, wire }, { server: 'http://recorded' }, { pageSize: PAGE });
  let changes = 0;
  const sink = { onChanges: (batch) => void (changes += batch.length), onState: () => undefined };
  const deps = { clock, random: createSeededRandom(1), logger: silentLogger, cluster, sink };
  // Without a ring: what is measured is the store.
  const reflector = new Reflector(deps, PODS, { watchList: false, ringMaxChanges: 0 });
  const before = memory();
  const list = await timed(async () => {
    reflector.start();
    while (reflector.state.kind !== 'live') await turn();
  });
  const after = memory();
  const events = await timed(async () => {
    for (const chunk of chunks) {
      body.push(chunk);
      // A socket would not hand over more than is read either.
      while (body.unread > 4) await turn();
    }
    while (changes < Number(values.pods) + Number(values.events)) await turn();
  });
  const { objects, bytes } = reflector.stats;
  return figures(before, after, list, events, objects, { keptJsonBytesPerPod: Math.round(bytes / objects) });
}

/** What a client does that parses everything. @param prune drops managedFields afterwards */
function measureParsed(pages, chunks, prune) {
  const store = new Map();
  const keep = (object) => {
    if (prune) delete object.metadata.managedFields;
    store.set(`${object.metadata.namespace}/${object.metadata.name}`, object);
  };
  const before = memory();
  const list = timedNow(() => {
    for (const page of pages) for (const object of JSON.parse(page.toString()).items) keep(object);
  });
  const after = memory();
  const events = timedNow(() => {
    let rest = '';
    for (const chunk of chunks) {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop();
      for (const line of lines) keep(JSON.parse(line).object);
    }
  });
  return figures(before, after, list, events, store.size, {});
}

function figures(before, after, list, events, objects, more) {
  const perPod = (field) => Math.round((after[field] - before[field]) / objects);
  return {
    ...more,
    memoryBytesPerPod: perPod('kept'),
    heapBytesPerPod: perPod('heap'),
    listCpuUsPerPod: round(list / Number(values.pods)),
    eventCpuUs: round(events / Number(values.events)),
  };
}

async function makePods(count) {
  const sim = createKubeSim({ clock, random: createSeededRandom(1), logger: silentLogger });
  const workload = startWorkload(sim, { pods: count, eventsPerSecond: 0 });
  await workload.ready;
  const type = sim.cluster.registry.require('pods');
  const texts = [...sim.cluster.collection(type).values()]
    .slice(0, count)
    .map(({ object }) =>
      JSON.stringify({ ...object, metadata: { ...object.metadata, managedFields: managedFields(object) } }),
    );
  await workload.dispose();
  await sim.dispose();
  return texts;
}

/** As the server writes them: the names of all fields, under who set them. */
function managedFields(object) {
  const names = (value) =>
    typeof value !== 'object' || value === null
      ? {}
      : Object.fromEntries(Object.entries(value).map(([name, inner]) => [`f:${name}`, names(inner)]));
  const time = '2026-11-21T08:00:00Z';
  const entry = (manager, fieldsV1) => ({
    manager,
    operation: 'Update',
    apiVersion: 'v1',
    time,
    fieldsType: 'FieldsV1',
    fieldsV1,
  });
  const { metadata, spec, status } = object;
  return [
    entry('kube-controller-manager', names({ metadata, spec })),
    { ...entry('kubelet', names({ status })), subresource: 'status' },
  ];
}

function makePages(texts) {
  const pages = [];
  for (let start = 0; start < texts.length; start += PAGE) {
    const next = start + PAGE < texts.length ? String(pages.length + 1) : '';
    const head = `{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"5000000","continue":"${next}"},"items":[`;
    pages.push(Buffer.from(`${head}${texts.slice(start, start + PAGE).join(',')}]}`));
  }
  return pages;
}

function makeChunks(texts, events) {
  const chunks = [];
  let waiting = [];
  let bytes = 0;
  for (let index = 0; index < events; index++) {
    const text = texts[(index * 7919) % texts.length].replace(
      /"resourceVersion":"\d+"/,
      `"resourceVersion":"${5_000_001 + index}"`,
    );
    const line = Buffer.from(`{"type":"MODIFIED","object":${text}}\n`);
    waiting.push(line);
    bytes += line.length;
    if (bytes < CHUNK_BYTES * 64 && index < events - 1) continue;
    const joined = Buffer.concat(waiting);
    for (let start = 0; start < joined.length; start += CHUNK_BYTES)
      chunks.push(Buffer.from(joined.subarray(start, start + CHUNK_BYTES)));
    waiting = [];
    bytes = 0;
  }
  return chunks;
}

function memory() {
  for (let round = 0; round < 3; round++) globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { heap: heapUsed, kept: heapUsed + arrayBuffers };
}

/** Processor time in microseconds. */
async function timed(run) {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function timedNow(run) {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function turn() {
  return new Promise((resolve) => setImmediate(resolve));
}

function round(value) {
  return Math.round(value * 10) / 10;
}
