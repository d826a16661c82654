/** The feeds of a client, by channel: opened for the first reader, shared by the others, ended a while after the last one left. */
import { definedOnly } from './defined.js';
import { localError } from './errors.js';
import { MapFeed } from './map-feed.js';
import { MapSubscription, type MapOptions } from './map.js';
import type { WireSetup } from './reader.js';
import type { Batch } from './store.js';
import type { WireDeps } from './wire.js';
import { differenceOf, type Wires } from './wires.js';

interface Shared {
  readonly feed: MapFeed<unknown>;
  readonly setup: WireSetup;
  readers: number;
}

/** The feeds of a client, by channel; a feed lives as long as its last reader and then as long as its wire lingers. */
export class MapFeeds {
  readonly #deps: WireDeps;
  readonly #wires: Wires;
  readonly #batch: Batch;
  readonly #shared = new Map<string, Shared>();

  constructor(deps: WireDeps, wires: Wires, batch: Batch) {
    this.#deps = deps;
    this.#wires = wires;
    this.#batch = batch;
  }

  open<T>(channel: string, options: MapOptions<T>): MapSubscription<T> {
    if (options.enabled === false) return new MapSubscription<T>(this.#deps, channel, undefined, noop);
    const { data, token, getToken, filter, recovery, pageSize, delta } = options;
    const setup: WireSetup = definedOnly({
      type: 'map' as const,
      joinLeave: false,
      data,
      token,
      getToken,
      filter,
      recovery,
      pageSize,
      delta,
    });
    const shared = this.#share(channel, setup, options as MapOptions<unknown>);
    shared.readers++;
    let released = false;
    return new MapSubscription<T>(this.#deps, channel, shared.feed as MapFeed<T>, () => {
      if (released) return;
      released = true;
      shared.readers--;
      if (shared.readers === 0) this.#lingerThenRelease(channel, shared);
    });
  }

  dispose(): void {
    for (const { feed } of this.#shared.values()) feed.release();
    this.#shared.clear();
  }

  #share(channel: string, setup: WireSetup, options: MapOptions<unknown>): Shared {
    const held = this.#shared.get(channel);
    if (held !== undefined) {
      const differs = differenceOf(held.setup, setup);
      if (differs === undefined) {
        held.feed.restart();
        return held;
      }
      if (held.readers > 0)
        throw localError(
          1003,
          `conflict: channel "${channel}" is already subscribed with another "${differs}"`,
        );
      this.#end(channel, held);
    }
    const feed = new MapFeed<unknown>(this.#deps, this.#wires, this.#batch, channel, setup, options);
    const shared: Shared = { feed, setup, readers: 0 };
    this.#shared.set(channel, shared);
    return shared;
  }

  /** The wire is held for the linger, so that the entries stay true while nobody looks. */
  #lingerThenRelease(channel: string, shared: Shared): void {
    const { clock, lingerMs } = this.#deps.options;
    clock.setTimeout(() => {
      if (shared.readers === 0) this.#end(channel, shared);
    }, lingerMs);
  }

  #end(channel: string, shared: Shared): void {
    if (this.#shared.get(channel) === shared) this.#shared.delete(channel);
    shared.feed.release();
  }
}

function noop(): void {}
