import { mkdtempSync, readFileSync, rmSync, statSync, existsSync, writeFileSync } from 'node:fs';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@trunkline/base';
import { MemoryLogger } from '@trunkline/base/testing';
import { openRawClient, until, type RawClient } from '@trunkline/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createServer, type StartedServer, type TrunklineServer } from './compose.js';
import { loadConfig } from './config/load.js';
import { createLogger } from './logging.js';
import { addressOf, ListenError } from './listening.js';
import { EXIT, runServer, type ProcessPort } from './main.js';

let cwd: string;
const servers: TrunklineServer[] = [];
const clients: RawClient[] = [];
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'trunkline-server-'));
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.dispose();
  for (const server of servers.splice(0)) await server.stop();
  rmSync(cwd, { recursive: true, force: true });
});

async function boot(
  flags: readonly string[] = ['--dev'],
  logger = silentLogger,
): Promise<StartedServer & { readonly server: TrunklineServer }> {
  const server = createServer(loadConfig({ cwd, flags: ['--port', '0', ...flags] }), { logger });
  servers.push(server);
  return { ...(await server.start()), server };
}

async function open(started: StartedServer, headers: Record<string, string> = {}): Promise<RawClient> {
  const client = await openRawClient(`${started.url.replace('http', 'ws')}/connection/websocket`, {
    headers,
  });
  clients.push(client);
  return client;
}

async function devKey(started: StartedServer): Promise<Record<string, string>> {
  const { apiKey } = JSON.parse(readFileSync(started.stateFile ?? '', 'utf8')) as { apiKey: string };
  return { 'x-api-key': apiKey, 'content-type': 'application/json' };
}

