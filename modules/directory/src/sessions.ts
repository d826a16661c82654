/**
 * Login sessions of the console: the digest of a cookie, whose it is, until when. They survive a restart, are seen by every node, and can be ended one
 * by one. What was found is remembered for some seconds, so that a page that asks often does not ask the store each time.
 */
import { randomId, type Clock, type Random } from '@trunkline/base';
import type { SessionRecord } from '@trunkline/contracts/directory';
import { CodedError } from '@trunkline/protocol';
import { type Committing, expecting, sql, type Row, type Statement, type Reading } from '@trunkline/store';
import { auditStatement } from './audit.js';
import type { Commits } from './commits.js';
import type { Actor } from './types.js';

export interface SessionsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Committing & Reading;
  readonly commits: Commits;
}

export interface Session {
  readonly id: string;
  readonly user: string;
  /** Unix milliseconds. */
  readonly expiresMs: number;
}

interface Remembered extends Session {
  readonly atMs: number;
}

/** Other nodes learn of an ended session within this. */
const REMEMBER_MS = 5_000;
const MAX_REMEMBERED = 1_000;
/** The oldest sessions of a user end beyond this. */
const MAX_PER_USER = 100;
/** `last_seen_ms` is written at most so often per session. */
const SEEN_MS = 60_000;
const COLUMNS = 's.id, s.user_id, s.door, s.address, s.created_ms, s.expires_ms, s.last_seen_ms';

export class Sessions {
  readonly #deps: SessionsDeps;
  readonly #remembered = new Map<string, Remembered>();

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
  }

  /** `digest` is that of the cookie. */
  async open(actor: Actor, digest: string, door: SessionRecord['door'], ttlMs: number): Promise<void> {
    const { store, clock, random } = this.#deps;
    const now = clock.now();
    const id = `ses_${randomId(random, 16)}`;
    await store.commit({
      statements: [
        sql`INSERT INTO directory_sessions (digest, id, user_id, door, address, created_ms, expires_ms, last_seen_ms)
          VALUES (${digest}, ${id}, ${actor.user}, ${door}, ${actor.address}, ${now}, ${now + ttlMs}, ${now})`,
        sql`DELETE FROM directory_sessions WHERE digest IN
          (SELECT digest FROM directory_sessions WHERE user_id = ${actor.user} ORDER BY created_ms DESC OFFSET ${MAX_PER_USER} LIMIT 100)`,
        sql`UPDATE directory_users SET last_seen_ms = ${now} WHERE id = ${actor.user}`,
        auditStatement(actor, now, {
          org: '',
          action: 'session.opened',
          target: actor.user,
          details: { door, session: id },
        }),
      ],
    });
  }

  /** Undefined where it ended, and where the user is disabled. */
  async find(digest: string): Promise<Session | undefined> {
    const { store, clock } = this.#deps;
    const known = this.#remembered.get(digest);
    if (known && clock.monotonic() - known.atMs < REMEMBER_MS)
      return known.expiresMs > clock.now() ? known : undefined;
    this.#remembered.delete(digest);
    const now = clock.now();
    const { rows } = await store.read(
      sql`SELECT s.id, s.user_id, s.expires_ms, s.last_seen_ms FROM directory_sessions s JOIN directory_users u ON u.id = s.user_id
        WHERE s.digest = ${digest} AND s.expires_ms > ${now} AND NOT u.disabled LIMIT 1`,
    );
    const row = rows[0];
    if (!row) return undefined;
    const session = {
      id: row['id'] as string,
      user: row['user_id'] as string,
      expiresMs: row['expires_ms'] as number,
    };
    const oldest = this.#remembered.keys().next();
    if (this.#remembered.size >= MAX_REMEMBERED && oldest.done !== true)
      this.#remembered.delete(oldest.value);
    this.#remembered.set(digest, { ...session, atMs: clock.monotonic() });
    if (now - (row['last_seen_ms'] as number) > SEEN_MS)
      await store.commit({
        statements: [sql`UPDATE directory_sessions SET last_seen_ms = ${now} WHERE digest = ${digest}`],
      });
    return session;
  }

  /** Ends the session of a cookie, if there is one. */
  async close(actor: Actor, digest: string): Promise<void> {
    const { store, clock } = this.#deps;
    this.#remembered.delete(digest);
    await store.commit({
      statements: [
        sql`DELETE FROM directory_sessions WHERE digest = ${digest}`,
        auditStatement(actor, clock.now(), { org: '', action: 'session.closed', target: actor.user }),
      ],
    });
  }

  /** Newest first, at most 100: more are not kept. */
  async list(user: string): Promise<readonly SessionRecord[]> {
    const { rows } = await this.#deps.store.read({
      sql: `SELECT ${COLUMNS} FROM directory_sessions s WHERE s.user_id = $1 AND s.expires_ms > $2 ORDER BY s.created_ms DESC LIMIT 100`,
      parameters: [user, this.#deps.clock.now()],
    } as Statement);
    return rows.map(toSession);
  }

  /** By its id; `user` undefined: anybody's. Fails with 1004, somebody else's likewise. */
  async end(actor: Actor, id: string, user: string | undefined): Promise<void> {
    const { store, clock } = this.#deps;
    this.#remembered.clear();
    await store.commit({
      statements: [
        expecting(
          sql`DELETE FROM directory_sessions WHERE id = ${id} AND (${user ?? null}::text IS NULL OR user_id = ${user ?? null})`,
          1,
          () => new CodedError('notFound', 'session'),
        ),
        auditStatement(actor, clock.now(), { org: '', action: 'session.ended', target: id }),
      ],
    });
    this.#remembered.clear();
  }

  /** After users changed on this node. */
  forget(): void {
    this.#remembered.clear();
  }

  /** Deletes what ended, a bounded number. */
  async sweep(): Promise<void> {
    await this.#deps.store.commit({
      statements: [
        sql`DELETE FROM directory_sessions WHERE digest IN
          (SELECT digest FROM directory_sessions WHERE expires_ms <= ${this.#deps.clock.now()} ORDER BY expires_ms LIMIT 500)`,
      ],
    });
  }
}

function toSession(row: Row): SessionRecord {
  return {
    id: row['id'] as string,
    user: row['user_id'] as string,
    door: row['door'] as SessionRecord['door'],
    address: row['address'] as string,
    createdMs: row['created_ms'] as number,
    expiresMs: row['expires_ms'] as number,
    lastSeenMs: row['last_seen_ms'] as number,
  };
}
