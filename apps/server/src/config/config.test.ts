import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HUB_DEFAULTS } from '@trunkline/hub';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toAuthenticatorOptions } from './auth-options.js';
import { toHubOptions } from './hub-options.js';
import { ConfigError, configCheck, formatProblem, loadConfig, type ConfigInput } from './load.js';
import { formatDuration, formatSize, parseDuration, parseSize } from './quantity.js';
import { configReference } from './reference.js';
import { isLoopback } from './rules.js';
import { configSchema } from './schema.js';
import { configShow } from './show.js';
import { editDistance, nearest } from './suggest.js';
import { environmentName, leavesOf } from './walk.js';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'trunkline-config-'));
});
afterEach(() => {
  rmSync(cwd, { recursive: true, force: true });
});

function load(yaml: string, input: Omit<ConfigInput, 'file' | 'cwd'> = {}) {
  writeFileSync(join(cwd, 'trunkline.yaml'), yaml);
  return loadConfig({ ...input, cwd });
}

function problems(yaml: string, input: Omit<ConfigInput, 'file' | 'cwd'> = {}): string[] {
  writeFileSync(join(cwd, 'trunkline.yaml'), yaml);
  return configCheck({ ...input, cwd }).map(formatProblem);
}

function shown(yaml: string, input: Omit<ConfigInput, 'file' | 'cwd'> = {}): Record<string, string> {
  return Object.fromEntries(
    configShow(load(yaml, input)).map(({ path, value, source }) => [path, `${value} ← ${source}`]),
  );
}

describe('origins', () => {
  it('[CONF-1] later origins win: defaults, file, environment, flags', () => {
    const port = (yaml: string, env: Record<string, string>, flags: string[]): number =>
      load(yaml, { env, flags }).values.server.port;
    expect(port('', {}, [])).toBe(8000);
    expect(port('server: {port: 8001}', {}, [])).toBe(8001);
    expect(port('server: {port: 8001}', { TRUNKLINE_SERVER_PORT: '8002' }, [])).toBe(8002);
    expect(port('server: {port: 8001}', { TRUNKLINE_SERVER_PORT: '8002' }, ['--server.port', '8003'])).toBe(
      8003,
    );
  });

  it('[CONF-1] sections are merged key by key, a list replaces the list below it', () => {
    const { values } = load('server:\n  host: 127.0.0.2\n  origins: [https://a.example, https://b.example]', {
      env: { TRUNKLINE_SERVER_PORT: '9000' },
      flags: ['--server.origins', 'https://c.example'],
    });
    expect(values.server).toMatchObject({ host: '127.0.0.2', port: 9000, origins: ['https://c.example'] });
  });

  it('[CONF-2] every value names its origin', () => {
    const values = shown(
      'server:\n  host: localhost\nchannels:\n  namespaces:\n    - name: chat\n      historySize: 5\n',
      {
        env: { TRUNKLINE_SERVER_PORT: '9000' },
        flags: ['--drain.window=5s'],
      },
    );
    expect(values).toMatchObject({
      'server.host': 'localhost ← trunkline.yaml:2',
      'server.port': '9000 ← env:TRUNKLINE_SERVER_PORT',
      'drain.window': '5s ← flag',
      'drain.deadline': '25s ← default',
      'channels.namespaces[0].name': 'chat ← trunkline.yaml:5',
      'channels.namespaces[0].historySize': '5 ← trunkline.yaml:6',
    });
  });

  it('[CONF-2] a list given by the environment hides the lines of the file it replaced', () => {
    const values = shown('channels:\n  namespaces:\n    - name: chat\n    - name: feed\n', {
      env: { TRUNKLINE_CHANNELS_NAMESPACES: '[{"name": "only"}]' },
    });
    expect(values['channels.namespaces[0].name']).toBe('only ← env:TRUNKLINE_CHANNELS_NAMESPACES');
    expect(values).not.toHaveProperty('channels.namespaces[1].name');
  });

  it('[CONF-3] the file is the argument, then --config, then TRUNKLINE_CONFIG, then trunkline.yaml if it is there', () => {
    const port = (input: ConfigInput): number => loadConfig({ ...input, cwd }).values.server.port;
    expect(port({})).toBe(8000);
    for (const number of [1, 2, 3, 4])
      writeFileSync(join(cwd, `${number}.yaml`), `server: {port: ${number}}`);
    writeFileSync(join(cwd, 'trunkline.yaml'), 'server: {port: 5}');
    const env = { TRUNKLINE_CONFIG: '3.yaml' };
    expect(port({ file: '1.yaml', flags: ['--config', '2.yaml'], env })).toBe(1);
    expect(port({ flags: ['--config', '2.yaml'], env })).toBe(2);
    expect(port({ flags: ['-c', '2.yaml'], env })).toBe(2);
    expect(port({ env })).toBe(3);
    expect(port({})).toBe(5);
  });

  it('[CONF-3] a file that was named must be there', () => {
    expect(configCheck({ file: 'missing.yaml', cwd }).map(formatProblem)).toEqual([
      expect.stringContaining('missing.yaml: there is no such file'),
    ]);
  });

  it('[CONF-3] an empty file and an empty section count as not written', () => {
    expect(load('# nothing\n').values.server.port).toBe(8000);
    expect(load('server:\n# host: x\nlog:\n  level:\n').values).toMatchObject({
      server: { port: 8000 },
      log: { level: 'info' },
    });
  });
});

