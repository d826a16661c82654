/** Runs a program of this checkout and waits for it; its output goes where ours goes, unless it is kept for a failure. */
import { spawn } from 'node:child_process';
import { ROOT } from './files.mjs';

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, quiet?: boolean, env?: NodeJS.ProcessEnv }} [options] with `quiet`, output is shown only when the program fails
 * @returns {Promise<number>} exit code; 127 where the program could not be started, 1 where a signal ended it
 */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? ROOT,
      env: { ...process.env, ...options.env },
      stdio: options.quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
    });
    /** @type {Buffer[]} */
    const kept = [];
    child.stdout?.on('data', (chunk) => kept.push(chunk));
    child.stderr?.on('data', (chunk) => kept.push(chunk));
    child.on('error', (error) => {
      console.error(`${command}: ${error.message}`);
      resolve(127);
    });
    child.on('close', (code) => {
      if (code !== 0 && kept.length > 0) process.stderr.write(Buffer.concat(kept));
      resolve(code ?? 1);
    });
  });
}

/** Runs a JavaScript program that is installed in the workspace. @param {string} script path from the root @param {readonly string[]} args @param {Parameters<typeof run>[2]} [options] */
export function runNode(script, args, options) {
  return run(process.execPath, [`${ROOT}/${script}`, ...args], options);
}

/** Says what begins, runs it, says how long it took. @template T @param {string} title @param {() => Promise<T>} work @returns {Promise<T>} */
export async function timed(title, work) {
  const start = performance.now();
  console.log(`${title} …`);
  const outcome = await work();
  console.log(`${title}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return outcome;
}
