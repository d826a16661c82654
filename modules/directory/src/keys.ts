/**
 * API keys as records: made, listed, replaced, revoked. The key itself is shown once; its SHA-256 is kept. Verifying is `key-cache.ts`. Names are unique
 * among the keys of an org that nobody revoked or replaced; a key that was replaced is one that will have been revoked, at the end of the overlap.
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
import { requireRoom } from './limits.js';
import { requireOrg } from './members.js';
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

export interface Replacement {
  /** Milliseconds for which both keys work. Default 24 hours. */
  readonly overlapMs?: number | undefined;
  /** Of the new key. */
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
  /** In the future for a key that was replaced. */
  readonly revokedMs: number | null;
}

const OVERLAP_MS = 24 * 3_600_000;
/** Keys of an org that ended and are still listed; the audit log remembers the others. */
const MAX_ENDED = 1_000;
const COLUMNS =
  'k.id, k.org, k.name, k.scopes, k.created_ms, k.created_by, k.expires_ms, k.last_used_ms, k.revoked_ms';

export class Keys {
  readonly #deps: KeysDeps;

  constructor(deps: KeysDeps) {
    this.#deps = deps;
  }

  /** Newest first; `revoked`: those that ended too. */
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
        WHERE k.org = ANY($1::text[]) AND (k.created_ms, k.id) < ($2::bigint, $3::text)
          AND ($4::boolean OR k.revoked_ms IS NULL OR k.revoked_ms > $6)
        ORDER BY k.created_ms DESC, k.id DESC LIMIT $5`,
      parameters: [orgs, from.ms, from.id, revoked, limit + 1, this.#deps.clock.now()],
    } as Statement);
    return pageOf(rows.map(toKey), limit, (key) => timeCursor(key.createdMs, key.id));
  }

  /**
   * The key itself is in the answer, except to a repeat. Fails with 1003 naming `name` where it is taken, 107 for an end in the past, 1004 where the org
   * is not in the directory: a key that is made while its org is removed would open the next org of that id.
   */
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
        requireFuture(expiresMs, now);
        const id = `key_${randomId(this.#deps.random, 16)}`;
        const insert: Statement = {
          sql: `INSERT INTO directory_api_keys AS k (id, org, digest, name, scopes, created_ms, created_by, expires_ms)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (org, name) WHERE revoked_ms IS NULL DO NOTHING RETURNING ${COLUMNS}`,
          parameters: [id, org, digestOf(secret), name, json(scopes), now, actor.user, expiresMs ?? null],
        };
        const taken = (): CodedError => new CodedError('conflict', `name: there is a key ${name}`);
        return {
          statements: [
            requirePlace(org),
            requireRoom('keys', org, name, now),
            decoding(expecting(insert, 1, taken), one),
            forgetEnded(org, now),
          ],
          result: ([, , key]) => key,
          audits: [
            {
              org: auditOrg(org),
              action: 'key.created',
              target: id,
              details: { name, org, scopes, expiresMs: expiresMs ?? null },
            },
          ],
          changes: [{ org: toldOrg(org, actor), kind: 'key', id, action: 'created' }],
        };
      },
    );
    return {
      result: repeated ? { key: result } : { key: result, secret },
      repeated,
      ...(position && { position }),
    };
  }

  /**
   * A key of the same org, name and scopes; the one before ends with the overlap, or with its own end where that comes first. The new key itself is in
   * the answer, except to a repeat. Fails with 1004 for a key of none of the orgs, and 1003 for one that ended or was replaced already.
   */
  async rotate(
    actor: Actor,
    orgs: readonly string[],
    id: string,
    given: Replacement,
    idempotencyKey: string | undefined,
  ): Promise<Committed<{ readonly key: KeyRecord; readonly replaced: KeyRecord; readonly secret?: string }>> {
    const { overlapMs = OVERLAP_MS, expiresMs } = given;
    const now = this.#deps.clock.now();
    const secret = makeApiKey();
    const { result, repeated, position } = await this.#deps.commits.run(
      actor,
      { method: 'directory.rotateKey', key: idempotencyKey, request: { id, ...given } },
      async () => {
        requireFuture(expiresMs, now);
        const { org, name } = await this.#placeOf(orgs, id);
        const next = `key_${randomId(this.#deps.random, 16)}`;
        const end: Statement = {
          sql: `UPDATE directory_api_keys k SET revoked_ms = $2
            WHERE k.id = $1 AND k.revoked_ms IS NULL AND (k.expires_ms IS NULL OR k.expires_ms > $3) RETURNING ${COLUMNS}`,
          parameters: [id, now + overlapMs, now],
        };
        const insert: Statement = {
          sql: `INSERT INTO directory_api_keys AS k (id, org, digest, name, scopes, created_ms, created_by, expires_ms)
            SELECT $2, o.org, $3, o.name, o.scopes, $4, $5, $6 FROM directory_api_keys o WHERE o.id = $1 RETURNING ${COLUMNS}`,
          parameters: [id, next, digestOf(secret), now, actor.user, expiresMs ?? null],
        };
        const ended = (): CodedError =>
          new CodedError('conflict', 'id: the key ended, or was replaced already');
        return {
          statements: [
            requirePlace(org),
            requireRoom('keys', org, name, now),
            decoding(expecting(end, 1, ended), one),
            decoding(expecting(insert, 1), one),
            forgetEnded(org, now),
          ],
          result: ([, , replaced, key]) => ({ key, replaced }),
          audits: [
            {
              org: auditOrg(org),
              action: 'key.rotated',
              target: id,
              details: { by: next, overlapMs, expiresMs: expiresMs ?? null },
            },
          ],
          changes: [
            { org: toldOrg(org, actor), kind: 'key', id, action: 'updated' },
            { org: toldOrg(org, actor), kind: 'key', id: next, action: 'created' },
          ],
        };
      },
    );
    return { result: repeated ? result : { ...result, secret }, repeated, ...(position && { position }) };
  }

  /** Of one of the orgs. A key that ended already stays so, one that was replaced ends now. Fails with 1004. */
  revoke(
    actor: Actor,
    orgs: readonly string[],
    id: string,
    idempotencyKey: string | undefined,
  ): Promise<Committed<KeyRecord>> {
    const revoke: Statement = {
      sql: `UPDATE directory_api_keys k SET revoked_ms = least(k.revoked_ms, $2) WHERE k.id = $1 RETURNING ${COLUMNS}`,
      parameters: [id, this.#deps.clock.now()],
    };
    return this.#deps.commits.run(
      actor,
      { method: 'directory.revokeKey', key: idempotencyKey, request: { id } },
      async () => {
        const { org } = await this.#placeOf(orgs, id);
        return {
          statements: [decoding(expecting(revoke, 1, noKey), one)],
          result: ([key]) => key,
          audits: [{ org: auditOrg(org), action: 'key.revoked', target: id }],
          changes: [{ org: toldOrg(org, actor), kind: 'key', id, action: 'removed' }],
        };
      },
    );
  }

  /** The key of a digest, unless it has ended. */
  async byDigest(digest: string): Promise<StoredKey | undefined> {
    const { rows } = await this.#deps.store.read({
      sql: `SELECT ${COLUMNS} FROM directory_api_keys k WHERE k.digest = $1 AND (k.revoked_ms IS NULL OR k.revoked_ms > $2) LIMIT 1`,
      parameters: [digest, this.#deps.clock.now()],
    } as Statement);
    return rows[0] && toKey(rows[0]);
  }

  /** Last uses, in one statement however many. */
  async noteUses(lastUsedMs: ReadonlyMap<string, number>): Promise<void> {
    await this.#deps.store.commit({
      statements: [
        sql`UPDATE directory_api_keys k SET last_used_ms = greatest(k.last_used_ms, u.ms)
          FROM unnest(${[...lastUsedMs.keys()]}::text[], ${[...lastUsedMs.values()]}::bigint[]) AS u(id, ms) WHERE k.id = u.id`,
      ],
    });
  }

  /** Org and name of a key of one of the orgs. Fails with 1004, the same for a key of another org and for none. */
  async #placeOf(
    orgs: readonly string[],
    id: string,
  ): Promise<{ readonly org: string; readonly name: string }> {
    const { rows } = await this.#deps.store.read(
      sql`SELECT org, name FROM directory_api_keys WHERE id = ${id} AND org = ANY(${orgs}::text[]) LIMIT 1`,
    );
    const [row] = rows;
    if (!row) throw noKey();
    return { org: row['org'] as string, name: row['name'] as string };
  }
}

