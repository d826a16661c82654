/**
 * The SQL port: what the store needs of a database. An engine lends sessions; a session runs a list of statements sent in one message and
 * says what came of it. Two implementations: `embedded/` (PGlite in a worker thread) and `postgres/` (a pool of connections). Nothing above
 * this port knows which one it is, except where a difference is named here.
 *
 * Errors come in two kinds. `SqlFailure` is the database's answer to a statement: the session is intact, and its transaction, if one is open, is
 * aborted. `ConnectionLost` means that no answer came: whatever transaction was open is gone, and whether a commit on its way took place is unknown.
 */
import type { Disposable } from '@trunkline/base';
import type { SqlResult } from './statement.js';
import type { EngineKind } from './types.js';

/** A statement with nothing left to decide. */
export interface Step {
  readonly sql: string;
  readonly parameters?: readonly unknown[];
  /** Rows a result may have; more is a failure. Default: any number. Only for statements that read: what changed rows is not undone by it. */
  readonly maxRows?: number;
}

/** What the database said about a statement. */
export interface SqlFailure {
  /** Five characters, PostgreSQL appendix A. `TL001`: more rows than a result may have. */
  readonly sqlState: string;
  readonly message: string;
  readonly constraint?: string;
  readonly detail?: string;
}

/** SQLSTATE of our own: a result with more than `maxRows` rows. */
export const TOO_MANY_ROWS = 'TL001';

/** Results of the steps before the first failure; with a failure, it is that of step `results.length`, and later steps were not run. */
export interface Run {
  readonly results: readonly SqlResult[];
  readonly failure?: SqlFailure;
}

/** No answer came. `cause` says why; it never travels. */
export class ConnectionLost extends Error {
  /** True when the statement took longer than it may. */
  readonly timedOut: boolean;
  constructor(message: string, options: { readonly cause?: unknown; readonly timedOut?: boolean } = {}) {
    super(message, { cause: options.cause });
    this.name = 'ConnectionLost';
    this.timedOut = options.timedOut ?? false;
  }
}

export interface Session {
  /**
   * Sends all steps in one message, stops at the first failure, and waits at most `timeoutMs` for the answer. Outside of a transaction a session
   * only reads. Rejects with `ConnectionLost`, or with the 107 of a parameter that no database can hold (nothing was sent then).
   */
  run(steps: readonly Step[], timeoutMs: number): Promise<Run>;
}

export interface Engine extends Disposable {
  readonly kind: EngineKind;
  /** True where no other process can use the database. */
  readonly exclusive: boolean;
  /**
   * True where a commit is sent apart from the statements before it. Then a statement that takes too long, which this engine can only end together
   * with everything under way, has certainly not been committed.
   */
  readonly commitsApart: boolean;
  /**
   * Lends a session to `use` alone and takes it back; one that was lost, or has a transaction open, is thrown away. Borrowers of a busy engine wait
   * in order. A borrower never borrows again inside: with one session that would wait for itself.
   */
  lend<T>(use: (session: Session) => Promise<T>): Promise<T>;
  /** Calls `run` when another process committed something for the outbox; a hint that may be lost. Engines that are exclusive never call. */
  onWake(run: () => void): void;
  /** The statement to add to a transaction so that other processes are woken by its commit, if there are any. */
  readonly wakeStep: Step | undefined;
  /** True where the data may be older than what was acknowledged: restored from a backup, or the machine died. Until `clearRewound`. */
  isRewound(): Promise<boolean>;
  clearRewound(): Promise<void>;
  /** See `Store.backup`. */
  backup(path: string): Promise<void>;
  /** Gives dead rows back where the database does not do so itself. */
  maintain(): Promise<void>;
}