async function post(
  started: StartedServer,
  path: string,
  body: object,
  headers: Record<string, string> = {},
) {
  const response = await fetch(`${started.url}${path}`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('a whole server', () => {
  it('[SERVE-3] development works without configuration: connect, subscribe, publish over HTTP, receive, recover', async () => {
    const started = await boot();
    const headers = await devKey(started);
    const client = await open(started);
    const connected = await client.connect();
    expect(connected['connect']).toMatchObject({ ping: 25, pong: true });
    const { subscribe } = await client.request({ subscribe: { channel: 'public:news' } });
    expect(subscribe).toMatchObject({ recoverable: true });
    expect(
      await post(started, '/api/publish', { channel: 'public:news', data: { n: 1 } }, headers),
    ).toMatchObject({ status: 200, body: { result: { offset: 1 } } });
    const push = await client.expect('the publication', (document) => document.push?.pub?.offset === 1);
    expect(push.push?.pub?.data).toEqual({ n: 1 });
    expect((await post(started, '/api/presence_stats', { channel: 'public:news' }, headers)).body).toEqual({
      result: { num_clients: 1, num_users: 1 },
    });
    expect(
      (await post(started, '/api/history', { channel: 'public:news', limit: 10 }, headers)).body,
    ).toMatchObject({ result: { offset: 1, publications: [{ data: { n: 1 }, offset: 1 }] } });
    expect(
      (await post(started, '/api/map_publish', { channel: 'map:board', key: 'a', data: 1 }, headers)).body,
    ).toMatchObject({ result: { applied: true } });
  });

  it('[SERVE-3] the state file is for its owner only and goes with the server', async () => {
    const { server, stateFile = '', url } = await boot();
    expect(stateFile).toBe(join(cwd, '.trunkline', 'dev.json'));
    expect(statSync(stateFile).mode & 0o777).toBe(0o600);
    const state = JSON.parse(readFileSync(stateFile, 'utf8')) as { readonly token: string };
    expect(state).toMatchObject({ url, org: 'dev', pid: process.pid });
    const client = await openRawClient(`${url.replace('http', 'ws')}/connection/websocket`);
    clients.push(client);
    await client.connect({ token: state.token });
    expect((await client.request({ rpc: { method: 'node.info', data: {} } }))['rpc']).toMatchObject({
      data: { org: 'dev', user: 'developer' },
    });
    await server.stop();
    expect(existsSync(stateFile)).toBe(false);
    await server.stop();
  });

  it('[SERVE-4] the console link leads to a session, its token to a connection that may see the node', async () => {
    const started = await boot(['--dev', '--store.enabled', 'false']);
    const login = await fetch(started.consoleLink ?? '', { redirect: 'manual' });
    expect(login.status).toBe(303);
    const cookie = login.headers.get('set-cookie')?.split(';')[0] ?? '';
    const { body } = await post(started, '/console/token', {}, { cookie });
    const client = await open(started);
    await client.connect({ token: body['token'] });
    expect((await client.request({ rpc: { method: 'node.info', data: {} } }))['rpc']).toMatchObject({
      data: { org: 'dev', user: 'console', roles: ['admin', 'operator'] },
    });
    const misfit = await client.request({ rpc: { method: 'node.channel', data: { channel: 5 } } });
    expect(misfit.error).toMatchObject({ code: 107, message: 'bad request: channel must be a string' });
    expect((await client.request({ subscribe: { channel: 'node:stats' } }))['subscribe']).toBeDefined();
    const sample = await client.expect('a sample', (document) => document.push?.channel === 'node:stats');
    expect(sample.push?.pub?.data).toMatchObject({ scope: 'node', connections: 1 });
  });

  it('[SERVE-4] without development nobody gets in unasked, and no key is left behind', async () => {
    const started = await boot(['--api.keys', '[{name: t, org: acme, key: 0123456789abcdef}]']);
    expect(started.stateFile).toBeUndefined();
    const key = { 'x-api-key': '0123456789abcdef' };
    expect((await post(started, '/api/publish', { channel: 'nowhere:x', data: 1 }, key)).body).toMatchObject({
      error: { code: 102 },
    });
    const client = await open(started);
    client.send('{"id":1,"connect":{}}');
    expect(await client.closed).toMatchObject({ code: 3500 });
    await expect(open(started, { origin: 'https://elsewhere.example' })).rejects.toThrow('403');
  });

  it('[SERVE-5] a drain refuses new connections, is seen at /health/ready, and closes what is open with 3001', async () => {
    const started = await boot(['--dev', '--drain.window', '2s']);
    const client = await open(started);
    await client.connect();
    const drained = started.server.drain();
    expect((await fetch(`${started.url}/health/ready`)).status).toBe(503);
    expect((await fetch(`${started.url}/health/live`)).status).toBe(200);
    await expect(open(started)).rejects.toThrow('503');
    expect(await client.closed).toMatchObject({ code: 3001 });
    await drained;
    await started.server.stop();
    await expect(fetch(`${started.url}/health/live`)).rejects.toThrow();
  });

  it('[SERVE-6] a port in use is named, with the way to another, and nothing is left running', async () => {
    const occupied = createTcpServer();
    await new Promise<void>((resolve) => occupied.listen(0, '127.0.0.1', resolve));
    const { port } = occupied.address() as AddressInfo;
    const server = createServer(loadConfig({ cwd, flags: ['--dev', '--port', String(port)] }), {
      logger: silentLogger,
    });
    const failure = await server.start().catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(ListenError);
    expect(String(failure)).toContain(`port ${port} on 127.0.0.1 is in use`);
    expect(String(failure)).toContain(`--port ${port + 1}`);
    expect(existsSync(join(cwd, '.trunkline', 'dev.json'))).toBe(false);
    await new Promise((resolve) => occupied.close(resolve));
  });

  it('[SERVE-2] metrics of a real node', async () => {
    const logger = new MemoryLogger();
    const started = await boot(['--dev'], logger);
    const client = await open(started);
    await client.connect();
    const text = await (await fetch(`${started.url}/metrics`)).text();
    expect(text).toContain('trunkline_connections 1\n');
    expect(text).toMatch(/process_resident_memory_bytes \d+/);
    expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

/** A process that writes down what happens to it. */
class FakeProcess implements ProcessPort {
  stdout = '';
  stderr = '';
  outIsTerminal = false;
  readonly exits: number[] = [];
  signal: ((name: string) => void) | undefined;
  fail: ((cause: unknown) => void) | undefined;
  out = (text: string): void => void (this.stdout += text);
  err = (text: string): void => void (this.stderr += text);
  exit = (code: number): void => void this.exits.push(code);
  watch = (run: (name: string) => void, fail: (cause: unknown) => void): (() => void) => {
    this.signal = run;
    this.fail = fail;
    return () => (this.signal = undefined);
  };
}

describe('the process', () => {
  const run = (flags: readonly string[], process: FakeProcess): Promise<number> =>
    runServer({ cwd, flags: ['--log.level', 'silent', '--port', '0', ...flags] }, process);

  it('[SERVE-7] says where it is, ends in order on the first signal with 0', async () => {
    const process = new FakeProcess();
    const ended = run(['--dev', '--drain.window', '1s'], process);
    await until('the server greets', () => process.stdout !== '');
    expect(process.stdout).toMatch(
      /Trunkline \d+\.\d+\.\d+ is running at http:\/\/127\.0\.0\.1:\d+ \(development/,
    );
    expect(process.stdout).toMatch(/Console +http:\/\/127\.0\.0\.1:\d+\/console\/login\?code=[\w-]{43} /);
    expect(process.stdout).toContain(join(cwd, '.trunkline', 'dev.json'));
    process.signal?.('SIGTERM');
    expect(await ended).toBe(EXIT.ok);
    expect(process.exits).toEqual([]);
    expect(process.signal).toBeUndefined();
  });

  it('[SERVE-7] a second signal ends at once', async () => {
    const process = new FakeProcess();
    const ended = run(['--dev', '--drain.window', '1s'], process);
    await until('the server greets', () => process.stdout !== '');
    process.signal?.('SIGINT');
    process.signal?.('SIGINT');
    expect(process.exits).toEqual([EXIT.failure]);
    await ended;
  });

  it('[SERVE-8] what nobody caught ends the process with 1', async () => {
    const process = new FakeProcess();
    const ended = run(['--dev'], process);
    await until('the server greets', () => process.stdout !== '');
    process.fail?.(new Error('unexpected'));
    expect(process.exits).toEqual([EXIT.failure]);
    process.signal?.('SIGTERM');
    await ended;
  });

  it('[SERVE-9] a wrong configuration is listed whole, with 78', async () => {
    const process = new FakeProcess();
    writeFileSync(join(cwd, 'trunkline.yaml'), 'server:\n  prot: 1\nauth:\n  allowAnonymos: true\n');
    expect(await run([], process)).toBe(EXIT.config);
    expect(process.stderr).toContain('server.prot: unknown key, did you mean port? (trunkline.yaml:2)');
    expect(process.stderr).toContain(
      'auth.allowAnonymos: unknown key, did you mean allowAnonymous? (trunkline.yaml:4)',
    );
    expect(process.stdout).toBe('');
  });

  it('[SERVE-9] options that only a room below refuses are wrong configuration too', async () => {
    const process = new FakeProcess();
    writeFileSync(join(cwd, 'trunkline.yaml'), 'channels: {namespaces: [{name: node}]}');
    expect(await run([], process)).toBe(EXIT.config);
    expect(process.stderr).toContain("namespace 'node'");
    const missing = new FakeProcess();
    expect(await runServer({ cwd, file: 'none.yaml' }, missing)).toBe(EXIT.config);
    writeFileSync(join(cwd, 'trunkline.yaml'), 'server: {tls: {cert: none.pem, key: none.pem}}');
    const tls = new FakeProcess();
    expect(await run([], tls)).toBe(EXIT.config);
    expect(tls.stderr).toContain('server.tls.cert: cannot be read');
  });

  it('[SERVE-6] a port in use ends with 2', async () => {
    const { port } = await boot();
    const process = new FakeProcess();
    expect(await run(['--dev', '--port', String(port)], process)).toBe(EXIT.cannotListen);
    expect(process.stderr).toContain(`port ${port} on 127.0.0.1 is in use`);
  });

  it('[SERVE-7] away from a terminal and without development nothing but the log is written, and the link stays secret', async () => {
    const process = new FakeProcess();
    const ended = run([], process);
    await until('it runs', () => process.signal !== undefined);
    process.signal?.('SIGTERM');
    expect(await ended).toBe(EXIT.ok);
    expect(process.stdout).toBe('');
  });
});

describe('small parts', () => {
  it('[SERVE-10] log lines: JSON for machines, one readable line for people, control characters shown as dots', () => {
    const lines: string[] = [];
    const logger = (pretty: boolean) =>
      createLogger({ level: 'info', pretty, node: 'n1' }, { write: (line: string) => void lines.push(line) });
    logger(false).child({ module: 'x' }).warn({ a: 1 }, 'careful');
    logger(true).info({ name: 'a\u001b[31m\nb', err: undefined }, 'hello');
    logger(true).error({ err: new Error('broken') }, 'failed');
    logger(true).debug({}, 'not written');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'warn',
      node: 'n1',
      module: 'x',
      a: 1,
      msg: 'careful',
    });
    expect(lines[1]).toMatch(/^\d\d:\d\d:\d\d INFO  hello {2}name=a·\[31m·b\n$/);
    expect(lines[2]).toMatch(/^\d\d:\d\d:\d\d ERROR failed\n {2}Error: broken\n/);
    expect(lines).toHaveLength(3);
  });

  it.each([
    ['0.0.0.0', false, 'http://localhost:80'],
    ['::', true, 'https://localhost:80'],
    ['::1', false, 'http://[::1]:80'],
    ['10.0.0.1', true, 'https://10.0.0.1:80'],
  ])('[SERVE-10] the address of %s is one a person can open', (host, tls, url) => {
    expect(addressOf(host, 80, tls)).toBe(url);
  });
});
