/**
 * The store behind one query of a TanStack Query cache. It opens with a fetch, writes what it shows into the query, is kept while a component looks on and a while longer,
 * and ends with the query. Data that no store stands behind any more says that it is stale.
 */
import { createSystemClock, type Clock, type Timer } from '@trunkline/base';
import type { Readable } from '@trunkline/client';
import type { Health, LiveClient } from '@trunkline/client/kube';
import type { Query, QueryClient } from '@tanstack/react-query';

export interface LiveStore<Snapshot> extends Readable<Snapshot> {
  retry(): void;
  close(): void;
}

export interface LiveQueryOptions<Snapshot> {
  /** The client that the store reads through. */
  readonly client: LiveClient;
  readonly cache: QueryClient;
  readonly query: Query;
  /** Default 5,000: whoever goes back finds the list open. */
  readonly lingerMs: number | undefined;
  readonly open: () => LiveStore<Snapshot>;
}

interface Fetch<Snapshot> {
  readonly resolve: (shown: Snapshot) => void;
  readonly reject: (cause: unknown) => void;
}

const LINGER_MS = 5_000;
/** A fetch that still has nothing to show is answered with that, and why; milliseconds. */
const PATIENCE_MS = 5_000;

export class LiveQuery<Snapshot extends Health> {
  readonly #options: LiveQueryOptions<Snapshot>;
  readonly #clock: Clock = createSystemClock();
  readonly #unlisten: () => void;
  #store: LiveStore<Snapshot> | undefined;
  #linger: Timer | undefined;
  #patience: Timer | undefined;
  #fetches: Fetch<Snapshot>[] = [];

  constructor(options: LiveQueryOptions<Snapshot>) {
    this.#options = options;
    const { cache, query } = options;
    this.#unlisten = cache.getQueryCache().subscribe((event) => {
      if (event.query !== query) return;
      if (event.type === 'removed') this.end();
      // A fetch may end with what was shown when it was answered.
      else if (event.type === 'updated' && event.action.type === 'success') this.#correct();
      else if (event.type === 'observerAdded') this.#linger?.cancel();
      else if (event.type === 'observerRemoved' && query.getObserversCount() === 0) this.#leaveLater();
    });
  }

  get isOpen(): boolean {
    return this.#store !== undefined;
  }

  /**
   * What is shown once there is something, or after a while that it loads; opens the store where it is closed. Rejects with the refusal where there is nothing but that.
   */
  read(): Promise<Snapshot> {
    if (this.#store === undefined) {
      const store = this.#options.open();
      this.#store = store;
      store.subscribe(() => this.#changed(store));
    } else if (this.#store.get().state === 'failed') this.#store.retry();
    const shown = new Promise<Snapshot>((resolve, reject) => this.#fetches.push({ resolve, reject }));
    this.#patience ??= this.#clock.setTimeout(() => this.#answer(), PATIENCE_MS);
    this.#settle(this.#store);
    return shown;
  }

  /** The query is gone. */
  end(): void {
    this.#unlisten();
    this.#leave();
  }

  #changed(store: LiveStore<Snapshot>): void {
    if (store !== this.#store) return;
    if (this.#fetches.length > 0) return this.#settle(store);
    this.#show(store.get());
  }

  /** Answers the fetches that wait, as soon as there is an answer. */
  #settle(store: LiveStore<Snapshot>): void {
    if (store.get().state !== 'loading') this.#answer();
  }

  #answer(): void {
    this.#patience?.cancel();
    this.#patience = undefined;
    const store = this.#store;
    if (store === undefined) return;
    const shown = store.get();
    const fetches = this.#fetches.splice(0);
    const hasData = this.#options.query.state.data !== undefined;
    if (shown.state !== 'failed' || hasData) return fetches.forEach(({ resolve }) => resolve(shown));
    // With nothing on show there is nothing to keep: the next fetch opens anew.
    this.#close();
    for (const { reject } of fetches) reject(shown.error ?? new Error(shown.reason ?? 'failed'));
  }

  #correct(): void {
    if (this.#store !== undefined && this.#fetches.length === 0) this.#changed(this.#store);
  }

  #show(shown: Snapshot): void {
    const { cache, query } = this.#options;
    if (query.state.data !== shown) cache.setQueryData(query.queryKey, shown);
  }

  #leaveLater(): void {
    this.#linger?.cancel();
    this.#linger = this.#clock.setTimeout(() => this.#leave(), this.#options.lingerMs ?? LINGER_MS);
  }

  /** Nobody looks on any more. */
  #leave(): void {
    this.#linger?.cancel();
    const store = this.#store;
    if (store === undefined) return;
    this.#close();
    for (const { reject } of this.#fetches.splice(0))
      reject(new Error('nobody waits for this list any more'));
    const { query, client, cache } = this.#options;
    if (query.state.data === undefined || cache.getQueryCache().get(query.queryHash) !== query) return;
    const shown = store.get();
    // What was never shown is not old.
    const state = shown.state === 'loading' ? 'loading' : 'stale';
    this.#show({ ...shown, state, sinceMs: client.now(), reason: 'not open' });
  }

  #close(): void {
    this.#patience?.cancel();
    this.#patience = undefined;
    this.#store?.close();
    this.#store = undefined;
  }
}
