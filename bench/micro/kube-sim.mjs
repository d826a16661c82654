#!/usr/bin/env node
/**
 * The simulated Kubernetes API server: how many watch events a second one watcher gets from it, and what a cluster costs in memory.
 *
 *   node bench/micro/kube-sim.mjs [--pods 2000] [--rounds 15]
 *
 * The server runs here, the watcher in a thread of its own: HTTP over loopback, one JSON event a line, lines counted and not parsed. A round changes 5,000 pods in
 * one turn (a pod of the demo cluster is 3 to 4 kB of JSON) and ends when the watcher has read the last of them. Nothing is lost or skipped: the watcher
 * counts, and a watch that ends before its time fails the run.
 */
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { get } from 'node:http';
import { createSeededRandom, createSystemClock, silentLogger } from '@trunkline/base';
import { createKubeSim, startWorkload } from '@trunkline/kube-sim';
import { readConditions } from '../lib/conditions.mjs';

const PER_ROUND = 5_000;

if (isMainThread) await measure();
else watch(workerData);

async function measure() {
  const { values } = parseArgs({
    options: {
      pods: { type: 'string', default: '2000' },
      rounds: { type: 'string', default: '15' },
    },
  });
  const heapBefore = heap();
  const sim = createKubeSim({
    clock: createSystemClock(),
    random: createSeededRandom(1),
    logger: silentLogger,
  });
  await sim.start();
  const workload = startWorkload(sim, { pods: Number(values.pods), eventsPerSecond: 0 });
  await workload.ready;
  const pods = sim.cluster.registry.require('pods');
  const count = sim.cluster.collection(pods).size;
  const grown = heap() - heapBefore;

  const token = sim.issueToken();
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { url: `${sim.url}/api/v1/pods?watch=true&resourceVersion=${sim.cluster.version}`, token },
  });
  worker.on('error', (error) => {
    throw error;
  });
  await said(worker, 'open');
  const rounds = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    const bytes = sim.stats().bytesOut;
    const cpu = process.cpuUsage();
    const start = performance.now();
    const done = said(worker, 'round');
    sim.faults.burst(pods, PER_ROUND);
    await done;
    const seconds = (performance.now() - start) / 1000;
    const used = process.cpuUsage(cpu);
    rounds.push({
      rate: PER_ROUND / seconds,
      cpuUs: (used.user + used.system) / PER_ROUND,
      bytes: (sim.stats().bytesOut - bytes) / PER_ROUND,
    });
  }
  const median = (field) => rounds.map((one) => one[field]).sort((a, b) => a - b)[rounds.length >> 1];
  const [slowest, fastest] = [Math.min, Math.max].map((of) => of(...rounds.map(({ rate }) => rate)));
  console.log(JSON.stringify(readConditions()));
  console.log(
    `${count} pods: ${(grown / count / 1024).toFixed(1)} KiB of heap a pod, before any was written as JSON`,
  );
  console.log(
    `one watcher: ${Math.round(median('rate'))} events/s (median of ${rounds.length} rounds of ${PER_ROUND}; ` +
      `${Math.round(slowest)} to ${Math.round(fastest)}), ${Math.round(median('bytes'))} B an event, ` +
      `${median('cpuUs').toFixed(0)} µs of CPU an event, watcher included`,
  );
  console.log(
    `heap with a full watch cache (the last 10,000 changes, written as JSON): ${Math.round((heap() - heapBefore) / 2 ** 20)} MiB`,
  );
  await worker.terminate();
  workload.dispose();
  await sim.dispose();
}

/** Resolves when the worker says that word; rejects when it says another. */
function said(worker, word) {
  return new Promise((resolve, reject) => {
    const listen = (message) => {
      if (message !== word) return reject(new Error(`the watcher said ${message}`));
      worker.off('message', listen);
      resolve();
    };
    worker.on('message', listen);
  });
}

function heap() {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

/** In the worker: counts lines. */
function watch({ url, token }) {
  const request = get(url, { headers: { authorization: `Bearer ${token}` } }, (response) => {
    parentPort.postMessage(response.statusCode === 200 ? 'open' : `status ${response.statusCode}`);
    let seen = 0;
    response.on('data', (chunk) => {
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1))
        if (++seen % PER_ROUND === 0) parentPort.postMessage('round');
    });
    response.on('end', () => parentPort.postMessage('the watch ended'));
  });
  request.on('error', (error) => parentPort.postMessage(error.message));
}
