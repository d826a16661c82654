/**
 * Everything an operator may set, once: names, readable forms, defaults and one sentence each. Environment variables, flags,
 * `config show`, unknown-key suggestions and the reference in docs/spec/configuration.md are derived from this schema. What one value
 * means for another (a host that development may listen on, a namespace named twice) is `rules.ts`.
 *
 * Resolved durations are milliseconds, resolved sizes bytes; defaults of the client section are the hub's own.
 */
import { apiMethods, type ApiMethod } from '@trunkline/contracts/api';
import { HUB_DEFAULTS } from '@trunkline/hub';
import { DIRECTORY_DEFAULTS } from '@trunkline/module-directory';
import { z } from 'zod';
import { HMAC_ALGORITHMS, PUBLIC_ALGORITHMS } from '../auth/keys.js';
import { kubeSection } from './kube-schema.js';
import { choice, duration, flag, freeForm, integer, list, records, size, text } from './leaves.js';

const ORG = {
  pattern: /^[A-Za-z0-9._-]{1,64}$/,
  expected: 'an org id (1 to 64 characters of a-z, A-Z, 0-9, `.`, `_` and `-`)',
};
const AUDIENCES = ['user', 'anonymous', 'subscriber', 'viewer', 'member', 'admin', 'operator'] as const;
const ALGORITHMS = [...HMAC_ALGORITHMS, ...PUBLIC_ALGORITHMS] as const;
const URL_PATTERN = { pattern: /^https?:\/\/\S+$/, expected: 'an http or https URL' };

const audience = () => choice('Who.', AUDIENCES);

const mapOptions = z.strictObject({
  mode: choice(
    'Whether changes are kept, so that a reconnect continues by offset (`persistent`), or not (`ephemeral`).',
    ['ephemeral', 'persistent'],
  ).optional(),
  keyTtl: duration('Time after which a key that is not written again removes itself; 0: never.').optional(),
  streamSize: integer('Changes kept (persistent).').optional(),
  streamTtl: duration('Age after which changes go (persistent).').optional(),
  clientKey: choice('Forces the key of client publications to the client id or the user.', [
    'none',
    'client',
    'user',
  ]).optional(),
  maxKeys: integer('Keys one map may hold.', { min: 1 }).optional(),
});

/** Options of one namespace; absent ones have the hub's defaults. The class `local` belongs to modules and cannot be configured. */
const namespaceShape = {
  class: choice(
    'Who numbers publications and keeps them: the broker (`live`), or the store (`durable`: committed before they are acknowledged, kept across restarts).',
    ['live', 'durable'],
  ).optional(),
  type: choice('Kind of subscription.', ['stream', 'map', 'map_clients', 'map_users']).optional(),
  historySize: integer('Publications kept; 0: none. Durable channels: 1,000 where it is absent.').optional(),
  historyTtl: duration('Age after which publications go; durable channels: 0, and absent, never.').optional(),
  metaTtl: duration("Age after which an idle channel's offset and epoch go.").optional(),
  presence: flag('Whether presence is kept.').optional(),
  joinLeave: flag('Whether joins and leaves are published to subscribers who ask.').optional(),
  forceJoinLeave: flag('Sends joins and leaves to every subscriber.').optional(),
  forcePositioning: flag('Every subscription checks its position. Needs history.').optional(),
  forceRecovery: flag('Every subscription may recover. Needs history.').optional(),
  recoveryMode: choice('All missed publications or none (`stream`), or the latest one (`cache`).', [
    'stream',
    'cache',
  ]).optional(),
  allowSubscribe: list('Who may subscribe.', audience()).optional(),
  allowPublish: list('Who may publish.', audience()).optional(),
  allowPresence: list('Who may read presence.', audience()).optional(),
  allowHistory: list('Who may read history.', audience()).optional(),
  allowTagsFilter: flag('Whether subscribers may filter by tags.').optional(),
  allowDelta: list('Kinds of deltas subscribers may ask for.', choice('Kind.', ['fossil'])).optional(),
  channelPattern: text(
    'Regular expression (anchored) for the part of the name after the namespace.',
  ).optional(),
  overflow: choice('What happens to a reader that cannot keep up.', ['recover', 'latest', 'gap']).optional(),
  maxSubscribers: integer('Subscribers of one channel on this node.', { min: 1, unlimited: true }).optional(),
  publishDebounce: duration('Time in which a client folds its own publications; 0: none.').optional(),
  map: mapOptions.optional(),
  mapClientsPrefix: text('Prefix of the map kept of subscribed clients.').optional(),
  mapUsersPrefix: text('Prefix of the map kept of subscribed users.').optional(),
} as const;

