/** What stands behind a node: the other nodes (`node`, `redis`), the store (`store`) and what is kept in it (`secrets`, `directory`). */
import { HUB_DEFAULTS } from '@trunkline/hub';
import { DIRECTORY_DEFAULTS } from '@trunkline/module-directory';
import { z } from 'zod';
import { choice, duration, flag, integer, size, text } from './leaves.js';

const D = HUB_DEFAULTS;

export const nodeSection = z
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
  .prefault({});

export const redisSection = z
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
  .prefault({});

export const storeSection = z
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
  .prefault({});

export const secretsSection = z
  .strictObject({
    key: text(
      'Key of secrets in the store: 32 bytes as base64 or hexadecimal digits; several, comma-separated, during a rotation: the first one is in use. Absent: `secrets.key` in `dataDir`, made at the first start.',
      { secret: true },
    ).optional(),
  })
  .prefault({});

export const directorySection = z
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
  .prefault({});
