/**
 * What the store's statements do, told by their first words: a reading of the SQL in packages/store that knows nothing else. A statement that
 * it does not know is a defect of the simulation, and says so.
 */
import { LANES } from '@trunkline/store/simulation';
import { Refused, text, type Database, type Row, type Transaction } from './database.js';

export interface Result {
  readonly rows: readonly Row[];
  readonly count: number;
}

/** As they are sent: text, or null. Arrays in PostgreSQL's own writing. */
type Parameters = readonly (string | null)[];
type Run = (transaction: Transaction, parameters: Parameters, database: Database) => Promise<Result> | Result;

/** What modules of a simulation commit beside their publications. */
export const ADD_EFFECT = 'INSERT INTO sim_effects (name, org, n) VALUES ($1, $2, $3)';

const NOTHING: Result = { rows: [], count: 0 };

const STATEMENTS: readonly (readonly [RegExp, Run])[] = [
  [/^\s*WITH input AS \([\s\S]*INSERT INTO store_outbox/, append],
  [
    /^\s*SELECT c\.epoch, c\.top, [\s\S]*ASC LIMIT/,
    (transaction, parameters) => read(transaction, parameters, false),
  ],
  [
    /^\s*SELECT c\.epoch, c\.top, [\s\S]*DESC LIMIT/,
    (transaction, parameters) => read(transaction, parameters, true),
  ],
  [/^\s*INSERT INTO store_channels/, ask],
  [/^\s*DELETE FROM store_publications WHERE ctid/, trim],
  [/^\s*WITH due AS \([\s\S]*store_lanes/, claimLanes],
  [/^\s*WITH waiting AS \(/, (transaction, parameters) => waiting(transaction, parameters, () => true)],
  [/^\s*DELETE FROM store_outbox WHERE id/, dispatched],
  [/^\s*UPDATE store_lanes SET owner = NULL/, release],
  [/^\s*SELECT 1 FROM store_outbox/, (transaction) => rowsOf(transaction.rows('outbox').slice(0, 1))],
  [
    /^\s*SELECT count\(\*\) AS depth/,
    (transaction) => rowsOf([{ depth: transaction.rows('outbox').length }]),
  ],
  [/^\s*INSERT INTO store_idempotency/, claimKey],
  [/^\s*UPDATE store_idempotency SET result/, storeResult],
  [/^\s*SELECT i\.hash, i\.result, s\.seq/, lookUp],
  [/^\s*INSERT INTO store_sequences/, takeTurn],
  [/^SELECT version\(\)/, () => rowsOf([{ version: 'simulated' }])],
  [/^SELECT pg_notify/, (transaction) => ((transaction.wakes = true), rowsOf([{}]))],
  [/^INSERT INTO sim_effects/, addEffect],
];

/** By text: a store says few different things. */
const KNOWN = new Map<string, Run>();

/** Carries out one statement. Throws `Refused`. */
export async function execute(
  database: Database,
  transaction: Transaction,
  sql: string,
  given: readonly unknown[],
): Promise<Result> {
  const run = KNOWN.get(sql) ?? STATEMENTS.find(([pattern]) => pattern.test(sql))?.[1];
  if (!run) throw new Refused('42601', `the simulated database does not know: ${sql.trim().slice(0, 120)}`);
  KNOWN.set(sql, run);
  const parameters = given.map((value) => (value === null || value === undefined ? null : String(value)));
  return run(transaction, parameters, database);
}

// ------------------------------------------------------------ channels

async function append(transaction: Transaction, parameters: Parameters, database: Database): Promise<Result> {
  const columns = parameters.slice(0, 10).map(list);
  const now = Number(parameters[10]);
  const input = (columns[0] ?? []).map((_, at) => columns.map((column) => column[at] ?? null));
  const keyOf = ([org, channel]: readonly (string | null)[]): string => `${org} ${channel}`;
  const tops = new Map<string, number>();
  for (const key of [...new Set(input.map(keyOf))].sort()) {
    await transaction.lock('channels', key);
    const own = input.filter((row) => keyOf(row) === key);
    const [org = '', channel = '', , , , , size, ttlMs, epoch = ''] = own.at(-1) ?? [];
    const known = transaction.get('channels', key);
    const top = Number(known?.['top'] ?? 0);
    tops.set(key, top);
    transaction.set('channels', key, {
      ...(known ?? { org, channel, epoch, floor: 0 }),
      top: top + own.length,
      size: Number(size),
      ttl_ms: Number(ttlMs),
      last_ms: Math.max(Number(known?.['last_ms'] ?? 0), now),
    });
  }
  const rows = input.map((row): Row => {
    const [org = '', channel = '', data = null, bytes = null, tags = null, info = null, , , , lane] = row;
    const key = keyOf(row);
    const offset = (tops.get(key) ?? 0) + 1;
    tops.set(key, offset);
    const { epoch = '', last_ms: timeMs = 0 } = transaction.get('channels', key) ?? {};
    transaction.set('publications', `${key} ${offset}`, {
      org,
      channel,
      offset,
      data,
      bytes,
      tags,
      info,
      time_ms: timeMs,
    });
    const id = database.nextNumber('outbox');
    transaction.set('outbox', String(id), { id, lane: Number(lane), org, channel, offset });
    return { epoch, offset };
  });
  return rowsOf(rows);
}

function read(transaction: Transaction, parameters: Parameters, reverse: boolean): Result {
  const [org, channel, epochAsked, above, below, now, limit] = parameters;
  const found = transaction.get('channels', `${org} ${channel}`);
  if (!found) return NOTHING;
  const { epoch = '', top = 0, floor, size, ttl_ms: ttlMs } = found;
  const first = Math.max(Number(floor), Number(top) - Number(size), Number(above)) + 1;
  const last = Math.min(Number(top), Number(below) - 1);
  const publications: Row[] = [];
  for (let offset = first; offset <= last && (epochAsked === '' || epochAsked === epoch); offset++) {
    const row = transaction.get('publications', `${org} ${channel} ${offset}`);
    if (row && (Number(ttlMs) === 0 || Number(row['time_ms']) > Number(now) - Number(ttlMs)))
      publications.push(row);
  }
  if (reverse) publications.reverse();
  const rows = publications.slice(0, Number(limit)).map((row) => ({ ...row, epoch, top }));
  return rowsOf(rows.length > 0 ? rows : [{ epoch, top, offset: null }]);
}

async function ask(transaction: Transaction, parameters: Parameters): Promise<Result> {
  const [org = '', channel = '', epoch = '', size, ttlMs, now] = parameters;
  const key = `${org} ${channel}`;
  await transaction.lock('channels', key);
  if (transaction.get('channels', key)) return NOTHING;
  const row = {
    org,
    channel,
    epoch,
    top: 0,
    floor: 0,
    size: Number(size),
    ttl_ms: Number(ttlMs),
    last_ms: Number(now),
  };
  transaction.set('channels', key, row);
  return { rows: [], count: 1 };
}

function trim(transaction: Transaction, parameters: Parameters): Result {
  const [orgs = [], channels = []] = parameters.slice(0, 2).map(list);
  const waits = new Set(
    transaction.rows('outbox').map((row) => `${row['org']} ${row['channel']} ${row['offset']}`),
  );
  let count = 0;
  for (const [at, org] of orgs.entries()) {
    const key = `${org} ${channels[at]}`;
    const { top = 0, size = 0 } = transaction.get('channels', key) ?? {};
    for (let offset = 1; offset <= Number(top) - Number(size); offset++) {
      const place = `${key} ${offset}`;
      if (waits.has(place) || !transaction.get('publications', place)) continue;
      transaction.set('publications', place, null);
      count++;
    }
  }
  return { rows: [], count };
}

// ------------------------------------------------------------ outbox

function waiting(
  transaction: Transaction,
  parameters: Parameters,
  wanted: (lane: number) => boolean,
): Result {
  const [orgs = [], channels = []] = parameters.slice(0, 2).map(list);
  const out = new Set(orgs.map((org, at) => `${org} ${channels[at]}`));
  const rows = transaction
    .rows('outbox')
    .filter((row) => wanted(Number(row['lane'])) && !out.has(`${row['org']} ${row['channel']}`))
    .sort((left, right) => Number(left['id']) - Number(right['id']))
    .slice(0, Number(parameters[2]));
  return rowsOf(
    rows.map((row) => {
      const { epoch = null } = transaction.get('channels', `${row['org']} ${row['channel']}`) ?? {};
      const publication = transaction.get('publications', `${row['org']} ${row['channel']} ${row['offset']}`);
      return { time_ms: null, ...publication, ...row, epoch };
    }),
  );
}

function claimLanes(transaction: Transaction, parameters: Parameters, { time }: Database): Result {
  const [, , , owner = '', leaseMs] = parameters;
  const now = time.monotonic();
  const busy = new Set(transaction.rows('outbox').map((row) => Number(row['lane'])));
  const held = new Set<number>();
  for (let lane = 0; lane < LANES; lane++) {
    const row = transaction.get('lanes', String(lane));
    const free = row === undefined || row['owner'] === owner || Number(row['until']) < now;
    if (!free || !busy.has(lane) || !transaction.tryLock('lanes', String(lane))) continue;
    transaction.set('lanes', String(lane), { lane, owner, until: now + Number(leaseMs) });
    held.add(lane);
  }
  return waiting(transaction, parameters, (lane) => held.has(lane));
}

async function dispatched(transaction: Transaction, parameters: Parameters): Promise<Result> {
  let count = 0;
  for (const id of list(parameters[0])) {
    await transaction.lock('outbox', String(id));
    if (!transaction.get('outbox', String(id))) continue;
    transaction.set('outbox', String(id), null);
    count++;
  }
  return { rows: [], count };
}

async function release(transaction: Transaction, [owner]: Parameters): Promise<Result> {
  let count = 0;
  for (let lane = 0; lane < LANES; lane++) {
    if (transaction.get('lanes', String(lane))?.['owner'] !== owner) continue;
    await transaction.lock('lanes', String(lane));
    if (transaction.get('lanes', String(lane))?.['owner'] !== owner) continue;
    transaction.set('lanes', String(lane), { lane, owner: null, until: -1 });
    count++;
  }
  return { rows: [], count };
}

// ------------------------------------------------------------ keys

async function claimKey(transaction: Transaction, parameters: Parameters): Promise<Result> {
  const [org, principal, method, key, hash = '', result = null, created, cutoff] = parameters;
  const place = [org, principal, method, key].join(' ');
  await transaction.lock('keys', place);
  const known = transaction.get('keys', place);
  if (known && Number(known['created_ms']) > Number(cutoff)) return NOTHING;
  transaction.set('keys', place, { hash, result, created_ms: Number(created) });
  return { rows: [], count: 1 };
}

function storeResult(
  transaction: Transaction,
  [org, principal, method, key, result = null]: Parameters,
): Result {
  const place = [org, principal, method, key].join(' ');
  const known = transaction.get('keys', place);
  if (!known) return NOTHING;
  transaction.set('keys', place, { ...known, result });
  return { rows: [], count: 1 };
}

function lookUp(transaction: Transaction, parameters: Parameters): Result {
  const [org, principal, method, key, cutoff, line] = parameters;
  const found = transaction.get('keys', [org, principal, method, key].join(' '));
  const known = found && Number(found['created_ms']) > Number(cutoff) ? found : undefined;
  const sequence = line === null ? undefined : transaction.get('sequences', `${org} ${principal} ${line}`);
  return rowsOf([
    { hash: known?.['hash'] ?? null, result: known?.['result'] ?? null, seq: sequence?.['seq'] ?? null },
  ]);
}

async function takeTurn(transaction: Transaction, parameters: Parameters): Promise<Result> {
  const [org, principal, line, seq] = parameters;
  const place = `${org} ${principal} ${line}`;
  await transaction.lock('sequences', place);
  const known = transaction.get('sequences', place);
  if (known && Number(known['seq']) >= Number(seq)) return NOTHING;
  transaction.set('sequences', place, { seq: Number(seq) });
  return { rows: [], count: 1 };
}

function addEffect(
  transaction: Transaction,
  [name = '', org = '', n]: Parameters,
  database: Database,
): Result {
  transaction.set('effects', String(database.nextNumber('effects')), {
    name: text({ name }, 'name'),
    org,
    n: Number(n),
  });
  return { rows: [], count: 1 };
}

// ------------------------------------------------------------ values

function rowsOf(rows: readonly Row[]): Result {
  return { rows, count: rows.length };
}

/** An array as it is sent: `{"a","b",NULL}`, quotes and backslashes escaped. */
function list(value: string | null | undefined): (string | null)[] {
  const items: (string | null)[] = [];
  for (const [, quoted, plain] of (value ?? '').slice(1, -1).matchAll(/"((?:[^"\\]|\\[\s\S])*)"|([^,]+)/g))
    items.push(
      quoted !== undefined ? quoted.replace(/\\([\s\S])/g, '$1') : plain === 'NULL' ? null : (plain ?? null),
    );
  return items;
}
