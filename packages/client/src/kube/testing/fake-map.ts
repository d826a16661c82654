/** A map subscription whose wire is the test: what arrives is said by calls, and everything behind it is the real thing. For tests and benchmarks. */
import { openTrack } from '../../continuity.js';
import { continuityOf, type Continuity } from '../../continuity-view.js';
import { MapFeed } from '../../map-feed.js';
import { MapSubscription } from '../../map.js';
import { resolveClientOptions } from '../../options.js';
import { Batch } from '../../store.js';
import type { WireDeps } from '../../wire.js';
import type { Wires } from '../../wires.js';

export interface FakeMap {
  readonly map: MapSubscription<unknown>;
  set(key: string, data: unknown): void;
  remove(key: string): void;
  /** The whole state, live. */
  sync(entries: readonly (readonly [key: string, data: unknown])[]): void;
}

/** `versionOf` as its reader would give it. */
export function fakeMap(channel: string, versionOf: (value: unknown) => unknown): FakeMap {
  const options = resolveClientOptions({
    url: 'ws://test/',
    websocket: class {} as never,
    batch: 'microtask',
  });
  const deps = { connection: {}, options } as WireDeps;
  const open = {
    reset: undefined,
    loadingSinceMs: undefined,
    stale: false,
    connection: { kind: 'open' },
  } as const;
  const track = openTrack(0, { filtered: false, unexplained: false, cache: false }, undefined);
  let live = false;
  const wire = {
    position: { epoch: 'e', offset: 0 },
    continuity: (): Continuity => (live ? { kind: 'live' } : continuityOf(track, open)),
  };
  const wires = { hold: () => ({ wire, release: () => undefined }) } as unknown as Wires;
  const batch = new Batch(options.clock, 'microtask');
  const setup = { type: 'map', joinLeave: false } as const;
  const feed = new MapFeed<unknown>(deps, wires, batch, channel, setup, { versionOf });
  let offset = 0;
  return {
    map: new MapSubscription<unknown>(deps, channel, feed, () => feed.release()),
    set: (key, data) => feed.publication({ key, data, offset: ++offset }),
    remove: (key) => feed.publication({ key, data: null, removed: true, offset: ++offset }),
    sync: (entries) => {
      live = true;
      feed.sync(entries.map(([key, data]) => ({ key, data, offset: ++offset })));
    },
  };
}
