/**
 * The audit log: who did what to what. Records are appended by the unit of work of what they tell of, and never changed; the oldest go by age and by
 * number. Readers get their org's, operators may also read that of the installation.
 */
import type { Clock } from '@trunkline/base';
import type { AuditRecord } from '@trunkline/contracts/directory';
import { json, sql, type Row, type Statement, type Committing, type Reading } from '@trunkline/store';
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
/** Records that one turn of a sweep deletes, and turns of one sweep: more than anybody can write until the next one. */
const SWEEP_ROWS = 1_000;
const SWEEP_TURNS = 100;
/** The longest logs, which are looked at where there are too many records. */
const MAX_LOGS = 1_000;

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

/**
 * Deletes what is too old or too many, a bounded number; answers how many. Where there are too many, the longest logs lose their
 * oldest: an org that changes things all the time shortens its own log, not that of another org or of the installation.
 */
export async function sweepAudit(
  store: Committing & Reading,
  clock: Clock,
  options: { readonly auditRetentionMs: number; readonly auditMaxRecords: number },
): Promise<number> {
  const cutoff = clock.now() - options.auditRetentionMs;
  const old = await inTurns(
    store,
    SWEEP_ROWS * SWEEP_TURNS,
    (rows) => sql`DELETE FROM directory_audit WHERE id IN
      (SELECT id FROM directory_audit WHERE at_ms < ${cutoff} ORDER BY at_ms LIMIT ${rows})`,
  );
  let many = 0;
  for (const { org, excess } of await findExcess(store, options.auditMaxRecords)) {
    many += await inTurns(
      store,
      excess,
      (rows) => sql`DELETE FROM directory_audit WHERE id IN
        (SELECT id FROM directory_audit WHERE org = ${org} ORDER BY id LIMIT ${rows})`,
    );
    if (many >= SWEEP_ROWS * SWEEP_TURNS) break;
  }
  return old + many;
}

async function inTurns(
  store: Committing,
  most: number,
  toStatement: (rows: number) => Statement,
): Promise<number> {
  let deleted = 0;
  for (let turn = 0; turn < SWEEP_TURNS && deleted < most; turn++) {
    const [{ count }] = await store.commit({
      statements: [toStatement(Math.min(SWEEP_ROWS, most - deleted))],
    });
    deleted += count;
    if (count < SWEEP_ROWS) break;
  }
  return deleted;
}

/** Of the longest logs, how many records are too many in each; none where all together are not. */
async function findExcess(
  store: Reading,
  maxRecords: number,
): Promise<readonly { readonly org: string; readonly excess: number }[]> {
  // Never less than the number of records, and quick: they are counted only where that is too much.
  const span = await store.read(sql`SELECT max(id) - min(id) + 1 AS span FROM directory_audit`);
  if (Number(span.rows[0]?.['span'] ?? 0) <= maxRecords) return [];
  const { rows } = await store.read(
    sql`SELECT org, count(*) AS records, sum(count(*)) OVER () AS total FROM directory_audit GROUP BY org ORDER BY count(*) DESC, org LIMIT ${MAX_LOGS}`,
  );
  const logs = rows.map((row) => ({ org: row['org'] as string, records: Number(row['records']) }));
  const others = Number(rows[0]?.['total'] ?? 0) - logs.reduce((sum, { records }) => sum + records, 0);
  const level = levelOf(
    logs.map(({ records }) => records),
    maxRecords - others,
  );
  return logs
    .map(({ org, records }) => ({ org, excess: records - level }))
    .filter(({ excess }) => excess > 0);
}

/** The highest length that logs may have for all together not to be more than `most`; at least 1, so that the last record of a log stays. */
function levelOf(lengths: readonly number[], most: number): number {
  let [low, high] = [1, Math.max(1, ...lengths)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (lengths.reduce((sum, length) => sum + Math.min(length, middle), 0) <= most) low = middle;
    else high = middle - 1;
  }
  return low;
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
