/** What one check of `trunkline doctor` says, and what checks are made with. */
import type { ExitName } from '../exit.js';
import type { Io } from '../io.js';
import type { Settings } from '../settings.js';
import type { LoadSockets } from '../sockets.js';

export interface Check {
  readonly check: string;
  readonly status: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly detail: string;
  /** What to do about it. */
  readonly advice?: string | undefined;
  /** How the command ends where this is the first that failed. */
  readonly exit?: ExitName;
}

export interface DoctorOptions {
  /** Channel to subscribe to. Default: one of its own in the default namespace. */
  readonly channel?: string | undefined;
  /** Publishes into `channel` too; into a channel of its own it always does. */
  readonly publish: boolean;
}

export interface DoctorDeps {
  readonly io: Io;
  readonly loadSockets: LoadSockets;
  readonly settings: Settings;
  /** Of this command. */
  readonly version: string;
}

export function failed(check: string, detail: string, exit: ExitName, advice?: string): Check {
  return { check, status: 'failed', detail, exit, advice };
}

export function skipped(check: string, detail: string): Check {
  return { check, status: 'skipped', detail };
}
