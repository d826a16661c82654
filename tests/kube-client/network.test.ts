/** The way to a cluster as it is in life: TLS with own authorities, client certificates that are replaced, proxies, redirects, names that are not to be reached, credential plugins, an issuer of tokens. */
import {
  createKubeCluster,
  connectKubeconfig,
  givenCredential,
  type KubeClusterDeps,
  type KubeConnection,
} from '@trunkline/kube-client';
import { clock, createCertificateAuthority, until, type CertificateAuthority } from '@trunkline/testkit';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect as connectSocket, type LookupFunction, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { serve } from './bed.js';

let folder: string;
let authority: CertificateAuthority;
let tls: { key: string; cert: string; ca: string; requestCert: true; rejectUnauthorized: false };
const open: (() => unknown)[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kube-network-'));
  authority = await createCertificateAuthority(folder);
  const paths = await authority.sign('server', '/CN=kube', 'DNS:kube.example');
  const [key, cert] = [await readFile(paths.key, 'utf8'), await readFile(paths.cert, 'utf8')];
  tls = { key, cert, ca: authority.ca, requestCert: true, rejectUnauthorized: false };
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const VERSION = JSON.stringify({ gitVersion: 'v1' });

const listen = (server: Server): Promise<number> => serve(server, open);

/** Says who the client certificate names. */
const whoAmI: RequestListener = (request, response) => {
  const { subject } = (request.socket as TLSSocket).getPeerCertificate();
  response.end(JSON.stringify({ gitVersion: `for ${subject?.CN ?? 'nobody'}` }));
};

function cluster(connection: KubeConnection, deps: Omit<KubeClusterDeps, 'clock'> = {}) {
  const made = createKubeCluster({ clock, ...deps }, connection, {
    connectTimeoutMs: 2_000,
    headersTimeoutMs: 5_000,
  });
  open.push(() => made.dispose());
  return made;
}

describe('TLS', () => {
  it('[KCL-15] trusts the given authority and checks the name, which may be given too', async () => {
    const port = await listen(createTlsServer(tls, whoAmI));
    const server = `https://127.0.0.1:${port}`;
    await expect(cluster({ server }).version()).rejects.toMatchObject({ kind: 'kubeUnreachable' });
    await expect(cluster({ server, ca: authority.ca }).version()).rejects.toThrow(
      'ERR_TLS_CERT_ALTNAME_INVALID',
    );
    const named = { server, tlsServerName: 'kube.example' };
    expect(await cluster({ ...named, ca: authority.ca }).version()).toEqual({ gitVersion: 'for nobody' });
    expect(await cluster({ ...named, ca: { file: authority.caPath } }).version()).toEqual({
      gitVersion: 'for nobody',
    });
    await expect(cluster({ ...named, ca: { file: join(folder, 'none') } }).version()).rejects.toThrow(
      'ENOENT',
    );
    expect(await cluster({ server, insecureSkipTlsVerify: true }).version()).toEqual({
      gitVersion: 'for nobody',
    });
  });

  it('[KCL-5] a client certificate that is replaced on disk is the one of the next request, while the old watch goes on', async () => {
    const port = await listen(
      createTlsServer(tls, (request, response) =>
        request.url?.includes('watch=1') ? response.flushHeaders() : whoAmI(request, response),
      ),
    );
    const [one, two] = [await authority.sign('one', '/CN=one'), await authority.sign('two', '/CN=two')];
    const [certificate, key] = [join(folder, 'mine.crt'), join(folder, 'mine.key')];
    const use = async (paths: { key: string; cert: string }): Promise<void> => {
      await writeFile(certificate, await readFile(paths.cert));
      await writeFile(key, await readFile(paths.key));
    };
    await use(one);
    const connection = {
      server: `https://127.0.0.1:${port}`,
      ca: authority.ca,
      tlsServerName: 'kube.example',
      credentials: givenCredential({ certificate: { file: certificate }, key: { file: key } }),
    };
    const made = cluster(connection);
    expect(await made.version()).toEqual({ gitVersion: 'for one' });
    const watch = await made.watch({ group: '', version: 'v1', resource: 'pods' });
    await use(two);
    expect(await made.version()).toEqual({ gitVersion: 'for two' });
    const next = watch.batches[Symbol.asyncIterator]().next();
    watch.discard();
    await expect(next).rejects.toThrow('not wanted');
    await writeFile(key, 'no key');
    await expect(made.version()).rejects.toMatchObject({ kind: 'kubeUnreachable' });
  });
});

describe('the way', () => {
  it('[KCL-16] a proxy is asked to tunnel, over plain HTTP and with TLS to the cluster', async () => {
    const port = await listen(createTlsServer(tls, whoAmI));
    const asked: string[] = [];
    const proxy = createServer();
    proxy.on('connect', (request, socket: Socket, head) => {
      asked.push(`${request.url} ${request.headers['authorization'] ?? 'no token'}`);
      const onward = connectSocket(port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        onward.write(head);
        socket.pipe(onward).pipe(socket);
      });
      onward.on('error', () => socket.destroy());
      socket.on('error', () => onward.destroy());
    });
    const proxyUrl = `http://127.0.0.1:${await listen(proxy)}`;
    const credentials = givenCredential({ token: 'secret' });
    // The name is resolved by the proxy; here it leads nowhere.
    const made = cluster({ server: 'https://kube.example:6443', ca: authority.ca, proxyUrl, credentials });
    expect(await made.version()).toEqual({ gitVersion: 'for nobody' });
    expect(asked).toEqual(['kube.example:6443 no token']);
    await expect(
      cluster({ server: 'https://kube.example:6443', proxyUrl: 'http://127.0.0.1:9' }).version(),
    ).rejects.toMatchObject({ kind: 'kubeUnreachable' });
  });

  it('[KCL-13] a redirect is not followed, so that no credential goes elsewhere', async () => {
    let reached = false;
    const elsewhere = await listen(
      createServer((_, response) => void ((reached = true), response.end(VERSION))),
    );
    const port = await listen(
      createServer((_, response) =>
        response.writeHead(302, { location: `http://127.0.0.1:${elsewhere}/version` }).end(),
      ),
    );
    const made = cluster({
      server: `http://127.0.0.1:${port}`,
      credentials: givenCredential({ token: 't' }),
    });
    await expect(made.version()).rejects.toMatchObject({ kind: 'kubeRefused', status: 302 });
    expect(reached).toBe(false);
  });

  it('[KCL-14] a name is resolved by the given function, which can refuse it', async () => {
    const port = await listen(createServer((_, response) => response.end(VERSION)));
    const lookup: LookupFunction = (name, options, done) => {
      if (name === 'inside.example')
        return done(Object.assign(new Error('refused'), { code: 'EREFUSED' }), '', 0);
      if (options.all === true) done(null, [{ address: '127.0.0.1', family: 4 }]);
      else done(null, '127.0.0.1', 4);
    };
    expect(await cluster({ server: `http://outside.example:${port}` }, { lookup }).version()).toEqual({
      gitVersion: 'v1',
    });
    await expect(cluster({ server: `http://inside.example:${port}` }, { lookup }).version()).rejects.toThrow(
      'EREFUSED',
    );
  });

  it('[KCL-9] what the network says is a code and a name, without addresses', async () => {
    const port = await listen(createServer());
    await open.pop()?.();
    const error = await cluster({ server: `http://127.0.0.1:${port}` })
      .version()
      .catch((cause: unknown) => cause);
    expect([String(error).includes('ECONNREFUSED'), String(error).includes('127.0.0.1')]).toEqual([
      true,
      false,
    ]);
  });
});

