/**
 * The PostgreSQL engine: a pool of connections, and one more that listens for wake-ups. A connection that was lost, did not answer in time or
 * has a transaction open is not used again. Versions 13 and later.
 */
import type { Clock, Logger, Random, Timer } from '@trunkline/base';
import { Backoff } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import pg from 'pg';
import { ConnectionLost, type Engine, type Run, type Session, type Step } from '../engine.js';
import { forgetFailed, StatementCache } from '../wire.js';
import { Pipeline } from './pipeline.js';

export interface PostgresDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`, with the parameters that libpq knows (`sslmode`, …). */
  readonly url: string;
  /** Connections of this process, the listening one aside. Default 5: one commits, the others read. */
  readonly maxConnections: number;
  /** Time for a connection to be made, or to become free. Default 5,000. */
  readonly connectTimeoutMs: number;
  /** The server ends a statement after this time. Default 10,000. */
  readonly statementTimeoutMs: number;
}

export const POSTGRES_DEFAULTS: Omit<PostgresOptions, 'url'> = {
  maxConnections: 5,
  connectTimeoutMs: 5_000,
  statementTimeoutMs: 10_000,
};

/** The channel of wake-ups; its messages are empty. */
const WAKE_CHANNEL = 'trunkline_outbox';

/** No server answers faster when asked again at once. */
const LISTEN_BACKOFF = { minDelayMs: 100, maxDelayMs: 10_000 };

export function openPostgres(deps: PostgresDeps, options: PostgresOptions): Engine {
  return new PostgresEngine(deps, options);
}

class PostgresEngine implements Engine {
  readonly kind = 'postgres';
  readonly exclusive = false;
  readonly commitsApart = false;
  readonly wakeStep: Step = { sql: `SELECT pg_notify('${WAKE_CHANNEL}', '')` };
  readonly #deps: PostgresDeps;
  readonly #options: PostgresOptions;
  readonly #pool: pg.Pool;
  /** Connections that know how they are used here, and what each has prepared. */
  readonly #statements = new WeakMap<pg.PoolClient, StatementCache>();
  #listener: pg.Client | undefined;
  #listenAgain: Timer | undefined;
  readonly #listenBackoff: Backoff;
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(deps: PostgresDeps, options: PostgresOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#listenBackoff = new Backoff(deps.random, LISTEN_BACKOFF);
    this.#pool = new pg.Pool({
      connectionString: options.url,
      max: options.maxConnections,
      connectionTimeoutMillis: options.connectTimeoutMs,
      application_name: 'trunkline',
      allowExitOnIdle: true,
    });
    // Idle connections that break are replaced by the pool; it says so here.
    this.#pool.on('error', (cause) =>
      deps.logger.warn({ cause: cause.message }, 'an idle connection to PostgreSQL was lost'),
    );
  }

  async lend<T>(use: (session: Session) => Promise<T>): Promise<T> {
    if (this.#closed) throw new CodedError('shuttingDown', 'store');
    const client = await this.#connect();
    let usable = true;
    // While lent, nobody else hears of its end, and an error event without a listener ends the process.
    const onError = (): void => void (usable = false);
    client.on('error', onError);
    let dirty = false;
    // After an error the package does not say when the server is ready, so the status it knows may be an old one.
    let failed = false;
    try {
      if (!this.#statements.has(client)) {
        this.#statements.set(client, new StatementCache());
        await this.#run(client, this.#settings(), this.#options.connectTimeoutMs);
      }
      return await use({
        run: async (steps, timeoutMs) => {
          dirty = true;
          const run = await this.#run(client, steps, timeoutMs);
          dirty = false;
          failed ||= run.failure !== undefined;
          return run;
        },
      });
    } catch (cause) {
      if (cause instanceof ConnectionLost) usable = false;
      throw cause;
    } finally {
      client.removeListener('error', onError);
      client.release(!usable || dirty || !(await this.#rolledBack(client, failed)));
    }
  }

  onWake(run: () => void): void {
    this.#wake = run;
    void this.#listen();
  }

  isRewound(): Promise<boolean> {
    // Whoever puts a server back to an older state says so: `DurableChannels.renewEpochs`.
    return Promise.resolve(false);
  }

  clearRewound(): Promise<void> {
    return Promise.resolve();
  }

  backup(): Promise<void> {
    return Promise.reject(
      new CodedError('notAvailable', 'backup: PostgreSQL is backed up with its own tools'),
    );
  }

  maintain(): Promise<void> {
    return Promise.resolve();
  }

  async dispose(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#listenAgain?.cancel();
    await this.#listener?.end().catch(() => undefined);
    await this.#pool.end();
  }

  // ------------------------------------------------------------ inside

  async #connect(): Promise<pg.PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (cause) {
      throw new ConnectionLost('no connection to PostgreSQL', { cause });
    }
  }

  async #run(client: pg.PoolClient, steps: readonly Step[], timeoutMs: number): Promise<Run> {
    const statements = this.#statements.get(client) ?? new StatementCache();
    const pipeline = new Pipeline(steps, statements);
    // The types of the package know queries of its own kind only.
    client.query(pipeline as unknown as pg.Submittable);
    let timer: Timer | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = this.#deps.clock.setTimeout(
        () => reject(new ConnectionLost(`no answer within ${timeoutMs} ms`, { timedOut: true })),
        timeoutMs,
      );
    });
    try {
      const run = await Promise.race([pipeline.answer, late]);
      forgetFailed(statements, steps, run);
      return run;
    } catch (cause) {
      if (cause instanceof ConnectionLost) throw cause;
      throw new ConnectionLost('the connection to PostgreSQL was lost', { cause });
    } finally {
      timer?.cancel();
    }
  }

  #settings(): readonly Step[] {
    return [
      { sql: 'SET default_transaction_read_only = on' },
      { sql: `SET statement_timeout = ${this.#options.statementTimeoutMs}` },
      // A transaction whose process hangs holds its locks no longer than this.
      { sql: `SET idle_in_transaction_session_timeout = ${this.#options.statementTimeoutMs * 3}` },
      { sql: "SET bytea_output = 'hex'" },
      { sql: "SET TimeZone = 'UTC'" },
    ];
  }

  /** Rolls back what a borrower left open; false where that could not be done. */
  async #rolledBack(client: pg.PoolClient, failed: boolean): Promise<boolean> {
    if (!failed && transactionStatus(client) === 'I') return true;
    try {
      await this.#run(client, [{ sql: 'ROLLBACK' }], this.#options.connectTimeoutMs);
      return true;
    } catch {
      return false;
    }
  }

  async #listen(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#options.url,
      connectionTimeoutMillis: this.#options.connectTimeoutMs,
      application_name: 'trunkline listener',
      keepAlive: true,
    });
    this.#listener = client;
    let ended = false;
    const onEnd = (): void => {
      if (ended || this.#closed) return;
      ended = true;
      void client.end().catch(() => undefined);
      this.#listenAgain = this.#deps.clock.setTimeout(() => void this.#listen(), this.#listenBackoff.next());
    };
    client.on('error', onEnd);
    client.on('end', onEnd);
    client.on('notification', () => this.#wake?.());
    try {
      await client.connect();
      await client.query(`LISTEN ${WAKE_CHANNEL}`);
      this.#listenBackoff.reset();
      // Something may have been committed while nobody listened.
      this.#wake?.();
    } catch (cause) {
      this.#deps.logger.debug({ cause: String(cause) }, 'not listening for wake-ups');
      onEnd();
    }
  }
}

/** `I` outside of a transaction, as the server said with its last answer. */
function transactionStatus(client: pg.PoolClient): string | null {
  const known = client as unknown as { getTransactionStatus?: () => string | null };
  return known.getTransactionStatus?.() ?? null;
}
