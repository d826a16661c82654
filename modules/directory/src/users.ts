/**
 * Users of the installation: who somebody is (an issuer's word for a subject), whether they may act at all, and whether they run the installation.
 * One operator who is not disabled always remains.
 */
import type { Clock } from '@trunkline/base';
import {
  DIRECTORY_CODES,
  type Membership,
  type OrgRole,
  type UserRecord,
} from '@trunkline/contracts/directory';
import type { Role } from '@trunkline/hub';
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
import type { Commits, Committed } from './commits.js';
import type { ListFilter } from './orgs.js';
import { LIST_LIMIT, pageOf, searchText, type Page } from './pages.js';
import { idsOf, type Sessions } from './sessions.js';
import type { Actor, Grant } from './types.js';

export interface UserChanges {
  readonly name?: string | undefined;
  readonly disabled?: boolean | undefined;
  readonly operator?: boolean | undefined;
}

export interface UsersDeps {
  readonly clock: Clock;
  readonly store: Committing & Reading;
  readonly commits: Commits;
  readonly sessions: Pick<Sessions, 'ended' | 'demoted'>;
}

export const USER_COLUMNS =
  'u.id, u.issuer, u.subject, u.email, u.name, u.operator, u.disabled, u.created_ms, u.last_seen_ms';

/** Locks the operators who can act, so that two changes at once do not each leave the other one. */
const OPERATORS: Statement<readonly string[]> = decoding(
  { sql: `SELECT id FROM directory_users WHERE operator AND NOT disabled ORDER BY id LIMIT 100 FOR UPDATE` },
  ({ rows }) => rows.map((row) => row['id'] as string),
);

export class Users {
  readonly #deps: UsersDeps;

  constructor(deps: UsersDeps) {
    this.#deps = deps;
  }

