/**
 * One list's channel as a view reads it: which keys changed since it last looked, how current the list is, and how many rows it holds. The entries themselves lie in
 * the client's map feed, which all views of the channel share.
 */
import type { MapSubscription } from '../map.js';
import { healthOf, loading } from './health.js';
import { leaseClient, type ClientLease, type LiveOptions } from './options.js';
import type { Holder, Rows } from './rows.js';
import type { Health, KubeObject, ListHealth, LiveClient } from './types.js';

const MIN_CHANGED = 4_096;

export interface FeedDeps {
  readonly client: LiveClient;
  readonly options: LiveOptions;
  /** Something changed; told at once, as often as it happens. */
  readonly touched: () => void;
}

export class ListFeed<T> implements Holder {
  readonly cluster: string;
  /** Undefined: all namespaces, or a kind without. */
  readonly namespace: string | undefined;
  readonly channel: string;
  readonly #deps: FeedDeps;
  readonly #rows: Rows<T>;
  readonly #lease: ClientLease;
  /** Keys that changed since `apply`, some more than once. */
  #changed: string[] = [];
  /** With more of them, those that are named twice are looked for. */
  #changedMax = MIN_CHANGED;
  #map: MapSubscription<unknown>;
  #unlisten: readonly (() => void)[] = [];
  #health: Health;
  #part: ListHealth | undefined;
  #partOf: Health | undefined;
  #loaded = false;
  #total = 0;
  /** Entries that were there before this feed came are looked at when the list is live: until then they may be those of a subscription that ended. */
  #inherits = false;
  /** After `freeze`: the keys that are still held. */
  #kept: readonly string[] | undefined;

  constructor(
    deps: FeedDeps,
    rows: Rows<T>,
    place: { readonly cluster: string; readonly namespace: string | undefined; readonly channel: string },
  ) {
    this.cluster = place.cluster;
    this.namespace = place.namespace;
    this.channel = place.channel;
    this.#deps = deps;
    this.#rows = rows;
    this.#health = loading(deps.client.now());
    this.#lease = leaseClient(deps.client, deps.options);
    this.#map = this.#open();
  }

  get health(): Health {
    return this.#health;
  }

  /** Rows of this list. */
  get total(): number {
    return this.#total;
  }

  /** Health and total for others; the same object while nothing of it changed. */
  get part(): ListHealth {
    const { cluster, namespace } = this;
    const [total, health] = [this.#total, this.#health];
    if (this.#part?.total !== total || this.#partOf !== health) {
      this.#part = { ...health, cluster, namespace, total };
      this.#partOf = health;
    }
    return this.#part;
  }

  /** All that the server had to say at first was applied. */
  get loaded(): boolean {
    return this.#loaded;
  }

  /** Ended by the server, with this code; undefined while it goes on, and where it is the connection that gave up. */
  get endedWith(): number | undefined {
    const continuity = this.#map.state.get();
    return continuity.kind === 'failed' && this.#lease.client.state.get().kind !== 'failed'
      ? continuity.code
      : undefined;
  }

  valueOf(key: string): unknown {
    return this.#map.getKey(key);
  }

  /** Brings rows and health up to what is known now. */
  apply(): void {
    const continuity = this.#map.state.get();
    if (this.#inherits && continuity.kind === 'live') this.#inherit();
    this.#takeChanges();
    // Entries that came although the source is not well are better than none, and are called stale.
    this.#loaded ||= continuity.kind === 'live' || this.#total > 0;
    this.#health = healthOf(continuity, this.#loaded, this.#health, this.#deps.client.now());
  }

  /** Gives up the rows that `keeps` does not name, and changes no more. */
  freeze(keeps: (namespace: string) => boolean): void {
    if (this.#kept === undefined) this.#takeChanges();
    this.#unlisten.forEach((unlisten) => unlisten());
    this.#unlisten = [];
    this.#inherits = false;
    const held = this.#kept ?? [...this.#map.get().keys()];
    this.#kept = held.filter((key) => {
      if (keeps(namespaceOf(key))) return true;
      this.#drop(key);
      return false;
    });
  }

  /** After its end: once more, keeping what is shown until there is news. */
  reopen(): void {
    const before = this.#map;
    this.#unlisten.forEach((unlisten) => unlisten());
    this.#kept = undefined;
    this.#map = this.#open();
    before.close();
  }

  close(): void {
    this.freeze(() => false);
    this.#map.close();
    this.#lease.release();
  }

  #open(): MapSubscription<unknown> {
    const { delta } = this.#deps.options;
    const map = this.#lease.client.map(this.channel, delta ? { versionOf, delta: 'fossil' } : { versionOf });
    this.#inherits = map.get().size > 0;
    if (map.state.get().kind === 'stale') this.#inherit(map);
    const touch = (keys: readonly string[]): void => {
      // Where some wait already, the view is to look again already.
      if (this.#changed.length === 0) {
        this.#deps.touched();
        // Those of one call are not named twice.
        this.#changedMax = Math.max(MIN_CHANGED, 2 * keys.length);
      }
      for (const key of keys) this.#changed.push(key);
      if (this.#changed.length > this.#changedMax) this.#forgetRepeated();
    };
    this.#unlisten = [map.subscribeChanges(touch), map.state.subscribe(this.#deps.touched)];
    return map;
  }

  #inherit(map = this.#map): void {
    this.#inherits = false;
    for (const key of map.get().keys()) this.#changed.push(key);
  }

  /** Where nobody looks for long, as many are kept as there are keys, and no more than that again. */
  #forgetRepeated(): void {
    this.#changed = [...new Set(this.#changed)];
    this.#changedMax = Math.max(MIN_CHANGED, 2 * this.#changed.length);
  }

  #takeChanges(): void {
    for (const key of this.#changed) {
      const value = this.#map.getKey(key);
      if (value === undefined) this.#drop(key);
      else if (this.#rows.put(this, key, value)) this.#total++;
    }
    this.#changed = [];
    this.#changedMax = MIN_CHANGED;
  }

  #drop(key: string): void {
    if (this.#rows.drop(this, key)) this.#total--;
  }
}

/** Objects of two versions are never equal; two objects of one version may still differ. */
function versionOf(value: unknown): unknown {
  return (value as KubeObject | null)?.metadata?.resourceVersion;
}

/** '' for a kind without namespaces. */
export function namespaceOf(key: string): string {
  return key.slice(0, Math.max(0, key.indexOf('/')));
}
