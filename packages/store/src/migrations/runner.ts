/**
 * Applies migrations: each in one transaction with the note that it was applied, in the owner's own table `<owner>_migrations`, under a lock that
 * processes starting together wait for. Applied names that this version does not know are a newer version's; with expand migrations that is fine.
 */
import { createHash } from 'node:crypto';
import type { Clock, Logger } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import { STORE_CODES } from '../codes.js';
import type { Engine, Run, Session, Step } from '../engine.js';
import { SqlError, toUnavailable } from '../failures.js';
import { lintMigrations } from './lint.js';
import type { Migration, Migrations, MigrationSet, MigrationStatus, Phase } from './types.js';

export interface RunnerDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly engine: Engine;
}

/** For one migration, its wait for the lock included. An index over a large table takes its time. */
const MIGRATION_TIMEOUT_MS = 900_000;

/** Any number that others do not use: "trunk" in ASCII. */
const LOCK_KEY = '500085188203';

interface Applied {
  readonly name: string;
  readonly phase: Phase;
  readonly checksum: string;
  readonly appliedMs: number;
}

export class MigrationRunner implements Migrations {
  readonly #deps: RunnerDeps;

  constructor(deps: RunnerDeps) {
    this.#deps = deps;
  }

  async run(
    sets: readonly MigrationSet[],
    options: { readonly contract?: boolean } = {},
  ): Promise<readonly string[]> {
    const findings = sets.flatMap(lintMigrations);
    const first = findings[0];
    if (first) throw refused(`${first.migration}: ${first.message}`);
    const done: string[] = [];
    for (const set of sets) {
      const applied = await this.#prepare(set);
      const known = new Map(applied.map((entry) => [entry.name, entry]));
      checkApplied(set, known);
      for (const migration of set.migrations) {
        if (known.has(migration.name) || (migration.phase === 'contract' && options.contract !== true))
          continue;
        if (await this.#apply(set.owner, migration)) done.push(`${set.owner}/${migration.name}`);
      }
    }
    return done;
  }

  async status(sets: readonly MigrationSet[]): Promise<readonly MigrationStatus[]> {
    const status: MigrationStatus[] = [];
    for (const { owner, migrations } of sets) {
      const applied = new Map((await this.#applied(owner)).map((entry) => [entry.name, entry]));
      for (const { name, phase } of migrations) {
        const entry = applied.get(name);
        applied.delete(name);
        status.push(
          entry
            ? { owner, name, phase, state: 'applied', appliedMs: entry.appliedMs }
            : { owner, name, phase, state: 'pending' },
        );
      }
      for (const { name, phase, appliedMs } of applied.values())
        status.push({ owner, name, phase, state: 'unknown', appliedMs });
    }
    return status;
  }

  // ------------------------------------------------------------ inside

  /** Makes the owner's table of migrations where there is none; answers what it holds. */
  async #prepare({ owner }: MigrationSet): Promise<readonly Applied[]> {
    await this.#transact(owner, [
      {
        sql: `CREATE TABLE IF NOT EXISTS ${owner}_migrations (
                name text COLLATE "C" PRIMARY KEY, phase text NOT NULL, checksum text NOT NULL, applied_ms bigint NOT NULL
              )`,
      },
    ]);
    return this.#applied(owner);
  }

  async #applied(owner: string): Promise<readonly Applied[]> {
    const { results, failure } = await this.#lend((session) =>
      session.run(
        [
          {
            sql: `SELECT name, phase, checksum, applied_ms FROM ${owner}_migrations ORDER BY applied_ms, name LIMIT 10000`,
          },
        ],
        MIGRATION_TIMEOUT_MS,
      ),
    );
    // No table: nothing was applied.
    if (failure?.sqlState === '42P01') return [];
    if (failure) throw refused(`${owner}: status`, new SqlError(failure));
    return (results[0]?.rows ?? []).map((row) => ({
      name: row['name'] as string,
      phase: row['phase'] as Phase,
      checksum: row['checksum'] as string,
      appliedMs: row['applied_ms'] as number,
    }));
  }

  /** False where another process was quicker. */
  async #apply(owner: string, migration: Migration): Promise<boolean> {
    const name = `${owner}/${migration.name}`;
    const claim: Step = {
      sql: `INSERT INTO ${owner}_migrations (name, phase, checksum, applied_ms) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING`,
      parameters: [migration.name, migration.phase, checksumOf(migration), this.#deps.clock.now()],
    };
    const applied = await this.#transact(
      name,
      [claim],
      migration.statements.map((sql) => ({ sql })),
    );
    if (applied) this.#deps.logger.info({ migration: name }, 'migration applied');
    return applied;
  }

  /** `first`, and if the last of it changed a row or `then` is empty, `then`; in one transaction under the lock. */
  #transact(name: string, first: readonly Step[], then: readonly Step[] = []): Promise<boolean> {
    return this.#lend(async (session) => {
      const begin: readonly Step[] = [
        { sql: 'BEGIN READ WRITE' },
        { sql: `SET LOCAL statement_timeout = ${MIGRATION_TIMEOUT_MS}` },
        { sql: `SELECT pg_advisory_xact_lock(${LOCK_KEY})` },
        // Where a table is in use for long, starting later is better than making everybody queue behind us.
        { sql: "SET LOCAL lock_timeout = '30s'" },
      ];
      const opened = check(name, await session.run([...begin, ...first], MIGRATION_TIMEOUT_MS));
      if (then.length > 0 && opened.results.at(-1)?.count === 0) {
        await session.run([{ sql: 'ROLLBACK' }], MIGRATION_TIMEOUT_MS);
        return false;
      }
      check(name, await session.run([...then, { sql: 'COMMIT' }], MIGRATION_TIMEOUT_MS));
      return true;
    });
  }

  async #lend<T>(use: (session: Session) => Promise<T>): Promise<T> {
    try {
      return await this.#deps.engine.lend(use);
    } catch (cause) {
      throw toUnavailable(cause);
    }
  }
}

function checkApplied({ owner, migrations }: MigrationSet, applied: ReadonlyMap<string, Applied>): void {
  const known = new Set(migrations.map(({ name }) => name));
  for (const migration of migrations) {
    const entry = applied.get(migration.name);
    if (entry && entry.checksum !== checksumOf(migration))
      throw refused(
        `${owner}/${migration.name} was applied with another text; an applied migration is never changed`,
      );
  }
  for (const { name, phase } of applied.values())
    if (phase === 'contract' && !known.has(name))
      throw refused(
        `${owner}/${name} was applied by a newer version and took away what this one needs; run that version`,
      );
}

/** The text that counts: layout does not. */
function checksumOf({ statements }: Migration): string {
  const text = statements.map((statement) => statement.replace(/\s+/g, ' ').trim()).join(';');
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

function check(name: string, run: Run): Run {
  if (!run.failure) return run;
  throw refused(`${name}: ${run.failure.sqlState} ${run.failure.message}`, new SqlError(run.failure));
}

function refused(detail: string, cause?: Error): CodedError {
  return new CodedError(STORE_CODES.migrationRefused, detail, cause ? { cause } : undefined);
}
