/**
 * `npm run soak`: fresh seeds of the simulation (tests/sim) over worker processes, until as many were run or the time is over. What fails is
 * printed with its seed and steps as soon as it is found; the last line sums up. What was run is written down as it goes, so that `--resume` continues
 * where the last one was ended. The exit code is 0 only where everything asked for was run and nothing failed.
 *
 *   node scripts/soak.mjs [--seeds 10000] [--from <seed>] [--processes <cores>] [--minutes <n>] [--steps <n>] [--resume] [--state <file>]
 */
import { fork } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { ROOT } from './lib/files.mjs';
import { bundleSimulation, makeFolder } from './lib/sim-bundle.mjs';

/** Seeds a worker is given at a time. */
const PORTION = 20;
/** Failures printed in full. */
const PRINTED = 20;
const REPORT_MS = 15_000;
/** A seed takes a second; a worker that says nothing for so long goes round in circles. */
const SILENCE_MS = 180_000;
/** What was run, unless told otherwise. */
const STATE = join(ROOT, '.cache/soak.json');

/**
 * What was run so far. `done`: numbers of portions.
 * @typedef {{ first: number, seeds: number, steps: number | undefined, done: number[], run: number, given: number, told: number, failed: number[], seconds: number }} Progress
 */

if (process.argv[2] === '--worker') await work(String(process.argv[3]));
else await main();

/** Runs what it is sent. @param {string} path */
async function work(path) {
  const { runSeed, describeOutcome } = await import(pathToFileURL(path).href);
  // An interruption from the keyboard reaches all of them; the first process says when it ends.
  process.on('SIGINT', () => undefined);
  process.on('disconnect', () => process.exit());
  process.on(
    'message',
    async (/** @type {{ from: number, count: number, steps: number | undefined }} */ portion) => {
      const { from, count, steps } = portion;
      for (let seed = from; seed < from + count; seed++) {
        process.send?.({ kind: 'begin', seed });
        const outcome = await runSeed(seed, steps === undefined ? {} : { steps });
        const { given, told, problems } = outcome;
        process.send?.({
          kind: 'seed',
          seed,
          given,
          told,
          failed: problems.length > 0 ? describeOutcome(outcome) : '',
        });
      }
      process.send?.({ kind: 'idle' });
    },
  );
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
      resume: { type: 'boolean', default: false },
      state: { type: 'string', default: STATE },
    },
  });
  const { state } = values;
  const progress = values.resume && existsSync(state) ? load(state) : begin(values);
  const { first, seeds, steps } = progress;
  const portions = Math.ceil(seeds / PORTION);
  const done = new Set(progress.done);
  const waiting = Array.from({ length: portions }, (_, index) => index).filter((index) => !done.has(index));
  const until = Number(values.minutes) > 0 ? Date.now() + Number(values.minutes) * 60_000 : Infinity;
  const started = Date.now() - progress.seconds * 1000;
  const folder = makeFolder();
  let ending = false;
  process.once('SIGINT', () => (ending = true));
  const report = setInterval(() => console.log(sentence(progress)), REPORT_MS);
  try {
    const path = await bundleSimulation(folder);
    const workers = Array.from({ length: Math.max(1, Number(values.processes)) }, () =>
      runWorker(path, {
        next: () => (ending || Date.now() > until ? undefined : waiting.shift()),
        steps,
        first,
        seeds,
        onSeed: (seed, { given, told, failed }) => {
          progress.run++;
          progress.given += given;
          progress.told += told;
          if (failed === '') return;
          progress.failed.push(seed);
          if (progress.failed.length <= PRINTED) console.log(failed);
        },
        onPortion: (portion) => {
          progress.done.push(portion);
          progress.seconds = Math.round((Date.now() - started) / 1000);
          save(state, progress);
        },
      }),
    );
    const codes = await Promise.all(workers);
    const died = codes.filter((code) => code !== 0).length;
    if (died > 0) console.log(`${died} worker processes died`);
    const left = portions - progress.done.length;
    if (left > 0) console.log(`${left * PORTION} seeds are left: npm run soak -- --resume`);
    console.log(sentence(progress));
    process.exitCode = progress.failed.length + died + left > 0 ? 1 : 0;
  } finally {
    clearInterval(report);
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * One worker from its first portion to its end; resolves with its exit code.
 * @param {string} path
 * @param {{ next: () => number | undefined, steps: number | undefined, first: number, seeds: number,
 *   onSeed: (seed: number, outcome: { given: number, told: number, failed: string }) => void, onPortion: (portion: number) => void }} plan
 */
function runWorker(path, { next, steps, first, seeds, onSeed, onPortion }) {
  const child = fork(import.meta.filename, ['--worker', path]);
  let portion = /** @type {number | undefined} */ (undefined);
  let seed = first;
  let heard = Date.now();
  const watch = setInterval(() => {
    if (Date.now() - heard < SILENCE_MS) return;
    onSeed(seed, { given: 0, told: 0, failed: `seed ${seed} does not end` });
    child.kill('SIGKILL');
  }, 5_000);
  child.on('message', (/** @type {any} */ message) => {
    heard = Date.now();
    if (message.kind === 'begin') seed = message.seed;
    else if (message.kind === 'seed') onSeed(message.seed, message);
    else {
      if (portion !== undefined) onPortion(portion);
      portion = next();
      if (portion === undefined) return void child.disconnect();
      const from = first + portion * PORTION;
      child.send({ from, count: Math.min(PORTION, first + seeds - from), steps });
    }
  });
  return new Promise((resolve) =>
    child.on('exit', (code) => {
      clearInterval(watch);
      resolve(code);
    }),
  );
}

/** Seeds nobody ran before, unless told. @param {{ seeds: string, from?: string, steps?: string }} values @returns {Progress} */
function begin({ seeds, from, steps }) {
  return {
    first: from === undefined ? Math.floor(Math.random() * 2 ** 30) : Number(from),
    seeds: Number(seeds),
    steps: steps === undefined ? undefined : Number(steps),
    done: [],
    run: 0,
    given: 0,
    told: 0,
    failed: [],
    seconds: 0,
  };
}

/** @param {string} state @returns {Progress} */
function load(state) {
  return JSON.parse(readFileSync(state, 'utf8'));
}

/** @param {string} state @param {Progress} progress */
function save(state, progress) {
  mkdirSync(dirname(state), { recursive: true });
  writeFileSync(state, JSON.stringify(progress));
}

/** @param {Progress} progress */
function sentence({ first, seeds, run, given, told, failed, seconds }) {
  const which = failed.length > 0 ? ` (${failed.slice(0, 50).join(', ')})` : '';
  return (
    `seeds ${first} to ${first + seeds - 1}: ${run} run, ${failed.length} failed${which}; ` +
    `${given} publications judged, ${told} losses told, ${seconds} s`
  );
}