describe('unknown keys', () => {
  it('[CONF-4] an unknown key names its path, its line and the nearest key', () => {
    const yaml =
      'channels:\n  namespaces:\n    - name: a\n    - name: b\n    - name: c\n      histroySize: 10\n';
    expect(problems(yaml)).toEqual([
      'channels.namespaces[2].histroySize: unknown key, did you mean historySize? (trunkline.yaml:6)',
    ]);
  });

  it.each([
    ['sever: {port: 1}', 'sever: unknown key, did you mean server? (trunkline.yaml:1)'],
    [
      'channels: {default: {history_size: 1}}',
      'channels.default.history_size: unknown key, did you mean historySize? (trunkline.yaml:1)',
    ],
    ['sessionTtl: 5m', 'sessionTtl: unknown key, did you mean console.sessionTtl? (trunkline.yaml:1)'],
    ['zzzzzz: 1', 'zzzzzz: unknown key (trunkline.yaml:1)'],
    ['__proto__: {port: 1}', '__proto__: unknown key (trunkline.yaml:1)'],
    [
      'channels: {namespaces: [{name: a, map: {keyTTL: 1s}}]}',
      'channels.namespaces[0].map.keyTTL: unknown key, did you mean keyTtl? (trunkline.yaml:1)',
    ],
  ])('[CONF-4] %s', (yaml, problem) => {
    expect(problems(yaml)).toEqual([problem]);
  });

  it('[CONF-4] an unknown variable and an unknown flag are errors with a suggestion too', () => {
    expect(
      problems('', { env: { TRUNKLINE_SERVER_PROT: '1' }, flags: ['--server.prot', '1', 'stray'] }),
    ).toEqual([
      'unknown variable TRUNKLINE_SERVER_PROT, did you mean TRUNKLINE_SERVER_PORT? (env:TRUNKLINE_SERVER_PROT)',
      'unknown flag --server.prot, did you mean --server.port? (flag)',
      'unexpected argument "stray" (flag)',
    ]);
  });

  it('[CONF-4] swapped neighbours count once, and far words suggest nothing', () => {
    expect(editDistance('histroysize', 'historysize')).toBe(1);
    expect(editDistance('kitten', 'sitting')).toBe(3);
    expect(nearest('banana', ['server', 'client'])).toBeUndefined();
  });
});

