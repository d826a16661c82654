#!/usr/bin/env node
/**
 * Runs the list code of a foreign Kubernetes console, as it is in a checkout of its repository, against this server and a simulated API server behind it, or, with `--real`, a real one:
 * `node tests/conformance/run-foreign-kube.mjs <checkout> [--real] [--verbose] [words of a scenario…]`. What only the simulation can bring about is named then, and not counted. It says which files of the checkout it takes, then one line per scenario (its way of
 * keeping lists, the name, what was noticed), then the sum; the exit code says whether all passed. Needs the built server (`npx tsc -b`).
 * Not part of the test run: the checkout is not ours. The same ground is covered there with a client of our own (`tests/kube-wires`).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { bundle, featuresOf } from './foreign-kube/bundle.mjs';
import { scenariosFor } from './foreign-kube/scenarios.mjs';
import { openTab } from './foreign-kube/tab.mjs';
import { WAYS } from './foreign-kube/ways.mjs';
import { startWorld } from './foreign-kube/world.mjs';

const [given, ...words] = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const verbose = process.argv.includes('--verbose');
const isReal = process.argv.includes('--real');
if (given === undefined) {
  console.error('usage: run-foreign-kube.mjs <checkout> [--real] [--verbose] [words of a scenario…]');
  process.exit(2);
}
const checkout = resolve(given);
const say = console.log;
// The client speaks of all that it notices.
if (!verbose) for (const level of ['error', 'warn', 'debug', 'log']) console[level] = () => undefined;

const scratch = mkdtempSync(join(tmpdir(), 'trunkline-foreign-'));
const fileOf = (way) => join(scratch, way.multiplexed ? 'multiplexed.mjs' : 'per-list.mjs');
const features = featuresOf(checkout);
const world = await startWorld({ isReal });
const tally = { passed: 0, failed: 0 };
try {
  const taken = new Set();
  for (const way of Object.values(WAYS))
    for (const file of await bundle(checkout, { multiplexed: way.multiplexed, file: fileOf(way) }))
      taken.add(file);
  say(`taken from ${checkout}:`);
  for (const file of [...taken].sort()) say(`  ${file}`);
  say(`behind this server: ${isReal ? 'a real' : 'a simulated'} API server`);
  for (const [fault, why] of Object.entries(world.cannot))
    say(`NOT RUN: 'ends of the upstream are hidden' without ${fault}: ${why}`);
  for (const scenario of scenariosFor(features)) {
    const title = `${scenario.way.kind}: ${scenario.name}`;
    if (words.length === 0 || words.some((word) => title.includes(word))) await play(title, scenario);
  }
} finally {
  await world.dispose();
  rmSync(scratch, { recursive: true, force: true });
}
const { length: missing } = Object.keys(world.cannot);
const left = missing === 0 ? '' : `, ${missing} fault${missing === 1 ? '' : 's'} NOT RUN (see above)`;
say(`\n${tally.passed} passed, ${tally.failed} failed${left}`);
process.exit(tally.failed === 0 && tally.passed > 0 ? 0 : 1);

async function play(title, { run, way }) {
  const tabs = [];
  const open = async ({ user = 'ada', ...more } = {}) => {
    const server = `http://127.0.0.1:${world.network.port}`;
    const tab = await openTab(fileOf(way), { server, token: await world.tokenOf(user), ...more });
    tabs.push(tab);
    return tab;
  };
  try {
    const noticed = await run({ world, way, open });
    tally.passed++;
    say(`ok    ${title}${noticed === undefined ? '' : ` (${noticed})`}`);
  } catch (error) {
    tally.failed++;
    say(`FAIL  ${title}: ${error.message}`);
    for (const { sockets } of tabs)
      for (const socket of verbose ? sockets : sockets.slice(-2)) say(socket.described());
  } finally {
    for (const tab of tabs) tab.close();
    world.network.restore();
    await world.revive();
    await world.clear();
  }
}
