/** Orgs: the wall around names, quotas and data, as records. Only operators change them; what an org may do is read by whoever enforces it. */
import type { Clock } from '@trunkline/base';
import type { OrgRecord, Quotas } from '@trunkline/contracts/directory';
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
import { LIST_LIMIT, pageOf, searchText, type Page } from './pages.js';
import type { Actor } from './types.js';

export interface OrgFields {
  readonly name?: string | undefined;
  readonly clusters?: readonly string[] | undefined;
  readonly kubernetes?: readonly { readonly cluster: string; readonly namespace: string }[] | undefined;
  readonly quotas?: Quotas | undefined;
}

export interface ListFilter {
  readonly search?: string | undefined;
  readonly limit?: number | undefined;
  readonly after?: string | undefined;
}

export interface OrgsDeps {
  readonly clock: Clock;
  readonly store: Committing & Reading;
  readonly commits: Commits;
}

const COLUMNS = `o.id, o.name, o.clusters, o.kubernetes, o.quotas, o.created_ms, o.updated_ms`;
const IDS_AT_ONCE = 1_000;
const MEMBERS = `(SELECT count(*) FROM directory_memberships m WHERE m.org = o.id) AS members`;

export class Orgs {
  readonly #deps: OrgsDeps;

  constructor(deps: OrgsDeps) {
    this.#deps = deps;
  }

