/**
 * A real Kubernetes API server with its etcd, as the simulated one in `kube-api.mjs` is started: with the number of pods; prints its address, a token and a file with its certificate authority. The
 * pods are those of the demo cluster as far as an API server takes them from who creates them (without a status; with what it fills in itself some 3 kB of JSON).
 * What a LIST costs here is what it costs users: the server writes the objects as JSON for each answer.
 *
 *   apiUsage → {cpuUs}   processor time of kube-apiserver and etcd so far
 *   dispose              → ends both and removes what they wrote
 */
import { createSeededRandom, createSystemClock, silentLogger } from '@trunkline/base';
import { createKubeSim, startWorkload } from '@trunkline/kube-sim';
import { findKubeBinaries, startKubeApiServer } from '@trunkline/testkit';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveCommands } from '../lib/commands.mjs';

/** Requests under way while the pods are made. */
const CONCURRENCY = 16;
/** Of /proc/<pid>/stat: clock ticks are hundredths of a second on every Linux that Node runs on. */
const TICK_US = 10_000;
const TOKEN = 'bench-administrator';

const count = Number(process.argv[2] ?? 1_000);
const binaries = findKubeBinaries();
if (binaries === undefined) throw new Error('kube-apiserver and etcd are missing: run "npm run setup:kube"');

const folder = mkdtempSync(join(tmpdir(), 'trunkline-bench-'));
const caFile = join(folder, 'ca.pem');
const server = await startKubeApiServer(binaries, {
  tokens: { [TOKEN]: { name: 'bench', groups: ['system:masters'] } },
});
writeFileSync(caFile, server.ca);
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY, ca: server.ca });

const objects = await demoPods(count);
for (const name of new Set(objects.map(({ metadata }) => metadata.namespace)))
  await post('/api/v1/namespaces', { metadata: { name } });
await inParallel(objects, (object) => post(`/api/v1/namespaces/${object.metadata.namespace}/pods`, object));
agent.destroy();

serveCommands(
  {
    apiUsage: () => ({ cpuUs: cpuUsOf(server.program.pid) + cpuUsOf(server.etcd.pid) }),
    dispose: () => server.dispose(),
  },
  { url: server.url, token: TOKEN, caFile, pods: objects.length },
);

/** Without what only the server writes. */
async function demoPods(pods) {
  const sim = createKubeSim({
    clock: createSystemClock(),
    random: createSeededRandom(1),
    logger: silentLogger,
  });
  const workload = startWorkload(sim, { pods, eventsPerSecond: 0, populateSlice: 2_000 });
  await workload.ready;
  await workload.dispose();
  const type = sim.cluster.registry.require('pods');
  return [...sim.cluster.collection(type).values()].map(({ object }) => {
    const { uid, resourceVersion, creationTimestamp, managedFields, ...metadata } = object.metadata;
    return { apiVersion: 'v1', kind: 'Pod', metadata, spec: object.spec };
  });
}

async function inParallel(items, work) {
  const left = items[Symbol.iterator]();
  const worker = async () => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}

function post(path, object) {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
    const asked = request(server.url + path, { method: 'POST', agent, headers }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('end', () => {
        // Some namespaces are there from the beginning.
        if (answer.statusCode === 201 || answer.statusCode === 409) return resolve();
        reject(new Error(`${path}: ${answer.statusCode} ${Buffer.concat(chunks).toString()}`));
      });
    });
    asked.on('error', reject);
    asked.end(JSON.stringify(object));
  });
}

function cpuUsOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}
