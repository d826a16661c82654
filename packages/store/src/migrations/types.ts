/** Migrations as modules write them: lists of SQL, each list with the name of its owner. */

/**
 * `expand` adds what the next version needs and leaves the running one working: it runs at start. `contract` removes what no running version
 * uses any more: it runs when an operator says so.
 */
export type Phase = 'expand' | 'contract';

export interface Migration {
  /** Unique in its list and never changed; by custom a number and words: `001-notes`. */
  readonly name: string;
  readonly phase: Phase;
  /** One SQL command each, run in one transaction. */
  readonly statements: readonly string[];
}

export interface MigrationSet {
  /** Who owns the tables: 1 to 24 of [a-z0-9_], beginning with a letter. Names of its tables and indexes begin with `<owner>_`. */
  readonly owner: string;
  /** In the order in which they run. */
  readonly migrations: readonly Migration[];
}

export interface MigrationStatus {
  readonly owner: string;
  readonly name: string;
  readonly phase: Phase;
  /** `unknown`: applied by a newer version, which this one can live with. */
  readonly state: 'applied' | 'pending' | 'unknown';
  /** Unix milliseconds; absent while pending. */
  readonly appliedMs?: number;
}

export interface Migrations {
  /**
   * Applies what is missing, in order, one transaction each; processes that start together wait for each other. Contract migrations run only with
   * `contract: true`. Answers the names applied, as `owner/name`.
   *
   * Fails with 1109: a list breaks the rules, an applied migration was changed, or a newer version has taken away what this one needs.
   */
  run(sets: readonly MigrationSet[], options?: { readonly contract?: boolean }): Promise<readonly string[]>;
  status(sets: readonly MigrationSet[]): Promise<readonly MigrationStatus[]>;
}