const namespace = z.strictObject({
  name: text('Part of a channel name before the first `:`.', {
    pattern: /^[^:\s]{1,64}$/,
    expected: 'a name of 1 to 64 characters without `:` and spaces',
  }),
  ...namespaceShape,
});

const jwtKey = z.strictObject({
  alg: choice('Signature algorithm.', ALGORITHMS),
  kid: text(
    'Key id; a token that names one is checked with the key of that id, where there is one.',
  ).optional(),
  secret: text('Shared secret of at least 32 bytes (HS256, HS384, HS512).', { secret: true }).optional(),
  allowShort: flag(
    'Accepts a shorter secret. For tests with published tokens; anybody can guess such a secret.',
  ).default(false),
  publicKey: text('Public key, PEM (the other algorithms).').optional(),
  jwk: freeForm('Public key as a JSON Web Key.').optional(),
});

const apiKey = z.strictObject({
  name: text('Shown in logs.'),
  org: text('The org the key acts in, or `*` for all (it must then be named per request).', {
    pattern: /^(\*|[A-Za-z0-9._-]{1,64})$/,
    expected: 'an org id or `*`',
  }),
  key: text('The key itself, at least 16 characters.', { secret: true }).optional(),
  sha256: text('SHA-256 of the key, hex; keeps the key out of the file.', {
    pattern: /^[0-9a-fA-F]{64}$/,
    expected: '64 hexadecimal digits',
  }).optional(),
  scopes: list(
    'Methods the key may call; `*`: all.',
    choice('Method, or module.', ['*', ...(Object.keys(apiMethods) as ApiMethod[]), 'directory', 'kube']),
  ).default(['*']),
});

const server = z.strictObject({
  host: text('Address to listen on. `0.0.0.0` or `::` for all.').default('127.0.0.1'),
  port: integer('Port to listen on; 0: any free one.', { max: 65_535 }).default(8_000),
  publicUrl: text(
    'How browsers reach the server, where that differs from host and port; with https, cookies are bound to TLS.',
    URL_PATTERN,
  ).optional(),
  trustedProxies: list(
    'Addresses or CIDR blocks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.',
    text('Address.'),
  ).default([]),
  origins: list(
    "Origins, besides the server's own, whose browsers may connect; `*`: all.",
    text('Origin.'),
  ).default([]),
  transports: list(
    'Ways in for clients that are open.',
    choice('Transport.', ['websocket', 'http_stream', 'sse', 'uni_sse']),
  ).default(['websocket', 'http_stream', 'sse', 'uni_sse']),
  maxConnections: integer('Connections of clients held at once; more are answered 503.', { min: 1 }).default(
    100_000,
  ),
  connectionAttemptsPerSecond: integer('Connection attempts per second and address; more are answered 429.', {
    min: 1,
    unlimited: true,
  }).default(50),
  connectionAttemptsBurst: integer('Attempts of one address at once.', { min: 1 }).default(200),
  tls: z
    .strictObject({
      cert: text('Certificate chain, PEM file.').optional(),
      key: text('Private key, PEM file.').optional(),
    })
    .prefault({}),
});

const ROLES = ['viewer', 'member', 'admin'] as const;

