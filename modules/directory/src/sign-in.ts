/**
 * From a proof of identity to a user: the one-time link makes the first operator; an identity provider's word makes, or finds, a user, and gives what
 * its claims are mapped to and what an invitation promised. Nobody comes in whom neither knows.
 */
import { randomId, type Clock, type Random } from '@trunkline/base';
import {
  DIRECTORY_CODES,
  type MemberRecord,
  type OrgRole,
  type UserRecord,
} from '@trunkline/contracts/directory';
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
import type { Commits } from './commits.js';
import type { Invitations, OpenInvitation } from './invitations.js';
import { membershipStatement } from './members.js';
import type { Sessions } from './sessions.js';
import { toUser, USER_COLUMNS, type Users } from './users.js';
import { ORG_ROLES, type Actor } from './types.js';

/** Who the one-time link vouches for; the user's id likewise. */
export const CONSOLE_IDENTITY = 'console';

export interface SignInDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Committing & Reading;
  readonly commits: Commits;
  readonly users: Users;
  readonly invitations: Invitations;
  readonly sessions: Pick<Sessions, 'demoted'>;
}

/** What an identity provider says of somebody, verified. */
export interface ProviderIdentity {
  readonly issuer: string;
  readonly subject: string;
  /** The id that a new user gets, where it is free; so tokens of the same provider speak of the same user. */
  readonly user: string;
  /** Only where the provider verified it. */
  readonly email?: string;
  readonly name?: string;
  /** What the claims are mapped to. Orgs that are not in the directory are left out. */
  readonly grants: readonly { readonly org: string; readonly roles: readonly OrgRole[] }[];
  readonly operator: boolean;
}

type Origin = Pick<Actor, 'requestId' | 'address'>;
type Source = MemberRecord['source'];

interface Standing {
  /** Who made the user an operator; false: nobody. */
  readonly operator: Source | false;
  readonly memberships: ReadonlyMap<string, { readonly roles: readonly OrgRole[]; readonly source: Source }>;
}

interface Move {
  readonly org: string;
  readonly action: string;
  readonly details: Readonly<Record<string, unknown>>;
}

const NOTHING: Standing = { operator: false, memberships: new Map() };

export class SignIn {
  readonly #deps: SignInDeps;

  constructor(deps: SignInDeps) {
    this.#deps = deps;
  }

  /**
   * The user of the one-time link: made an operator and administrator of `org` when it is used first, and an operator who may act where none is left, as
   * when the provider took that away from the last one. Fails with 1202.
   */
  async withLink(origin: Origin, org: string): Promise<UserRecord> {
    const { users, commits, clock } = this.#deps;
    const known = await users.findByIdentity(CONSOLE_IDENTITY, CONSOLE_IDENTITY);
    if (known && (await users.hasOperator())) return requireEnabled(known);
    if (known) return users.restore({ ...origin, user: CONSOLE_IDENTITY, org: '', roles: [] }, known.id);
    const now = clock.now();
    const actor: Actor = { ...origin, user: CONSOLE_IDENTITY, org, roles: ['operator'] };
    const insert: Statement = {
      sql: `INSERT INTO directory_users AS u (id, issuer, subject, name, operator, created_ms, updated_ms)
        VALUES ($1, $1, $1, 'Console', true, $2, $2)
        ON CONFLICT (id) DO UPDATE SET updated_ms = EXCLUDED.updated_ms WHERE u.issuer = EXCLUDED.issuer RETURNING ${USER_COLUMNS}`,
      parameters: [CONSOLE_IDENTITY, now],
    };
    const taken = (): CodedError =>
      new CodedError('conflict', `user ${CONSOLE_IDENTITY} belongs to another issuer`);
    const { result } = await commits.run(actor, { method: 'console', key: undefined, request: null }, () => ({
      statements: [
        decoding(expecting(insert, 1, taken), one),
        membershipStatement(org, CONSOLE_IDENTITY, ['admin'], 'directory', now),
      ],
      result: ([user]) => user,
      audits: [
        { org: '', action: 'operator.created', target: CONSOLE_IDENTITY, details: { by: 'one-time link' } },
      ],
      changes: [{ org, kind: 'member', id: CONSOLE_IDENTITY, action: 'created' }],
    }));
    return result;
  }

