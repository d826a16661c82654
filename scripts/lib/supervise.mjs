/**
 * Runs the server as a child in the same process group. A terminal's Ctrl-C reaches the whole group by itself, and a group kill reaches
 * the child as well as us; a second signal would end the server without its drain. So a signal is passed on only where the child
 * has not said within a moment that it is stopping already.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './files.mjs';

/** One signal to both of us: the child says so within this time, before or after we have heard of it. */
const SAME_SIGNAL_MS = 400;

/**
 * @param {readonly string[]} args a script, from the root, and its arguments
 * @param {{ root?: string }} [options]
 * @returns {Promise<number>} the child's exit code; 128 plus the signal's number where one ended it
 */
export function superviseServer(args, options = {}) {
  const [script = '', ...rest] = args;
  const child = spawn(process.execPath, [join(options.root ?? ROOT, script), ...rest], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  /** @type {number | undefined} */
  let stoppingMs;
  let signals = 0;
  child.on('message', (message) => {
    if (message === 'stopping') stoppingMs ??= performance.now();
  });
  /** @param {NodeJS.Signals} signal */
  const onSignal = (signal) => {
    const heardMs = performance.now();
    const isFirst = signals++ === 0;
    setTimeout(() => {
      // The first signal is passed on unless the child got it too; later ones always: they mean "at once".
      const isSame = isFirst && stoppingMs !== undefined && Math.abs(stoppingMs - heardMs) <= SAME_SIGNAL_MS;
      if (!isSame) child.kill(signal);
    }, SAME_SIGNAL_MS);
  };
  // Ctrl-C in a terminal goes to the group; npm repeats it to us.
  const onInterrupt = () => (process.stdin.isTTY ? undefined : onSignal('SIGINT'));
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onSignal);
  process.on('SIGHUP', onSignal);
  return new Promise((resolve) => {
    const done = (/** @type {number} */ code) => {
      process.off('SIGINT', onInterrupt).off('SIGTERM', onSignal).off('SIGHUP', onSignal);
      resolve(code);
    };
    child.on('error', (error) => {
      console.error(`cannot start the server: ${error.message}`);
      done(1);
    });
    child.on('exit', (code, signal) =>
      done(code ?? 128 + (signal === null ? 1 : (constants.signals[signal] ?? 1))),
    );
  });
}