const oidc = z.strictObject({
  issuer: text(
    'Address of an OpenID provider that people sign in to the console with; absent: none. Needs the store.',
    URL_PATTERN,
  ).optional(),
  clientId: text('Id of this server at the provider.').optional(),
  clientSecret: text('Secret of this server at the provider; absent: a public client.', {
    secret: true,
  }).optional(),
  name: text('Shown on the way in.').default('single sign-on'),
  scopes: list('Scopes that are asked for.', text('Scope.')).default(['openid', 'email', 'profile']),
  timeout: duration('Time for one answer of the provider.', { min: 100 }).default(5_000),
  claims: z
    .strictObject({
      user: text(
        "Claim that a new user's id is taken from; tokens of the same provider then speak of the same user.",
      ).default('sub'),
      email: text('Claim with the e-mail address, counted only where `email_verified` is true.').default(
        'email',
      ),
      name: text('Claim with the name.').default('name'),
      groups: text('Claim with the groups that `grants` and `operators` speak of.').default('groups'),
      orgs: text(
        'Claim with ids of orgs of the directory that the user belongs to; absent: none.',
      ).optional(),
      roles: text('Claim with the roles in those orgs; absent: `member`.').optional(),
    })
    .prefault({}),
  grants: records(
    'What membership in a group of the provider gives.',
    z.strictObject({
      group: text('Group of the provider.'),
      org: text('Org of the directory.', ORG),
      roles: list('Roles in it.', choice('Role.', ROLES)).default(['member']),
    }),
  ).default([]),
  operators: list('Groups of the provider whose members run the installation.', text('Group.')).default([]),
});

const auth = z.strictObject({
  keys: records('Keys that verify connection and channel tokens.', jwtKey, true).default([]),
  jwksUrl: text('Key set of an identity provider (RFC 7517).', URL_PATTERN).optional(),
  issuer: list('Accepted `iss` claims; empty: not checked.', text('Issuer.')).default([]),
  audience: list(
    'Accepted `aud` claims, one of which a token must name; empty: not checked.',
    text('Audience.'),
  ).default([]),
  clockTolerance: duration('How far clocks may differ, for `exp` and `nbf`.', { max: 300_000 }).default(0),
  defaultOrg: text('Org of credentials that name none; absent: they are refused.', ORG).optional(),
  allowAnonymous: flag('Whether a client may connect without a token (into `defaultOrg`).').default(false),
  channelTokens: z
    .strictObject({
      keys: records(
        'Keys that verify channel tokens; none here: those of connection tokens.',
        jwtKey,
        true,
      ).default([]),
      jwksUrl: text('Key set for channel tokens.', URL_PATTERN).optional(),
    })
    .prefault({}),
  oidc: oidc.prefault({}),
});

