/**
 * `npm run soak`: fresh seeds of the simulation (tests/sim) over worker processes, until as many were run or the time is over. What fails is
 * printed with its seed and steps as soon as it is found; the last line sums up. The exit code is 0 only where nothing failed.
 *
 *   node scripts/soak.mjs [--seeds 10000] [--from <seed>] [--processes <cores>] [--minutes <n>] [--steps <n>]
 */
import { fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { bundleSimulation, makeFolder } from './lib/sim-bundle.mjs';

/** Seeds a worker is given at a time. */
const PORTION = 20;
/** Failures printed in full. */
const PRINTED = 20;

if (process.argv[2] === '--worker') await work(String(process.argv[3]));
else await main();

/** Runs what it is sent. @param {string} path */
async function work(path) {
  const { runSeed, describeOutcome } = await import(pathToFileURL(path).href);
  process.on('message', async (/** @type {{ from: number, count: number, steps: number | undefined }} */ portion) => {
    const { from, count, steps } = portion;
    for (let seed = from; seed < from + count; seed++) {
      const outcome = await runSeed(seed, steps === undefined ? {} : { steps });
      const { given, told, problems } = outcome;
      process.send?.({ kind: 'seed', seed, given, told, failed: problems.length > 0 ? describeOutcome(outcome) : '' });
    }
    process.send?.({ kind: 'idle' });
  });
  process.send?.({ kind: 'idle' });
}

async function main() {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '10000' },
      from: { type: 'string' },
      processes: { type: 'string', default: String(availableParallelism()) },
      minutes: { type: 'string', default: '0' },
      steps: { type: 'string' },
    },
  });
  const seeds = Number(values.seeds);
  // Seeds nobody ran before, unless told.
  const first = values.from === undefined ? Math.floor(Math.random() * 2 ** 30) : Number(values.from);
  const until = Number(values.minutes) > 0 ? Date.now() + Number(values.minutes) * 60_000 : Infinity;
  const steps = values.steps === undefined ? undefined : Number(values.steps);
  const folder = makeFolder();
  const total = { run: 0, given: 0, told: 0, failed: /** @type {number[]} */ ([]) };
  const started = Date.now();
  const seconds = () => Math.max(1, Math.round((Date.now() - started) / 1000));
  try {
    const path = await bundleSimulation(folder);
    let next = first;
    const report = setInterval(
      () => console.log(`${total.run} of ${seeds} seeds, ${total.failed.length} failed, ${seconds()} s`),
      15_000,
    );
    const workers = Array.from({ length: Math.max(1, Number(values.processes)) }, () => {
      const child = fork(import.meta.filename, ['--worker', path]);
      child.on('message', (/** @type {any} */ message) => {
        if (message.kind === 'seed') {
          total.run++;
          total.given += message.given;
          total.told += message.told;
          if (message.failed === '') return;
          total.failed.push(message.seed);
          if (total.failed.length <= PRINTED) console.log(message.failed);
        } else if (next >= first + seeds || Date.now() > until) child.disconnect();
        else {
          const count = Math.min(PORTION, first + seeds - next);
          child.send({ from: next, count, steps });
          next += count;
        }
      });
      return new Promise((resolve) => child.on('exit', (code) => resolve(code)));
    });
    const codes = await Promise.all(workers);
    clearInterval(report);
    const died = codes.filter((code) => code !== 0).length;
    if (died > 0) console.log(`${died} worker processes died`);
    console.log(
      `seeds ${first} to ${next - 1}: ${total.run} run, ${total.failed.length} failed${total.failed.length > 0 ? ` (${total.failed.slice(0, 50).join(', ')})` : ''}; ` +
        `${total.given} publications judged, ${total.told} losses told, ${seconds()} s`,
    );
    process.exitCode = total.failed.length + died > 0 || total.run === 0 ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
