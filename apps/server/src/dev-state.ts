/**
 * What a development server leaves for the command line: its address, an API key and an operator's token, in a file that only its owner can read. Written
 * whole or not at all, removed when the server ends; a file of another, newer server is left alone.
 */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface DevState {
  readonly url: string;
  readonly apiKey: string;
  /** Of a user with the roles `operator` and `admin`. */
  readonly token: string;
  readonly org: string;
  readonly pid: number;
}

const FILE = 'dev.json';
const KEY_FILE = 'dev.key';

/**
 * The key of this data directory, made once: clients that hold it, or a token signed with it, come back after a restart. `make` gives a
 * fresh one. A file that holds no such key is replaced.
 */
export function keepDevKey(dataDir: string, make: () => string): string {
  const path = join(dataDir, KEY_FILE);
  try {
    const kept = readFileSync(path, 'utf8').trim();
    if (/^[0-9A-Za-z]{32,}$/.test(kept)) return kept;
  } catch {
    // Not there yet.
  }
  const key = make();
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  rmSync(path, { force: true });
  writeFileSync(path, `${key}\n`, { mode: 0o600, flag: 'wx' });
  return key;
}

/** Returns the path. */
export function writeDevState(dataDir: string, state: DevState): string {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const path = join(dataDir, FILE);
  const draft = `${path}.${state.pid}`;
  writeFileSync(draft, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 });
  // A draft of an earlier process with this pid keeps its mode; the one asked for counts.
  chmodSync(draft, 0o600);
  renameSync(draft, path);
  return path;
}

export function removeDevState(path: string, pid: number): void {
  try {
    if ((JSON.parse(readFileSync(path, 'utf8')) as Partial<DevState>).pid === pid) rmSync(path);
  } catch {
    // Gone already, or not ours.
  }
}