const D = HUB_DEFAULTS;
const client = z.strictObject({
  insecure: flag(
    'Every client may do everything inside its org. For conformance tests and sandboxes.',
  ).default(D.insecure),
  pingInterval: duration('Time between server pings; 0: none.').default(D.pingIntervalMs),
  pongTimeout: duration('Time for the answer to a ping.').default(D.pongTimeoutMs),
  firstCommandTimeout: duration('Time for the first command of a connection.').default(
    D.firstCommandTimeoutMs,
  ),
  outboxMaxMessages: integer('Publications waiting for one reader.', { min: 1 }).default(D.outboxMaxMessages),
  outboxMaxBytes: size('Bytes waiting for one connection.', { min: 1 }).default(D.outboxMaxBytes),
  orgOutboxMaxBytes: size('Bytes waiting for all connections of one org.', {
    min: 1,
    unlimited: true,
  }).default(D.orgOutboxMaxBytes),
  subscribeDeadline: duration('Time within which every subscribe is answered.', {
    min: 1,
    max: 4_500,
  }).default(D.subscribeDeadlineMs),
  rpcTimeout: duration('Time for an RPC handler.', { min: 1 }).default(D.rpcTimeoutMs),
  maxSubscriptionsPerConnection: integer('Subscriptions of one connection.', {
    min: 1,
    unlimited: true,
  }).default(D.maxSubscriptionsPerConnection),
  maxConnectionsPerUser: integer('Connections of one user.', { min: 1, unlimited: true }).default(
    D.maxConnectionsPerUser,
  ),
  maxConnectionsPerOrg: integer('Connections of one org.', { min: 1, unlimited: true }).default(
    D.maxConnectionsPerOrg,
  ),
  maxCommandsPerSecondPerConnection: integer(
    'Commands per second of one connection, over a burst of twice as many.',
    { min: 1, unlimited: true },
  ).default(D.maxCommandsPerSecondPerConnection),
  maxCommandsPerSecondPerOrg: integer('Commands per second of one org.', { min: 1, unlimited: true }).default(
    D.maxCommandsPerSecondPerOrg,
  ),
  maxCommandsInFlight: integer('Commands of one connection worked on at once.', { min: 1 }).default(
    D.maxCommandsInFlight,
  ),
  maxConnectionAge: duration('Longest life of a connection, ended with 4000 after up to 10 % jitter.', {
    min: 1_000,
    unlimited: true,
  }).default(D.maxConnectionAgeMs),
  recoveryMaxPublications: integer('Publications a recovery may return before it is refused.').default(
    D.recoveryMaxPublications,
  ),
  recoveryMaxBytes: size('Bytes a recovery may return.').default(D.recoveryMaxBytes),
  historyMaxLimit: integer('Publications one history call returns at most.', { min: 1 }).default(
    D.historyMaxLimit,
  ),
  mapPageMaxEntries: integer('Entries of one map page.', { min: 1 }).default(D.mapPageMaxEntries),
  mapPageMaxBytes: size(
    'Bytes of one map page at most; the first page of a subscription holds half. Never more than half of outboxMaxBytes.',
    {
      min: 1,
    },
  ).default(D.mapPageMaxBytes),
  subscribeBufferMax: integer('Changes buffered for a reader that pages through a map.', { min: 1 }).default(
    D.subscribeBufferMax,
  ),
  presenceTtl: duration('Time after which a presence entry that is not renewed goes.', {
    min: 1_000,
  }).default(D.presenceTtlMs),
  joinLeaveCoalesceAbove: integer(
    'Subscribers of a channel above which joins and leaves are coalesced.',
  ).default(D.joinLeaveCoalesceAbove),
  joinLeaveCoalesceWindow: duration('Window of that coalescing.', { min: 1 }).default(D.joinLeaveCoalesceMs),
  presenceMaxClients: integer(
    'Clients that one presence answer lists; larger channels are refused with 106.',
    {
      min: 1,
      max: 1_000_000,
    },
  ).default(D.presenceMaxClients),
  positionCheckInterval: duration(
    "How often an idle positioned channel's top is compared with what was delivered.",
    { min: 1_000 },
  ).default(D.positionCheckIntervalMs),
  idempotencyTtl: duration('How long idempotency keys of publications are remembered.').default(
    D.idempotencyTtlMs,
  ),
  expiryGrace: duration('Grace after a credential expired, for the refresh to arrive.').default(
    D.expiryGraceMs,
  ),
  localRingSize: integer("Publications kept in a local channel's ring.", { min: 1 }).default(D.localRingSize),
  orgEventsMax: integer('Events kept per org for diagnosis; 0: none.', { max: 100_000 }).default(
    D.orgEventsMax,
  ),
  deltaMemoryMaxBytes: size('Bytes of payloads one channel remembers to make deltas from.').default(
    D.deltaMemoryMaxBytes,
  ),
  maxFrameBytes: size('Bytes of one inbound frame.', { min: 1_024 }).default(D.limits.maxFrameBytes),
  maxCommandsPerFrame: integer('Commands of one inbound frame.', { min: 1 }).default(
    D.limits.maxCommandsPerFrame,
  ),
  maxDepth: integer('Nesting of inbound JSON, on the wire and in API bodies.', {
    min: 1,
    max: 1_000,
  }).default(D.limits.maxDepth),
  maxChannelLength: integer('UTF-16 units of a channel name.', { min: 1, max: 4_096 }).default(
    D.limits.maxChannelLength,
  ),
  maxPublicationBytes: size("Bytes of one publication's data.", { min: 1 }).default(
    D.limits.maxPublicationBytes,
  ),
});

