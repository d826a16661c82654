/**
 * `npm run kube-sim`: a simulated Kubernetes API server with a living demo cluster, for whoever wants something to point a client at. Prints its address and where it
 * wrote a kubeconfig; ends with Ctrl-C. Everything lives in memory and is gone afterwards.
 *
 *   npm run kube-sim -- --pods 500 --events 20 --port 8001 --seed 7 --kubeconfig /tmp/demo.json
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from './lib/files.mjs';
import { nodeProblem } from './lib/node-version.mjs';

const { values } = parseArgs({
  options: {
    pods: { type: 'string', default: '200' },
    events: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    port: { type: 'string', default: '0' },
    kubeconfig: { type: 'string', default: join(ROOT, '.cache', 'kube-sim.json') },
  },
});
const problem = nodeProblem(process.version);
if (problem) {
  console.error(problem);
  process.exit(1);
}

// Imported only now: what follows needs a Node that passed the check, an install and a build.
const { ensureInstalled } = await import('./lib/install.mjs');
const { runNode } = await import('./lib/run.mjs');
if (!(await ensureInstalled())) process.exit(1);
if ((await runNode('node_modules/typescript/bin/tsc', ['-b', 'packages/kube-sim'])) !== 0) process.exit(1);
const { createSystemClock, createSystemRandom, silentLogger } = await import('@trunkline/base');
const { createKubeSim, startWorkload } = await import('@trunkline/kube-sim');

// Chance makes tokens too, so the seed is for what happens in the cluster alone.
const sim = createKubeSim(
  { clock: createSystemClock(), random: createSystemRandom(), logger: silentLogger },
  { port: Number(values.port) },
);
await sim.start();
const workload = startWorkload(sim, {
  seed: Number(values.seed),
  pods: Number(values.pods),
  eventsPerSecond: Number(values.events),
});
await workload.ready;
const token = sim.issueToken();
writeFileSync(values.kubeconfig, JSON.stringify(sim.kubeconfig(token), null, 2), { mode: 0o600 });
console.log(`simulated Kubernetes API server: ${sim.url}
  kubeconfig  ${values.kubeconfig}
  try         curl -sN -H 'Authorization: Bearer ${token}' '${sim.url}/api/v1/pods?watch=true'`);

const stop = async () => {
  workload.dispose();
  await sim.dispose();
};
process.once('SIGINT', stop);
process.once('SIGTERM', stop);
