/**
 * Secrets of orgs: kept encrypted, listed by name, read by the server alone. Rotation encrypts a batch after the other under the current key; each batch
 * is a unit of work, and what is left is found by its key id, so that it goes on after any interruption.
 */
import { createHmac } from 'node:crypto';
import type { Clock } from '@trunkline/base';
import { DIRECTORY_CODES, type SecretKeyRecord, type SecretRecord } from '@trunkline/contracts/directory';
import { CodedError } from '@trunkline/protocol';
import {
  decoding,
  expecting,
  sql,
  type Row,
  type SqlResult,
  type Statement,
  type Reading,
  type Committing,
} from '@trunkline/store';
import { auditStatement } from './audit.js';
import type { Commits, Committed } from './commits.js';
import { Keyring, makeSecretsKey } from './keyring.js';
import { requireRoom } from './limits.js';
import { requireOrg } from './members.js';
import type { ListFilter } from './orgs.js';
import { LIST_LIMIT, pageOf, type Page } from './pages.js';
import type { Actor } from './types.js';

export interface SecretsDeps {
  readonly clock: Clock;
  readonly store: Committing & Reading;
  readonly commits: Commits;
  /** The first one seals. */
  readonly keys: readonly Uint8Array[];
  /**
   * Keeps the keys where the next start finds them, all or none of them. Absent: they come from outside, and a rotation is begun by giving another
   * first key.
   */
  readonly keepKeys?: ((keys: readonly Uint8Array[]) => Promise<void>) | undefined;
}

export interface Rotation {
  readonly keyId: string;
  readonly rotated: number;
  readonly remaining: number;
}

const ROTATE_BATCH = 100;
const COLUMNS = 'name, key_id, created_ms, updated_ms, updated_by';

export class Secrets {
  readonly #deps: SecretsDeps;
  #ring: Keyring;
  #rotating = false;

  constructor(deps: SecretsDeps) {
    this.#deps = deps;
    this.#ring = new Keyring(deps.keys);
  }

  /** Keys for another purpose, one of each of ours, the same on every node that has it; the first one is the one to use. */
  derive(purpose: string): readonly Uint8Array[] {
    return this.#ring.keys.map((key) => new Keyring([key]).derive(purpose));
  }

  /** Compares the keys with what the store was sealed under. Fails with 1200: at start, not at the first use. */
  async check(store: Committing & Reading): Promise<void> {
    const { clock } = this.#deps;
    const known = await store.read(sql`SELECT key_id FROM directory_secret_keys ORDER BY key_id LIMIT 1000`);
    const ids = known.rows.map((row) => row['key_id'] as string);
    const foreign = await store.read(
      sql`SELECT key_id FROM directory_secrets WHERE NOT (key_id = ANY(${this.#ring.ids}::text[])) ORDER BY key_id LIMIT 1`,
    );
    const missing = foreign.rows[0]?.['key_id'] as string | undefined;
    if (missing !== undefined)
      throw new CodedError(
        DIRECTORY_CODES.secretsKeyWrong,
        `secrets are under key ${missing}; given: ${this.#ring.ids.join(', ')}`,
      );
    if (ids.length > 0 && !ids.some((id) => this.#ring.ids.includes(id)))
      throw new CodedError(
        DIRECTORY_CODES.secretsKeyWrong,
        `this store belongs to key ${ids.join(', ')}; given: ${this.#ring.ids.join(', ')}`,
      );
    await store.commit({ statements: [noteKey(this.#ring.currentId, clock.now())] });
  }

  async list(org: string, { limit = LIST_LIMIT, after = '' }: ListFilter): Promise<Page<SecretRecord>> {
    const { rows } = await this.#deps.store.read({
      sql: `SELECT ${COLUMNS} FROM directory_secrets WHERE org = $1 AND name > $2 ORDER BY name LIMIT $3`,
      parameters: [org, after, limit + 1],
    } as Statement);
    return pageOf(rows.map(toSecret), limit, ({ name }) => name);
  }

  /** For the server's own use: the value never travels. Undefined where there is none. Fails with 1200. */
  async read(org: string, name: string): Promise<string | undefined> {
    const { rows } = await this.#deps.store.read(
      sql`SELECT key_id, sealed FROM directory_secrets WHERE org = ${org} AND name = ${name} LIMIT 1`,
    );
    const row = rows[0];
    if (!row) return undefined;
    return this.#ring.open(placeOf(org, name), {
      keyId: row['key_id'] as string,
      bytes: row['sealed'] as Uint8Array,
    });
  }

  /**
   * Fails with 1206, and changes nothing, where a rotation ended between sealing and committing, and did so again: under a key that was forgotten the secret
   * could not be read, and the server not be started.
   */
  async set(
    actor: Actor,
    org: string,
    name: string,
    value: string,
    key: string | undefined,
  ): Promise<Committed<SecretRecord>> {
    try {
      return await this.#set(actor, org, name, value, key);
    } catch (cause) {
      if (!isRotation(cause)) throw cause;
      return this.#set(actor, org, name, value, key);
    }
  }

  #set(
    actor: Actor,
    org: string,
    name: string,
    value: string,
    key: string | undefined,
  ): Promise<Committed<SecretRecord>> {
    const now = this.#deps.clock.now();
    // A hash of the value is kept for repeats; without a key of ours a short value could be guessed from it.
    const hash = createHmac('sha256', this.#ring.derive('idempotency')).update(value).digest('hex');
    return this.#deps.commits.run(
      actor,
      { method: 'directory.setSecret', key, request: { name, hash } },
      () => {
        const { keyId, bytes } = this.#ring.seal(placeOf(org, name), value);
        const write: Statement = {
          sql: `INSERT INTO directory_secrets (org, name, key_id, sealed, created_ms, updated_ms, updated_by) VALUES ($1, $2, $3, $4, $5, $5, $6)
          ON CONFLICT (org, name) DO UPDATE SET key_id = EXCLUDED.key_id, sealed = EXCLUDED.sealed, updated_ms = EXCLUDED.updated_ms,
            updated_by = EXCLUDED.updated_by RETURNING ${COLUMNS}`,
          parameters: [org, name, keyId, bytes, now, actor.user],
        };
        return {
          statements: [
            requireOrg(org),
            this.#holdKey(keyId, now),
            requireRoom('secrets', org, name, now),
            decoding(write, ({ rows }) => toSecret(rows[0] as Row)),
          ],
          result: ([, , , secret]) => secret,
          audits: [{ org, action: 'secret.set', target: name, details: { keyId } }],
          changes: [{ org, kind: 'secret', id: name, action: 'updated' }],
        };
      },
    );
  }

