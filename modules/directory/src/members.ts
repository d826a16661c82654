/** Members of an org and its groups. A user comes into the directory by signing in; here the org says what such a user may do in it. */
import type { Clock } from '@trunkline/base';
import type { GroupRecord, MemberRecord, OrgRole } from '@trunkline/contracts/directory';
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
import { isOperator } from './access.js';
import type { Commits, Committed } from './commits.js';
import { requireRoom } from './limits.js';
import type { ListFilter } from './orgs.js';
import { LIST_LIMIT, pageOf, searchText, type Page } from './pages.js';
import { ORG_ROLES, type Actor } from './types.js';
import { noUser } from './users.js';

export interface MembersDeps {
  readonly clock: Clock;
  readonly store: Committing & Reading;
  readonly commits: Commits;
}

const MEMBER = `SELECT u.id, u.name, u.email, u.disabled, u.last_seen_ms, m.roles, m.source, m.created_ms
  FROM directory_memberships m JOIN directory_users u ON u.id = m.user_id`;

export class Members {
  readonly #deps: MembersDeps;

  constructor(deps: MembersDeps) {
    this.#deps = deps;
  }

  async list(
    org: string,
    { search, limit = LIST_LIMIT, after = '' }: ListFilter,
  ): Promise<Page<MemberRecord>> {
    const { rows } = await this.#deps.store.read({
      sql: `${MEMBER} WHERE m.org = $1 AND m.user_id > $2
          AND ($3::text IS NULL OR position($3 IN lower(u.id || ' ' || u.name || ' ' || coalesce(u.email, ''))) > 0)
        ORDER BY m.user_id LIMIT $4`,
      parameters: [org, after, searchText(search), limit + 1],
    } as Statement);
    return pageOf(rows.map(toMember), limit, ({ user }) => user);
  }

  /**
   * Somebody who is no member may be made one by an operator alone: to the org's administrators, users of other orgs are not there (they are invited).
   * Fails with 1004 naming `user` or `org`.
   */
  set(
    actor: Actor,
    org: string,
    user: string,
    roles: readonly OrgRole[],
    key: string | undefined,
  ): Promise<Committed<MemberRecord>> {
    const kept = ORG_ROLES.filter((role) => roles.includes(role));
    const read: Statement = { sql: `${MEMBER} WHERE m.org = $1 AND m.user_id = $2`, parameters: [org, user] };
    return this.#deps.commits.run(
      actor,
      { method: 'directory.setMember', key, request: { user, roles } },
      () => ({
        statements: [
          requireOrg(org),
          expecting(
            sql`SELECT 1 WHERE ${isOperator(actor)}::boolean OR EXISTS (SELECT 1 FROM directory_memberships WHERE org = ${org} AND user_id = ${user})`,
            1,
            noUser,
          ),
          expecting(membershipStatement(org, user, kept, 'directory', this.#deps.clock.now()), 1, noUser),
          decoding(expecting(read, 1), ({ rows }) => toMember(rows[0] as Row)),
        ],
        result: ([, , , member]) => member,
        audits: [{ org, action: 'member.set', target: user, details: { roles: kept } }],
        changes: [{ org, kind: 'member', id: user, action: 'updated' }],
      }),
    );
  }

  /** Out of the org's groups too. Fails with 1004. */
  remove(
    actor: Actor,
    org: string,
    user: string,
    key: string | undefined,
  ): Promise<Committed<Record<string, never>>> {
    return this.#deps.commits.run(
      actor,
      { method: 'directory.removeMember', key, request: { user } },
      () => ({
        statements: [
          expecting(
            sql`DELETE FROM directory_memberships WHERE org = ${org} AND user_id = ${user}`,
            1,
            noUser,
          ),
        ],
        result: () => ({}),
        audits: [{ org, action: 'member.removed', target: user }],
        changes: [{ org, kind: 'member', id: user, action: 'removed' }],
      }),
    );
  }

  async groups(org: string, { limit = LIST_LIMIT, after = '' }: ListFilter): Promise<Page<GroupRecord>> {
    const { rows } = await this.#deps.store.read(
      sql`SELECT g.name, g.updated_ms, to_jsonb(ARRAY(
            SELECT m.user_id FROM directory_group_members m WHERE m.org = g.org AND m.group_name = g.name ORDER BY m.user_id LIMIT 1000
          )) AS members
        FROM directory_groups g WHERE g.org = ${org} AND g.name > ${after} ORDER BY g.name LIMIT ${limit + 1}`,
    );
    const groups = rows.map((row) => ({
      name: row['name'] as string,
      members: row['members'] as string[],
      updatedMs: row['updated_ms'] as number,
    }));
    return pageOf(groups, limit, ({ name }) => name);
  }

  /** Fails with 1004 naming `members` where one is no member of the org. */
  setGroup(
    actor: Actor,
    org: string,
    name: string,
    members: readonly string[],
    key: string | undefined,
  ): Promise<Committed<GroupRecord>> {
    const users = [...new Set(members)].sort();
    const now = this.#deps.clock.now();
    return this.#deps.commits.run(
      actor,
      { method: 'directory.setGroup', key, request: { name, members } },
      () => ({
        statements: [
          requireOrg(org),
          requireRoom('groups', org, name, now),
          sql`INSERT INTO directory_groups AS g (org, name, updated_ms) VALUES (${org}, ${name}, ${now})
            ON CONFLICT (org, name) DO UPDATE SET updated_ms = EXCLUDED.updated_ms`,
          sql`DELETE FROM directory_group_members WHERE org = ${org} AND group_name = ${name} AND NOT (user_id = ANY(${users}::text[]))`,
          expecting(
            // Locked, so that nobody leaves the org between this and the next statement.
            sql`SELECT 1 FROM directory_memberships WHERE org = ${org} AND user_id = ANY(${users}::text[]) ORDER BY user_id FOR SHARE`,
            users.length,
            () => new CodedError('notFound', 'members: a user who is no member of the org'),
          ),
          sql`INSERT INTO directory_group_members (org, group_name, user_id)
          SELECT ${org}::text, ${name}::text, u FROM unnest(${users}::text[]) AS u ON CONFLICT DO NOTHING`,
        ],
        result: () => ({ name, members: users, updatedMs: now }),
        audits: [{ org, action: 'group.set', target: name, details: { members: users.length } }],
        changes: [{ org, kind: 'group', id: name, action: 'updated' }],
      }),
    );
  }

  /** Fails with 1004. */
  removeGroup(
    actor: Actor,
    org: string,
    name: string,
    key: string | undefined,
  ): Promise<Committed<Record<string, never>>> {
    return this.#deps.commits.run(actor, { method: 'directory.removeGroup', key, request: { name } }, () => ({
      statements: [
        expecting(
          sql`DELETE FROM directory_groups WHERE org = ${org} AND name = ${name}`,
          1,
          () => new CodedError('notFound', 'group'),
        ),
      ],
      result: () => ({}),
      audits: [{ org, action: 'group.removed', target: name }],
      changes: [{ org, kind: 'group', id: name, action: 'removed' }],
    }));
  }
}

