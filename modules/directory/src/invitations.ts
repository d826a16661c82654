/**
 * Invitations: an org's word that whoever proves to have an e-mail address may join it. The proof is the identity provider's (a verified address), never
 * the link alone: the link leads to sign-in and says nothing else.
 */
import { randomId, type Clock, type Random } from '@trunkline/base';
import type { InvitationRecord, OrgRole } from '@trunkline/contracts/directory';
import { CodedError } from '@trunkline/protocol';
import {
  type Committing,
  decoding,
  expecting,
  json,
  sql,
  type Row,
  type Statement,
  type Reading,
} from '@trunkline/store';
import type { Commits, Committed } from './commits.js';
import { requireRoom } from './limits.js';
import { requireOrg } from './members.js';
import type { ListFilter } from './orgs.js';
import { fromTimeCursor, LIST_LIMIT, pageOf, timeCursor, type Page } from './pages.js';
import { digestOf, makeToken } from './tokens.js';
import { ORG_ROLES, type Actor } from './types.js';

export interface InvitationsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Committing & Reading;
  readonly commits: Commits;
}

export interface NewInvitation {
  readonly email: string;
  readonly roles: readonly OrgRole[];
  readonly ttlMs?: number | undefined;
}

export interface OpenInvitation {
  readonly id: string;
  readonly org: string;
  readonly roles: readonly OrgRole[];
}

const TTL_MS = 7 * 24 * 3_600_000;
/** Of one address, over all orgs. */
const MAX_PER_EMAIL = 100;
const COLUMNS = 'id, email, roles, invited_by, created_ms, expires_ms, accepted_ms';

export class Invitations {
  readonly #deps: InvitationsDeps;

  constructor(deps: InvitationsDeps) {
    this.#deps = deps;
  }

  /** Those that can still be accepted, newest first. */
  async list(org: string, { limit = LIST_LIMIT, after }: ListFilter): Promise<Page<InvitationRecord>> {
    const from = fromTimeCursor(after);
    const { rows } = await this.#deps.store.read({
      sql: `SELECT ${COLUMNS} FROM directory_invitations
        WHERE org = $1 AND accepted_ms IS NULL AND expires_ms > $2 AND (created_ms, id) < ($3::bigint, $4::text)
        ORDER BY created_ms DESC, id DESC LIMIT $5`,
      parameters: [org, this.#deps.clock.now(), from.ms, from.id, limit + 1],
    } as Statement);
    return pageOf(rows.map(toInvitation), limit, (one) => timeCursor(one.createdMs, one.id));
  }

  /** Instead of an open invitation of the same address. The token is in the answer, except to a repeat. */
  async create(
    actor: Actor,
    org: string,
    given: NewInvitation,
    key: string | undefined,
  ): Promise<Committed<{ readonly invitation: InvitationRecord; readonly token?: string }>> {
    const token = makeToken();
    const email = normalised(given.email);
    const roles = ORG_ROLES.filter((role) => given.roles.includes(role));
    const now = this.#deps.clock.now();
    const { result, repeated, position } = await this.#deps.commits.run(
      actor,
      { method: 'directory.invite', key, request: given },
      () => {
        const id = `inv_${randomId(this.#deps.random, 16)}`;
        const insert: Statement = {
          sql: `INSERT INTO directory_invitations (id, org, email, roles, digest, invited_by, created_ms, expires_ms)
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING ${COLUMNS}`,
          parameters: [
            id,
            org,
            email,
            json(roles),
            digestOf(token),
            actor.user,
            now,
            now + (given.ttlMs ?? TTL_MS),
          ],
        };
        return {
          statements: [
            requireOrg(org),
            requireRoom('invitations', org, email, now),
            sql`DELETE FROM directory_invitations WHERE org = ${org} AND email = ${email} AND accepted_ms IS NULL`,
            decoding(insert, ({ rows }) => toInvitation(rows[0] as Row)),
          ],
          result: ([, , , invitation]) => invitation,
          audits: [{ org, action: 'invitation.created', target: email, details: { id, roles } }],
          changes: [{ org, kind: 'invitation', id, action: 'created' }],
        };
      },
    );
    return {
      result: repeated ? { invitation: result } : { invitation: result, token },
      repeated,
      ...(position && { position }),
    };
  }

  /** Fails with 1004. */
  revoke(
    actor: Actor,
    org: string,
    id: string,
    key: string | undefined,
  ): Promise<Committed<Record<string, never>>> {
    return this.#deps.commits.run(
      actor,
      { method: 'directory.revokeInvitation', key, request: { id } },
      () => ({
        statements: [
          expecting(
            sql`DELETE FROM directory_invitations WHERE org = ${org} AND id = ${id} AND accepted_ms IS NULL`,
            1,
            () => new CodedError('notFound', 'invitation'),
          ),
        ],
        result: () => ({}),
        audits: [{ org, action: 'invitation.revoked', target: id }],
        changes: [{ org, kind: 'invitation', id, action: 'removed' }],
      }),
    );
  }

  /** The id of the invitation that the link's token belongs to, while it can still be accepted. */
  async findOpen(token: string): Promise<string | undefined> {
    const { rows } = await this.#deps.store.read(
      sql`SELECT id FROM directory_invitations WHERE digest = ${digestOf(token)} AND accepted_ms IS NULL
        AND expires_ms > ${this.#deps.clock.now()} LIMIT 1`,
    );
    return rows[0]?.['id'] as string | undefined;
  }

  /** What an address that was verified may accept. */
  async openFor(email: string): Promise<readonly OpenInvitation[]> {
    const { rows } = await this.#deps.store.read(
      sql`SELECT id, org, roles FROM directory_invitations WHERE email = ${normalised(email)} AND accepted_ms IS NULL
        AND expires_ms > ${this.#deps.clock.now()} ORDER BY org LIMIT ${MAX_PER_EMAIL}`,
    );
    return rows.map((row) => ({
      id: row['id'] as string,
      org: row['org'] as string,
      roles: row['roles'] as OrgRole[],
    }));
  }

  /** Deletes invitations that nobody accepted in time, and those that were accepted long ago; a bounded number. */
  async sweep(): Promise<void> {
    const cutoff = this.#deps.clock.now() - TTL_MS;
    await this.#deps.store.commit({
      statements: [
        sql`DELETE FROM directory_invitations WHERE id IN
          (SELECT id FROM directory_invitations WHERE accepted_ms IS NULL AND expires_ms < ${cutoff} ORDER BY expires_ms LIMIT 500)`,
        sql`DELETE FROM directory_invitations WHERE id IN
          (SELECT id FROM directory_invitations WHERE accepted_ms < ${cutoff} ORDER BY accepted_ms LIMIT 500)`,
      ],
    });
  }
}

/**
 * Addresses are compared without regard to the case of A to Z: providers differ in what they send. Other letters count as they are, since some of them become
 * plain ones in lower case (U+212A, the Kelvin sign, a `k`), and whoever has such an address is somebody else.
 */
function normalised(email: string): string {
  return email.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function toInvitation(row: Row): InvitationRecord {
  return {
    id: row['id'] as string,
    email: row['email'] as string,
    roles: row['roles'] as OrgRole[],
    invitedBy: row['invited_by'] as string,
    createdMs: row['created_ms'] as number,
    expiresMs: row['expires_ms'] as number,
    acceptedMs: row['accepted_ms'] as number | null,
  };
}
