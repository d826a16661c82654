/** Times a function in one process: warm-up, then rounds of a fixed duration, the median in nanoseconds per call. */
import { median, spread } from '../lib/statistics.mjs';

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

async function loopAsync(run, durationMs) {
  const started = performance.now();
  let calls = 0;
  while (performance.now() - started < durationMs) {
    await run();
    calls++;
  }
  return ((performance.now() - started) * 1e6) / calls;
}

function print(name, rounds) {
  const { low, high } = spread(rounds);
  process.stdout.write(
    `${name.padEnd(64)} ${median(rounds).toFixed(0).padStart(8)} ns  (${low.toFixed(0)}–${high.toFixed(0)})\n`,
  );
}
