/**
 * The real server as a child process: the CLI's `serve` with a configuration file in a fresh directory, on a free port of the
 * loopback interface. Beside what it may do to any program, a test may read its memory and speak to its HTTP API.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startProgram, type Program } from './program.js';

/** The program under test: the checkout's own CLI, or another that `TRUNKLINE_CLI` names. */
const CLI =
  process.env['TRUNKLINE_CLI'] ?? fileURLToPath(new URL('../../apps/cli/bin/trunkline.mjs', import.meta.url));

export interface ServerOptions {
  /** The configuration: an object (written as JSON, which is YAML too) or YAML text. */
  readonly config: object | string;
  /** Absent: a free one. */
  readonly port?: number;
  /** Added to a minimal environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Key for `api`. Default `test-api-key`. */
  readonly apiKey?: string;
  /** A program that takes the flags of `serve`; default: the command line's own `serve`. */
  readonly script?: string;
  /** Flags of Node itself, e.g. `--expose-gc`. */
  readonly nodeFlags?: readonly string[];
  /** Time for `/health/ready` to answer. Default 60,000. */
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

export interface TestServer extends Program {
  readonly url: string;
  readonly wsUrl: string;
  readonly apiKey: string;
  /** `POST /api/<method>` with the key, or with other headers where given. */
  api(method: string, body: object, headers?: Readonly<Record<string, string>>): Promise<ApiAnswer>;
  /** Resident memory now and at its highest, bytes. */
  memory(): Promise<{ readonly rss: number; readonly peak: number }>;
}

export async function startServer(options: ServerOptions): Promise<TestServer> {
  const { config, nodeFlags = [], port, env, readyTimeoutMs, script } = options;
  const fileIn = (directory: string): string => join(directory, 'trunkline.yaml');
  const program = await startProgram({
    name: 'the server',
    binary: process.execPath,
    args: (place) => [
      ...nodeFlags,
      ...(script === undefined ? [CLI, 'serve'] : [script]),
      '--config',
      fileIn(place.directory),
      '--port',
      String(place.port),
    ],
    prepare: ({ directory }) =>
      writeFile(
        fileIn(directory),
        typeof config === 'string' ? config : JSON.stringify(config, undefined, 2),
      ),
    ready: (place) => isReady(`http://127.0.0.1:${place.port}`),
    ...(port === undefined ? {} : { port }),
    ...(env === undefined ? {} : { env }),
    ...(readyTimeoutMs === undefined ? {} : { readyTimeoutMs }),
  });
  const url = `http://127.0.0.1:${program.port}`;
  const apiKey = options.apiKey ?? 'test-api-key';
  // Added to the program rather than copied from it: its facts are read when asked for.
  return Object.assign(program, {
    url,
    wsUrl: `ws://127.0.0.1:${program.port}/connection/websocket`,
    apiKey,
    api: (
      method: string,
      body: object,
      headers: Readonly<Record<string, string>> = { 'x-api-key': apiKey },
    ) => callApi(url, method, body, headers),
    memory: () => memoryOf(program.pid),
  });
}

async function isReady(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/health/ready`);
  await answer.arrayBuffer();
  return answer.ok;
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