describe('values', () => {
  it.each([
    ['300s', 300_000],
    ['5m', 300_000],
    ['250ms', 250],
    ['1h', 3_600_000],
    ['30d', 2_592_000_000],
    ['1.5s', 1_500],
    ['1500', 1_500],
    [1500, 1_500],
    ['5 minutes', undefined],
    ['-1s', undefined],
    ['', undefined],
    ['1constructor', undefined],
    [Number.NaN, undefined],
  ])('[CONF-5] duration %s is %s ms', (given, ms) => {
    expect(parseDuration(given)).toBe(ms);
  });

  it.each([
    ['1MiB', 1_048_576],
    ['64KiB', 65_536],
    ['1MB', 1_000_000],
    ['512', 512],
    ['1mib', undefined],
  ])('[CONF-5] size %s is %s bytes', (given, bytes) => {
    expect(parseSize(given)).toBe(bytes);
  });

  it('[CONF-5] what is shown can be written back', () => {
    for (const value of [0, 1, 250, 1_500, 60_000, 90_000, 2_592_000_000])
      expect(parseDuration(formatDuration(value))).toBe(value);
    for (const value of [0, 1, 1_000_000, 1_048_576, 1_536]) expect(parseSize(formatSize(value))).toBe(value);
    expect(formatDuration(300_000)).toBe('5m');
    expect(formatSize(65_536)).toBe('64KiB');
  });

  it('[CONF-5] unlimited is allowed where the field says so', () => {
    expect(
      load('client: {maxConnectionsPerOrg: 10, maxConnectionAge: unlimited}').values.client,
    ).toMatchObject({ maxConnectionsPerOrg: 10, maxConnectionAge: Infinity });
    expect(problems('client: {maxDepth: unlimited}')[0]).toMatch(
      /^client\.maxDepth: expected a whole number from 1 to 1000/,
    );
  });

  it.each([
    [
      'server: {port: eighty}',
      'server.port: expected a whole number from 0 to 65535, got "eighty" (trunkline.yaml:1)',
    ],
    [
      'server: {port: 70000}',
      'server.port: expected a whole number from 0 to 65535, got 70000 (trunkline.yaml:1)',
    ],
    [
      'drain: {window: soon}',
      'drain.window: expected a duration such as 250ms, 300s, 5m, 1h or 30d (or a number of milliseconds), got "soon" (trunkline.yaml:1)',
    ],
    [
      'log: {level: loud}',
      'log.level: expected one of debug, info, warn, error, silent, got "loud" (trunkline.yaml:1)',
    ],
    ['metrics: {enabled: 3}', 'metrics.enabled: expected true or false, got 3 (trunkline.yaml:1)'],
    ['server: 5', 'server: expected keys and values (trunkline.yaml:1)'],
    [
      'channels: {namespaces: [{historySize: 1}]}',
      'channels.namespaces[0].name: is required: a name of 1 to 64 characters without `:` and spaces (trunkline.yaml:1)',
    ],
    [
      'client: {subscribeDeadline: 10s}',
      'client.subscribeDeadline: must be at most 4500 ms, got "10s" (trunkline.yaml:1)',
    ],
  ])('[CONF-6] %s', (yaml, problem) => {
    expect(problems(yaml)).toEqual([problem]);
  });

  it('[CONF-6] all problems are listed at once', () => {
    const yaml = 'server:\n  port: x\n  prot: 1\nlog:\n  level: loud\n';
    expect(problems(yaml)).toHaveLength(3);
    expect(() => load(yaml)).toThrow(ConfigError);
    expect(() => load(yaml)).toThrow(/server\.prot: unknown key, did you mean port\? \(trunkline\.yaml:3\)/);
  });

  it('[CONF-6] what is not YAML is told with its line', () => {
    expect(problems('server:\n  port: 1\n  port: 2\n')[0]).toMatch(
      /^not valid YAML: .*unique.*\(trunkline\.yaml:3\)$/,
    );
    expect(problems('- a\n- b\n')[0]).toMatch(/expected keys and values at the top/);
  });
});

