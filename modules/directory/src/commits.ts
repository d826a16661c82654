/**
 * How the directory changes: a unit of work that holds the effect, its audit records and the publications that tell of it, under an idempotency key where
 * the caller gave one. Every mutation of this module goes through here, so that none is without its record.
 */
import type { Clock } from '@trunkline/base';
import type { DirectoryChange } from '@trunkline/contracts/directory';
import { channelKey, type Position } from '@trunkline/protocol';
import type { JsonValue, Reading, ResultsOf, Statement, Store } from '@trunkline/store';
import { CHANGES, isOperator } from './access.js';
import { auditStatement } from './audit.js';
import type { Actor, AuditEntry, OrgChange } from './types.js';

/** The store as a server has it: opened when it is needed, told apart from one that does not answer. */
export interface StoreAccess extends Reading {
  use<T>(kind: 'read' | 'commit', work: (store: Store) => Promise<T>): Promise<T>;
}

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
  /** Of the publication that tells the actor's org of it. */
  readonly position?: Position;
}

export interface CommitsDeps {
  readonly clock: Clock;
  readonly store: StoreAccess;
}

/** Told of every change that this node committed, after the commit. Must not throw. */
export type OnChange = (change: OrgChange) => void;

/** Changes kept for readers that come back. */
const CHANGES_KEPT = { historySize: 200, historyTtlMs: 24 * 3_600_000 };

interface Effect<R> {
  readonly statements: readonly Statement<unknown>[];
  readonly finish?: (results: readonly unknown[]) => readonly Statement<unknown>[];
  readonly result: (results: readonly unknown[]) => R;
}

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
    let position: Position | undefined;
    const toEffect = async (store: Store): Promise<Effect<R>> => {
      const mutation = await prepare();
      const { check, result, statements } = mutation;
      changes = mutation.changes ?? [];
      const now = this.#deps.clock.now();
      const own = (results: readonly unknown[]): ResultsOf<S> =>
        results.slice(0, statements.length) as unknown as ResultsOf<S>;
      const news = changes.map((change) =>
        store.channels.append(channelKey(change.org, CHANGES), toData(change, now), CHANGES_KEPT),
      );
      const told = changes.findLastIndex(({ org }) => org === actor.org);
      return {
        statements: [
          ...statements,
          ...news,
          ...mutation.audits.map((entry) => auditStatement(actor, now, entry)),
        ],
        ...(check && { finish: (results: readonly unknown[]) => (check(own(results)), []) }),
        result: (results) => {
          position = told < 0 ? undefined : (results[statements.length + told] as Position);
          return result(own(results));
        },
      };
    };
    const { result, repeated } = await this.#deps.store.use('commit', (store) =>
      commit(store, actor, call, toEffect),
    );
    if (!repeated) for (const change of changes) for (const listener of this.#listeners) listener(change);
    return { result, repeated, ...(position && !repeated ? { position } : {}) };
  }
}

async function commit<R>(
  store: Store,
  actor: Actor,
  { method, key, request }: CallKey,
  toEffect: (store: Store) => Promise<Effect<R>>,
): Promise<Committed<R>> {
  if (key === undefined) {
    const effect = await toEffect(store);
    return { result: effect.result(await store.commit(effect)), repeated: false };
  }
  const call = { org: actor.org, principal: standingOf(actor), method, key, request };
  const outcome = await store.idempotency.run(call, async () => {
    const effect = await toEffect(store);
    // Results are records of the contract: JSON by construction.
    return { ...effect, result: effect.result as (results: readonly unknown[]) => JsonValue };
  });
  return { result: outcome.result as R, repeated: outcome.repeated };
}

/**
 * Whose repeat it is: names alone do not say, since an org may call its key like one of the installation, and a host application its user like one of the
 * directory. What one of them did is no answer to another.
 */
function standingOf({ user, session, ...actor }: Actor): string {
  return `${isOperator(actor) ? 'operator' : 'org'}/${session === undefined ? 'credential' : 'session'}/${user}`;
}

function toData({ org: _, ...change }: OrgChange, atMs: number): string {
  return JSON.stringify({ ...change, atMs } satisfies DirectoryChange);
}
