/**
 * Who is measured: how each server is started and which wire its readers speak. A peer that cannot run here (no C compiler, packages
 * not built) is left out with a reason, never silently.
 */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const CACHE = at('../.cache/');
const FLOOR_SOURCE = at('../floor/epoll_floor.c');
const FLOOR_PROGRAM = at('../.cache/epoll_floor');

/** Built packages the Trunkline server imports. */
const BUILT = ['base', 'protocol', 'broker', 'hub', 'transport'].map((name) =>
  at(`../../packages/${name}/dist/index.js`),
);

const nodeServer = (file, ...args) => ({
  command: process.execPath,
  args: ['--expose-gc', at(`../servers/${file}`), ...args],
});

export const PEERS = {
  trunkline: { label: 'Trunkline', wire: 'trunkline', server: () => nodeServer('trunkline.mjs') },
  trunklinePlain: {
    label: 'Trunkline, no history',
    wire: 'trunkline',
    server: () => nodeServer('trunkline.mjs', '--history=0'),
  },
  loop: { label: 'ws loop', wire: 'loop', server: () => nodeServer('ws-loop.mjs') },
  framed: { label: 'framed once, socket.write', wire: 'loop', server: () => nodeServer('framed.mjs') },
  socketio: { label: 'Socket.IO', wire: 'socketio', server: () => nodeServer('socketio.mjs') },
  socketioRecovery: {
    label: 'Socket.IO with recovery',
    wire: 'socketio',
    server: () => nodeServer('socketio.mjs', '--recovery'),
  },
  floor: { label: 'C epoll floor', wire: 'floor', server: () => ({ command: compileFloor(), args: [] }) },
};

/** Why a peer cannot run, or undefined. */
export function unavailable(id) {
  if (id === 'floor') return spawnSync('gcc', ['--version']).error ? 'gcc is not installed' : undefined;
  if (!id.startsWith('trunkline')) return undefined;
  const missing = BUILT.find((file) => !existsSync(file));
  return missing ? `not built: run "npx tsc -b" first (${missing} is missing)` : undefined;
}

/** Compiles the floor unless it is newer than its source; returns the program's path. */
function compileFloor() {
  mkdirSync(CACHE, { recursive: true });
  if (existsSync(FLOOR_PROGRAM) && statSync(FLOOR_PROGRAM).mtimeMs > statSync(FLOOR_SOURCE).mtimeMs)
    return FLOOR_PROGRAM;
  const result = spawnSync(
    'gcc',
    ['-O2', '-std=gnu11', '-Wall', '-Wextra', '-o', FLOOR_PROGRAM, FLOOR_SOURCE],
    { stdio: 'inherit' },
  );
  if (result.status !== 0) throw new Error('the C floor does not compile');
  return FLOOR_PROGRAM;
}
