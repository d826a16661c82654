#!/usr/bin/env node
/**
 * Live windows over a long list: what a change costs, what a viewer gets, what a row takes, and how long the hub's thread is held up while a hundred thousand pods are read and sorted.
 *
 *   node --expose-gc bench/micro/kube-windows.mjs [--pods 100000] [--seconds 10] [--rate 500] [--part thread|cost|memory|handing]
 *
 * Pods are those of the demo cluster, copied under other names; a change is a pod with another count of restarts and another time of its last change. Windows stand behind channels by
 * hand: what a viewer gets is the publications' text, without the frame around it. `thread` runs the engine in its thread at the given rate, and reports the delay of the hub's event
 * loop; `cost` runs it here, as fast as it can, so that processor time is that of one change; `memory` is heap after garbage collection; `handing` compares ways to hand objects over.
 * Each part runs in a process of its own.
 */
import { execFileSync } from 'node:child_process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { MessageChannel } from 'node:worker_threads';
import { createSeededRandom, createSystemClock, randomInt, silentLogger, sleep } from '@trunkline/base';
import { KubeObject } from '@trunkline/kube-client';
import { createKubeSim, startWorkload } from '@trunkline/kube-sim';
import { createWindows, startEngineHere } from '@trunkline/module-kube/windows';
import { readConditions } from '../lib/conditions.mjs';

const TEMPLATES = 2_000;
const NAMESPACES = 50;
const PRINCIPAL = { user: 'bench', org: 'bench', roles: [], groups: [], caps: [], channels: [] };
const BY_CHANGE = [{ path: 'metadata.annotations["changed"]', order: 'desc' }];

/** Windows of 50 rows. */
const WINDOWS = {
  'first 50 by name': {},
  'rows 50,000 to 50,050 by name': { offset: 50_000 },
  'last 50 changed': { sort: BY_CHANGE },
  'last 50 changed, with status': { sort: BY_CHANGE, fields: ['status'] },
  'most restarts of those that run': {
    sort: [{ column: 'restarts', order: 'desc' }],
    filter: [{ column: 'status', op: 'eq', value: 'Running' }],
  },
};

const { values } = parseArgs({
  options: {
    pods: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '10' },
    rate: { type: 'string', default: '500' },
    part: { type: 'string' },
  },
});
const clock = createSystemClock();
const random = createSeededRandom(1);
const PARTS = { thread: measureThread, cost: measureCost, memory: measureMemory, handing: measureHanding };

/** Timers of the clock do not keep a process alive. */
const alive = setInterval(() => undefined, 1_000);

if (values.part === undefined) {
  const args = ['--expose-gc', '--max-old-space-size=4096', import.meta.filename];
  for (const name of ['pods', 'seconds', 'rate']) args.push(`--${name}`, values[name]);
  const conditions = await readConditions();
  const results = Object.keys(PARTS).map((part) =>
    JSON.parse(execFileSync(process.execPath, [...args, '--part', part], { encoding: 'utf8' })),
  );
  console.log(JSON.stringify({ conditions, results }, null, 2));
} else {
  console.log(JSON.stringify({ part: values.part, ...(await PARTS[values.part]()) }));
}
clearInterval(alive);
process.exit(0);

// ------------------------------------------------------------ parts

async function measureThread() {
  const list = await makeList(Number(values.pods));
  const bed = createBed(list);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const load = await timed(() => bed.read('first 50 by name'));
  const loading = delaysOf(delay);
  const opened = {};
  for (const name of Object.keys(WINDOWS)) opened[name] = round((await timed(() => bed.read(name))).ms);
  const opening = delaysOf(delay);
  bed.forget();
  const rate = Number(values.rate);
  const seconds = Number(values.seconds);
  const cpu = process.cpuUsage();
  const changes = await changeAtRate(list, rate, seconds);
  const { user, system } = process.cpuUsage(cpu);
  const result = {
    pods: list.objects.size,
    loadMs: round(load.ms),
    hubDelayWhileLoadingMs: loading,
    openedMs: opened,
    hubDelayWhileOpeningMs: opening,
    changesPerSecond: rate,
    eventBytes: Math.round(changes.bytes / changes.count),
    cpuPercentOfOneCore: round((user + system) / 10_000 / seconds),
    hubDelayWhileChangingMs: delaysOf(delay),
    viewers: bed.report(changes.bytes),
  };
  await bed.dispose();
  return result;
}

async function measureCost() {
  const list = await makeList(Number(values.pods));
  const rows = [
    { window: 'none: making the changes', ...(await costOf(list, { quiet: async () => undefined }, 10_000)) },
  ];
  for (const name of Object.keys(WINDOWS)) {
    const bed = createBed(list, startEngineHere(clock));
    await bed.read(name);
    rows.push({ window: name, ...(await costOf(list, bed, 10_000)) });
    await bed.dispose();
  }
  const bed = createBed(list, startEngineHere(clock));
  for (const name of Object.keys(WINDOWS)) await bed.read(name);
  rows.push({ window: 'all of them', ...(await costOf(list, bed, 10_000)) });
  await bed.dispose();
  return { cpuUsPerChange: rows };
}