  /** In the order of their ids; `only`: this one, for those who may see no other. */
  async list(
    { search, limit = LIST_LIMIT, after = '' }: ListFilter,
    only?: string,
  ): Promise<Page<OrgRecord>> {
    const text = searchText(search);
    const { rows } = await this.#deps.store.read({
      sql: `SELECT ${COLUMNS}, ${MEMBERS} FROM directory_orgs o
        WHERE o.id > $1 AND ($2::text IS NULL OR o.id = $2)
          AND ($3::text IS NULL OR position($3 IN lower(o.id || ' ' || o.name)) > 0)
        ORDER BY o.id LIMIT $4`,
      parameters: [after, only ?? null, text, limit + 1],
    } as Statement);
    return pageOf(rows.map(toOrg), limit, ({ id }) => id);
  }

  async find(id: string): Promise<OrgRecord | undefined> {
    return (await this.list({ limit: 1 }, id)).items[0];
  }

  /** Fails with 1003 naming `id` where it exists. */
  create(
    actor: Actor,
    id: string,
    fields: OrgFields,
    key: string | undefined,
  ): Promise<Committed<OrgRecord>> {
    const now = this.#deps.clock.now();
    const { name = id, clusters = [], kubernetes = [], quotas = {} } = fields;
    const insert = sql`INSERT INTO directory_orgs AS o (id, name, clusters, kubernetes, quotas, created_ms, updated_ms)
      VALUES (${id}, ${name}, ${json(clusters)}, ${json(kubernetes)}, ${json(quotas)}, ${now}, ${now})
      ON CONFLICT (id) DO NOTHING RETURNING o.*, 0 AS members`;
    return this.#deps.commits.run(
      actor,
      { method: 'directory.createOrg', key, request: { id, ...fields } },
      () => ({
        statements: [
          decoding(
            expecting(insert, 1, () => new CodedError('conflict', `id: org ${id} exists`)),
            one,
          ),
        ],
        result: ([org]) => org,
        audits: [{ org: id, action: 'org.created', target: id, details: { name, quotas } }],
        changes: [{ org: id, kind: 'org', id, action: 'created' }],
      }),
    );
  }

  /** Fields that are absent stay. Fails with 1004. */
  update(
    actor: Actor,
    id: string,
    fields: OrgFields,
    key: string | undefined,
  ): Promise<Committed<OrgRecord>> {
    const { name = null, clusters, kubernetes, quotas } = fields;
    const update: Statement = {
      sql: `UPDATE directory_orgs o SET name = coalesce($2, o.name), clusters = coalesce($3::jsonb, o.clusters),
          kubernetes = coalesce($4::jsonb, o.kubernetes), quotas = coalesce($5::jsonb, o.quotas), updated_ms = $6
        WHERE o.id = $1 RETURNING ${COLUMNS}, ${MEMBERS}`,
      parameters: [id, name, orNull(clusters), orNull(kubernetes), orNull(quotas), this.#deps.clock.now()],
    };
    return this.#deps.commits.run(
      actor,
      { method: 'directory.updateOrg', key, request: { id, ...fields } },
      () => ({
        statements: [
          decoding(
            expecting(update, 1, () => noOrg()),
            one,
          ),
        ],
        result: ([org]) => org,
        audits: [{ org: id, action: 'org.updated', target: id, details: { ...fields } }],
        changes: [{ org: id, kind: 'org', id, action: 'updated' }],
      }),
    );
  }

  /** With everything of it in this module, except its audit records. Fails with 1004. */
  remove(actor: Actor, id: string, key: string | undefined): Promise<Committed<Record<string, never>>> {
    const now = this.#deps.clock.now();
    return this.#deps.commits.run(actor, { method: 'directory.deleteOrg', key, request: { id } }, () => ({
      statements: [
        expecting(sql`DELETE FROM directory_orgs WHERE id = ${id}`, 1, () => noOrg()),
        sql`UPDATE directory_api_keys SET revoked_ms = ${now} WHERE org = ${id} AND (revoked_ms IS NULL OR revoked_ms > ${now})`,
      ],
      result: () => ({}),
      // In the installation's log: nobody is left to read the org's.
      audits: [{ org: '', action: 'org.deleted', target: id }],
      changes: [{ org: id, kind: 'org', id, action: 'removed' }],
    }));
  }

  /** Makes the org unless it is there, for the one that configuration names. */
  async ensure(actor: Actor, id: string): Promise<void> {
    if (await this.find(id)) return;
    await this.create(actor, id, {}, undefined).catch((cause: unknown) => {
      // Another node was quicker.
      if (!(cause instanceof CodedError && /exists$/.test(cause.message))) throw cause;
    });
  }

  /** All of them, in their order. */
  async *ids(): AsyncIterableIterator<string> {
    for (let after = ''; ;) {
      const { rows } = await this.#deps.store.read(
        sql`SELECT id FROM directory_orgs WHERE id > ${after} ORDER BY id LIMIT ${IDS_AT_ONCE}`,
      );
      const ids = rows.map((row) => row['id'] as string);
      yield* ids;
      after = ids.at(-1) ?? '';
      if (ids.length < IDS_AT_ONCE) return;
    }
  }

  /** Quotas of orgs that have any, at most `limit`. */
  async quotas(limit: number): Promise<ReadonlyMap<string, Quotas>> {
    const { rows } = await this.#deps.store.read(
      sql`SELECT id, quotas FROM directory_orgs WHERE quotas <> '{}'::jsonb ORDER BY id LIMIT ${limit}`,
    );
    return new Map(rows.map((row) => [row['id'] as string, row['quotas'] as Quotas]));
  }
}

export function noOrg(): CodedError {
  return new CodedError('notFound', 'org');
}

function orNull(value: unknown): string | null {
  return value === undefined ? null : json(value);
}

function one({ rows }: { readonly rows: readonly Row[] }): OrgRecord {
  return toOrg(rows[0] as Row);
}

function toOrg(row: Row): OrgRecord {
  return {
    id: row['id'] as string,
    name: row['name'] as string,
    clusters: row['clusters'] as string[],
    kubernetes: row['kubernetes'] as OrgRecord['kubernetes'],
    quotas: row['quotas'] as Quotas,
    members: Number(row['members']),
    createdMs: row['created_ms'] as number,
    updatedMs: row['updated_ms'] as number,
  };
}