/** Writes roles of a user who is in the directory; counts 0 where not. What the directory decided is not overwritten by a provider. */
export function membershipStatement(
  org: string,
  user: string,
  roles: readonly OrgRole[],
  source: MemberRecord['source'],
  nowMs: number,
): Statement<SqlResult> {
  return sql`INSERT INTO directory_memberships AS m (org, user_id, roles, source, created_ms, updated_ms)
    SELECT ${org}::text, id, ${json(roles)}::jsonb, ${source}::text, ${nowMs}::bigint, ${nowMs}::bigint FROM directory_users WHERE id = ${user}
    ON CONFLICT (org, user_id) DO UPDATE SET roles = EXCLUDED.roles, source = EXCLUDED.source, updated_ms = EXCLUDED.updated_ms
      WHERE EXCLUDED.source = 'directory' OR m.source = 'provider'`;
}

/** In front of statements that put something into an org: 1004 where it is not in the directory. */
export function requireOrg(org: string): Statement<SqlResult> {
  return expecting(
    sql`SELECT 1 FROM directory_orgs WHERE id = ${org} FOR SHARE`,
    1,
    () => new CodedError('notFound', 'org: not in the directory; an operator makes it (directory.createOrg)'),
  );
}

function toMember(row: Row): MemberRecord {
  return {
    user: row['id'] as string,
    name: row['name'] as string,
    email: row['email'] as string | null,
    disabled: row['disabled'] as boolean,
    roles: row['roles'] as OrgRole[],
    source: row['source'] as MemberRecord['source'],
    sinceMs: row['created_ms'] as number,
    lastSeenMs: row['last_seen_ms'] as number | null,
  };
}
