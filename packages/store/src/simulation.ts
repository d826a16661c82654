/**
 * For simulations: the store on an engine of their own, which knows the store's statements and does what they say. Whether a database does the same is
 * what the contract suite tries (`@trunkline/store/testing`).
 */
import type { Engine } from './engine.js';
import { resolveStoreOptions, type StoreOptions } from './options.js';
import { assembleStore, type StoreDeps } from './store.js';
import type { Store } from './types.js';

export { ConnectionLost, type Engine, type Run, type Session, type SqlFailure, type Step } from './engine.js';
export { LANES } from './migrations/tables.js';

/** A store on an engine whose tables are there; it disposes the engine. Throws a RangeError that names a bad option. */
export function openStoreOn(
  deps: StoreDeps,
  engine: Engine,
  options: Omit<StoreOptions, 'database'> = {},
): Promise<Store> {
  const resolved = resolveStoreOptions({
    ...options,
    database: { kind: 'postgres', url: 'postgres://simulated' },
  });
  return assembleStore(deps, engine, resolved);
}
