import { FakeClock } from '@trunkline/base/testing';
import fc from 'fast-check';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KubeError } from '../errors.js';
import { connectKubeconfig, connectKubeconfigFile } from './connect.js';
import { parseKubeconfig } from './document.js';
import { connectInCluster } from './in-cluster.js';
import { connectReduced, reduceKubeconfig } from './uploaded.js';

const SIGNAL = new AbortController().signal;
const deps = { clock: new FakeClock(), environment: {} };
const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const DATA = Buffer.from(PEM).toString('base64');

interface Parts {
  readonly cluster?: object;
  readonly user?: object;
  readonly context?: object;
  readonly more?: object;
}

/** JSON is YAML. */
function kubeconfig({ cluster = {}, user = {}, context = {}, more = {} }: Parts = {}): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'dev',
    contexts: [{ name: 'dev', context: { cluster: 'c', user: 'u', ...context } }],
    clusters: [{ name: 'c', cluster: { server: 'https://api.example.com', ...cluster } }],
    users: [{ name: 'u', user }],
    ...more,
  });
}

function errorOf(run: () => unknown): KubeError {
  try {
    run();
  } catch (error) {
    if (error instanceof KubeError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'))));
afterEach(() => rmSync(folder, { recursive: true }));

describe('the text', () => {
  it('[KCL-50] is refused with the place of what is wrong', () => {
    for (const [text, place] of [
      ['', 'kubeconfig: fields'],
      ['[]', 'kubeconfig: fields'],
      ['a: [', 'no YAML'],
      [kubeconfig({ more: { users: 5 } }), 'users: a list'],
      [kubeconfig({ more: { users: [5] } }), 'users[0]'],
      [kubeconfig({ more: { users: [{}] } }), 'users[0].name'],
      [kubeconfig({ more: { 'current-context': '' } }), 'current-context'],
      [kubeconfig({ more: { 'current-context': 'x' } }), 'contexts: there is no "x"'],
      [kubeconfig({ context: { cluster: 'x' } }), 'clusters: there is no "x"'],
      [kubeconfig({ context: { user: 'x' } }), 'users: there is no "x"'],
      [kubeconfig({ context: { namespace: 5 } }), 'contexts[dev].context.namespace'],
      [kubeconfig({ cluster: { server: '' } }), 'clusters[c].cluster.server: missing'],
      [kubeconfig({ cluster: { server: 5 } }), 'clusters[c].cluster.server: text'],
      [
        kubeconfig({ cluster: { 'insecure-skip-tls-verify': 'yes' } }),
        'clusters[c].cluster.insecure-skip-tls-verify',
      ],
      [kubeconfig({ cluster: { 'certificate-authority-data': 'AAAA' } }), 'certificate-authority-data: PEM'],
      [kubeconfig({ user: { token: 12 } }), 'users[u].user.token'],
      [kubeconfig({ user: { username: 'a' } }), 'users[u].user.username: not supported'],
      [kubeconfig({ user: { 'as-uid': 'a' } }), 'users[u].user.as-uid'],
      [kubeconfig({ user: { 'as-groups': ['g'] } }), 'users[u].user.as-groups'],
      [kubeconfig({ user: { as: 'a', 'as-groups': 'g' } }), 'users[u].user.as-groups: a list'],
      [kubeconfig({ user: { 'client-key-data': DATA } }), 'users[u].user.client-certificate: missing'],
      [kubeconfig({ user: { 'client-certificate': 'a' } }), 'users[u].user.client-key: missing'],
      [kubeconfig({ user: { 'auth-provider': { name: 'gcp' } } }), 'users[u].user.auth-provider.name'],
      [kubeconfig({ user: { 'auth-provider': { name: 'oidc' } } }), 'users[u].user.auth-provider.config'],
      [kubeconfig({ user: { 'auth-provider': { name: 'oidc', config: {} } } }), 'config.idp-issuer-url'],
      [kubeconfig({ user: { exec: {} } }), 'users[u].user.exec.command'],
      [kubeconfig({ user: { exec: { command: 'x', apiVersion: 'v0' } } }), 'users[u].user.exec.apiVersion'],
      [kubeconfig({ user: { exec: 'x' } }), 'users[u].user.exec: fields'],
    ] as const) {
      const error = errorOf(() => connectKubeconfig(deps, text));
      expect([error.kind, error.message]).toEqual(['kubeconfigInvalid', expect.stringContaining(place)]);
    }
  });

  it('[KCL-50] aliases are refused, few of which make gigabytes', () => {
    const rows = ['a: &a [x,x,x,x,x,x,x,x,x]'];
    for (let row = 1; row < 12; row++) {
      const [name, before] = [String.fromCharCode(97 + row), String.fromCharCode(96 + row)];
      rows.push(
        `${name}: &${name} [*${before},*${before},*${before},*${before},*${before},*${before},*${before},*${before}]`,
      );
    }
    expect(errorOf(() => parseKubeconfig(rows.join('\n'))).message).toContain('no YAML');
    expect(errorOf(() => parseKubeconfig('a: &a {b: 1}\nc: *a')).message).toContain('no YAML');
  });

  it('[KCL-50] size and depth are bounded', () => {
    expect(errorOf(() => parseKubeconfig(`x: ${'a'.repeat(1_048_577)}`)).message).toContain('characters');
    for (const opening of ['[', '- ', '{a: ', '? ', '[{a: '])
      expect(errorOf(() => parseKubeconfig(opening.repeat(20_000))).message).toContain('64 levels');
    const steps = Array.from({ length: 300 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n');
    expect(errorOf(() => parseKubeconfig(steps)).message).toContain('64 levels');
  });

  it('[KCL-50] what is read is bounded by what it costs, more narrowly for what a user sends', () => {
    const fields = (count: number): string =>
      Array.from({ length: count }, (_, index) => `k${index}: v`).join('\n');
    expect(errorOf(() => reduceKubeconfig(fields(3_000))).message).toContain('10000 tokens');
    expect(errorOf(() => reduceKubeconfig(`x: ${'a'.repeat(262_145)}`)).message).toContain(
      '262144 characters',
    );
    expect(parseKubeconfig(fields(3_000)).users.size).toBe(0);
    expect(errorOf(() => parseKubeconfig(fields(60_000))).message).toContain('200000 tokens');
  });

  it('[KCL-50] of fields with one name the last counts', () => {
    const text = kubeconfig({ user: { token: 'last' } }).replace('"token":', '"token":"first","token":');
    expect(reduceKubeconfig(text).token).toBe('last');
    const refused = kubeconfig({ user: { token: 't', exec: { command: 'x' } } }).replace(
      '"exec":',
      '"exec":null,"exec":',
    );
    expect(errorOf(() => reduceKubeconfig(refused)).kind).toBe('kubeconfigRefused');
  });

  it('[KCL-50] whatever text comes, the answer is a kubeconfig or that it is none', () => {
    const text = kubeconfig({ user: { token: 't' } });
    fc.assert(
      fc.property(fc.nat(text.length), fc.nat(30), fc.string({ maxLength: 10 }), (at, gone, noise) => {
        const spoiled = text.slice(0, at) + noise + text.slice(at + gone);
        try {
          expect(reduceKubeconfig(spoiled).server).toMatch(/^https?:/);
          connectKubeconfig(deps, spoiled);
        } catch (error) {
          expect((error as KubeError).kind).toMatch(/^kubeconfig(Invalid|Refused)$/);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('[KCL-50] names like those of the language are names', () => {
    const text =
      'users: [{name: __proto__, user: {token: t}}]\ncontexts: [{name: constructor, context: {cluster: c, user: __proto__}}]\nclusters: [{name: c, cluster: {server: "http://h"}}]\ncurrent-context: constructor\n__proto__: {users: []}';
    expect(connectKubeconfig(deps, text)).toMatchObject({ context: 'constructor', server: 'http://h' });
    expect(errorOf(() => connectKubeconfig(deps, text, { context: 'toString' })).message).toContain(
      'toString',
    );
  });
});

describe('a context', () => {
  it('[KCL-51] is the current one, or the one that was asked for', async () => {
    const text = kubeconfig({
      context: { namespace: 'shop' },
      more: {
        users: [
          { name: 'u', user: { token: 'first' } },
          { name: 'u', user: { token: 'second' } },
        ],
        contexts: [
          { name: 'dev', context: { cluster: 'c', user: 'u', namespace: 'shop' } },
          { name: 'anonymous', context: { cluster: 'c' } },
        ],
      },
    });
    const current = connectKubeconfig(deps, text);
    expect([current.context, current.namespace]).toEqual(['dev', 'shop']);
    expect(await current.credentials?.current(SIGNAL)).toEqual({ token: 'first' });
    const other = connectKubeconfig(deps, text, { context: 'anonymous' });
    expect(await other.credentials?.current(SIGNAL)).toEqual({});
  });

  it('[KCL-51] says everything about the way to the cluster', () => {
    const cluster = {
      server: 'https://h:6443/k8s',
      'certificate-authority-data': DATA,
      'tls-server-name': 'other',
      'proxy-url': 'http://proxy:3128',
      'insecure-skip-tls-verify': true,
    };
    const user = { token: 't', as: 'jane', 'as-groups': ['dev'] };
    expect(connectKubeconfig(deps, kubeconfig({ cluster, user }))).toMatchObject({
      server: 'https://h:6443/k8s',
      ca: PEM,
      tlsServerName: 'other',
      proxyUrl: 'http://proxy:3128',
      insecureSkipTlsVerify: true,
      impersonate: { user: 'jane', groups: ['dev'] },
    });
  });
});

describe('files', () => {
  it('[KCL-52] are named from the folder of the kubeconfig, opened at the first use and read again at each', async () => {
    const user = {
      tokenFile: 'token',
      'client-certificate': 'cert.pem',
      'client-key': join(folder, 'key.pem'),
    };
    writeFileSync(
      join(folder, 'config'),
      kubeconfig({ user, cluster: { 'certificate-authority': 'ca.pem' } }),
    );
    const connection = await connectKubeconfigFile(deps, join(folder, 'config'));
    expect(connection.ca).toEqual({ file: join(folder, 'ca.pem') });
    const current = () => connection.credentials?.current(SIGNAL);
    await expect(current()).rejects.toThrow('token: ENOENT');
    writeFileSync(join(folder, 'token'), 'one\n');
    await expect(current()).rejects.toThrow('client certificate: ENOENT');
    writeFileSync(join(folder, 'cert.pem'), 'C');
    writeFileSync(join(folder, 'key.pem'), 'K');
    expect(await current()).toEqual({ token: 'one', certificate: 'C', key: 'K' });
    writeFileSync(join(folder, 'token'), 'two');
    expect(await current()).toEqual({ token: 'two', certificate: 'C', key: 'K' });
    expect(connection.credentials?.refused({ token: 'one' })).toBe(true);
  });

  it('[KCL-52] that are missing or too large fail by name, without their path', async () => {
    await expect(connectKubeconfigFile(deps, join(folder, 'none'))).rejects.toThrow('kubeconfig: ENOENT');
    writeFileSync(join(folder, 'token'), 'x'.repeat(1_048_577));
    const { credentials } = connectKubeconfig(deps, kubeconfig({ user: { tokenFile: 'token' } }), { folder });
    const error = await credentials?.current(SIGNAL).catch((cause: unknown) => cause);
    expect([String(error).includes('1048576 bytes'), String(error).includes(folder)]).toEqual([true, false]);
  });

  it('[KCL-52] data in the kubeconfig wins over a file', async () => {
    const user = { 'client-certificate-data': DATA, 'client-certificate': 'none', 'client-key-data': DATA };
    const { credentials } = connectKubeconfig(deps, kubeconfig({ user }), { folder });
    expect(await credentials?.current(SIGNAL)).toEqual({ certificate: PEM, key: PEM });
    expect(credentials?.refused({})).toBe(false);
  });

  it('[KCL-57] a pod finds its cluster and its token, which is replaced on disk', async () => {
    const connection = connectInCluster({ host: 'fd00::1', port: '443', folder });
    expect(connection).toMatchObject({
      server: 'https://[fd00::1]:443',
      ca: { file: join(folder, 'ca.crt') },
    });
    writeFileSync(join(folder, 'token'), 'one');
    expect(await connection.credentials?.current(SIGNAL)).toEqual({ token: 'one' });
    writeFileSync(join(folder, 'token'), 'two');
    expect(await connection.credentials?.current(SIGNAL)).toEqual({ token: 'two' });
    expect(() => connectInCluster({ host: undefined, port: '1' })).toThrow('KUBERNETES_SERVICE_HOST');
    expect(() => connectInCluster({ host: 'h', port: '' })).toThrow('KUBERNETES_SERVICE_PORT');
  });
});

describe('what a user sends', () => {
  it('[KCL-58] is reduced to server, authority, token and certificate, as texts', async () => {
    const user = {
      token: ' t\n',
      'client-certificate-data': DATA,
      'client-key-data': DATA,
      tokenFile: '',
      exec: null,
    };
    const cluster = {
      'certificate-authority-data': DATA,
      'insecure-skip-tls-verify': false,
      extensions: [{}],
    };
    const reduced = reduceKubeconfig(kubeconfig({ user, cluster, context: { namespace: 'shop' } }));
    const expected = {
      server: 'https://api.example.com',
      namespace: 'shop',
      ca: PEM,
      token: 't',
      certificate: PEM,
      key: PEM,
    };
    expect(reduced).toEqual(expected);
    const connection = connectReduced(JSON.parse(JSON.stringify(reduced)) as typeof reduced);
    expect(Object.keys(connection).sort()).toEqual(['ca', 'credentials', 'server']);
    expect(await connection.credentials?.current(SIGNAL)).toEqual({ token: 't', certificate: PEM, key: PEM });
    expect(connection.credentials?.refused({})).toBe(false);
  });

  it('[KCL-58] every other field is refused by its place, not dropped', () => {
    for (const [field, value] of Object.entries({
      'certificate-authority': '/etc/passwd',
      'insecure-skip-tls-verify': true,
      'tls-server-name': 'x',
      'proxy-url': 'http://169.254.169.254',
      'disable-compression': true,
      'something-new': { a: 1 },
      'Certificate-Authority': '/etc/passwd',
    })) {
      const error = errorOf(() =>
        reduceKubeconfig(kubeconfig({ user: { token: 't' }, cluster: { [field]: value } })),
      );
      expect([error.kind, error.message]).toEqual([
        'kubeconfigRefused',
        expect.stringContaining(`clusters[c].cluster.${field}`),
      ]);
      expect(error.message).not.toContain('passwd');
    }
    for (const [field, value] of Object.entries({
      exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'touch', args: ['/tmp/x'] },
      'auth-provider': { name: 'oidc', config: { 'idp-issuer-url': 'http://169.254.169.254' } },
      tokenFile: '/var/run/secrets/kubernetes.io/serviceaccount/token',
      'client-certificate': '/etc/ssl/cert.pem',
      'client-key': '/etc/ssl/key.pem',
      username: 'a',
      password: 'b',
      as: 'system:admin',
      'as-uid': '0',
      'as-groups': ['system:masters'],
      'as-user-extra': { x: ['y'] },
      toString: 'x',
    })) {
      const error = errorOf(() => reduceKubeconfig(kubeconfig({ user: { token: 't', [field]: value } })));
      expect([error.kind, error.message]).toEqual([
        'kubeconfigRefused',
        expect.stringContaining(`users[u].user.${field}`),
      ]);
    }
  });

  it('[KCL-58] needs a credential, whole and fit for a header, and an address that is one', () => {
    for (const [parts, place] of [
      [{}, 'users[u].user.token'],
      [{ user: { token: 'a b' } }, 'users[u].user.token: printable'],
      [{ user: { token: 'a\r\nb' } }, 'users[u].user.token: printable'],
      [{ user: { 'client-key-data': DATA } }, 'client-certificate-data: missing'],
      [{ user: { 'client-certificate-data': DATA } }, 'client-key-data: missing'],
      [{ user: { token: 't' }, cluster: { server: 'file:///etc/passwd' } }, 'server'],
      [{ user: { token: 't' }, cluster: { server: 'unix:///run/docker.sock' } }, 'server'],
      [{ user: { token: 't' }, cluster: { server: 'https://a:b@h' } }, 'server'],
    ] as const)
      expect(errorOf(() => reduceKubeconfig(kubeconfig(parts))).message).toContain(place);
  });

  it('[KCL-59] of other contexts is neither kept nor looked at', () => {
    const more = {
      users: [
        { name: 'u', user: { token: 't' } },
        { name: 'admin', user: { exec: { command: 'x' }, token: 'other' } },
      ],
    };
    const reduced = reduceKubeconfig(kubeconfig({ more }));
    expect(JSON.stringify(reduced)).not.toContain('other');
    expect(reduced.token).toBe('t');
  });
});
