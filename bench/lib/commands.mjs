/**
 * How a process of the kube rows is driven: one line in on standard input (`name {"…": …}`), one JSON line out, in order. Every such process answers `usage`, and `memory` after full
 * garbage collections (needs --expose-gc).
 */
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { watchMainThread } from './main-thread.mjs';

/**
 * @param {Record<string, (params: any) => unknown>} commands
 * @param {object} hello what is said once, when the process is up
 */
export function serveCommands(commands, hello) {
  let thread;
  const all = {
    usage: () => usage(),
    memory: () => memory(),
    /** Delays of the main thread since the last call; the first one begins to look. */
    delays: () => (thread ??= watchMainThread()).take(),
    ...commands,
  };
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    const [name, rest = ''] = split(line.trim());
    if (name === 'quit') process.exit(0);
    Promise.resolve()
      .then(() => {
        const command = all[name];
        if (command === undefined) throw new Error(`unknown command ${name}`);
        return command(rest === '' ? {} : JSON.parse(rest));
      })
      .then(
        (value) => answer(value ?? {}),
        (error) => answer({ error: String(error?.stack ?? error) }),
      );
  });
  // The harness is gone: so is the reason to run.
  lines.on('close', () => process.exit(0));
  answer(hello);
}

function split(line) {
  const at = line.indexOf(' ');
  return at < 0 ? [line] : [line.slice(0, at), line.slice(at + 1)];
}

function answer(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function usage() {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { cpuUs: user + system, rss, heapUsed, external };
}

async function memory() {
  for (let round = 0; round < 4; round++) {
    globalThis.gc?.();
    await sleep(30);
  }
  return usage();
}
