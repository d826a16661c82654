#!/usr/bin/env node
/**
 * Measures Trunkline beside its peers and prints tables.
 *
 *   node bench/run.mjs [--quick] [--rows fanout,burst,memory,recover,latency] [--peers trunkline,loop,…]
 *   node bench/run.mjs --rows kube                 all rows of live Kubernetes lists
 *
 * A full run keeps each row under bench/results/ and renders bench/RESULTS.md from all rows kept. `--quick` is a smoke test of the
 * harness: small numbers, some two minutes, nothing written. Exit code 1: a delivery was lost, doubled or out of order, or a process
 * failed; missed aims are reported, not failures.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { disturbance, readConditions, requireOpenFiles } from './lib/conditions.mjs';
import { PEERS, unavailable } from './lib/peers.mjs';
import { renderResults, renderRow } from './lib/report.mjs';
import { burst } from './rows/burst.mjs';
import { fanout } from './rows/fanout.mjs';
import { kubeApply } from './rows/kube-apply.mjs';
import { kubeFaults } from './rows/kube-faults.mjs';
import { kubeMemory } from './rows/kube-memory.mjs';
import { kubeSubscribe } from './rows/kube-subscribe.mjs';
import { kubeViewers } from './rows/kube-viewers.mjs';
import { kubeWindows } from './rows/kube-windows.mjs';
import { latency } from './rows/latency.mjs';
import { memory } from './rows/memory.mjs';
import { recover } from './rows/recover.mjs';

const KUBE_ROWS = [kubeViewers, kubeWindows, kubeApply, kubeSubscribe, kubeMemory, kubeFaults];
const ROWS = [fanout, burst, memory, recover, latency, ...KUBE_ROWS];
const RESULTS = new URL('./results/', import.meta.url);

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rows: { type: 'string' },
    peers: { type: 'string' },
  },
});

function chosen(list, given, nameOf, what) {
  if (given === undefined) return list;
  const names = given.split(',');
  const unknown = names.find((name) => !list.some((item) => nameOf(item) === name));
  if (unknown !== undefined)
    throw new Error(`${what}: "${unknown}" is none of ${list.map(nameOf).join(', ')}`);
  return list.filter((item) => names.includes(nameOf(item)));
}

async function main() {
  const named = flags.rows?.replace(/(^|,)kube(?=,|$)/, `$1${KUBE_ROWS.map(({ id }) => id).join(',')}`);
  const rows = chosen(ROWS, named, (row) => row.id, '--rows');
  const wanted = chosen(Object.keys(PEERS), flags.peers, (peer) => peer, '--peers');
  requireOpenFiles(flags.quick ? 1_024 : 6_000);
  const disturbed = disturbance();
  if (disturbed && !flags.quick) process.stderr.write(`${disturbed}\n`);
  for (const row of rows) {
    const conditions = readConditions();
    const entered = row.peers.filter((peer) => wanted.includes(peer));
    const skipped = entered.filter(unavailable).map((peer) => `${PEERS[peer].label}: ${unavailable(peer)}`);
    const peers = entered.filter((peer) => !unavailable(peer));
    const reason = row.unavailable?.();
    if (reason !== undefined) throw new Error(`${row.id}: ${reason}`);
    if (row.peers.length > 0 && peers.length === 0)
      throw new Error(`${row.id}: none of its peers can run: ${skipped.join('; ') || 'none was chosen'}`);
    const outcome = await row.run({ peers, quick: flags.quick, note });
    note('');
    const result = { id: row.id, title: row.title, conditions, skipped, ...outcome };
    const { date, commit, cpu, cores, node, kernel, loadBefore } = conditions;
    const under = `${date}, ${commit}, ${cpu}, ${cores} cores, Node ${node}, ${kernel}, load ${loadBefore}`;
    process.stdout.write(`\n${renderRow(result)}\n\n${row.id}: ${under}\n`);
    if (!flags.quick) await keep(result);
  }
}

/** Progress on a terminal; silent in pipes. */
function note(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

async function keep(result) {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(new URL(`${result.id}.json`, RESULTS), await tidy(JSON.stringify(result), 'json'));
  const kept = readdirSync(RESULTS).filter((name) => name.endsWith('.json'));
  const rows = kept.map((name) => JSON.parse(readFileSync(new URL(name, RESULTS), 'utf8')));
  rows.sort(
    (left, right) =>
      ROWS.findIndex((row) => row.id === left.id) - ROWS.findIndex((row) => row.id === right.id),
  );
  const template = readFileSync(new URL('./lib/results-template.md', import.meta.url), 'utf8');
  writeFileSync(
    new URL('./RESULTS.md', import.meta.url),
    await tidy(renderResults(template, rows), 'markdown'),
  );
}

/** Formatted as the repository's formatter would, where it is installed. */
async function tidy(text, parser) {
  try {
    const { format } = await import('prettier');
    return await format(text, { parser, printWidth: 110 });
  } catch {
    return text;
  }
}

// A reader of our output that leaves early (head, less) ends the run, and with it every child.
process.stdout.on('error', () => process.exit(1));

main().catch((error) => {
  note('');
  process.stderr.write(`${error.stack ?? error}\n`);
  process.exitCode = 1;
});