/** In front of what gives an org a key: it is in the directory, and stays until the commit. */
function requirePlace(org: string): Statement<SqlResult> {
  return org === ALL_ORGS ? sql`SELECT 1` : requireOrg(org);
}

/** A few of the keys that ended longest ago, beyond those that are kept to be looked at: making and ending keys must not fill the store. */
function forgetEnded(org: string, nowMs: number): Statement<SqlResult> {
  return sql`DELETE FROM directory_api_keys WHERE id IN (SELECT id FROM directory_api_keys
    WHERE org = ${org} AND revoked_ms <= ${nowMs} ORDER BY revoked_ms DESC, id DESC OFFSET ${MAX_ENDED} LIMIT 10)`;
}

/** A key of all orgs concerns the installation. */
function auditOrg(org: string): string {
  return org === ALL_ORGS ? SYSTEM.org : org;
}

/** Whose readers are told: those of the org where it was done, for a key of all. */
function toldOrg(org: string, actor: Actor): string {
  return org === ALL_ORGS ? actor.org : org;
}

function requireFuture(expiresMs: number | undefined, nowMs: number): void {
  if (expiresMs !== undefined && expiresMs <= nowMs)
    throw new CodedError('badRequest', 'expiresMs is in the past');
}

function noKey(): CodedError {
  return new CodedError('notFound', 'key');
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
