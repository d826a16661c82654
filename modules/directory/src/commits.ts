/**
 * How the directory changes: a unit of work that holds the effect and its audit records, under an idempotency key where the caller gave one, and after
 * the commit the news of it. Every mutation of this module goes through here, so that none is without its record.
 */
import type { Clock } from '@trunkline/base';
import type { JsonValue, ResultsOf, Statement, Store } from '@trunkline/store';
import { auditStatement } from './audit.js';
import type { Actor, AuditEntry, OrgChange } from './types.js';

/** Which call it is, for a repeat. `request` must hold no secret in the clear: a hash of it is kept. */
export interface CallKey {
  readonly method: string;
  readonly key: string | undefined;
  readonly request: unknown;
}

export interface Mutation<S extends readonly Statement<unknown>[], R> {
  readonly statements: S;
  /** Sees the results inside the transaction; throws to roll back. */
  readonly check?: (results: ResultsOf<S>) => void;
  /** Kept for repeats: no secret. */
  readonly result: (results: ResultsOf<S>) => R;
  readonly audits: readonly AuditEntry[];
  readonly changes?: readonly OrgChange[];
}

export interface Committed<R> {
  readonly result: R;
  /** True: it took place earlier, and this is what was answered then. */
  readonly repeated: boolean;
}

export interface CommitsDeps {
  readonly clock: Clock;
  readonly store: Pick<Store, 'commit' | 'idempotency'>;
}

/** Told of every change that this node committed, after the commit. Must not throw. */
export type OnChange = (change: OrgChange) => void;

export class Commits {
  readonly #deps: CommitsDeps;
  readonly #listeners = new Set<OnChange>();

  constructor(deps: CommitsDeps) {
    this.#deps = deps;
  }

  /** Calls `listener` until the returned function is called. */
  listen(listener: OnChange): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** `prepare` may read; it is called only if there is no result of an earlier call. Fails as `Store.commit` does, and with what `check` throws. */
  async run<const S extends readonly Statement<unknown>[], R>(
    actor: Actor,
    call: CallKey,
    prepare: () => Mutation<S, R> | Promise<Mutation<S, R>>,
  ): Promise<Committed<R>> {
    let changes: readonly OrgChange[] = [];
    const toEffect = async () => {
      const mutation = await prepare();
      const count = mutation.statements.length;
      const own = (results: readonly unknown[]): ResultsOf<S> =>
        results.slice(0, count) as unknown as ResultsOf<S>;
      const now = this.#deps.clock.now();
      const audits = mutation.audits.map((entry) => auditStatement(actor, now, entry));
      changes = mutation.changes ?? [];
      const { check, result } = mutation;
      return {
        statements: [...mutation.statements, ...audits] as readonly Statement<unknown>[],
        ...(check
          ? {
              finish: (results: readonly unknown[]) => {
                check(own(results));
                return [];
              },
            }
          : {}),
        result: (results: readonly unknown[]) => result(own(results)),
      };
    };
    const committed = await this.#commit(actor, call, toEffect);
    if (!committed.repeated)
      for (const change of changes) for (const listener of this.#listeners) listener(change);
    return committed;
  }

  async #commit<R>(
    actor: Actor,
    { method, key, request }: CallKey,
    toEffect: () => Promise<{
      readonly statements: readonly Statement<unknown>[];
      readonly finish?: (results: readonly unknown[]) => readonly Statement<unknown>[];
      readonly result: (results: readonly unknown[]) => R;
    }>,
  ): Promise<Committed<R>> {
    const { store } = this.#deps;
    if (key === undefined) {
      const effect = await toEffect();
      return { result: effect.result(await store.commit(effect)), repeated: false };
    }
    const outcome = await store.idempotency.run(
      { org: actor.org, principal: actor.user, method, key, request },
      async () => {
        const effect = await toEffect();
        // Results are records of the contract: JSON by construction.
        return { ...effect, result: effect.result as (results: readonly unknown[]) => JsonValue };
      },
    );
    return { result: outcome.result as R, repeated: outcome.repeated };
  }
}
