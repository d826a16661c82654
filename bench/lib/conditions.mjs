/** Under which conditions a figure was taken, and whether this machine can take it at all. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpus, loadavg, release } from 'node:os';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export function readConditions() {
  const processors = cpus();
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' ') + ' UTC',
    commit: commit(),
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    node: process.version,
    kernel: `${process.platform} ${release()}`,
    loadBefore: loadavg()[0].toFixed(2),
  };
}

/** Throws unless a process here may open `needed` files: one socket for each connection, and some to spare. */
export function requireOpenFiles(needed) {
  const answer = spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).stdout.trim();
  const limit = answer === 'unlimited' ? Number.POSITIVE_INFINITY : Number(answer);
  if (limit < needed) {
    throw new Error(
      `open files are limited to ${answer} and this run needs ${needed}: run "ulimit -n ${needed}" first`,
    );
  }
}

/** A sentence when other work on the machine would colour the figures. */
export function disturbance() {
  const load = loadavg()[0];
  return load > 0.5
    ? `load is ${load.toFixed(2)} before the first row: figures are good for debugging only`
    : undefined;
}

function commit() {
  const git = (...args) =>
    execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const id = git('rev-parse', '--short=12', 'HEAD');
    return git('status', '--porcelain', '--', 'packages', 'modules') === '' ? id : `${id} with changes`;
  } catch {
    return 'none';
  }
}
