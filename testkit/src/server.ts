/**
 * The real server as a child process: the CLI's `serve` with a configuration file in a fresh directory, on a free port of the
 * loopback interface. A test may kill it as a power cut would, end it politely, start it again on the same port, read its log
 * and its memory, and speak to its HTTP API.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Disposable } from '@trunkline/base';
import { guardChild } from './children.js';
import { freePort } from './ports.js';
import { until } from './waiting.js';

/** The program under test: the checkout's own CLI, or another that `TRUNKLINE_CLI` names. */
const CLI =
  process.env['TRUNKLINE_CLI'] ?? fileURLToPath(new URL('../../apps/cli/bin/trunkline.mjs', import.meta.url));
const LOG_LINES_KEPT = 20_000;

export interface ServerOptions {
  /** The configuration: an object (written as JSON, which is YAML too) or YAML text. */
  readonly config: object | string;
  /** Absent: a free one. */
  readonly port?: number;
  /** Added to a minimal environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Key for `api`. Default `test-api-key`. */
  readonly apiKey?: string;
  /** Flags of Node itself, e.g. `--expose-gc`. */
  readonly nodeFlags?: readonly string[];
  /** Time for `/health/ready` to answer. Default 20,000. */
  readonly readyTimeoutMs?: number;
}

export interface ApiAnswer {
  readonly status: number;
  /** The body as it came. */
  readonly text: string;
  readonly body: {
    readonly result?: Readonly<Record<string, unknown>>;
    readonly error?: { readonly code: number; readonly message: string };
  };
}

export interface TestServer extends Disposable {
  readonly port: number;
  readonly url: string;
  readonly wsUrl: string;
  readonly apiKey: string;
  /** Of the process that runs now. */
  readonly pid: number;
  readonly running: boolean;
  /** `POST /api/<method>` with the key, or with other headers where given. */
  api(method: string, body: object, headers?: Readonly<Record<string, string>>): Promise<ApiAnswer>;
  /** SIGKILL; resolves when the process is gone. */
  kill9(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  term(): Promise<number | null>;
  /** Starts again on the same port with the same files; kills first where still running. */
  restart(): Promise<void>;
  /** Standard output and error so far, all lives of the process. */
  logs(): string;
  /** Resident memory now and at its highest, bytes. */
  memory(): Promise<{ readonly rss: number; readonly peak: number }>;
}

export async function startServer(options: ServerOptions): Promise<TestServer> {
  const directory = await mkdtemp(join(tmpdir(), 'trunkline-test-'));
  const file = join(directory, 'trunkline.yaml');
  await writeFile(
    file,
    typeof options.config === 'string' ? options.config : JSON.stringify(options.config, undefined, 2),
  );
  const port = options.port ?? (await freePort());
  const url = `http://127.0.0.1:${port}`;
  const apiKey = options.apiKey ?? 'test-api-key';
  const log: string[] = [];
  let child: ChildProcess | undefined;

  const start = async (): Promise<void> => {
    const started = spawn(
      process.execPath,
      [...(options.nodeFlags ?? []), CLI, 'serve', '--config', file, '--port', String(port)],
      {
        cwd: directory,
        env: { PATH: process.env['PATH'] ?? '', HOME: directory, ...options.env },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    guardChild(started);
    child = started;
    for (const stream of [started.stdout, started.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text: string) => {
        log.push(text);
        if (log.length > LOG_LINES_KEPT) log.splice(0, log.length - LOG_LINES_KEPT);
      });
    }
    try {
      await until('the server is ready', () => isReady(url, started), options.readyTimeoutMs ?? 20_000, 50);
    } catch (cause) {
      started.kill('SIGKILL');
      throw new Error(`${String(cause)}\n--- its log ---\n${log.join('').slice(-4_000)}`, { cause });
    }
  };

  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> => {
    const present = child;
    if (present === undefined || present.exitCode !== null || present.signalCode !== null)
      return present?.exitCode ?? null;
    const gone = new Promise<number | null>((resolve) => present.once('exit', (code) => resolve(code)));
    present.kill(signal);
    return gone;
  };

  try {
    await start();
  } catch (cause) {
    await rm(directory, { recursive: true, force: true });
    throw cause;
  }
  return {
    port,
    url,
    wsUrl: `ws://127.0.0.1:${port}/connection/websocket`,
    apiKey,
    get pid() {
      return child?.pid ?? 0;
    },
    get running() {
      return child !== undefined && child.exitCode === null && child.signalCode === null;
    },
    api: (method, body, headers) => callApi(url, method, body, headers ?? { 'x-api-key': apiKey }),
    kill9: async () => void (await end('SIGKILL')),
    term: () => end('SIGTERM'),
    restart: async () => {
      await end('SIGKILL');
      await start();
    },
    logs: () => log.join(''),
    memory: () => memoryOf(child?.pid ?? 0),
    dispose: async () => {
      await end('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function isReady(url: string, child: ChildProcess): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(`the server exited with ${child.exitCode} at start`);
  try {
    const answer = await fetch(`${url}/health/ready`);
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

async function callApi(
  url: string,
  method: string,
  body: object,
  headers: Readonly<Record<string, string>>,
): Promise<ApiAnswer> {
  const answer = await fetch(`${url}/api/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  let parsed: ApiAnswer['body'] = {};
  try {
    parsed = JSON.parse(text) as ApiAnswer['body'];
  } catch {
    // Not JSON: the caller has the text.
  }
  return { status: answer.status, text, body: parsed };
}

async function memoryOf(pid: number): Promise<{ rss: number; peak: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kilobytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) * 1024;
  return { rss: kilobytes('VmRSS'), peak: kilobytes('VmHWM') };
}
