/**
 * One map channel's entries, fed by its wire and shared by all its readers, so that a late one finds the state there. A map heals itself: after any loss
 * the transport package delivers the complete state again.
 */
import type { DeltaStats } from 'centrifuge';
import { randomId } from '@trunkline/base';
import { isHole, type Reset } from './continuity.js';
import { sameContinuity, type Continuity } from './continuity-view.js';
import { localError, toCodedError } from './errors.js';
import { MapStore, type MapChange, type MapReading } from './map-store.js';
import type { RawPublication, WireReader, WireSetup } from './reader.js';
import { Cell, Listeners, type Batch } from './store.js';
import type { WireDeps } from './wire.js';
import type { Lease, Wires } from './wires.js';

/** How long an accepted change is shown without its publication: longer than a delivery takes, short enough to correct a wrong guess. */
const SHOW_ACCEPTED_MS = 5_000;

/** One channel's entries, fed by one wire. */
export class MapFeed<T> implements WireReader {
  readonly channel: string;
  readonly store: MapStore<T>;
  readonly continuity: Cell<Continuity>;
  readonly decode: ((data: unknown) => T) | undefined;
  readonly #deps: WireDeps;
  readonly #batch: Batch;
  readonly #listeners: Listeners;
  readonly #byKey = new Map<string, Listeners>();
  readonly #changedKeys = new Set<string>();
  readonly #watchers = new Set<(keys: readonly string[]) => void>();
  #lease: Lease | undefined;
  #reset: Reset | undefined;
  #loadingSinceMs: number | undefined;

  constructor(
    deps: WireDeps,
    wires: Wires,
    batch: Batch,
    channel: string,
    setup: WireSetup,
    { decode, versionOf }: MapReading<T>,
  ) {
    this.channel = channel;
    this.decode = decode;
    this.#deps = deps;
    this.#batch = batch;
    this.#listeners = new Listeners(deps.options.report);
    this.store = new MapStore<T>(deps.options.maxPendingChanges, versionOf);
    this.#loadingSinceMs = deps.options.clock.now();
    this.continuity = new Cell<Continuity>(
      { kind: 'recovering', sinceMs: this.#loadingSinceMs },
      deps.options.report,
      sameContinuity,
    );
    this.#lease = wires.hold(channel, setup, this);
    this.changed();
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  subscribeKey(key: string, listener: () => void): () => void {
    let listeners = this.#byKey.get(key);
    if (listeners === undefined) this.#byKey.set(key, (listeners = new Listeners(this.#deps.options.report)));
    const own = listeners;
    const remove = own.add(listener);
    return () => {
      remove();
      if (own.size === 0 && this.#byKey.get(key) === own) this.#byKey.delete(key);
    };
  }

  /** `listener` must not throw. */
  subscribeChanges(listener: (keys: readonly string[]) => void): () => void {
    const own = (keys: readonly string[]): void => listener(keys);
    this.#watchers.add(own);
    return () => void this.#watchers.delete(own);
  }

  /** Shows the change, asks the server, and takes it back where the answer is no. */
  async change(change: MapChange<T>): Promise<void> {
    const { connection, options } = this.#deps;
    const id = randomId(options.random);
    if (!this.store.begin(id, change))
      throw localError(111, `too many requests: maxPendingChanges is ${options.maxPendingChanges}`);
    this.#touch([change.key]);
    try {
      const { centrifuge } = connection;
      await connection.busy(() =>
        change.kind === 'set'
          ? centrifuge.mapPublish(this.channel, change.key, change.value)
          : centrifuge.mapRemove(this.channel, change.key),
      );
    } catch (cause) {
      this.#touch(this.store.settle(id));
      throw toCodedError(cause, `changing "${change.key}" of ${this.channel}`);
    }
    this.store.accept(id);
    options.clock.setTimeout(() => this.#touch(this.store.settle(id)), SHOW_ACCEPTED_MS);
  }

  get deltas(): DeltaStats | undefined {
    return this.#lease?.wire.deltas;
  }

  release(): void {
    this.#lease?.release({ linger: false });
    this.#lease = undefined;
  }

  /** A subscription that was refused is tried again for a new reader. */
  restart(): void {
    this.#lease?.wire.restart();
  }

  // ------------------------------------------------------------ from the wire

  subscribed(): void {
    this.changed();
  }

  publication(publication: RawPublication): void {
    const { key = '', offset } = publication;
    const change = this.#changeOf(key, publication);
    if (change === undefined) return;
    const epoch = this.#lease?.wire.position?.epoch ?? '';
    const isOwn = publication.info !== undefined && publication.info.client === this.#deps.connection.client;
    this.#touch(this.store.apply(change, offset === 0 ? undefined : { epoch, offset }, isOwn));
  }

  sync(entries: readonly RawPublication[]): void {
    const values: [string, T][] = [];
    for (const entry of entries) {
      const change = this.#changeOf(entry.key ?? '', entry);
      if (change?.kind === 'set') values.push([change.key, change.value]);
    }
    this.#touch(this.store.replace(values, this.#lease?.wire.position));
    this.#reset = undefined;
    this.#loadingSinceMs = undefined;
    this.changed();
  }

  /** The newest value per key is there: nothing a map shows is missing. */
  gap(): void {}

  reset(reset: Reset): void {
    // The whole state follows on the heels of every unrecovered subscribe; only a loss in the middle leaves wrong entries on show.
    if (isHole(reset.reason)) this.#reset = reset;
    else {
      const shown = this.continuity.get();
      this.#loadingSinceMs ??= 'sinceMs' in shown ? shown.sinceMs : this.#deps.options.clock.now();
    }
    this.changed();
  }

  changed(): void {
    if (this.#lease) this.continuity.set(this.#lease.wire.continuity(this.#reset, this.#loadingSinceMs));
  }

  #changeOf(key: string, { data, removed }: RawPublication): MapChange<T> | undefined {
    if (removed === true) return { kind: 'remove', key };
    try {
      return { kind: 'set', key, value: this.decode ? this.decode(data) : (data as T) };
    } catch (error) {
      this.#deps.options.report(error, { where: 'decode', channel: this.channel });
      // The old value would be a lie, the new one cannot be shown.
      return { kind: 'remove', key };
    }
  }

  #touch(keys: readonly string[]): void {
    if (keys.length === 0) return;
    for (const watcher of this.#watchers) watcher(keys);
    if (this.#byKey.size > 0) for (const key of keys) this.#changedKeys.add(key);
    this.#batch.add(this.#flush);
  }

  readonly #flush = (): void => {
    const keys = [...this.#changedKeys];
    this.#changedKeys.clear();
    for (const key of keys) this.#byKey.get(key)?.notify();
    this.#listeners.notify();
  };
}
