/**
 * Login sessions of the console: the digest of a cookie, whose it is, until when. They survive a restart, are seen by every node, and can be ended one
 * by one. What was found is remembered for some seconds, so that a page that asks often does not ask the store each time.
 */
import { randomId, type Clock, type Random } from '@trunkline/base';
import { DIRECTORY_CODES, type SessionRecord } from '@trunkline/contracts/directory';
import { CodedError } from '@trunkline/protocol';
import {
  decoding,
  expecting,
  sql,
  type Committing,
  type Reading,
  type Row,
  type SqlResult,
  type Statement,
} from '@trunkline/store';
import { auditStatement } from './audit.js';
import type { ListFilter } from './orgs.js';
import { fromTimeCursor, LIST_LIMIT, pageOf, timeCursor, type Page } from './pages.js';
import type { Actor } from './types.js';

export interface SessionsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Committing & Reading;
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

/** Told of sessions whose connections are to end, in whatever org: those that ended before their time, and those of somebody whose rights changed in all orgs. */
export type OnEnded = (user: string, sessions: readonly string[], isInAllOrgs: boolean) => void;

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
  readonly #listeners = new Set<OnEnded>();
  /** Goes up with every forgetting: what was read before it is not remembered. */
  #generation = 0;

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
  }

  /** Calls `listener` until the returned function is called. */
  listen(listener: OnEnded): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** `digest` is that of the cookie. Beyond 100 sessions of a user the oldest end. Fails with 1202 where the user was disabled meanwhile. */
  async open(actor: Actor, digest: string, door: SessionRecord['door'], ttlMs: number): Promise<void> {
    const { store, clock, random } = this.#deps;
    const now = clock.now();
    const id = `ses_${randomId(random, 16)}`;
    const [, , oldest] = await store.commit({
      statements: [
        // Locks the user first: whoever disables it ends this session too, or it is not opened.
        expecting(
          sql`UPDATE directory_users SET last_seen_ms = ${now} WHERE id = ${actor.user} AND NOT disabled`,
          1,
          () => new CodedError(DIRECTORY_CODES.userDisabled),
        ),
        sql`INSERT INTO directory_sessions (digest, id, user_id, door, address, created_ms, expires_ms, last_seen_ms)
          VALUES (${digest}, ${id}, ${actor.user}, ${door}, ${actor.address}, ${now}, ${now + ttlMs}, ${now})`,
        decoding(
          sql`DELETE FROM directory_sessions WHERE digest IN
            (SELECT digest FROM directory_sessions WHERE user_id = ${actor.user} ORDER BY created_ms DESC, id DESC OFFSET ${MAX_PER_USER} LIMIT 100)
            RETURNING id`,
          idsOf,
        ),
        auditStatement(actor, now, {
          org: '',
          action: 'session.opened',
          target: actor.user,
          details: { door, session: id },
        }),
      ],
    });
    this.ended(actor.user, oldest);
  }

  /** Undefined where it ended, and where the user is disabled. */
  async find(digest: string): Promise<Session | undefined> {
    const { store, clock } = this.#deps;
    const known = this.#remembered.get(digest);
    if (known && clock.monotonic() - known.atMs < REMEMBER_MS)
      return known.expiresMs > clock.now() ? known : undefined;
    const generation = this.#generation;
    const now = clock.now();
    const { rows } = await store.read(
      sql`SELECT s.id, s.user_id, s.expires_ms, s.last_seen_ms FROM directory_sessions s JOIN directory_users u ON u.id = s.user_id
        WHERE s.digest = ${digest} AND s.expires_ms > ${now} AND NOT u.disabled LIMIT 1`,
    );
    const row = rows[0];
    this.#remembered.delete(digest);
    if (!row) return undefined;
    const session = {
      id: row['id'] as string,
      user: row['user_id'] as string,
      expiresMs: row['expires_ms'] as number,
    };
    if (generation === this.#generation) this.#remember(digest, session);
    if (now - (row['last_seen_ms'] as number) > SEEN_MS)
      await store.commit({
        statements: [sql`UPDATE directory_sessions SET last_seen_ms = ${now} WHERE digest = ${digest}`],
      });
    return session;
  }

  /** Whose session this is, asked of the store each time. Undefined where it ended, and where the user is disabled. */
  async userOf(id: string): Promise<string | undefined> {
    const { rows } = await this.#deps.store.read(
      sql`SELECT s.user_id FROM directory_sessions s JOIN directory_users u ON u.id = s.user_id
        WHERE s.id = ${id} AND s.expires_ms > ${this.#deps.clock.now()} AND NOT u.disabled LIMIT 1`,
    );
    return rows[0]?.['user_id'] as string | undefined;
  }

  /** Ends the session of a cookie, if there is one. */
  async close(actor: Actor, digest: string): Promise<void> {
    const { store, clock } = this.#deps;
    this.#remembered.delete(digest);
    const [ids] = await store.commit({
      statements: [
        decoding(sql`DELETE FROM directory_sessions WHERE digest = ${digest} RETURNING id`, idsOf),
        auditStatement(actor, clock.now(), { org: '', action: 'session.closed', target: actor.user }),
      ],
    });
    this.#remembered.delete(digest);
    this.ended(actor.user, ids);
  }

  /** Newest first, at most 100 in all: more are not kept. `current`: the one that asks. */
  async list(
    user: string,
    { limit = LIST_LIMIT, after, current }: ListFilter & { readonly current?: string | undefined } = {},
  ): Promise<Page<SessionRecord>> {
    const from = fromTimeCursor(after);
    const { rows } = await this.#deps.store.read({
      sql: `SELECT ${COLUMNS} FROM directory_sessions s
        WHERE s.user_id = $1 AND s.expires_ms > $2 AND (s.created_ms, s.id) < ($3::bigint, $4::text)
        ORDER BY s.created_ms DESC, s.id DESC LIMIT $5`,
      parameters: [user, this.#deps.clock.now(), from.ms, from.id, limit + 1],
    } as Statement);
    const sessions = rows.map((row) => toSession(row, current));
    return pageOf(sessions, limit, (one) => timeCursor(one.createdMs, one.id));
  }

  /** By its id; `user` undefined: anybody's. Fails with 1004, somebody else's likewise. */
  async end(actor: Actor, id: string, user: string | undefined): Promise<void> {
    const { store, clock } = this.#deps;
    const end = sql`DELETE FROM directory_sessions
      WHERE id = ${id} AND (${user ?? null}::text IS NULL OR user_id = ${user ?? null}) RETURNING user_id`;
    const gone = (): CodedError => new CodedError('notFound', 'session');
    const [whose] = await store.commit({
      statements: [
        decoding(expecting(end, 1, gone), ({ rows }) => rows[0]?.['user_id'] as string),
        auditStatement(actor, clock.now(), { org: '', action: 'session.ended', target: id }),
      ],
    });
    this.ended(whose, [id]);
  }

  /** All of the user's, or all but one; answers how many. */
  async endAll(actor: Actor, user: string, except: string | undefined): Promise<number> {
    const { store, clock } = this.#deps;
    const [ids] = await store.commit({
      statements: [
        decoding(
          sql`DELETE FROM directory_sessions WHERE user_id = ${user} AND id <> ${except ?? ''} RETURNING id`,
          idsOf,
        ),
        auditStatement(actor, clock.now(), { org: '', action: 'sessions.ended', target: user }),
      ],
    });
    this.ended(user, ids);
    return ids.length;
  }

  /** After sessions ended by whatever statement of this node. */
  ended(user: string, ids: readonly string[]): void {
    if (ids.length === 0) return;
    this.#generation++;
    // Those of others stay: whoever signs in and out all the time costs nobody else a read.
    for (const [digest, { id }] of this.#remembered) if (ids.includes(id)) this.#remembered.delete(digest);
    for (const listener of this.#listeners) listener(user, ids, false);
  }

  /** After somebody stopped being an operator: sessions stay, connections have to come back with another token. */
  async demoted(user: string): Promise<void> {
    const { rows } = await this.#deps.store.read(
      sql`SELECT id FROM directory_sessions WHERE user_id = ${user} ORDER BY created_ms DESC LIMIT ${MAX_PER_USER}`,
    );
    const ids = rows.map((row) => row['id'] as string);
    if (ids.length > 0) for (const listener of this.#listeners) listener(user, ids, true);
  }

  /** After users changed on this node. */
  forget(): void {
    this.#generation++;
    this.#remembered.clear();
  }

  /** Whether the session of this digest was right here lately: asking again costs what it should. */
  isKnown(digest: string): boolean {
    return this.#remembered.has(digest);
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

  #remember(digest: string, session: Session): void {
    const oldest = this.#remembered.keys().next();
    if (this.#remembered.size >= MAX_REMEMBERED && oldest.done !== true)
      this.#remembered.delete(oldest.value);
    this.#remembered.set(digest, { ...session, atMs: this.#deps.clock.monotonic() });
  }
}

/** Of a `DELETE … RETURNING id`. */
export function idsOf({ rows }: SqlResult): readonly string[] {
  return rows.map((row) => row['id'] as string);
}

function toSession(row: Row, current: string | undefined): SessionRecord {
  return {
    id: row['id'] as string,
    user: row['user_id'] as string,
    door: row['door'] as SessionRecord['door'],
    address: row['address'] as string,
    createdMs: row['created_ms'] as number,
    expiresMs: row['expires_ms'] as number,
    lastSeenMs: row['last_seen_ms'] as number,
    current: row['id'] === current,
  };
}