export const configSchema = z.strictObject({
  server: server.prefault({}),
  development: flag(
    'A server for one person at one machine: anonymous clients, an open default namespace, a link into the console.',
  ).default(false),
  developmentOnAnyHost: flag('Allows `development` on addresses that others can reach.').default(false),
  dataDir: text('Directory for files the server writes.').default('.trunkline'),
  log: z
    .strictObject({
      level: choice('Least important lines to write.', ['debug', 'info', 'warn', 'error', 'silent']).default(
        'info',
      ),
      pretty: flag('Lines for people instead of JSON.').default(false),
    })
    .prefault({}),
  auth: auth.prefault({}),
  client: client.prefault({}),
  channels: z
    .strictObject({
      default: z.strictObject(namespaceShape).optional(),
      namespaces: records('Namespaces and their options.', namespace).default([]),
    })
    .prefault({}),
  api: z
    .strictObject({
      keys: records('Keys of the HTTP API.', apiKey, true).default([]),
      bodyMaxBytes: size('Bytes of one request body.', { min: 1_024 }).default(4 * 1024 * 1024),
      batchMaxCommands: integer('Commands of one batch, channels of one broadcast.', { min: 1 }).default(
        1_000,
      ),
    })
    .prefault({}),
  console: z
    .strictObject({
      enabled: flag('Whether the console is served at `/`.').default(true),
      org: text(
        'Org whose channels the console sees; absent: auth.defaultOrg, else `default`.',
        ORG,
      ).optional(),
      linkTtl: duration('Life of the one-time link into the console.', { min: 1_000 }).default(15 * 60_000),
      sessionTtl: duration('Life of a console session.', { min: 60_000 }).default(12 * 3_600_000),
    })
    .prefault({}),
  node: z
    .strictObject({
      id: text('Identity of this node; absent: a random one per start.').optional(),
      name: text('Name shown to people; absent: the id.').optional(),
      announceInterval: duration(
        'How often this node tells the others of its broker that it is there. 0: it does not, and knows of none.',
      ).default(D.nodeAnnounceIntervalMs),
      expiry: duration('Silence after which another node counts as gone.').default(D.nodeExpiryMs),
      maxNodes: integer('Other nodes known at most.').default(D.nodesMax),
      askTimeout: duration('Time for other nodes to answer a question, upstream frames included.', {
        min: 1,
      }).default(D.nodeAskTimeoutMs),
      messageMaxBytes: size(
        'One message between nodes at most; three times `client.maxFrameBytes` are allowed in any case.',
        { min: 1_024 },
      ).default(D.nodeMessageMaxBytes),
      pageBytes: size('About what a page of an answer between nodes holds.', { min: 1_024 }).default(
        D.nodePageBytes,
      ),
    })
    .prefault({}),
  drain: z
    .strictObject({
      window: duration('Time in which connections are advised to move and closed.').default(10_000),
      ratePerSecond: integer('Connections closed per second at most.', { min: 1 }).default(500),
      deadline: duration('Time after which the process ends whatever is left.', { min: 1_000 }).default(
        25_000,
      ),
    })
    .prefault({}),
  metrics: z
    .strictObject({
      enabled: flag('Whether `/metrics` is served.').default(true),
      perOrg: flag('Adds connections per org (the 100 largest). Off: org counts, not org names.').default(
        false,
      ),
      token: text('Bearer token that a scrape must present; absent: none.', { secret: true }).optional(),
    })
    .prefault({}),
  redis: z
    .strictObject({
      url: text(
        'Joins nodes over a Redis server, `redis://` or `rediss://`; absent: one node, everything in memory.',
        {
          pattern: /^rediss?:\/\/\S+$/,
          expected: 'a redis or rediss URL',
          secret: true,
        },
      ).optional(),
      prefix: text('Begins every key, so that several installations may share a server.', {
        pattern: /^[\w.-]{1,64}$/,
        expected: '1 to 64 characters of a-z, A-Z, 0-9, `_`, `.` and `-`',
      }).default('trunkline'),
    })
    .prefault({}),
  store: z
    .strictObject({
      enabled: flag(
        'Whether there may be a store: durable channels, and commands that happen once across restarts. It is opened where something needs it.',
      ).default(true),
      url: text(
        'PostgreSQL 13 or later, `postgres://user:password@host:port/database`, also read from DATABASE_URL; absent: an embedded database in `store` of `dataDir`.',
        { pattern: /^postgres(ql)?:\/\/\S+$/, expected: 'a postgres URL', secret: true },
      ).optional(),
      open: choice(
        'When the embedded database is opened: with the server (`start`), or when something is asked of it (`use`).',
        ['start', 'use'],
      ).default('start'),
      maxConnections: integer('Connections of this node to PostgreSQL.', { min: 2 }).default(5),
      deadline: duration('Time for the store to answer; later is a temporary error.', { min: 100 }).default(
        5_000,
      ),
      keyTtl: duration('How long results of calls with an idempotency key are kept.', {
        min: 60_000,
      }).default(7 * 24 * 3_600_000),
    })
    .prefault({}),
  secrets: z
    .strictObject({
      key: text(
        'Key of secrets in the store: 32 bytes as base64 or hexadecimal digits; several, comma-separated, during a rotation: the first one is in use. Absent: `secrets.key` in `dataDir`, made at the first start.',
        { secret: true },
      ).optional(),
    })
    .prefault({}),
  directory: z
    .strictObject({
      auditRetention: duration('How long records of the audit log are kept.', { min: 3_600_000 }).default(
        DIRECTORY_DEFAULTS.auditRetentionMs,
      ),
      auditMaxRecords: integer('Records of the audit log that are kept at most; the oldest go first.', {
        min: 1_000,
      }).default(DIRECTORY_DEFAULTS.auditMaxRecords),
      keyCache: duration(
        'How long a node uses an API key of the store without asking again: a key that is revoked on another node works no longer than this.',
        { min: 100, max: 60_000 },
      ).default(DIRECTORY_DEFAULTS.keyCacheMs),
      refresh: duration('How often a node reads which users are disabled, and the quotas of orgs.', {
        min: 100,
        max: 60_000,
      }).default(DIRECTORY_DEFAULTS.refreshMs),
    })
    .prefault({}),
  kube: kubeSection,
  tracing: z
    .strictObject({
      endpoint: text(
        'Where OpenTelemetry spans go (OTLP over HTTP), e.g. `http://collector:4318/v1/traces`; absent: none are made.',
        URL_PATTERN,
      ).optional(),
      authorization: text('`Authorization` header for the collector.', { secret: true }).optional(),
      samplePercent: integer(
        'Share of the traces begun here that are kept; one begun by a caller follows it.',
        {
          max: 100,
        },
      ).default(100),
      serviceName: text('`service.name` of the spans.').default('trunkline'),
    })
    .prefault({}),
});