  /** In the order of their ids. */
  async list({ search, limit = LIST_LIMIT, after = '' }: ListFilter): Promise<Page<UserRecord>> {
    const { rows } = await this.#deps.store.read({
      sql: `SELECT ${USER_COLUMNS} FROM directory_users u
        WHERE u.id > $1 AND ($2::text IS NULL OR position($2 IN lower(u.id || ' ' || u.name || ' ' || coalesce(u.email, ''))) > 0)
        ORDER BY u.id LIMIT $3`,
      parameters: [after, searchText(search), limit + 1],
    } as Statement);
    return pageOf(rows.map(toUser), limit, ({ id }) => id);
  }

  async find(id: string): Promise<UserRecord | undefined> {
    const { rows } = await this.#deps.store.read({
      sql: `SELECT ${USER_COLUMNS} FROM directory_users u WHERE u.id = $1 LIMIT 1`,
      parameters: [id],
    } as Statement);
    return rows[0] && toUser(rows[0]);
  }

  async findByIdentity(issuer: string, subject: string): Promise<UserRecord | undefined> {
    const { rows } = await this.#deps.store.read({
      sql: `SELECT ${USER_COLUMNS} FROM directory_users u WHERE u.issuer = $1 AND u.subject = $2 LIMIT 1`,
      parameters: [issuer, subject],
    } as Statement);
    return rows[0] && toUser(rows[0]);
  }

  /** The user's orgs in the order of their ids, at most 1,000; an operator's only those with a membership. */
  async orgsOf(user: string): Promise<readonly Membership[]> {
    const { rows } = await this.#deps.store.read(
      sql`SELECT m.org, o.name, m.roles FROM directory_memberships m JOIN directory_orgs o ON o.id = m.org
        WHERE m.user_id = ${user} ORDER BY m.org LIMIT 1000`,
    );
    return rows.map((row) => ({
      org: row['org'] as string,
      orgName: row['name'] as string,
      roles: row['roles'] as OrgRole[],
    }));
  }

  /**
   * What the user may do in the org: the roles of the membership, for an operator everything. Undefined for a user or an org that is not
   * there, a disabled user, and somebody who is no member, all alike.
   */
  async grantOf(user: string, org: string): Promise<Grant | undefined> {
    const { rows } = await this.#deps.store.read(
      sql`SELECT u.operator, m.roles, to_jsonb(ARRAY(
            SELECT g.group_name FROM directory_group_members g WHERE g.org = o.id AND g.user_id = u.id ORDER BY g.group_name LIMIT 1000
          )) AS group_names
        FROM directory_users u JOIN directory_orgs o ON o.id = ${org}
        LEFT JOIN directory_memberships m ON m.org = o.id AND m.user_id = u.id
        WHERE u.id = ${user} AND NOT u.disabled LIMIT 1`,
    );
    const row = rows[0];
    if (!row) return undefined;
    const operator = row['operator'] as boolean;
    const roles = row['roles'] as readonly OrgRole[] | null;
    if (!operator && roles === null) return undefined;
    const all = new Set<Role>(roles ?? []);
    if (operator) for (const role of ['admin', 'operator'] as const) all.add(role);
    return { user, org, roles: [...all], groups: row['group_names'] as string[], member: roles !== null };
  }

  /** Fails with 1004, and with 1201 where nobody would be left to run the installation. Disabling ends the user's sessions. */
  async update(
    actor: Actor,
    id: string,
    changes: UserChanges,
    key: string | undefined,
  ): Promise<Committed<UserRecord>> {
    const { name = null, disabled = null, operator = null } = changes;
    const now = this.#deps.clock.now();
    const update: Statement = {
      sql: `UPDATE directory_users u SET name = coalesce($2, u.name), disabled = coalesce($3, u.disabled), operator = coalesce($4, u.operator),
          operator_source = CASE WHEN $4::boolean IS NULL THEN u.operator_source ELSE 'directory' END, updated_ms = $5
        WHERE u.id = $1 RETURNING ${USER_COLUMNS}`,
      parameters: [id, name, disabled, operator, now],
    };
    const end = decoding(
      sql`DELETE FROM directory_sessions WHERE user_id = ${id} AND ${disabled === true}::boolean RETURNING id`,
      idsOf,
    );
    let ended: readonly string[] = [];
    const done = await this.#deps.commits.run(
      actor,
      { method: 'directory.updateUser', key, request: { id, ...changes } },
      async () => {
        const orgs = await this.orgsOf(id);
        const action =
          disabled === true ? 'user.disabled' : disabled === false ? 'user.enabled' : 'user.updated';
        return {
          statements: [
            OPERATORS,
            decoding(
              expecting(update, 1, () => noUser()),
              one,
            ),
            end,
          ],
          check: ([operators, user, sessions]) => {
            ended = sessions;
            if ((user.disabled || !user.operator) && operators.length === 1 && operators[0] === id)
              throw new CodedError(DIRECTORY_CODES.lastOperator, disabled === true ? 'disabled' : 'operator');
          },
          result: ([, user]) => user,
          audits: [{ org: '', action, target: id, details: { ...changes } }],
          changes: orgs.map(({ org }) => ({ org, kind: 'user', id, action: 'updated' })),
        };
      },
    );
    this.#deps.sessions.ended(id, ended);
    if (operator === false) await this.#deps.sessions.demoted(id);
    return done;
  }

  /** Whether anybody is left to run the installation. */
  async hasOperator(): Promise<boolean> {
    const { rows } = await this.#deps.store.read(
      sql`SELECT 1 FROM directory_users WHERE operator AND NOT disabled LIMIT 1`,
    );
    return rows.length > 0;
  }

  /** Makes a user an operator who may act, whatever was before. Fails with 1004. */
  async restore(actor: Actor, id: string): Promise<UserRecord> {
    const { result } = await this.update(actor, id, { disabled: false, operator: true }, undefined);
    return result;
  }

  /** Users who may not act, with their orgs, at most `limit` pairs: for those who keep them out. */
  async disabled(limit: number): Promise<readonly DisabledUser[]> {
    const { rows } = await this.#deps.store.read(
      sql`SELECT u.id, u.operator, m.org FROM directory_users u LEFT JOIN directory_memberships m ON m.user_id = u.id
        WHERE u.disabled ORDER BY u.id, m.org LIMIT ${limit}`,
    );
    const byId = new Map<string, { user: string; operator: boolean; orgs: string[] }>();
    for (const row of rows) {
      const user = row['id'] as string;
      const entry = byId.get(user) ?? { user, operator: row['operator'] as boolean, orgs: [] };
      if (row['org'] !== null) entry.orgs.push(row['org'] as string);
      byId.set(user, entry);
    }
    return [...byId.values()];
  }
}

export interface DisabledUser {
  readonly user: string;
  readonly operator: boolean;
  readonly orgs: readonly string[];
}

export function noUser(): CodedError {
  return new CodedError('notFound', 'user');
}

function one({ rows }: SqlResult): UserRecord {
  return toUser(rows[0] as Row);
}

export function toUser(row: Row): UserRecord {
  return {
    id: row['id'] as string,
    issuer: row['issuer'] as string,
    subject: row['subject'] as string,
    email: row['email'] as string | null,
    name: row['name'] as string,
    operator: row['operator'] as boolean,
    disabled: row['disabled'] as boolean,
    createdMs: row['created_ms'] as number,
    lastSeenMs: row['last_seen_ms'] as number | null,
  };
}
