/**
 * The simulated Kubernetes API server as a process of its own, so that its work is in nobody's figure: HTTP over loopback, pods of the demo cluster (3 to 4 kB of JSON). Started with
 * the number of pods; prints its address and a token. A changed pod says in an annotation when, on the clock that all processes of a machine share.
 *
 *   counts → {lists, watchesOpened, openWatches, watchBytes, listBytes}   what the server itself saw, since the start
 *   change {count}                     → changes that many pods in one turn
 *   rate {perSecond, ms}               → the same spread evenly, in steps of 20 ms → {changes, lateMs}
 *   begin {perSecond, ms} | end        → the same while other commands are answered; `end` waits for it
 *   names                              → {names}: pods as `namespace/name@version`, as they are now
 *   endWatches | expire | die {ms}     → faults of all watches or of the server
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createSeededRandom, createSystemClock, randomInt, silentLogger } from '@trunkline/base';
import { createKubeSim, startWorkload } from '@trunkline/kube-sim';
import { serveCommands } from '../lib/commands.mjs';
import { nowUs } from '../lib/payload.mjs';

const STEP_MS = 20;
const count = Number(process.argv[2] ?? 1_000);

const random = createSeededRandom(1);
const sim = createKubeSim({ clock: createSystemClock(), random, logger: silentLogger });
await sim.start();
// Timers of the clock do not keep a process alive.
setInterval(() => undefined, 60_000);
const workload = startWorkload(sim, { pods: count, eventsPerSecond: 0, populateSlice: 2_000 });
await workload.ready;
// What follows is decided here alone: nothing answers to the changes.
await workload.dispose();

const type = sim.cluster.registry.require('pods');
const pods = sim.cluster.collection(type);
const keys = [...pods.values()].map(({ key }) => key);
let changed = 0;
let running;

function change(some) {
  for (let step = 0; step < some; step++) {
    const object = pods.get(keys[randomInt(random, keys.length)])?.object;
    if (object === undefined) continue;
    changed++;
    const annotations = { ...object.metadata.annotations, changed: String(nowUs()) };
    const statuses = (object.status?.containerStatuses ?? []).map((one) => ({
      ...one,
      restartCount: (one.restartCount ?? 0) + 1,
    }));
    sim.cluster.put(type, {
      ...object,
      metadata: { ...object.metadata, annotations },
      status: { ...object.status, containerStatuses: statuses },
    });
  }
}

async function rate({ perSecond, ms }) {
  const started = performance.now();
  const total = Math.round((perSecond * ms) / 1_000);
  let [done, lateMs] = [0, 0];
  while (done < total) {
    const now = performance.now() - started;
    const due = Math.min(total, Math.floor((now * perSecond) / 1_000));
    lateMs = Math.max(lateMs, now - (done * 1_000) / perSecond - STEP_MS);
    change(due - done);
    done = due;
    await sleep(STEP_MS);
  }
  return { changes: done, lateMs };
}

serveCommands(
  {
    counts: () => {
      const { lists, watchesOpened, openWatches, bytesByRequest } = sim.stats();
      const { 'watch pods': watchBytes = 0, 'list pods': listBytes = 0 } = bytesByRequest;
      return { lists, watchesOpened, openWatches, watchBytes, listBytes, changed };
    },
    change: ({ count: some }) => change(some),
    rate,
    begin: (params) => {
      running = rate(params);
    },
    end: () => running,
    names: () => ({
      names: [...pods.values()].map(({ key, object: { metadata } }) => `${key}@${metadata.resourceVersion}`),
    }),
    endWatches: () => ({ ended: sim.faults.endWatches() }),
    expire: () => ({ ended: sim.faults.expireWatches() }),
    die: async ({ ms }) => sim.faults.die(ms),
  },
  { url: sim.url, token: sim.issueToken(), pods: keys.length },
);
