/** Everything that can go wrong with an API server, at the call of a function. For tests of clients, and for showing the product's states. */
import { requireNumber, type Clock, type Logger, type Timer } from '@trunkline/base';
import type { Cluster } from './cluster/cluster.js';
import type { Listener } from './http/listener.js';
import type { ResourceType } from './model/resource-type.js';
import type { RequestFault, RequestFaults } from './request-faults.js';
import { expiredStatus } from './watching/watch.js';
import type { WatchHub, WatchMatch } from './watching/watch-hub.js';

const REVIVE_RETRY_MS = 1_000;

export class Faults {
  readonly #clock: Clock;
  readonly #cluster: Cluster;
  readonly #listener: Listener;
  readonly #watches: WatchHub;
  readonly #requests: RequestFaults;
  readonly #logger: Logger;
  /** Set while the server is gone. */
  #revival: Timer | undefined;
  #disposed = false;

  constructor(
    { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
    cluster: Cluster,
    listener: Listener,
    watches: WatchHub,
    requests: RequestFaults,
  ) {
    this.#clock = clock;
    this.#logger = logger;
    this.#cluster = cluster;
    this.#listener = listener;
    this.#watches = watches;
    this.#requests = requests;
  }

  /** Ends watches in order, as the server does when their time is over. Returns how many; so do the next ones. */
  endWatches(match?: WatchMatch): number {
    return this.#each(match, (watch) => watch.end());
  }

  /** Breaks the connections of watches. */
  cutWatches(match?: WatchMatch): number {
    return this.#each(match, (watch) => watch.cut());
  }

  /** Watches say nothing any more, without closing. */
  silenceWatches(match?: WatchMatch): number {
    return this.#each(match, (watch) => watch.silence());
  }

  /** Sends an ERROR event with code 410 and ends. */
  expireWatches(match?: WatchMatch): number {
    return this.#each(match, (watch) => watch.fail(expiredStatus(this.#cluster.version)));
  }

  /** The next event is cut in its middle; the watch then ends (default) or breaks. */
  truncateWatches(match?: WatchMatch, then: 'end' | 'cut' = 'end'): number {
    return this.#each(match, (watch) => watch.truncateNext(then));
  }

  /** Sends the last event again. */
  repeatLastEvent(match?: WatchMatch): number {
    return this.#watches.matching(match).filter((watch) => watch.repeatLast()).length;
  }

  /** Breaks every connection. */
  cutConnections(): void {
    this.#listener.dropConnections();
  }

  /** Spoils requests until the returned function is called or the rule has struck often enough. */
  onRequest(fault: RequestFault): () => void {
    return this.#requests.add(fault);
  }

  clearRequestFaults(): void {
    this.#requests.clear();
  }

  /** Forgets old versions, of one resource or all: watches and lists from there get 410. Open watches go on. */
  compact(type?: ResourceType): void {
    this.#cluster.compact(type);
  }

  /** As an API server that was just started: until it has read its roles it refuses everybody but `system:masters`, `/readyz` included. Returns what ends it. */
  refuseUntilReady(): () => void {
    this.#requests.rolesUnread = true;
    return () => (this.#requests.rolesUnread = false);
  }

  /** What a restart looks like from outside: connections break, watch caches and continue tokens are gone. */
  restart(): void {
    this.#cluster.compact();
    this.#listener.dropConnections();
  }

  /**
   * Gone for `downMs`: nothing listens; then back on the same port, restarted. Resolves when it is down. Where the port was taken
   * meanwhile, it is tried again every second.
   */
  async die(downMs: number): Promise<void> {
    requireNumber('downMs', downMs, 0);
    this.#reviveIn(downMs);
    await this.#listener.close();
  }

  /** Ends `die` early. Resolves when the server listens; at once where it was not gone. Rejects when the port was taken meanwhile. */
  async revive(): Promise<void> {
    if (this.#revival === undefined) return;
    this.#revival.cancel();
    this.#revival = undefined;
    this.#cluster.compact();
    await this.#listener.open();
  }

  #reviveIn(delayMs: number): void {
    this.#revival?.cancel();
    if (this.#disposed) return;
    this.#revival = this.#clock.setTimeout(() => {
      this.revive().catch((error: unknown) => {
        this.#logger.warn({ error }, 'the simulated API server could not come back');
        this.#reviveIn(REVIVE_RETRY_MS);
      });
    }, delayMs);
  }

  /** Makes an object `bytes` large by an annotation. Throws a RangeError when there is none. */
  inflate(type: ResourceType, namespace: string, name: string, bytes = 1_500_000): void {
    const stored = this.#cluster.get(type, namespace, name);
    if (stored === undefined) throw new RangeError(`${type.resource} ${namespace}/${name} is not there`);
    const { object } = stored;
    const annotations = { ...object.metadata.annotations, 'simulated/ballast': 'x'.repeat(bytes) };
    this.#cluster.put(type, { ...object, metadata: { ...object.metadata, annotations } });
  }

  /** Changes `count` objects of the resource in one turn, round and round. Returns how many changes were made: 0 where there is no object. */
  burst(type: ResourceType, count: number): number {
    const stored = this.#cluster.collection(type).sorted();
    for (let index = 0; stored.length > 0 && index < count; index++) {
      const object = this.#cluster.collection(type).get(stored[index % stored.length]?.key ?? '')?.object;
      if (object === undefined) continue;
      const annotations = { ...object.metadata.annotations, 'simulated/burst': String(index) };
      this.#cluster.put(type, { ...object, metadata: { ...object.metadata, annotations } });
    }
    return stored.length === 0 ? 0 : count;
  }

  dispose(): void {
    this.#disposed = true;
    this.#revival?.cancel();
    this.#revival = undefined;
  }

  #each(
    match: WatchMatch | undefined,
    act: (watch: ReturnType<WatchHub['matching']>[number]) => void,
  ): number {
    const watches = this.#watches.matching(match);
    for (const watch of watches) act(watch);
    return watches.length;
  }
}
