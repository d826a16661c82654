/**
 * The `trunkline` command as a user runs it: a process of its own, with pipes for its streams and nothing of this process's environment. What it
 * writes is kept; a test may type, interrupt, close a pipe or kill it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Disposable } from '@trunkline/base';
import type { TestServer } from '@trunkline/testkit';

export const CLI = fileURLToPath(new URL('../../apps/cli/bin/trunkline.mjs', import.meta.url));

export interface CliOptions {
  /** Whose address and key are in the environment. */
  readonly server?: Pick<TestServer, 'url' | 'apiKey'>;
  readonly env?: Readonly<Record<string, string>>;
  /** Default: a pipe. */
  readonly stdin?: 'ignore' | 'pipe';
  /** Flags of Node itself. */
  readonly nodeFlags?: readonly string[];
}

export interface CliRun extends Disposable {
  readonly child: ChildProcess;
  /** So far. */
  readonly out: string;
  readonly err: string;
  readonly exit: Promise<number | null>;
  /** Complete lines of standard output so far, each one JSON. */
  json(): Readonly<Record<string, unknown>>[];
  interrupt(): void;
}

export function cliEnvironment({ server, env }: CliOptions): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: tmpdir(),
    ...(server === undefined ? {} : { TRUNKLINE_URL: server.url, TRUNKLINE_API_KEY: server.apiKey }),
    ...env,
  };
}

export function startCli(argv: readonly string[], options: CliOptions = {}): CliRun {
  const child = spawn(process.execPath, [...(options.nodeFlags ?? []), CLI, ...argv], {
    cwd: tmpdir(),
    env: cliEnvironment(options),
    stdio: [options.stdin ?? 'pipe', 'pipe', 'pipe'],
  });
  const written = { out: '', err: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (written.out += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (written.err += text));
  child.stdin?.on('error', () => undefined);
  // `close` and not `exit`: what was written before the end has been read by then.
  const exit = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  return {
    child,
    get out() {
      return written.out;
    },
    get err() {
      return written.err;
    },
    exit,
    json: () =>
      written.out
        .slice(0, written.out.lastIndexOf('\n') + 1)
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>),
    interrupt: () => void child.kill('SIGINT'),
    dispose: async () => {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

/** Runs to the end. */
export async function runCli(
  argv: readonly string[],
  options: CliOptions = {},
): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> {
  const run = startCli(argv, { stdin: 'ignore', ...options });
  const code = await run.exit;
  return { code, out: run.out, err: run.err };
}