describe('credential plugins', () => {
  let plugins = 0;

  /** A plugin that appends what it was told to a file and prints what `answer` says. */
  async function plugin(answer: string): Promise<{ command: string; runs: () => Promise<string[]> }> {
    const name = `plugin-${++plugins}.mjs`;
    const [command, log] = [join(folder, name), join(folder, `${name}.log`)];
    await writeFile(
      command,
      `#!${process.execPath}\nimport { appendFileSync } from 'node:fs';\nappendFileSync(${JSON.stringify(log)}, process.env.KUBERNETES_EXEC_INFO + '|' + process.env.FROM_CONFIG + '|' + process.env.FROM_SERVER + '|' + process.argv.slice(2).join(' ') + '\\n');\n${answer}\n`,
    );
    await chmod(command, 0o755);
    return {
      command,
      runs: async () => (existsSync(log) ? (await readFile(log, 'utf8')).trim().split('\n') : []),
    };
  }

  const V1 = 'client.authentication.k8s.io/v1';
  const print = (status: string): string =>
    `process.stdout.write(JSON.stringify({ kind: 'ExecCredential', apiVersion: '${V1}', status: ${status} }));`;

  function sourceOf(exec: object, cluster: object = {}) {
    const text = JSON.stringify({
      'current-context': 'x',
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      clusters: [{ name: 'c', cluster: { server: 'https://kube.example', ...cluster } }],
      users: [{ name: 'u', user: { exec: { apiVersion: V1, ...exec } } }],
    });
    const environment = { PATH: process.env['PATH'], FROM_SERVER: 'given', FROM_CONFIG: 'hidden' };
    const { credentials } = connectKubeconfig({ clock, environment }, text, { folder });
    if (credentials === undefined) throw new Error('no credentials');
    return { credentials, current: () => credentials.current(new AbortController().signal) };
  }

  it('[KCL-53] run without a shell, are told what the kubeconfig says, and once for all who wait', async () => {
    const { command, runs } = await plugin(
      print(`{ token: 'made', expirationTimestamp: new Date(Date.now() + 3600e3).toISOString() }`),
    );
    const exec = {
      command: `./${command.slice(folder.length + 1)}`,
      args: ['$(touch x)', '; echo'],
      env: [{ name: 'FROM_CONFIG', value: 'set' }],
      provideClusterInfo: true,
    };
    const cluster = {
      'certificate-authority': 'ca.crt',
      extensions: [{ name: 'client.authentication.k8s.io/exec', extension: { audience: 'a' } }],
    };
    const { current, credentials } = sourceOf(exec, cluster);
    expect(await runs()).toEqual([]);
    expect(await Promise.all([current(), current()])).toEqual([{ token: 'made' }, { token: 'made' }]);
    const [run = '', ...others] = await runs();
    const [info = '', ...rest] = run.split('|');
    expect([rest, others]).toEqual([['set', 'given', '$(touch x) ; echo'], []]);
    expect(JSON.parse(info)).toEqual({
      apiVersion: V1,
      kind: 'ExecCredential',
      spec: {
        interactive: false,
        cluster: {
          server: 'https://kube.example',
          'certificate-authority-data': Buffer.from(authority.ca).toString('base64'),
          config: { audience: 'a' },
        },
      },
    });
    await current();
    expect((await runs()).length).toBe(1);
    expect(credentials.refused({ token: 'made' })).toBe(true);
    await current();
    expect((await runs()).length).toBe(2);
  });

  it('[KCL-54] that fail say how, and nothing of what they printed', async () => {
    for (const [answer, says] of [
      [`console.error('secret'); process.exit(3);`, 'exit code 3'],
      [`process.stdout.write('secret');`, 'no JSON'],
      [`process.stdout.write('{"kind":"secret"}');`, 'ExecCredential expected'],
      [
        `process.stdout.write(JSON.stringify({ kind: 'ExecCredential', apiVersion: 'secret' }));`,
        `apiVersion: ${V1} expected`,
      ],
      [print('undefined'), 'status: missing'],
      [print(`{ token: '' }`), 'neither token'],
      [print(`{ clientCertificateData: 'secret' }`), 'both or none'],
      [print(`{ token: 'secret', expirationTimestamp: 'secret' }`), 'expirationTimestamp'],
      [`process.stdout.write('secret'.repeat(300000));`, 'exec:'],
    ] as const) {
      const { command } = await plugin(answer);
      const error = await sourceOf({ command })
        .current()
        .catch((cause: unknown) => cause);
      expect(error).toMatchObject({ kind: 'kubeCredentialFailed' });
      expect([String(error).includes(says), String(error).includes('secret')]).toEqual([true, false]);
    }
    await expect(sourceOf({ command: 'there-is-no-such-program' }).current()).rejects.toThrow('ENOENT');
    expect(() => sourceOf({ command: 'x', interactiveMode: 'Always' })).toThrow('terminal');
    expect(() => sourceOf({ command: 'x', env: [5] })).toThrow('env[0].name');
  });

  it('[KCL-53] a client certificate is one as well', async () => {
    const { command } = await plugin(print(`{ clientCertificateData: 'C', clientKeyData: 'K' }`));
    expect(await sourceOf({ command }).current()).toEqual({ certificate: 'C', key: 'K' });
  });
});

