#!/usr/bin/env node
/**
 * Where the Trunkline server's CPU or memory goes: runs one load with V8's sampling profiler on the server and prints functions by self
 * time, or (`--memory`) by bytes that idle connections keep alive.
 *
 *   node bench/profile.mjs [--readers 1000] [--messages 1500] [--burst 1] [--mode same|mixed] [--peer trunkline] [--top 30]
 *   node bench/profile.mjs --memory [--readers 2000] [--peer trunkline] [--top 30]
 *
 * `writeBuffer` and `(program)` are native code, mostly system calls; `(idle)` is left out. Profiles stay in bench/.cache/profile/ for a
 * viewer. Figures under the profiler are a few percent higher than without.
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
    memory: { type: 'boolean', default: false },
  },
});
const FOLDER = fileURLToPath(new URL('./.cache/profile/', import.meta.url));

const reason = unavailable(flags.peer);
if (!PEERS[flags.peer] || flags.peer === 'floor' || reason)
  throw new Error(reason ?? '--peer must be a Node server');
requireOpenFiles(Number(flags.readers) + 100);
rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });

if (flags.memory) await profileMemory();
else await profileCpu();

async function profileCpu() {
  const rig = await Rig.start(flags.peer, {
    execArgs: ['--cpu-prof', `--cpu-prof-dir=${FOLDER}`, '--cpu-prof-interval=500'],
  });
  const burst = Number(flags.burst);
  await rig.open(Number(flags.readers), 'ten');
  // The warm-up is in the profile too; it is short beside the load.
  await rig.publish({ messages: 50 * burst, burst, mode: flags.mode });
  const result = await rig.publish({ messages: Number(flags.messages) * burst, burst, mode: flags.mode });
  await rig.stop();
  const { label } = PEERS[flags.peer];
  process.stdout.write(
    `${label}: ${result.cpuUs.toFixed(2)} µs per delivery (${result.userUs.toFixed(2)} user), ${result.deliveries} deliveries\n\n`,
  );
  print(readProfile(), result.cpuUs);
}

/** Connections stay open until the server has written its profile: what it lists is what they keep alive. */
async function profileMemory() {
  const readers = Number(flags.readers);
  const rig = await Rig.start(flags.peer, {
    execArgs: ['--heap-prof', `--heap-prof-dir=${FOLDER}`, '--heap-prof-interval=1024'],
  });
  await rig.open(readers, 'one');
  await rig.server.ask('memory');
  await rig.server.stop();
  await rig.fleet.stop();
  const bytes = new Map();
  const visit = (node, callers) => {
    const where = place(node.callFrame);
    if (node.selfSize > 0) {
      // Allocations inside Node and V8 are told apart by who asked for them.
      const owner = [where, ...callers].find((name) => /packages\/|node_modules\//.test(name));
      const line = owner && owner !== where ? `${where}  ←  ${owner}` : where;
      bytes.set(line, (bytes.get(line) ?? 0) + node.selfSize);
    }
    for (const child of node.children) visit(child, [where, ...callers]);
  };
  visit(readProfile().head, []);
  const top = [...bytes].sort((left, right) => right[1] - left[1]).slice(0, Number(flags.top));
  process.stdout.write(
    `${PEERS[flags.peer].label}, ${readers} idle connections\n\n  B/connection  allocated by\n`,
  );
  for (const [where, size] of top)
    process.stdout.write(`${(size / readers).toFixed(0).padStart(14)}  ${where}\n`);
}

function readProfile() {
  return JSON.parse(readFileSync(FOLDER + readdirSync(FOLDER)[0], 'utf8'));
}

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