describe('environment and flags', () => {
  it('[CONF-7] a variable is the path in capitals, parts and words joined by _; no two paths share one', () => {
    expect(environmentName(['server', 'trustedProxies'])).toBe('TRUNKLINE_SERVER_TRUSTED_PROXIES');
    expect(environmentName(['channels', 'default', 'map', 'keyTtl'])).toBe(
      'TRUNKLINE_CHANNELS_DEFAULT_MAP_KEY_TTL',
    );
    const names = leavesOf(configSchema).map((leaf) => environmentName(leaf.path));
    expect(new Set(names).size).toBe(names.length);
  });

  it('[CONF-7] texts become what the kind asks for', () => {
    const { values } = load('', {
      env: {
        TRUNKLINE_METRICS_ENABLED: 'no',
        TRUNKLINE_SERVER_TRUSTED_PROXIES: '10.0.0.0/8, ::1',
        TRUNKLINE_CLIENT_OUTBOX_MAX_BYTES: '2MiB',
        TRUNKLINE_CLIENT_PING_INTERVAL: '10s',
        TRUNKLINE_API_KEYS: '[{name: ci, org: acme, key: s3cret-s3cret-s3cret}]',
        TRUNKLINE_CHANNELS_DEFAULT_HISTORY_SIZE: '7',
        TRUNKLINE_URL: 'http://elsewhere',
        PATH: '/bin',
      },
    });
    expect(values.metrics.enabled).toBe(false);
    expect(values.server.trustedProxies).toEqual(['10.0.0.0/8', '::1']);
    expect(values.client).toMatchObject({ outboxMaxBytes: 2 * 1024 * 1024, pingInterval: 10_000 });
    expect(values.api.keys).toEqual([
      { name: 'ci', org: 'acme', key: 's3cret-s3cret-s3cret', scopes: ['*'] },
    ]);
    expect(values.channels.default?.historySize).toBe(7);
  });

  it('[CONF-7] a wrong text names its variable', () => {
    expect(problems('', { env: { TRUNKLINE_SERVER_PORT: 'many' } })).toEqual([
      'server.port: expected a whole number from 0 to 65535, got "many" (env:TRUNKLINE_SERVER_PORT)',
    ]);
    expect(problems('', { env: { TRUNKLINE_API_KEYS: '{' } })[0]).toMatch(
      /^api\.keys: expected a list of objects.*\(env:TRUNKLINE_API_KEYS\)$/,
    );
  });

  it('[CONF-8] variables that Kubernetes adds for services are left alone', () => {
    const env = {
      TRUNKLINE_SERVER_PORT: 'tcp://10.0.0.7:8000',
      TRUNKLINE_SERVER_SERVICE_HOST: '10.0.0.7',
      TRUNKLINE_SERVICE_PORT_HTTP: '8000',
      TRUNKLINE_PORT_8000_TCP_ADDR: '10.0.0.7',
      TRUNKLINE_PORT: 'tcp://10.0.0.7:8000',
    };
    expect(load('', { env }).values.server.port).toBe(8000);
  });

  it('[CONF-9] flags: dotted or short, with = or a space, switches alone', () => {
    const flags = (...given: string[]) => load('', { flags: given }).values;
    expect(flags('--port', '9000', '--host=localhost').server).toMatchObject({
      port: 9000,
      host: 'localhost',
    });
    expect(flags('--dev').development).toBe(true);
    expect(flags('--dev', 'false').development).toBe(false);
    expect(flags('--dev', '--port', '1')).toMatchObject({ development: true, server: { port: 1 } });
    expect(flags('--metrics.enabled=off').metrics.enabled).toBe(false);
    expect(problems('', { flags: ['--port'] })).toEqual(['--port needs a value (flag)']);
  });
});

