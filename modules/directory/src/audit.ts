/**
 * The audit log: who did what to what. Records are appended by the unit of work of what they tell of, and never changed; the oldest go by age and by
 * number. Readers get their org's, operators may also read that of the installation.
 */
import type { Clock } from '@trunkline/base';
import type { AuditRecord } from '@trunkline/contracts/directory';
import {
  json,
  sql,
  type Row,
  type SqlResult,
  type Statement,
  type Committing,
  type Reading,
} from '@trunkline/store';
import { pageOf, type Page } from './pages.js';
import type { Actor, AuditEntry } from './types.js';

/** The statement that appends a record, for the unit of what it tells of. */
export function auditStatement(
  actor: Actor,
  atMs: number,
  { org, action, target, details = {} }: AuditEntry,
): Statement {
  return sql`INSERT INTO directory_audit (org, at_ms, actor, action, target, request_id, address, details)
    VALUES (${org}, ${atMs}, ${actor.user}, ${action}, ${target}, ${actor.requestId}, ${actor.address}, ${json(details)})`;
}

export interface AuditFilter {
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  readonly target?: string | undefined;
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
  readonly limit?: number | undefined;
  readonly after?: string | undefined;
}

const AUDIT_LIMIT = 100;
/** Records that one turn of the sweep deletes. */
const SWEEP_ROWS = 1_000;

/** Newest first. `org` '': the installation's. */
export async function readAudit(
  store: Reading,
  org: string,
  filter: AuditFilter,
): Promise<Page<AuditRecord>> {
  const { actor = null, action = null, target = null, limit = AUDIT_LIMIT, after } = filter;
  const { sinceMs = 0, untilMs = Number.MAX_SAFE_INTEGER } = filter;
  const family = action?.endsWith('.') === true;
  const { rows } = await store.read(
    sql`SELECT id, org, at_ms, actor, action, target, request_id, address, details FROM directory_audit
      WHERE org = ${org} AND id < ${toId(after)}::bigint AND at_ms >= ${sinceMs}::bigint AND at_ms <= ${untilMs}::bigint
        AND (${actor}::text IS NULL OR actor = ${actor}) AND (${target}::text IS NULL OR target = ${target})
        AND (${action}::text IS NULL OR (CASE WHEN ${family}::boolean THEN starts_with(action, ${action}) ELSE action = ${action} END))
      ORDER BY id DESC LIMIT ${limit + 1}`,
  );
  return pageOf(rows.map(toRecord), limit, ({ id }) => String(id));
}

/** Deletes what is too old or too many, a bounded number; answers how many. */
export async function sweepAudit(
  store: Committing,
  clock: Clock,
  options: { readonly auditRetentionMs: number; readonly auditMaxRecords: number },
): Promise<number> {
  const cutoff = clock.now() - options.auditRetentionMs;
  const old = sql`DELETE FROM directory_audit WHERE id IN
    (SELECT id FROM directory_audit WHERE at_ms < ${cutoff} ORDER BY at_ms LIMIT ${SWEEP_ROWS})`;
  // Identities are given without large holes: the number of records is close to the distance between the ends.
  const many = sql`DELETE FROM directory_audit WHERE id IN
    (SELECT id FROM directory_audit WHERE id <= (SELECT max(id) FROM directory_audit) - ${options.auditMaxRecords}::bigint ORDER BY id LIMIT ${SWEEP_ROWS})`;
  const results: readonly SqlResult[] = await store.commit({ statements: [old, many] });
  return results.reduce((sum, { count }) => sum + count, 0);
}

function toId(after: string | undefined): string {
  return after !== undefined && /^\d{1,18}$/.test(after) ? after : '9223372036854775807';
}

function toRecord(row: Row): AuditRecord {
  return {
    id: row['id'] as number,
    org: row['org'] as string,
    atMs: row['at_ms'] as number,
    actor: row['actor'] as string,
    action: row['action'] as string,
    target: row['target'] as string,
    requestId: row['request_id'] as string,
    address: row['address'] as string,
    details: row['details'] as Record<string, unknown>,
  };
}