async function measureMemory() {
  const list = await makeList(Number(values.pods));
  const bed = createBed(list, startEngineHere(clock));
  const rows = [];
  let before = heap();
  for (const name of ['first 50 by name', 'last 50 changed', 'last 50 changed, with status']) {
    await bed.read(name);
    const now = heap();
    rows.push({ with: name, moreBytesPerRow: Math.round((now - before) / list.objects.size) });
    before = now;
  }
  await bed.dispose();
  return { jsonBytesPerPod: list.bytesPerPod, heap: rows };
}

/** The hub's share of handing 90 objects over, some 256 KiB: copied into one buffer that is given away, and cloned one by one. */
async function measureHanding() {
  const list = await makeList(2_000);
  const objects = [...list.objects.values()].slice(0, 90);
  const { port1, port2 } = new MessageChannel();
  port2.on('message', () => undefined);
  const ways = {
    packed: () => {
      const bytes = new Uint8Array(objects.reduce((sum, { json }) => sum + json.length, 0));
      let at = 0;
      for (const { json } of objects) {
        bytes.set(json, at);
        at += json.length;
      }
      port1.postMessage(bytes, [bytes.buffer]);
    },
    cloned: () => port1.postMessage(objects.map(({ json }) => json)),
    texts: () => port1.postMessage(objects.map(({ json }) => Buffer.from(json.buffer).toString())),
  };
  const usPerObject = {};
  for (const round_ of [1, 2]) {
    for (const [name, hand] of Object.entries(ways)) {
      let spent = 0;
      for (let count = 0; count < 200; count++) {
        const started = performance.now();
        hand();
        spent += performance.now() - started;
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (round_ === 2) usPerObject[name] = Math.round((spent * 1e5) / 200 / objects.length) / 100;
    }
  }
  port1.close();
  return { usPerObject };
}

// ------------------------------------------------------------ changes

async function changeAtRate(list, rate, seconds) {
  const batch = Math.max(1, Math.round(rate / 50));
  let bytes = 0;
  let count = 0;
  const started = clock.monotonic();
  while (clock.monotonic() < started + seconds * 1_000) {
    bytes += list.change(batch);
    count += batch;
    const due = started + (count / rate) * 1_000;
    await sleep(clock, Math.max(0, due - clock.monotonic()));
  }
  await sleep(clock, 500);
  return { bytes, count };
}

/** Turns of fifty changes, each waited for: processor time of hub and engine together, garbage collection included. */
async function costOf(list, bed, count) {
  const run = async (changes) => {
    for (let done = 0; done < changes; done += 50) {
      list.change(50);
      await bed.quiet();
    }
  };
  await run(1_000);
  const before = process.cpuUsage();
  await run(count);
  const { user, system } = process.cpuUsage(before);
  return { us: round((user + system) / count) };
}

// ------------------------------------------------------------ the list

async function makeList(count) {
  const templates = await makeTemplates();
  const objects = new Map();
  const keys = [];
  for (let index = 0; index < count; index++) {
    const template = templates[index % templates.length];
    const { metadata } = template;
    const value = {
      ...template,
      metadata: {
        ...metadata,
        namespace: `team-${index % NAMESPACES}`,
        name: `${metadata.name}-${String(index).padStart(6, '0')}`,
        uid: `${String(index).padStart(8, '0')}-0000-4000-8000-000000000000`,
        annotations: { ...metadata.annotations, changed: new Date(1.7e12 + index).toISOString() },
      },
    };
    const object = toObject(value);
    objects.set(object.key, object);
    keys.push(object.key);
  }
  const listeners = new Set();
  let changed = 0;
  const bytesPerPod = Math.round(sum([...objects.values()].map(({ json }) => json.length)) / count);
  return {
    objects,
    listeners,
    bytesPerPod,
    changed: () => changed,
    /** Bytes of the changed objects, as a watch would send them. */
    change: (some) => {
      const changes = [];
      let bytes = 0;
      for (let step = 0; step < some; step++) {
        const value = JSON.parse(
          Buffer.from(objects.get(keys[randomInt(random, keys.length)]).json).toString(),
        );
        value.metadata.annotations.changed = new Date(1.8e12 + ++changed).toISOString();
        value.metadata.resourceVersion = String(1e7 + changed);
        for (const one of value.status.containerStatuses ?? []) one.restartCount++;
        const object = toObject(value);
        objects.set(object.key, object);
        bytes += object.json.length + '{"type":"MODIFIED","object":}\n'.length;
        changes.push({ kind: 'modified', key: object.key, object, version: '', sequence: changed });
      }
      for (const listener of listeners) listener.onChanges(changes, '');
      return bytes;
    },
  };
}

async function makeTemplates() {
  const sim = createKubeSim({ clock, random: createSeededRandom(1), logger: silentLogger });
  const workload = startWorkload(sim, { pods: TEMPLATES, eventsPerSecond: 0 });
  await workload.ready;
  const type = sim.cluster.registry.require('pods');
  const templates = [...sim.cluster.collection(type).values()].map(({ object }) =>
    JSON.parse(JSON.stringify(object)),
  );
  await workload.dispose();
  await sim.dispose();
  return templates;
}

function toObject(value) {
  const { namespace, name, uid, resourceVersion: version } = value.metadata;
  const text = JSON.stringify(value);
  const json = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  json.write(text);
  const found = { start: 0, end: json.length, kind: '', apiVersion: '', cuts: [], unusual: false };
  return new KubeObject({ ...found, namespace, name, uid, version }, json);
}

// ------------------------------------------------------------ the windows

function createBed(list, startEngine) {
  const state = { kind: 'live' };
  const view = {
    state,
    loaded: true,
    get sequence() {
      return list.changed();
    },
    get: (key) => list.objects.get(key),
    values: () => list.objects.values(),
  };
  const parts = createWindows(
    {
      context: { clock, random, logger: silentLogger },
      upstreams: {
        lease: (_cluster, _identity, _question, listener) => {
          list.listeners.add(listener);
          return { view, dispose: () => void list.listeners.delete(listener) };
        },
        resolve: async () => ({
          group: '',
          version: 'v1',
          resource: 'pods',
          namespaced: true,
          verbs: ['list', 'watch'],
        }),
        columns: async () => ({ columns: [], table: false }),
      },
      access: {
        enter: async (_principal, id) => ({
          id,
          upstream: { kind: 'server' },
          own: undefined,
          confinedTo: undefined,
        }),
        sight: async () => ({ kind: 'all', recheckMs: 4_000 }),
        may: async () => ({ recheckMs: 4_000 }),
      },
      ...(startEngine && { startEngine }),
    },
    // Here, turns come as fast as they are waited for.
    startEngine ? { turnMs: 0, answerTimeoutMs: 600_000 } : { answerTimeoutMs: 600_000 },
  );
  const call = { principal: PRINCIPAL, client: '', requestId: '', signal: new AbortController().signal };
  const viewers = new Map();
  let heard = () => undefined;
  let published = 0;
  return {
    /** Opens a window and waits for its rows. */
    read: async (name) => {
      const params = { sources: [{ cluster: 'one' }], resource: 'pods', limit: 50, ...WINDOWS[name] };
      const { channel } = (await parts.rpc['kube.window'].handle(params, call)).result;
      if (!viewers.has(name)) {
        const viewer = { publications: 0, bytes: 0 };
        viewers.set(name, viewer);
        const emit = {
          publish: (data) => {
            viewer.publications++;
            viewer.bytes += Buffer.byteLength(data);
            published++;
            heard();
            return { epoch: '1', offset: viewer.publications };
          },
          state: () => undefined,
          reset: () => undefined,
        };
        parts.namespaces[0].source({ org: 'bench', channel, emit });
      }
      for (;;) {
        try {
          return (await parts.rpc['kube.windowState'].handle({ channel }, call)).result;
        } catch (cause) {
          // Reading a hundred thousand pods takes longer than a viewer waits.
          if (cause.code !== 1_000) throw cause;
        }
      }
    },
    /** Until what was changed has been worked off: the engine answers in order. */
    quiet: async () => {
      const before = published;
      const waited = new Promise((resolve) => (heard = resolve));
      const idle = (async () => {
        for (let turn = 0; turn < 12; turn++) await sleep(clock, 0);
      })();
      await (published === before ? Promise.race([waited, idle]) : undefined);
      for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
    },
    forget: () => {
      for (const viewer of viewers.values()) viewer.publications = viewer.bytes = 0;
    },
    report: (eventBytes) =>
      [...viewers].map(([window, { publications, bytes }]) => ({
        window,
        publications,
        bytes,
        percentOfWholeObjects: Math.round((bytes / eventBytes) * 10_000) / 100,
      })),
    dispose: () => parts.dispose(),
  };
}

// ------------------------------------------------------------ figures

function delaysOf(delay) {
  const found = { p99: round(delay.percentile(99) / 1e6), max: round(delay.max / 1e6) };
  delay.reset();
  return found;
}

async function timed(run) {
  const started = performance.now();
  await run();
  return { ms: performance.now() - started };
}

function heap() {
  for (let turn = 0; turn < 3; turn++) globalThis.gc();
  return process.memoryUsage().heapUsed;
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

function round(value) {
  return Math.round(value * 10) / 10;
}