describe('secrets', () => {
  it('[CONF-10] show never prints a secret', () => {
    const yaml = `
auth:
  keys:
    - {alg: HS256, secret: hush-hush-hush-hush-hush-hush-hush}
    - {alg: EdDSA, kid: k2, jwk: {kty: OKP, crv: Ed25519, use: hush-two, x: 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo}}
api:
  keys: [{name: ci, org: acme, key: hush-three-hush-three}]
metrics: {token: hush-four}
`;
    const all = JSON.stringify(configShow(load(yaml)));
    expect(all).not.toContain('hush');
    expect(shown(yaml)).toMatchObject({
      'auth.keys[0].secret': '(secret) ← trunkline.yaml:4',
      'auth.keys[1].jwk': '(secret) ← trunkline.yaml:5',
      'api.keys[0].key': '(secret) ← trunkline.yaml:7',
      'metrics.token': '(secret) ← trunkline.yaml:8',
    });
  });

  it('[CONF-10] problems never print a secret either', () => {
    const found = problems(
      'metrics: {token: [hush]}\nauth: {keys: [{alg: RS256, secret: hush}]}\napi: {keys: [{name: x, org: a, key: {a: hush}}]}',
    );
    expect(found).not.toHaveLength(0);
    expect(found.join('\n')).not.toContain('hush');
    expect(problems('', { env: { TRUNKLINE_AUTH_KEYS: 'hush' } }).join()).not.toContain('hush');
    expect(problems('', { env: { TRUNKLINE_API_KEYS: 'hush' } }).join()).not.toContain('hush');
  });
});

describe('development', () => {
  it('[CONF-11] gives an org, anonymous clients and open channels, below what is written', () => {
    const { values } = load('', { flags: ['--dev'] });
    expect(values.auth).toMatchObject({ defaultOrg: 'dev', allowAnonymous: true });
    expect(values.channels.default).toMatchObject({
      historySize: 100,
      historyTtl: 300_000,
      presence: true,
      joinLeave: true,
      allowPublish: ['user', 'anonymous'],
    });
    const names = (flags: readonly string[]): readonly string[] =>
      load('', { flags: ['--dev', ...flags] }).values.channels.namespaces.map(({ name }) => name);
    expect(names([])).toEqual(['*', 'map', 'durable']);
    // Where there can be no store there is no durable namespace either.
    expect(names(['--store.enabled', 'false'])).toEqual(['*', 'map']);
    expect(names(['--redis.url', 'redis://localhost'])).toEqual(['*', 'map']);
    expect(names(['--redis.url', 'redis://localhost', '--store.url', 'postgres://h/d'])).toContain('durable');
    const written = load(
      'development: true\nauth: {defaultOrg: mine}\nchannels: {default: {historySize: 3}}',
    ).values;
    expect(written).toMatchObject({
      auth: { defaultOrg: 'mine', allowAnonymous: true },
      channels: { default: { historySize: 3, presence: true } },
    });
    expect(shown('', { flags: ['--dev'] })['auth.defaultOrg']).toBe('dev ← default (development)');
  });

  it('[CONF-11] without it nobody gets in by default', () => {
    const { values } = load('');
    expect(values).toMatchObject({
      development: false,
      auth: { allowAnonymous: false, keys: [] },
      channels: { namespaces: [] },
    });
    expect(values.auth.defaultOrg).toBeUndefined();
    expect(values.channels.default).toBeUndefined();
  });

  it('[CONF-11] it is refused on a host that others can reach, unless that was asked for', () => {
    expect(problems('', { flags: ['--dev', '--host', '0.0.0.0'] })[0]).toMatch(
      /^development: .*loopback host.*0\.0\.0\.0.*\(flag\)$/,
    );
    expect(problems('developmentOnAnyHost: true', { flags: ['--dev', '--host', '0.0.0.0'] })).toEqual([]);
  });

  it.each([
    ['127.0.0.1', true],
    ['127.8.9.1', true],
    ['localhost', true],
    ['::1', true],
    ['0:0:0:0:0:0:0:1', true],
    ['0.0.0.0', false],
    ['::', false],
    ['2001:db8::1', false],
    ['10.0.0.1', false],
    ['127.0.0.1.example.com', false],
  ])('[CONF-11] %s is a loopback host: %s', (host, loopback) => {
    expect(isLoopback(host)).toBe(loopback);
  });
});

