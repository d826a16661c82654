/**
 * What a development server leaves for the command line: its address, an API key and an operator's token, in a file that only its owner can read. Written
 * whole or not at all, removed when the server ends; a file of another, newer server is left alone.
 */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface DevState {
  readonly url: string;
  readonly apiKey: string;
  /** Of a user with the roles `operator` and `admin`; good for this run of the server only. */
  readonly token: string;
  readonly org: string;
  readonly pid: number;
}

const FILE = 'dev.json';

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
