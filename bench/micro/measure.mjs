/** Times a function in one process: warm-up, then rounds of a fixed duration, the median in nanoseconds per call. */
import { median, medianRatio, spread } from '../lib/statistics.mjs';

const WARM_UP_MS = 300;
const ROUND_MS = 200;
const ROUNDS = 9;

/**
 * @param {string} name
 * @param {() => unknown} run is called `perCall` times' worth of work at once
 * @param {number} perCall operations one call does; the figure is per operation
 */
export function time(name, run, perCall = 1) {
  loop(run, WARM_UP_MS);
  const rounds = Array.from({ length: ROUNDS }, () => loop(run, ROUND_MS) / perCall);
  print(name, rounds);
}

/** The same for work that must be awaited: each call is. */
export async function timeAsync(name, run, perCall = 1) {
  await loopAsync(run, WARM_UP_MS);
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push((await loopAsync(run, ROUND_MS)) / perCall);
  print(name, rounds);
}

/** Keeps results from being optimised away. */
export let sink;

function loop(run, durationMs) {
  const started = performance.now();
  let calls = 0;
  let elapsed = 0;
  for (let batch = 1; elapsed < durationMs; batch = Math.min(batch * 2, 4_096)) {
    for (let index = 0; index < batch; index++) sink = run();
    calls += batch;
    elapsed = performance.now() - started;
  }
  return (elapsed * 1e6) / calls;
}

/** As `loop`, in nanoseconds of processor time per call. */
function cpuLoop(run, durationMs) {
  const started = performance.now();
  const before = process.cpuUsage();
  let calls = 0;
  for (let batch = 1; performance.now() - started < durationMs; batch = Math.min(batch * 2, 4_096)) {
    for (let index = 0; index < batch; index++) sink = run();
    calls += batch;
  }
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1_000) / calls;
}

async function cpuLoopAsync(run, durationMs) {
  const started = performance.now();
  const before = process.cpuUsage();
  let calls = 0;
  for (; performance.now() - started < durationMs; calls++) sink = await run();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1_000) / calls;
}

async function loopAsync(run, durationMs) {
  const started = performance.now();
  let calls = 0;
  while (performance.now() - started < durationMs) {
    await run();
    calls++;
  }
  return ((performance.now() - started) * 1e6) / calls;
}

function print(name, rounds, after = '') {
  const { low, high } = spread(rounds);
  process.stdout.write(
    `${name.padEnd(64)} ${median(rounds).toFixed(0).padStart(8)} ns  (${low.toFixed(0)}–${high.toFixed(0)})${after}\n`,
  );
}

/**
 * Times several ways to do the same work in turns, round by round, so that the machine's mood cancels out; in processor time of this
 * process, which other work on the machine disturbs least. Prints the median of each and the median over rounds of its ratio to the first.
 *
 * @param {string} title
 * @param {Readonly<Record<string, () => unknown>>} ways
 */
export function compare(title, ways) {
  const names = Object.keys(ways);
  for (const name of names) loop(ways[name], WARM_UP_MS);
  const rounds = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++)
    for (const name of names) rounds[name].push(cpuLoop(ways[name], ROUND_MS));
  process.stdout.write(`${title}\n`);
  for (const name of names)
    print(`  ${name}`, rounds[name], `  × ${medianRatio(rounds[name], rounds[names[0]]).toFixed(2)}`);
}

/** As `compare`, for work that is awaited. */
export async function compareAsync(title, ways) {
  const names = Object.keys(ways);
  for (const name of names) await loopAsync(ways[name], WARM_UP_MS);
  const rounds = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++)
    for (const name of names) rounds[name].push(await cpuLoopAsync(ways[name], ROUND_MS));
  process.stdout.write(`${title}\n`);
  for (const name of names)
    print(`  ${name}`, rounds[name], `  × ${medianRatio(rounds[name], rounds[names[0]]).toFixed(2)}`);
}
