/** What one value means for another. Runs once everything fits the schema by itself. */
import { isIP } from 'node:net';
import { readKeys } from '../auth/keys.js';
import { toTokenKey } from './auth-options.js';
import type { DefaultNamespaceConfig } from './channels-schema.js';
import type { Config } from './schema.js';
import { formatPath, type Path } from './walk.js';

export interface RuleFinding {
  readonly path: Path;
  readonly message: string;
}

/** Every finding, not only the first. */
export function checkRules(config: Config): RuleFinding[] {
  return [
    ...developmentRules(config),
    ...clientRules(config),
    ...nodeRules(config),
    ...serverRules(config),
    ...authRules(config),
    ...oidcRules(config),
    ...channelRules(config),
    ...durableRules(config),
    ...apiRules(config),
    ...kubeRules(config),
    ...drainRules(config),
  ];
}

/** Whether only this machine can reach `host`. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  if (isIP(host) === 4) return host.startsWith('127.');
  return isIP(host) === 6 && /^(0*:)*:?0*1$/.test(host) && host.split(':').at(-1)?.replace(/^0+/, '') === '1';
}

function clientRules({ client: { pingInterval, pongTimeout } }: Config): RuleFinding[] {
  if (pingInterval === 0 || pongTimeout < pingInterval) return [];
  return [
    {
      path: ['client', 'pongTimeout'],
      message: `must be less than client.pingInterval (${pingInterval} ms), got ${pongTimeout} ms`,
    },
  ];
}

function nodeRules({ node: { announceInterval, expiry } }: Config): RuleFinding[] {
  if (expiry > announceInterval) return [];
  return [
    {
      path: ['node', 'expiry'],
      message: `must be more than node.announceInterval (${announceInterval} ms), got ${expiry} ms`,
    },
  ];
}

function developmentRules({ development, developmentOnAnyHost, server }: Config): RuleFinding[] {
  if (!development || developmentOnAnyHost || isLoopback(server.host)) return [];
  return [
    {
      path: ['development'],
      message: `lets anonymous clients in, so it needs a loopback host, and server.host is ${server.host}; set server.host to 127.0.0.1, or developmentOnAnyHost to true if everybody who can reach it may use it`,
    },
  ];
}

function serverRules({ server: { tls, origins, trustedProxies } }: Config): RuleFinding[] {
  const findings: RuleFinding[] = [];
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    findings.push({
      path: ['server', 'tls', tls.cert === undefined ? 'cert' : 'key'],
      message: 'is required: TLS needs a certificate and a key',
    });
  }
  trustedProxies.forEach((entry, index) => {
    if (isAddressOrBlock(entry)) return;
    findings.push({
      path: ['server', 'trustedProxies', index],
      message: `expected an address or a CIDR block such as 10.0.0.0/8, got ${JSON.stringify(entry)}`,
    });
  });
  origins.forEach((origin, index) => {
    if (origin === '*' || isOrigin(origin)) return;
    findings.push({
      path: ['server', 'origins', index],
      message: `expected an origin such as https://app.example.com (or \`*\`), got ${JSON.stringify(origin)}`,
    });
  });
  return findings;
}

function isAddressOrBlock(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

function isOrigin(text: string): boolean {
  try {
    return new URL(text).origin === text;
  } catch {
    return false;
  }
}

function authRules({ auth }: Config): RuleFinding[] {
  const findings: RuleFinding[] = [];
  if (auth.allowAnonymous && auth.defaultOrg === undefined) {
    findings.push({
      path: ['auth', 'allowAnonymous'],
      message: 'needs auth.defaultOrg: an anonymous client has no org of its own',
    });
  }
  auth.keys.forEach((key, index) => findings.push(...keyRules(['auth', 'keys', index], key)));
  auth.channelTokens.keys.forEach((key, index) =>
    findings.push(...keyRules(['auth', 'channelTokens', 'keys', index], key)),
  );
  return findings;
}

/** Whoever signs in with a provider is a user of the directory, which is in the store. */
function oidcRules({ auth: { oidc }, store, redis, console: door }: Config): RuleFinding[] {
  if (oidc.issuer === undefined) return [];
  const findings: RuleFinding[] = [];
  if (oidc.clientId === undefined)
    findings.push({
      path: ['auth', 'oidc', 'clientId'],
      message: 'is required where auth.oidc.issuer is set',
    });
  if (!oidc.scopes.includes('openid'))
    findings.push({ path: ['auth', 'oidc', 'scopes'], message: 'must name openid' });
  if (!store.enabled || (redis.url !== undefined && store.url === undefined))
    findings.push({
      path: ['auth', 'oidc', 'issuer'],
      message: 'needs a store: see store.enabled and store.url',
    });
  if (!door.enabled)
    findings.push({
      path: ['auth', 'oidc', 'issuer'],
      message: 'is for the console: set console.enabled to true',
    });
  return findings;
}

function keyRules(path: Path, key: Config['auth']['keys'][number]): RuleFinding[] {
  const material = [key.secret, key.publicKey, key.jwk].filter((part) => part !== undefined).length;
  if (material !== 1) return [{ path, message: 'needs exactly one of secret, publicKey and jwk' }];
  const symmetric = key.alg.startsWith('HS');
  if (symmetric !== (key.secret !== undefined)) {
    const field = key.secret !== undefined ? 'secret' : key.jwk !== undefined ? 'jwk' : 'publicKey';
    return [
      {
        path: [...path, field],
        message: `does not fit ${key.alg}, which is verified with a ${symmetric ? 'secret' : 'public key'}`,
      },
    ];
  }
  const problem = rangeErrorOf(() => readKeys('key', [toTokenKey(key)]));
  return problem === undefined ? [] : [{ path, message: problem.replace(/^key\[0\]\.?/, '') }];
}