  /** Fails with 1202 (disabled), 1203 (nobody knows the user), 1003 where the user's id belongs to another identity. */
  async withProvider(identity: ProviderIdentity, origin: Origin): Promise<UserRecord> {
    const { users, invitations, commits } = this.#deps;
    const known = await users.findByIdentity(identity.issuer, identity.subject);
    if (known) requireEnabled(known);
    const invited = identity.email === undefined ? [] : await invitations.openFor(identity.email);
    const grants = await this.#existing(identity.grants);
    const id = known?.id ?? (await this.#freeId(identity));
    const before = known ? await this.#standing(id) : NOTHING;
    const isAdmitted = identity.operator || grants.length + invited.length > 0 || hasOfItsOwn(before);
    if (!known && !isAdmitted) throw new CodedError(DIRECTORY_CODES.notInvited);
    const actor: Actor = { ...origin, user: id, org: '', roles: [] };
    const moves = movesOf(before, identity, grants, invited);
    const { result } = await commits.run(actor, { method: 'sign-in', key: undefined, request: null }, () => ({
      statements: [this.#write(id, identity), ...this.#follow(id, grants), ...this.#accept(id, invited)],
      result: ([user]) => user as UserRecord,
      audits: [
        ...(known
          ? []
          : [{ org: '', action: 'user.created', target: id, details: { issuer: identity.issuer } }]),
        ...moves.map(({ org, action, details }) => ({ org, action, target: id, details })),
      ],
      changes: moves.flatMap(({ org, action }) =>
        org === ''
          ? []
          : [{ org, kind: 'member', id, action: action === 'member.left' ? 'removed' : 'updated' } as const],
      ),
    }));
    if (moves.some(({ action }) => action === 'operator.taken')) await this.#deps.sessions.demoted(id);
    // What the provider took away is gone all the same.
    if (!isAdmitted) throw new CodedError(DIRECTORY_CODES.notInvited);
    return requireEnabled(result);
  }

  // ------------------------------------------------------------ inside

  #write(id: string, { issuer, subject, email, name, operator }: ProviderIdentity): Statement<UserRecord> {
    const now = this.#deps.clock.now();
    const write: Statement = {
      sql: `INSERT INTO directory_users AS u (id, issuer, subject, email, name, operator, operator_source, created_ms, updated_ms, last_seen_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $8)
        ON CONFLICT (issuer, subject) DO UPDATE SET email = coalesce(EXCLUDED.email, u.email), name = EXCLUDED.name, last_seen_ms = EXCLUDED.last_seen_ms,
          operator_source = CASE WHEN u.operator AND u.operator_source = 'directory' THEN 'directory' ELSE 'provider' END,
          operator = EXCLUDED.operator OR (u.operator AND u.operator_source = 'directory')
        RETURNING ${USER_COLUMNS}`,
      parameters: [
        id,
        issuer,
        subject,
        email,
        name ?? email ?? id,
        operator,
        operator ? 'provider' : 'directory',
        now,
      ],
    };
    return decoding(write, one);
  }

  /** Memberships that the provider gave follow its claims; what the directory decided stays. */
  #follow(id: string, grants: ProviderIdentity['grants']): readonly Statement<unknown>[] {
    const now = this.#deps.clock.now();
    const orgs = grants.map(({ org }) => org);
    return [
      sql`DELETE FROM directory_memberships WHERE user_id = ${id} AND source = 'provider' AND NOT (org = ANY(${orgs}::text[]))`,
      ...grants.map(({ org, roles }) => membershipStatement(org, id, roles, 'provider', now)),
    ];
  }