  /** Fails with 1004. */
  remove(
    actor: Actor,
    org: string,
    name: string,
    key: string | undefined,
  ): Promise<Committed<Record<string, never>>> {
    return this.#deps.commits.run(
      actor,
      { method: 'directory.removeSecret', key, request: { name } },
      () => ({
        statements: [
          expecting(
            sql`DELETE FROM directory_secrets WHERE org = ${org} AND name = ${name}`,
            1,
            () => new CodedError('notFound', 'secret'),
          ),
        ],
        result: () => ({}),
        audits: [{ org, action: 'secret.removed', target: name }],
        changes: [{ org, kind: 'secret', id: name, action: 'removed' }],
      }),
    );
  }

  /** Which keys secrets are under, and which ones are here. */
  async keys(): Promise<{ readonly managed: boolean; readonly keys: readonly SecretKeyRecord[] }> {
    const { rows } = await this.#deps.store.read(
      sql`SELECT key_id, count(*) AS secrets FROM directory_secrets GROUP BY key_id ORDER BY key_id LIMIT 1000`,
    );
    const under = new Map(rows.map((row) => [row['key_id'] as string, Number(row['secrets'])]));
    const { ids, currentId } = this.#ring;
    return {
      managed: this.#deps.keepKeys !== undefined,
      keys: [...new Set([...ids, ...under.keys()])].map((keyId) => ({
        keyId,
        current: keyId === currentId,
        held: ids.includes(keyId),
        secrets: under.get(keyId) ?? 0,
      })),
    };
  }

  /**
   * Encrypts the next batch under the current key. Where the keys are ours to keep, a call with nothing begun makes a new key first and keeps it, and
   * the call that finds nothing left forgets the old ones. Fails with 1206 while another call is at it.
   */
  async rotate(actor: Actor, batch = ROTATE_BATCH): Promise<Rotation> {
    if (this.#rotating) throw new CodedError(DIRECTORY_CODES.rotationRunning);
    this.#rotating = true;
    try {
      await this.#begin(actor);
      const rotated = await this.#rotateBatch(batch);
      const remaining = await this.#remaining();
      const left = remaining === 0 ? await this.#end(actor) : remaining;
      return { keyId: this.#ring.currentId, rotated, remaining: left };
    } finally {
      this.#rotating = false;
    }
  }

  // ------------------------------------------------------------ inside

  async #begin(actor: Actor): Promise<void> {
    const { keepKeys, store, clock } = this.#deps;
    if (!keepKeys || this.#ring.ids.length > 1) return;
    const ring = new Keyring([makeSecretsKey(), ...this.#ring.keys]);
    // Kept before anything is sealed under it: a process that dies in between has both.
    await keepKeys(ring.keys);
    const now = clock.now();
    const entry = { org: '', action: 'secrets.rotation-begun', target: ring.currentId };
    await store.commit({ statements: [noteKey(ring.currentId, now), auditStatement(actor, now, entry)] });
    // Among the store's keys before it is used, see `#holdKey`.
    this.#ring = ring;
  }

  async #rotateBatch(batch: number): Promise<number> {
    const { store } = this.#deps;
    const { rows } = await store.read(
      sql`SELECT org, name, key_id, sealed FROM directory_secrets WHERE key_id <> ${this.#ring.currentId} ORDER BY org, name LIMIT ${batch}`,
    );
    const statements = rows.map((row) => {
      const org = row['org'] as string;
      const name = row['name'] as string;
      const old = { keyId: row['key_id'] as string, bytes: row['sealed'] as Uint8Array };
      const place = placeOf(org, name);
      const { keyId, bytes } = this.#ring.seal(place, this.#ring.open(place, old));
      // A secret that was set meanwhile is under the current key already.
      return sql`UPDATE directory_secrets SET key_id = ${keyId}, sealed = ${bytes} WHERE org = ${org} AND name = ${name} AND sealed = ${old.bytes}`;
    });
    if (statements.length === 0) return 0;
    const results: readonly SqlResult[] = await store.commit({ statements });
    return results.reduce((sum, { count }) => sum + count, 0);
  }

  async #remaining(): Promise<number> {
    const { rows } = await this.#deps.store.read(
      sql`SELECT count(*) AS remaining FROM directory_secrets WHERE key_id <> ${this.#ring.currentId}`,
    );
    return Number(rows[0]?.['remaining'] ?? 0);
  }

  /** Answers how many secrets are left after all: set under an older key since they were counted. */
  async #end(actor: Actor): Promise<number> {
    const { keepKeys, store, clock } = this.#deps;
    const current = this.#ring.currentId;
    const entry = { org: '', action: 'secrets.rotated', target: current };
    try {
      await store.commit({
        statements: [
          // Waits for those that hold an older key, see `#holdKey`; nothing is set under it afterwards.
          sql`DELETE FROM directory_secret_keys WHERE key_id <> ${current}`,
          expecting(
            sql`SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM directory_secrets WHERE key_id <> ${current})`,
            1,
            () => new CodedError(DIRECTORY_CODES.rotationRunning),
          ),
          noteKey(current, clock.now()),
          auditStatement(actor, clock.now(), entry),
        ],
      });
    } catch (cause) {
      if (!isRotation(cause)) throw cause;
      return this.#remaining();
    }
    if (!keepKeys || this.#ring.ids.length === 1) return 0;
    const [first] = this.#ring.keys;
    const ring = new Keyring(first ? [first] : []);
    await keepKeys(ring.keys);
    this.#ring = ring;
    return 0;
  }

  /** In front of what is sealed under the key: it is among the store's keys, and stays until the commit. Keys from outside are, whoever seals. */
  #holdKey(keyId: string, nowMs: number): Statement {
    if (!this.#deps.keepKeys) return noteKey(keyId, nowMs);
    return expecting(
      sql`SELECT 1 FROM directory_secret_keys WHERE key_id = ${keyId} FOR SHARE`,
      1,
      () => new CodedError(DIRECTORY_CODES.rotationRunning),
    );
  }
}

function noteKey(keyId: string, nowMs: number): Statement {
  return sql`INSERT INTO directory_secret_keys (key_id, since_ms) VALUES (${keyId}, ${nowMs}) ON CONFLICT DO NOTHING`;
}

function isRotation(cause: unknown): boolean {
  return cause instanceof CodedError && cause.code === DIRECTORY_CODES.rotationRunning.code;
}

function placeOf(org: string, name: string): string {
  return `${org}\u0000${name}`;
}

function toSecret(row: Row): SecretRecord {
  return {
    name: row['name'] as string,
    keyId: row['key_id'] as string,
    createdMs: row['created_ms'] as number,
    updatedMs: row['updated_ms'] as number,
    updatedBy: row['updated_by'] as string,
  };
}