/** What a constructor of another room would refuse, told where the configuration is checked. */
function rangeErrorOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

function channelRules({ channels }: Config): RuleFinding[] {
  const findings: RuleFinding[] = channels.default
    ? namespaceRules(['channels', 'default'], channels.default)
    : [];
  const seen = new Map<string, number>();
  channels.namespaces.forEach((namespace, index) => {
    const path = ['channels', 'namespaces', index];
    const first = seen.get(namespace.name);
    if (first !== undefined)
      findings.push({
        path: [...path, 'name'],
        message: `${namespace.name} is already the name of ${formatPath(['channels', 'namespaces', first])}`,
      });
    else seen.set(namespace.name, index);
    findings.push(...namespaceRules(path, namespace));
  });
  return findings;
}

function namespaceRules(path: Path, namespace: DefaultNamespaceConfig): RuleFinding[] {
  const findings: RuleFinding[] = [];
  const isStream = namespace.type === undefined || namespace.type === 'stream';
  if (namespace.class === 'durable') findings.push(...durableNamespaceRules(path, namespace));
  else if (isStream ? (namespace.historySize ?? 0) === 0 : namespace.map?.mode !== 'persistent') {
    for (const field of ['forceRecovery', 'forcePositioning'] as const) {
      if (namespace[field] === true)
        findings.push({
          path: [...path, field],
          message: isStream ? 'needs history: set historySize' : 'needs history: set map.mode to persistent',
        });
    }
  }
  if (
    namespace.historyTtl !== undefined &&
    namespace.metaTtl !== undefined &&
    namespace.metaTtl < namespace.historyTtl
  ) {
    findings.push({
      path: [...path, 'metaTtl'],
      message: 'must be at least historyTtl: history without its epoch cannot be recovered',
    });
  }
  if (namespace.channelPattern !== undefined && !isPattern(namespace.channelPattern)) {
    findings.push({ path: [...path, 'channelPattern'], message: 'is not a valid regular expression' });
  }
  return findings;
}

/** What the store keeps of one channel at most. */
const DURABLE_MAX_HISTORY = 10_000;

function durableNamespaceRules(
  path: Path,
  { type = 'stream', historySize }: DefaultNamespaceConfig,
): RuleFinding[] {
  if (type !== 'stream')
    return [{ path: [...path, 'class'], message: `durable is for type stream, not ${type}` }];
  if (historySize === undefined || (historySize >= 1 && historySize <= DURABLE_MAX_HISTORY)) return [];
  return [
    {
      path: [...path, 'historySize'],
      message: `must be from 1 to ${DURABLE_MAX_HISTORY} in a durable namespace, got ${historySize}`,
    },
  ];
}

/** Durable channels need a store, and nodes that share channels need to share it. */
function durableRules({ channels, store, redis }: Config): RuleFinding[] {
  const missing = !store.enabled
    ? 'durable needs the store: set store.enabled to true'
    : redis.url !== undefined && store.url === undefined
      ? 'durable needs a store that all nodes share: set store.url'
      : undefined;
  if (missing === undefined) return [];
  const findings: RuleFinding[] = [];
  if (channels.default?.class === 'durable')
    findings.push({ path: ['channels', 'default', 'class'], message: missing });
  channels.namespaces.forEach((namespace, index) => {
    if (namespace.class === 'durable')
      findings.push({ path: ['channels', 'namespaces', index, 'class'], message: missing });
  });
  return findings;
}

function isPattern(text: string): boolean {
  try {
    new RegExp(`^(?:${text})$`, 'u');
    return true;
  } catch {
    return false;
  }
}

function apiRules({ api }: Config): RuleFinding[] {
  return api.keys.flatMap(({ key, sha256, name }, index) => {
    const path = ['api', 'keys', index];
    if ((key === undefined) === (sha256 === undefined))
      return [{ path, message: 'needs exactly one of key and sha256' }];
    if (key !== undefined && key.length < 16)
      return [{ path: [...path, 'key'], message: 'must have at least 16 characters' }];
    const first = api.keys.findIndex((other) => other.name === name);
    return first < index
      ? [
          {
            path: [...path, 'name'],
            message: `${name} is already the name of ${formatPath(['api', 'keys', first])}`,
          },
        ]
      : [];
  });
}

/** Where a cluster is, is said once; one that only users have credentials for still needs its address, hence a kubeconfig. */
function kubeRules({ kube: { clusters, demo } }: Config): RuleFinding[] {
  const findings = clusters.flatMap(({ id, kubeconfig, context, inCluster }, index): RuleFinding[] => {
    const path = ['kube', 'clusters', index];
    const first = clusters.findIndex((other) => other.id === id);
    return [
      ...(first < index
        ? [
            {
              path: [...path, 'id'],
              message: `${id} is already the id of ${formatPath(['kube', 'clusters', first])}`,
            },
          ]
        : []),
      ...((kubeconfig !== undefined) === inCluster
        ? [{ path, message: 'needs exactly one of kubeconfig and inCluster' }]
        : []),
      ...(context !== undefined && kubeconfig === undefined
        ? [{ path: [...path, 'context'], message: 'is of a kubeconfig, and none is named' }]
        : []),
    ];
  });
  if (clusters.length > 0 && demo.run === 'start')
    findings.push({
      path: ['kube', 'demo', 'run'],
      message: 'is for servers without clusters of their own: take kube.clusters away, or set it to never',
    });
  return findings;
}

function drainRules({ drain }: Config): RuleFinding[] {
  return drain.window <= drain.deadline
    ? []
    : [{ path: ['drain', 'window'], message: 'must be at most drain.deadline: the process ends then' }];
}