  #accept(id: string, invited: readonly OpenInvitation[]): readonly Statement<unknown>[] {
    const now = this.#deps.clock.now();
    return invited.flatMap((invitation) => [
      membershipStatement(invitation.org, id, invitation.roles, 'directory', now),
      expecting(
        sql`UPDATE directory_invitations SET accepted_ms = ${now} WHERE id = ${invitation.id} AND accepted_ms IS NULL`,
        1,
        () => new CodedError('conflict', 'invitation: accepted or revoked meanwhile'),
      ),
    ]);
  }

  /** Grants of orgs that are in the directory, one per org with all roles. */
  async #existing(grants: ProviderIdentity['grants']): Promise<ProviderIdentity['grants']> {
    const roles = new Map<string, Set<OrgRole>>();
    for (const grant of grants) {
      const of = roles.get(grant.org) ?? new Set();
      for (const role of grant.roles) of.add(role);
      roles.set(grant.org, of);
    }
    if (roles.size === 0) return [];
    const { rows } = await this.#deps.store.read(
      sql`SELECT id FROM directory_orgs WHERE id = ANY(${[...roles.keys()]}::text[]) ORDER BY id LIMIT 1000`,
    );
    return rows.map((row) => {
      const org = row['id'] as string;
      return { org, roles: ORG_ROLES.filter((role) => roles.get(org)?.has(role)) };
    });
  }

  /** What the user has before this sign-in. */
  async #standing(id: string): Promise<Standing> {
    const { store } = this.#deps;
    const [user, memberships] = await Promise.all([
      store.read(sql`SELECT operator, operator_source FROM directory_users WHERE id = ${id} LIMIT 1`),
      store.read(
        sql`SELECT org, roles, source FROM directory_memberships WHERE user_id = ${id} ORDER BY org LIMIT 1000`,
      ),
    ]);
    return {
      operator: user.rows[0]?.['operator'] === true && (user.rows[0]['operator_source'] as Source),
      memberships: new Map(
        memberships.rows.map((row) => [
          row['org'] as string,
          { roles: row['roles'] as OrgRole[], source: row['source'] as Source },
        ]),
      ),
    };
  }

  /** The wanted id where nobody has it and it says nothing that is ours to say; another one else. */
  async #freeId({ user }: ProviderIdentity): Promise<string> {
    if (!isMisleading(user) && !(await this.#deps.users.find(user))) return user;
    return `user_${randomId(this.#deps.random, 16)}`;
  }
}

/** What readers of a record would take for somebody else: the server's own names in another spelling, and what is not seen. */
function isMisleading(user: string): boolean {
  const plain = user.normalize('NFKC').trim();
  return plain !== user || /\p{Cf}/u.test(user) || /^(console|system|apikey:.*)$/i.test(plain);
}

function requireEnabled(user: UserRecord): UserRecord {
  if (user.disabled) throw new CodedError(DIRECTORY_CODES.userDisabled);
  return user;
}

/** Whether the directory itself gave anything: that stays whatever the provider says. */
function hasOfItsOwn({ operator, memberships }: Standing): boolean {
  return operator === 'directory' || [...memberships.values()].some(({ source }) => source === 'directory');
}

/** What this sign-in changes, for the audit log and for those whose rights change; '' is the installation. */
function movesOf(
  { operator, memberships }: Standing,
  identity: ProviderIdentity,
  grants: ProviderIdentity['grants'],
  invited: readonly OpenInvitation[],
): readonly Move[] {
  const granted = new Set([...grants, ...invited].map(({ org }) => org));
  const { issuer } = identity;
  return [
    ...(identity.operator && !operator ? [{ org: '', action: 'operator.granted', details: { issuer } }] : []),
    ...(!identity.operator && operator === 'provider'
      ? [{ org: '', action: 'operator.taken', details: { issuer } }]
      : []),
    ...grants
      .filter(({ org, roles }) => {
        const member = memberships.get(org);
        return !member || (member.source === 'provider' && member.roles.join() !== roles.join());
      })
      .map(({ org, roles }) => ({ org, action: 'member.granted', details: { issuer, roles } })),
    ...[...memberships]
      .filter(([org, { source }]) => source === 'provider' && !granted.has(org))
      .map(([org]) => ({ org, action: 'member.left', details: { issuer } })),
    ...invited.map(({ org, id, roles }) => ({
      org,
      action: 'invitation.accepted',
      details: { invitation: id, roles },
    })),
  ];
}

function one({ rows }: SqlResult): UserRecord {
  return toUser(rows[0] as Row);
}
