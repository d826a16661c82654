/**
 * API keys as records: made, listed, revoked. The key itself is shown once; its SHA-256 is kept. Verifying is `key-cache.ts`. Names are unique among
 * the keys of an org that are not revoked.
 */
import type { Clock, Random } from '@trunkline/base';
import { randomId } from '@trunkline/base';
import type { KeyRecord } from '@trunkline/contracts/directory';
import { CodedError } from '@trunkline/protocol';
import {
  decoding,
  expecting,
  json,
  sql,
  type Row,
  type SqlResult,
  type Statement,
  type Reading,
  type Committing,
} from '@trunkline/store';
import type { Commits, Committed } from './commits.js';
import { fromTimeCursor, LIST_LIMIT, pageOf, timeCursor, type Page } from './pages.js';
import { digestOf, makeApiKey } from './tokens.js';
import { SYSTEM, type Actor } from './types.js';

/** The org of keys that are for every org. */
export const ALL_ORGS = '*';

export interface NewKey {
  /** Or `*`. */
  readonly org: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly expiresMs?: number | undefined;
}

export interface KeysDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Committing & Reading;
  readonly commits: Commits;
}

export interface StoredKey {
  readonly id: string;
  readonly org: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly expiresMs: number | null;
}

const COLUMNS =
  'k.id, k.org, k.name, k.scopes, k.created_ms, k.created_by, k.expires_ms, k.last_used_ms, k.revoked_ms';

export class Keys {
  readonly #deps: KeysDeps;

  constructor(deps: KeysDeps) {
    this.#deps = deps;
  }

  /** Newest first. */
  async list(
    orgs: readonly string[],
    {
      revoked = false,
      limit = LIST_LIMIT,
      after,
    }: {
      readonly revoked?: boolean | undefined;
      readonly limit?: number | undefined;
      readonly after?: string | undefined;
    },
  ): Promise<Page<KeyRecord>> {
    const from = fromTimeCursor(after);
    const { rows } = await this.#deps.store.read({
      sql: `SELECT ${COLUMNS} FROM directory_api_keys k
        WHERE k.org = ANY($1::text[]) AND (k.created_ms, k.id) < ($2::bigint, $3::text) AND ($4::boolean OR k.revoked_ms IS NULL)
        ORDER BY k.created_ms DESC, k.id DESC LIMIT $5`,
      parameters: [orgs, from.ms, from.id, revoked, limit + 1],
    } as Statement);
    return pageOf(rows.map(toKey), limit, (key) => timeCursor(key.createdMs, key.id));
  }

  /** The key itself is in the answer, except to a repeat. Fails with 1003 naming `name` where it is taken, 107 for an end in the past. */
  async create(
    actor: Actor,
    given: NewKey,
    idempotencyKey: string | undefined,
  ): Promise<Committed<{ readonly key: KeyRecord; readonly secret?: string }>> {
    const { org, name, scopes, expiresMs } = given;
    const now = this.#deps.clock.now();
    const secret = makeApiKey();
    const { result, repeated, position } = await this.#deps.commits.run(
      actor,
      { method: 'directory.createKey', key: idempotencyKey, request: given },
      () => {
        if (expiresMs !== undefined && expiresMs <= now)
          throw new CodedError('badRequest', 'expiresMs is in the past');
        const id = `key_${randomId(this.#deps.random, 16)}`;
        const insert: Statement = {
          sql: `INSERT INTO directory_api_keys AS k (id, org, digest, name, scopes, created_ms, created_by, expires_ms)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (org, name) WHERE revoked_ms IS NULL DO NOTHING RETURNING ${COLUMNS}`,
          parameters: [id, org, digestOf(secret), name, json(scopes), now, actor.user, expiresMs ?? null],
        };
        const taken = (): CodedError => new CodedError('conflict', `name: there is a key ${name}`);
        return {
          statements: [decoding(expecting(insert, 1, taken), one)],
          result: ([key]) => key,
          audits: [
            {
              org: auditOrg(org),
              action: 'key.created',
              target: id,
              details: { name, org, scopes, expiresMs: expiresMs ?? null },
            },
          ],
          changes: [{ org: org === ALL_ORGS ? actor.org : org, kind: 'key', id, action: 'created' }],
        };
      },
    );
    return {
      result: repeated ? { key: result } : { key: result, secret },
      repeated,
      ...(position && { position }),
    };
  }

  /** Of one of the orgs. A key that is revoked already stays so. Fails with 1004. */
  revoke(
    actor: Actor,
    orgs: readonly string[],
    id: string,
    idempotencyKey: string | undefined,
  ): Promise<Committed<KeyRecord>> {
    const revoke: Statement = {
      sql: `UPDATE directory_api_keys k SET revoked_ms = coalesce(k.revoked_ms, $3) WHERE k.id = $1 AND k.org = ANY($2::text[]) RETURNING ${COLUMNS}`,
      parameters: [id, orgs, this.#deps.clock.now()],
    };
    return this.#deps.commits.run(
      actor,
      { method: 'directory.revokeKey', key: idempotencyKey, request: { id } },
      () => ({
        statements: [
          decoding(
            expecting(revoke, 1, () => new CodedError('notFound', 'key')),
            one,
          ),
        ],
        result: ([key]) => key,
        audits: [{ org: actor.org, action: 'key.revoked', target: id }],
        changes: [{ org: actor.org, kind: 'key', id, action: 'removed' }],
      }),
    );
  }

  /** The key of a digest, unless it is revoked. Whether it has ended is up to the caller's clock. */
  async byDigest(digest: string): Promise<StoredKey | undefined> {
    const { rows } = await this.#deps.store.read({
      sql: `SELECT ${COLUMNS} FROM directory_api_keys k WHERE k.digest = $1 AND k.revoked_ms IS NULL LIMIT 1`,
      parameters: [digest],
    } as Statement);
    return rows[0] && toKey(rows[0]);
  }

  /** Last uses, and uses of keys of all orgs as audit records: one statement each, however many. */
  async noteUses(lastUsedMs: ReadonlyMap<string, number>): Promise<void> {
    await this.#deps.store.commit({
      statements: [
        sql`UPDATE directory_api_keys k SET last_used_ms = greatest(k.last_used_ms, u.ms)
          FROM unnest(${[...lastUsedMs.keys()]}::text[], ${[...lastUsedMs.values()]}::bigint[]) AS u(id, ms) WHERE k.id = u.id`,
      ],
    });
  }
}

/** A key of all orgs concerns the installation. */
function auditOrg(org: string): string {
  return org === ALL_ORGS ? SYSTEM.org : org;
}

function one({ rows }: SqlResult): KeyRecord {
  return toKey(rows[0] as Row);
}

function toKey(row: Row): KeyRecord {
  return {
    id: row['id'] as string,
    org: row['org'] as string,
    name: row['name'] as string,
    scopes: row['scopes'] as string[],
    createdMs: row['created_ms'] as number,
    createdBy: row['created_by'] as string,
    expiresMs: row['expires_ms'] as number | null,
    lastUsedMs: row['last_used_ms'] as number | null,
    revokedMs: row['revoked_ms'] as number | null,
  };
}