/** The resolved values. */
export type Config = z.output<typeof configSchema>;
export type NamespaceConfig = z.output<typeof namespace>;
export type DefaultNamespaceConfig = NonNullable<Config['channels']['default']>;

const EVERYBODY = {
  allowSubscribe: ['user', 'anonymous'],
  allowPublish: ['user', 'anonymous'],
  allowPresence: ['user', 'anonymous'],
  allowHistory: ['user', 'anonymous'],
  allowDelta: ['fossil'],
};
const OPEN = {
  historySize: 100,
  historyTtl: '5m',
  presence: true,
  joinLeave: true,
  forceRecovery: true,
  allowTagsFilter: true,
  ...EVERYBODY,
};

/** Added in development where there can be a store. */
export const DEVELOPMENT_DURABLE = {
  name: 'durable',
  class: 'durable',
  presence: true,
  joinLeave: true,
  forceRecovery: true,
  ...EVERYBODY,
};

/** What `development` changes, below everything that was written down: enough for a tour without any configuration. */
export const DEVELOPMENT_DEFAULTS = {
  log: { pretty: true },
  auth: { defaultOrg: 'dev', allowAnonymous: true },
  // A tour without durable channels need not wait for a database, nor pay its memory.
  store: { open: 'use' },
  kube: { demo: { run: 'onRequest' } },
  channels: {
    default: OPEN,
    namespaces: [
      { name: '*', ...OPEN },
      {
        name: 'map',
        type: 'map',
        presence: true,
        forceRecovery: true,
        map: { mode: 'persistent' },
        ...EVERYBODY,
      },
    ],
  },
};
