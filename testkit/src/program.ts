/**
 * A real program as a child process with a directory and a port of its own, which a test may kill as a power cut would, freeze, end
 * politely, and start again on the same port with the same files. What it prints is kept for failures.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Disposable } from '@trunkline/base';
import { guardChild } from './children.js';
import { freePort } from './ports.js';
import { until } from './waiting.js';

const LOG_LINES_KEPT = 20_000;
/** A process that is starved of its processor for a while has not failed. */
const READY_TIMEOUT_MS = 60_000;

export interface ProgramOptions {
  /** For messages. */
  readonly name: string;
  readonly binary: string;
  /** Built anew for each start. */
  args(place: ProgramPlace): readonly string[];
  /** Runs once, before the first start: configuration files and the like. */
  prepare?(place: ProgramPlace): Promise<void>;
  /** Asked until true; throwing counts as not yet. */
  ready(place: ProgramPlace): Promise<boolean>;
  /** Absent: a free one. */
  readonly port?: number;
  /** The whole environment besides PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default 60,000. */
  readonly readyTimeoutMs?: number;
  /** Runs as this user; the directory is handed over to it by `prepare`. */
  readonly uid?: number;
  readonly gid?: number;
}

export interface ProgramPlace {
  readonly port: number;
  /** Fresh, gone with `dispose`. */
  readonly directory: string;
}

export interface Program extends ProgramPlace, Disposable {
  /** Of the process that runs now. */
  readonly pid: number;
  readonly running: boolean;
  /** SIGKILL; resolves when the process is gone. */
  kill9(): Promise<void>;
  /** SIGTERM, or another signal; resolves with the exit code. */
  term(signal?: NodeJS.Signals): Promise<number | null>;
  /** Stops the process where it stands (SIGSTOP), and lets it go on. */
  freeze(): void;
  thaw(): void;
  /** Starts again on the same port with the same files; kills first where still running. */
  restart(): Promise<void>;
  /** Standard output and error so far, all lives of the process. */
  logs(): string;
}

/** The path of a program that a test needs; throws where the environment (set by `npm test`) and the system know none. */
export function programPath(variable: string, usual: string): string {
  return process.env[variable] ?? usual;
}

/** Resolves when it is ready. Rejects with its output where it ends first or takes too long; nothing is left then. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const directory = await mkdtemp(join(tmpdir(), 'trunkline-test-'));
  const place = { directory, port: options.port ?? (await freePort()) };
  const log: string[] = [];
  let child: ChildProcess | undefined;

  const start = async (): Promise<void> => {
    const started = spawn(options.binary, options.args(place), {
      cwd: directory,
      env: { PATH: process.env['PATH'] ?? '', HOME: directory, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.gid === undefined ? {} : { gid: options.gid }),
    });
    guardChild(started);
    child = started;
    let failure: Error | undefined;
    started.once('error', (error) => (failure = error));
    for (const stream of [started.stdout, started.stderr]) {
      stream?.setEncoding('utf8');
      stream?.on('data', (text: string) => {
        log.push(text);
        if (log.length > LOG_LINES_KEPT) log.splice(0, log.length - LOG_LINES_KEPT);
      });
    }
    const isReady = async (): Promise<boolean> => {
      if (failure !== undefined) throw failure;
      if (started.exitCode !== null || started.signalCode !== null)
        throw new Error(`${options.name} ended with ${started.exitCode ?? started.signalCode} at start`);
      return options.ready(place).catch(() => false);
    };
    try {
      await until(`${options.name} is ready`, isReady, options.readyTimeoutMs ?? READY_TIMEOUT_MS, 50);
    } catch (cause) {
      started.kill('SIGKILL');
      throw new Error(`${String(cause)}\n--- its output ---\n${log.join('').slice(-4_000)}`, { cause });
    }
  };

  const running = (): ChildProcess | undefined =>
    child?.exitCode === null && child.signalCode === null ? child : undefined;
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    const present = running();
    if (present === undefined) return child?.exitCode ?? null;
    const gone = new Promise<number | null>((resolve) => present.once('exit', (code) => resolve(code)));
    present.kill(signal);
    return gone;
  };

  try {
    await options.prepare?.(place);
    await start();
  } catch (cause) {
    await rm(directory, { recursive: true, force: true });
    throw cause;
  }
  return {
    ...place,
    get pid() {
      return child?.pid ?? 0;
    },
    get running() {
      return running() !== undefined;
    },
    kill9: async () => void (await end('SIGKILL')),
    term: (signal = 'SIGTERM') => end(signal),
    freeze: () => void running()?.kill('SIGSTOP'),
    thaw: () => void running()?.kill('SIGCONT'),
    restart: async () => {
      await end('SIGKILL');
      await start();
    },
    logs: () => log.join(''),
    dispose: async () => {
      await end('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    },
  };
}