describe('tokens of an issuer', () => {
  const tokenUntil = (ms: number): string =>
    `h.${Buffer.from(JSON.stringify({ exp: Math.floor(ms / 1_000) })).toString('base64url')}.s`;

  interface Issuer {
    readonly url: string;
    readonly forms: string[];
    answer: RequestListener;
  }

  async function startIssuer(): Promise<Issuer> {
    const forms: string[] = [];
    const server = createServer((request, response) => {
      if (request.method === 'GET')
        return void response.end(JSON.stringify({ token_endpoint: `${issuer.url}/token` }));
      let form = '';
      request.on('data', (chunk: Buffer) => (form += chunk.toString()));
      request.on('end', () => {
        forms.push(form);
        issuer.answer(request, response);
      });
    });
    const issuer: Issuer = {
      url: `http://127.0.0.1:${await listen(server)}`,
      forms,
      answer: (_, response) =>
        void response.end(
          JSON.stringify({
            id_token: tokenUntil(clock.now() + 3_600_000),
            refresh_token: `r${forms.length}`,
          }),
        ),
    };
    return issuer;
  }

  function sourceOf(config: object) {
    const text = JSON.stringify({
      'current-context': 'x',
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      clusters: [{ name: 'c', cluster: { server: 'https://kube.example' } }],
      users: [
        { name: 'u', user: { 'auth-provider': { name: 'oidc', config: { 'client-id': 'app', ...config } } } },
      ],
    });
    const { credentials } = connectKubeconfig({ clock, environment: {} }, text);
    return { credentials, current: () => credentials?.current(new AbortController().signal) };
  }

  it('[KCL-55] the one of the file is used while it is good, then it is refreshed, with the newest refresh token', async () => {
    const issuer = await startIssuer();
    const good = tokenUntil(clock.now() + 3_600_000);
    const config = {
      'idp-issuer-url': `${issuer.url}/`,
      'client-secret': 's',
      'refresh-token': 'r0',
      'id-token': good,
    };
    const { credentials, current } = sourceOf(config);
    expect(await current()).toEqual({ token: good });
    expect(issuer.forms).toEqual([]);
    for (const round of [0, 1]) {
      const used = await current();
      expect(credentials?.refused(used ?? {})).toBe(true);
      await current();
      expect(issuer.forms[round]).toBe(
        `grant_type=refresh_token&refresh_token=r${round}&client_id=app&client_secret=s`,
      );
    }
    const old = sourceOf({
      'idp-issuer-url': issuer.url,
      'refresh-token': 'x',
      'id-token': tokenUntil(clock.now() - 1_000),
    });
    await old.current();
    expect(issuer.forms).toHaveLength(3);
  });

  it('[KCL-55] that cannot be had fail by name, and without what the issuer said', async () => {
    const issuer = await startIssuer();
    const url = { 'idp-issuer-url': issuer.url };
    await expect(sourceOf(url).current()).rejects.toThrow('no refresh token');
    for (const [answer, says] of [
      [(_, response) => void response.writeHead(400).end('secret'), 'answered 400'],
      [(_, response) => void response.end('secret'), 'no JSON'],
      [(_, response) => void response.end('null'), 'id_token: missing'],
      [(_, response) => void response.end('{"access_token":"secret"}'), 'id_token: missing'],
      [(_, response) => void response.end('x'.repeat(300_000)), 'more than 262144 bytes'],
      [(request) => void request.socket.destroy(), 'oidc:'],
    ] as const satisfies readonly (readonly [RequestListener, string])[]) {
      issuer.answer = answer;
      const error = await sourceOf({ ...url, 'refresh-token': 'r' })
        .current()
        ?.catch((cause: unknown) => cause);
      expect(error).toMatchObject({ kind: 'kubeCredentialFailed' });
      expect([String(error).includes(says), String(error).includes('secret')]).toEqual([true, false]);
    }
    expect(() => sourceOf({ 'idp-issuer-url': 'file:///etc/passwd' })).toThrow('idp-issuer-url');
  });
});

it('[KCL-12] requests of one cluster run beside each other', async () => {
  let [running, most] = [0, 0];
  const waiting: (() => void)[] = [];
  const port = await listen(
    createServer((_, response) => {
      most = Math.max(most, ++running);
      waiting.push(() => response.end(VERSION));
    }),
  );
  const made = cluster({ server: `http://127.0.0.1:${port}` });
  const all = Promise.all(Array.from({ length: 20 }, () => made.version()));
  await until('all of them', () => waiting.length === 20);
  for (const answer of waiting) answer();
  expect([(await all).length, most]).toEqual([20, 20]);
});
