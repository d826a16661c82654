/**
 * Rows out of one database and into another, of either engine: lines of JSON, each a table's name and some of its rows as the database itself writes them.
 * That is how an embedded store becomes a PostgreSQL one. Tables of migrations do not travel: the other side has its own.
 */
import { CodedError } from '@trunkline/protocol';
import type { Engine, Run, Session, Step } from './engine.js';
import { toCodedError, toUnavailable } from './failures.js';
import type { Row } from './statement.js';

/** Rows of one line. */
const PAGE = 500;
const TIMEOUT_MS = 600_000;

/** Tables of the owners, those without references first; a table that refers to another one comes after it. */
export const TABLES = `
WITH RECURSIVE tables AS (
  SELECT c.oid, c.relname::text AS name FROM pg_class c
  WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    AND EXISTS (SELECT 1 FROM unnest($1::text[]) AS o(owner) WHERE starts_with(c.relname, o.owner || '_'))
    AND c.relname NOT LIKE '%\\_migrations' AND c.relname <> 'store_lanes'
), depths AS (
  SELECT oid, name, 0 AS depth FROM tables
  UNION
  SELECT t.oid, t.name, d.depth + 1 FROM tables t
  JOIN pg_constraint f ON f.conrelid = t.oid AND f.contype = 'f' AND f.confrelid <> t.oid
  JOIN depths d ON d.oid = f.confrelid WHERE d.depth < 20
)
SELECT name FROM depths GROUP BY name ORDER BY max(depth), name LIMIT 1000`;

/** Columns of a table, and its sequence columns. */
const IDENTITIES = `
SELECT attname::text AS name FROM pg_attribute
WHERE attrelid = $1::regclass AND attidentity <> '' AND NOT attisdropped LIMIT 100`;

/** Lines of all rows of one moment. Holds a session until the last line was taken: on the embedded engine nothing else is done meanwhile. */
export async function* exportRows(engine: Engine, owners: readonly string[]): AsyncIterable<string> {
  const lines = new Channel<string>();
  const work = engine
    .lend(async (session) => {
      const started = await query(session, [
        { sql: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' },
        { sql: TABLES, parameters: [owners] },
      ]);
      for (const { name } of rowsOf(started)) {
        const table = String(name);
        await query(session, [
          { sql: `DECLARE page NO SCROLL CURSOR FOR SELECT to_jsonb(t)::text AS row FROM ${table} t` },
        ]);
        for (;;) {
          const page = rowsOf(await query(session, [{ sql: `FETCH ${PAGE} FROM page` }]));
          if (page.length === 0) break;
          // Numbers stay as the database wrote them: no JSON is read here.
          if (
            !(await lines.put(
              `{"table":"${table}","rows":[${page.map(({ row }) => String(row)).join(',')}]}`,
            ))
          )
            return;
        }
        await query(session, [{ sql: 'CLOSE page' }]);
      }
      await query(session, [{ sql: 'COMMIT' }]);
    })
    .then(
      () => lines.end(),
      (cause: unknown) => lines.end(toUnavailable(cause)),
    );
  try {
    yield* lines;
  } finally {
    lines.stop();
    await work;
  }
}

/** Puts lines into empty tables, all or none. Answers the number of rows. */
export async function importRows(
  engine: Engine,
  lines: AsyncIterable<string> | Iterable<string>,
  last: readonly Step[],
): Promise<number> {
  try {
    return await engine.lend(async (session) => {
      await query(session, [
        { sql: 'BEGIN READ WRITE' },
        { sql: `SET LOCAL statement_timeout = ${TIMEOUT_MS}` },
      ]);
      const tables = new Set<string>();
      let rows = 0;
      for await (const line of lines) {
        if (line.trim() === '') continue;
        const table = tableOf(line);
        if (!tables.has(table)) await requireEmpty(session, table);
        tables.add(table);
        const inserted = await query(session, [
          {
            sql: `INSERT INTO ${table} OVERRIDING SYSTEM VALUE SELECT * FROM jsonb_populate_recordset(NULL::${table}, ($1::jsonb)->'rows')`,
            parameters: [line],
          },
        ]);
        rows += inserted.results[0]?.count ?? 0;
      }
      for (const table of tables) await restartIdentities(session, table);
      await query(session, [...last, { sql: 'COMMIT' }]);
      return rows;
    });
  } catch (cause) {
    throw toUnavailable(cause);
  }
}

async function requireEmpty(session: Session, table: string): Promise<void> {
  const found = await query(session, [{ sql: `SELECT 1 FROM ${table} LIMIT 1` }]);
  if (rowsOf(found).length > 0) throw new CodedError('conflict', `table ${table} is not empty`);
}

async function restartIdentities(session: Session, table: string): Promise<void> {
  const columns = rowsOf(await query(session, [{ sql: IDENTITIES, parameters: [table] }]));
  for (const { name } of columns)
    await query(session, [
      {
        sql: `SELECT setval(pg_get_serial_sequence($1, $2), (SELECT coalesce(max("${String(name)}"), 0) + 1 FROM ${table}), false)`,
        parameters: [table, String(name)],
      },
    ]);
}

function tableOf(line: string): string {
  const table = /^\{"table":"([a-z][a-z0-9_]{0,62})","rows":\[/.exec(line)?.[1];
  if (table === undefined) throw new CodedError('badRequest', 'a line that exportRows did not write');
  return table;
}

async function query(session: Session, steps: readonly Step[]): Promise<Run> {
  const run = await session.run(steps, TIMEOUT_MS);
  if (run.failure) throw toCodedError(run.failure, 'transfer');
  return run;
}

const rowsOf = ({ results }: Run): readonly Row[] => results.at(-1)?.rows ?? [];

/** One value at a time from a writer to a reader, who sets the pace. */
class Channel<T> implements AsyncIterable<T> {
  #value: { readonly value: T } | undefined;
  #ended: { readonly cause: unknown } | undefined;
  #stopped = false;
  #changed: () => void = () => undefined;
  #change = this.#newChange();

  /** Resolves when the value was taken; false when nobody wants more. */
  async put(value: T): Promise<boolean> {
    this.#value = { value };
    this.#notify();
    while (this.#value && !this.#stopped) await this.#change;
    return !this.#stopped;
  }

  end(cause?: unknown): void {
    this.#ended = { cause };
    this.#notify();
  }

  stop(): void {
    this.#stopped = true;
    this.#notify();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    for (;;) {
      const taken = this.#value;
      if (taken) {
        this.#value = undefined;
        this.#notify();
        yield taken.value;
      } else if (this.#ended) {
        if (this.#ended.cause !== undefined) throw this.#ended.cause;
        return;
      } else await this.#change;
    }
  }

  #notify(): void {
    const changed = this.#changed;
    this.#change = this.#newChange();
    changed();
  }

  #newChange(): Promise<void> {
    return new Promise((resolve) => (this.#changed = resolve));
  }
}
