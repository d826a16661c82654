/**
 * A process full of readers of one server, driven over standard input like a server is (one line in, one JSON line out). Clients live
 * here and not in the server's process, so that the server's CPU is the server's.
 *
 *   open <wire> <port> <readers> <plan> <track> <concurrency>   plan: `one`, `ten` or `own:<channels of each reader>`
 *   expect <total> <timeoutMs>      waits until that many messages came since the fleet opened
 *   drop                            cuts every connection
 *   reopen <port> <untilSequence> <timeoutMs> <concurrency>     connects all again; answers when each has everything before that number
 *   latency start | latency stop    collects microseconds from publish to read
 *   usage | quit
 */
import { createInterface } from 'node:readline';
import { CHANNELS } from '../servers/control.mjs';
import { nowUs } from '../lib/payload.mjs';
import { quantile } from '../lib/statistics.mjs';
import { Reader, Tally } from './reader.mjs';
import { WIRES } from './wires.mjs';

const tally = new Tally();
let readers = [];
let wire;

function channelPlan(plan) {
  if (plan === 'one') return () => [CHANNELS[0]];
  if (plan === 'ten') return () => CHANNELS;
  const count = Number(plan.slice('own:'.length));
  return (index) => Array.from({ length: count }, (_, channel) => `bench:r${index}-${channel}`);
}

/** Opens all given readers, at most `concurrency` at a time. */
async function openAll(port, list, concurrency) {
  const queue = [...list];
  const worker = async () => {
    for (let reader = queue.pop(); reader; reader = queue.pop()) await reader.open(port);
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, list.length) }, worker));
}

function counts() {
  const { received, gaps, duplicates, closed, bytes, firstProblem } = tally;
  return { received, gaps, duplicates, closed, bytes, firstProblem };
}

/** Resolves once `holds()`; looked at after each read; answers with the counts either way. */
function until(holds, timeoutMs) {
  return new Promise((resolve) => {
    const finish = (complete) => {
      clearTimeout(timer);
      tally.onProgress = undefined;
      resolve({ complete, ...counts() });
    };
    const timer = setTimeout(() => finish(holds()), timeoutMs);
    tally.onProgress = () => {
      if (holds()) finish(true);
    };
    tally.onProgress();
  });
}

const commands = {
  async open([kind, port, count, plan, track, concurrency]) {
    wire = WIRES[kind]({ channels: channelPlan(plan), track: track === 'track' });
    const lanes = plan === 'ten' ? CHANNELS.length : 1;
    readers = Array.from({ length: Number(count) }, (_, index) => new Reader(index, wire, tally, lanes));
    const started = nowUs();
    await openAll(Number(port), readers, Number(concurrency));
    return { open: readers.length, wallUs: nowUs() - started };
  },
  expect: ([total, timeoutMs]) => until(() => tally.received >= Number(total), Number(timeoutMs)),
  drop() {
    for (const reader of readers) reader.drop();
    return counts();
  },
  async reopen([port, untilSequence, timeoutMs, concurrency]) {
    const goal = Number(untilSequence);
    const started = nowUs();
    const waiting = new Set(readers);
    const consistent = until(() => {
      for (const reader of waiting) {
        // The first that lags ends the look: linear over the whole run, not per read.
        if (reader.next[0] < goal) return false;
        waiting.delete(reader);
      }
      return true;
    }, Number(timeoutMs));
    const opened = openAll(Number(port), readers, Number(concurrency)).then(() => nowUs() - started);
    const outcome = await consistent;
    const consistentUs = nowUs() - started;
    return {
      ...outcome,
      consistentUs,
      openUs: await opened,
      recovered: readers.filter((reader) => wire.recovered(reader)).length,
    };
  },
  latency([action]) {
    if (action === 'start') {
      tally.latencies = [];
      return { collecting: true };
    }
    const sorted = Float64Array.from(tally.latencies).sort();
    tally.latencies = undefined;
    const at = (share) => quantile(sorted, share);
    return { samples: sorted.length, p50Us: at(0.5), p99Us: at(0.99), p999Us: at(0.999), maxUs: at(1) };
  },
  usage() {
    const { user, system } = process.cpuUsage();
    return { userUs: user, systemUs: system };
  },
};

function answer(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const [name, ...words] = line.trim().split(' ');
  if (name === 'quit') process.exit(0);
  Promise.resolve()
    .then(() => commands[name](words))
    .then(answer, (error) => answer({ error: String(error?.stack ?? error) }));
});
lines.on('close', () => process.exit(0));
answer({ ready: true });