describe('durable namespaces', () => {
  const DURABLE = 'channels: {namespaces: [{name: d, class: durable, forceRecovery: true}]}';

  it('[DUR-4] need a store, one that all nodes share, and no size of their own', () => {
    expect(problems(DURABLE)).toEqual([]);
    expect(problems(`${DURABLE}\nstore: {enabled: false}`).join()).toMatch(
      /^channels\.namespaces\[0\]\.class: .*store\.enabled/,
    );
    expect(problems(`${DURABLE}\nredis: {url: redis://h}`).join()).toMatch(/class: .*store\.url/);
    expect(problems(`${DURABLE}\nredis: {url: redis://h}\nstore: {url: postgres://h/d}`)).toEqual([]);
    expect(problems('channels: {default: {class: durable}}\nstore: {enabled: false}').join()).toMatch(
      /^channels\.default\.class/,
    );
  });

  it('[DUR-4] are streams with a bounded history', () => {
    const of = (options: string): string =>
      problems(`channels: {namespaces: [{name: d, class: durable, ${options}}]}`).join();
    expect(of('type: map')).toMatch(/class: .*type stream, not map/);
    expect(of('historySize: 0')).toMatch(/historySize: must be from 1 to 10000/);
    expect(of('historySize: 10001')).toMatch(/historySize/);
    expect(of('historySize: 10000')).toBe('');
    expect(problems('channels: {namespaces: [{name: d, class: local}]}').join()).toMatch(
      /one of live, durable/,
    );
  });

  it('[DUR-4] DATABASE_URL names the database, below TRUNKLINE_STORE_URL, and only if it is PostgreSQL', () => {
    const url = (env: Record<string, string>): string | undefined => load('', { env }).values.store.url;
    expect(url({ DATABASE_URL: 'postgres://a/b' })).toBe('postgres://a/b');
    expect(url({ DATABASE_URL: 'postgres://a/b', TRUNKLINE_STORE_URL: 'postgres://c/d' })).toBe(
      'postgres://c/d',
    );
    expect(url({ DATABASE_URL: 'mysql://a/b' })).toBeUndefined();
    expect(shown('', { env: { DATABASE_URL: 'postgres://a:hush@b/c' } })['store.url']).not.toContain('hush');
  });
});

describe('rules between values', () => {
  it.each([
    ['auth: {allowAnonymous: true}', 'auth.allowAnonymous: needs auth.defaultOrg'],
    [
      'client: {pingInterval: 5s}',
      'client.pongTimeout: must be less than client.pingInterval (5000 ms), got 8000 ms',
    ],
    [
      'node: {announceInterval: 20s}',
      'node.expiry: must be more than node.announceInterval (20000 ms), got 10000 ms',
    ],
    ['auth: {keys: [{alg: HS256}]}', 'auth.keys[0]: needs exactly one of secret, publicKey and jwk'],
    ['auth: {keys: [{alg: HS256, publicKey: pem}]}', 'auth.keys[0].publicKey: does not fit HS256'],
    ['auth: {keys: [{alg: RS256, secret: x}]}', 'auth.keys[0].secret: does not fit RS256'],
    ['auth: {keys: [{alg: HS256, secret: short}]}', 'auth.keys[0]: secret must have at least 32 bytes'],
    [
      'auth: {channelTokens: {keys: [{alg: ES256, publicKey: nonsense}]}}',
      'auth.channelTokens.keys[0]: publicKey must be a public key',
    ],
    ['api: {keys: [{name: a, org: acme, key: short}]}', 'api.keys[0].key: must have at least 16 characters'],
    [
      'api: {keys: [{name: a, org: acme, key: 0123456789abcdef0}, {name: a, org: acme, key: 0123456789abcdef1}]}',
      'api.keys[1].name: a is already the name of api.keys[0]',
    ],
    [
      'api: {keys: [{name: a, org: acme, key: 0123456789abcdef0, scopes: [publsh]}]}',
      'api.keys[0].scopes[0]: expected one of *, publish',
    ],
    ['api: {keys: [{name: a, org: acme}]}', 'api.keys[0]: needs exactly one of key and sha256'],
    ['api: {keys: [{name: a, org: a b, key: x}]}', 'api.keys[0].org: expected an org id or `*`'],
    ['server: {tls: {cert: a.pem}}', 'server.tls.key: is required'],
    ['server: {origins: [app.example.com]}', 'server.origins[0]: expected an origin'],
    [
      'server: {trustedProxies: [10.0.0.0/40]}',
      'server.trustedProxies[0]: expected an address or a CIDR block',
    ],
    [
      'channels: {namespaces: [{name: a}, {name: a}]}',
      'channels.namespaces[1].name: a is already the name of channels.namespaces[0]',
    ],
    ['channels: {default: {forceRecovery: true}}', 'channels.default.forceRecovery: needs history'],
    [
      'channels: {namespaces: [{name: m, type: map, forceRecovery: true}]}',
      'channels.namespaces[0].forceRecovery: needs history: set map.mode',
    ],
    [
      'channels: {default: {channelPattern: "("}}',
      'channels.default.channelPattern: is not a valid regular expression',
    ],
    [
      'channels: {default: {historyTtl: 1h, metaTtl: 1m}}',
      'channels.default.metaTtl: must be at least historyTtl',
    ],
    ['drain: {window: 1m, deadline: 30s}', 'drain.window: must be at most drain.deadline'],
  ])('[CONF-12] %s', (yaml, problem) => {
    const found = problems(yaml);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(problem);
    expect(found[0]).toMatch(/\(trunkline\.yaml:1\)$/);
  });
});

