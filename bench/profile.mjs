#!/usr/bin/env node
/**
 * Where the Trunkline server's CPU goes: runs one load with V8's sampling profiler on the server and prints the functions by self time.
 *
 *   node bench/profile.mjs [--readers 1000] [--messages 1500] [--burst 1] [--mode same|mixed] [--peer trunkline] [--top 30]
 *
 * `(program)` is native code outside JavaScript, mostly system calls; `(idle)` is left out. The profile stays in bench/.cache/profile/
 * for a viewer. Figures under the profiler are a few percent higher than without.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { requireOpenFiles } from './lib/conditions.mjs';
import { PEERS, unavailable } from './lib/peers.mjs';
import { Rig } from './lib/rig.mjs';

const { values: flags } = parseArgs({
  options: {
    readers: { type: 'string', default: '1000' },
    messages: { type: 'string', default: '1500' },
    burst: { type: 'string', default: '1' },
    mode: { type: 'string', default: 'same' },
    peer: { type: 'string', default: 'trunkline' },
    top: { type: 'string', default: '30' },
  },
});
const FOLDER = fileURLToPath(new URL('./.cache/profile/', import.meta.url));

const reason = unavailable(flags.peer);
if (!PEERS[flags.peer] || flags.peer === 'floor' || reason)
  throw new Error(reason ?? '--peer must be a Node server');
requireOpenFiles(Number(flags.readers) + 100);
rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });

const rig = await Rig.start(flags.peer, {
  execArgs: ['--cpu-prof', `--cpu-prof-dir=${FOLDER}`, '--cpu-prof-interval=500'],
});
const burst = Number(flags.burst);
await rig.open(Number(flags.readers), 'ten');
// The warm-up is in the profile too; it is short beside the load.
await rig.publish({ messages: 50 * burst, burst, mode: flags.mode });
const result = await rig.publish({ messages: Number(flags.messages) * burst, burst, mode: flags.mode });
await rig.stop();

process.stdout.write(
  `${PEERS[flags.peer].label}: ${result.cpuUs.toFixed(2)} µs per delivery (${result.userUs.toFixed(2)} user), ${result.deliveries} deliveries\n\n`,
);
print(JSON.parse(readFileSync(FOLDER + readdirSync(FOLDER)[0], 'utf8')), result.cpuUs);

function print({ nodes, samples, timeDeltas }, cpuUs) {
  const placeOf = new Map(nodes.map((node) => [node.id, place(node.callFrame)]));
  const self = new Map();
  let total = 0;
  for (const [index, id] of samples.entries()) {
    const where = placeOf.get(id);
    const spent = timeDeltas[index];
    if (where.startsWith('(idle)') || where.startsWith('(root)')) continue;
    total += spent;
    self.set(where, (self.get(where) ?? 0) + spent);
  }
  const top = [...self].sort((left, right) => right[1] - left[1]).slice(0, Number(flags.top));
  process.stdout.write('  self    µs/delivery  function\n');
  for (const [where, spent] of top) {
    const share = spent / total;
    process.stdout.write(
      `${(share * 100).toFixed(1).padStart(5)} %  ${(share * cpuUs).toFixed(3).padStart(9)}    ${where}\n`,
    );
  }
}

function place({ functionName, url, lineNumber }) {
  const name = functionName || '(anonymous)';
  if (!url) return name;
  const file = url.replace(/^file:\/\//, '').replace(/^.*\/(?=packages\/|node_modules\/|bench\/)/, '');
  return `${name}  ${file}:${lineNumber + 1}`;
}