describe('the rooms below', () => {
  it('[CONF-13] one text stands for a list of one, and keys go to the authenticator with their algorithm', () => {
    const { values } = load(
      'auth: {issuer: https://id.example, clockTolerance: 2s, keys: [{alg: HS512, kid: k, secret: 0123456789abcdef0123456789abcdef}]}',
    );
    expect(toAuthenticatorOptions(values)).toEqual({
      keys: [{ secret: '0123456789abcdef0123456789abcdef', algorithms: ['HS512'], kid: 'k' }],
      jwksUrl: '',
      channelKeys: [],
      channelJwksUrl: '',
      issuers: ['https://id.example'],
      audiences: [],
      clockToleranceSeconds: 2,
      defaultOrg: '',
      allowAnonymous: false,
    });
  });

  it('[CONF-13] without configuration the hub gets its own defaults, and every number of the hub can be set', () => {
    const { nodeId: _nodeId, version: _version, ...rest } = HUB_DEFAULTS;
    expect(toHubOptions(load('').values)).toEqual(rest);
    // The largest frame fits a message between nodes, whatever it is set to.
    const large = toHubOptions(load('client: {maxFrameBytes: 20MB}').values);
    expect(large.nodeMessageMaxBytes).toBeGreaterThan(3 * (large.limits?.maxFrameBytes ?? Infinity));
  });

  it('[CONF-13] namespaces keep only what was written; the default one is named empty', () => {
    const { namespaces } = toHubOptions(
      load(
        'channels:\n  default: {historySize: 1, historyTtl: 10s}\n  namespaces:\n    - {name: m, type: map, map: {keyTtl: 5s, maxKeys: 3}, maxSubscribers: unlimited}',
      ).values,
    );
    expect(namespaces).toEqual([
      { name: '', historySize: 1, historyTtlMs: 10_000 },
      { name: 'm', type: 'map', map: { keyTtlMs: 5_000, maxKeys: 3 }, maxSubscribers: Infinity },
    ]);
  });
});

describe('what is written about it', () => {
  const root = new URL('../../../../', import.meta.url);

  it('[CONF-14] the reference lists every option with its kind and default', () => {
    const text = readFileSync(new URL('docs/spec/configuration.md', root), 'utf8');
    expect(/<!-- options -->\n\n(.*?)\n\n<!-- end of options -->/s.exec(text)?.[1]).toBe(configReference());
  });

  it('[CONF-14] the example fits, and says what the defaults are', () => {
    const yaml = readFileSync(new URL('trunkline.example.yaml', root), 'utf8');
    expect(problems(yaml)).toEqual([]);
    // Every option that is commented out shows its default: with all of them written, nothing changes but where it comes from.
    const written = yaml.replace(/^(\s*)#= /gm, '$1');
    expect(problems(written)).toEqual([]);
    expect(load(written).values).toEqual(load(yaml).values);
    expect(written).not.toBe(yaml);
  });
});
