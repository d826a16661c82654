/**
 * All objects of a question at one version: by WatchList where the server knows it, which gives the watch that goes on from there as well, else by a list in pages. It decides
 * between the two and remembers what the server taught; it keeps no objects.
 */
import type { Clock } from '@trunkline/base';
import type { KubeCluster } from '../cluster.js';
import { KubeError } from '../errors.js';
import type { KubeWatch, WatchEvent } from '../http/watch.js';
import type { KubeQuestion } from '../question.js';
import type { KubeObject } from '../wire/object.js';
import type { ReflectorOptions } from './options.js';

type Batches = AsyncIterator<readonly WatchEvent[]>;

/** A watch that stands where all that came before is known. */
export interface Flow {
  readonly watch: KubeWatch;
  /** Of a watch that was read already: where it goes on, and what came with the end of the initial objects. */
  readonly begun?: { readonly batches: Batches; readonly first: readonly WatchEvent[] };
}

export interface Initial {
  readonly objects: Iterable<KubeObject>;
  readonly version: string;
  /** The watch that goes on from there; undefined after a plain list. */
  readonly flow: Flow | undefined;
}

export interface InitialDeps {
  readonly clock: Clock;
  readonly cluster: Pick<KubeCluster, 'list' | 'listSlots' | 'withoutWatchList'>;
  /** Opens the watch of a WatchList. */
  readonly open: (signal: AbortSignal) => Promise<KubeWatch>;
  /** An object that is kept already; the same version of it is not kept twice. */
  readonly known: (key: string) => KubeObject | undefined;
  /** As `onArriving` of a sink. */
  readonly arriving: (objects: readonly KubeObject[] | undefined) => void;
}

export class InitialReader {
  readonly #deps: InitialDeps;
  readonly #question: KubeQuestion;
  readonly #options: ReflectorOptions;
  #plain: boolean;

  constructor(deps: InitialDeps, question: KubeQuestion, options: ReflectorOptions) {
    this.#deps = deps;
    this.#question = question;
    this.#options = options;
    this.#plain = !options.watchList;
  }

  /** Waits for a slot of the cluster, and holds it until all objects are here. */
  read(signal: AbortSignal): Promise<Initial> {
    return this.#deps.cluster.listSlots.run(
      async () => (await this.#watchList(signal)) ?? (await this.#list(signal)),
      signal,
    );
  }

  async #list(signal: AbortSignal): Promise<Initial> {
    const { cluster, known, arriving: onObjects } = this.#deps;
    const { maxObjects, maxBytes } = this.#options;
    const bounds = { maxObjects, maxBytes };
    const options = { ...bounds, signal, retries: 0, prune: this.#options, known, onObjects };
    const { items, version } = await cluster.list(this.#question, options);
    return { objects: items, version, flow: undefined };
  }

  /** Undefined where the server does not know it. */
  async #watchList(signal: AbortSignal): Promise<Initial | undefined> {
    const { withoutWatchList } = this.#deps.cluster;
    if (this.#plain || withoutWatchList.has(this.#question.group)) return undefined;
    let watch: KubeWatch;
    try {
      watch = await this.#deps.open(signal);
    } catch (error) {
      if (!(error instanceof KubeError) || (error.status !== 422 && error.status !== 400)) throw error;
      // A server that names our parameters knows them for none of its resources (old ones stumble over the second); anything else may be about this question.
      if (/sendInitialEvents|resourceVersionMatch/.test(error.message))
        withoutWatchList.add(this.#question.group);
      else this.#plain = true;
      return undefined;
    }
    try {
      const initial = await this.#readInitial(watch, signal);
      if (initial !== undefined) return initial;
    } catch (error) {
      watch.discard();
      throw error;
    }
    watch.discard();
    this.#plain = true;
    return undefined;
  }

  async #readInitial(watch: KubeWatch, signal: AbortSignal): Promise<Initial | undefined> {
    const batches = watch.batches[Symbol.asyncIterator]();
    const found = new Map<string, KubeObject>();
    const { arriving } = this.#deps;
    let bytes = 0;
    let isTold = true;
    arriving(undefined);
    for (;;) {
      const next = await this.#next(watch, batches, signal);
      if (next === undefined) return undefined;
      const arrived: KubeObject[] = [];
      for (const [index, event] of next.entries()) {
        if (event.kind === 'bookmark') {
          // The first bookmark of a WatchList is its end: this server takes it for an ordinary watch.
          if (!event.initialEventsEnd) return undefined;
          if (isTold && arrived.length > 0) arriving(arrived);
          const begun = { batches, first: next.slice(index + 1) };
          return { objects: found.values(), version: event.version, flow: { watch, begun } };
        }
        const { key } = event.object;
        bytes -= found.get(key)?.json.length ?? 0;
        if (event.kind === 'deleted') {
          found.delete(key);
          // What has gone has arrived: there is no word for that, and it is rare.
          if (isTold) arriving(undefined);
          isTold = false;
        } else {
          const object = this.#shared(event.object);
          found.set(key, object);
          bytes += object.json.length;
          arrived.push(object);
        }
      }
      if (isTold && arrived.length > 0) arriving(arrived);
      checkBounds(found.size, bytes, this.#options);
    }
  }

  /** The next batch; undefined where none came for too long. */
  async #next(
    watch: KubeWatch,
    batches: Batches,
    signal: AbortSignal,
  ): Promise<readonly WatchEvent[] | undefined> {
    let stalled = false;
    const timer = this.#deps.clock.setTimeout(() => {
      stalled = true;
      watch.discard();
    }, this.#options.initialSilenceMs);
    try {
      const next = await batches.next();
      if (next.done !== true) return next.value;
    } catch (error) {
      signal.throwIfAborted();
      if (stalled) return undefined;
      throw error;
    } finally {
      timer.cancel();
    }
    throw new KubeError('kubeConnectionLost', 'the server ended the watch before all objects were sent');
  }

  #shared(object: KubeObject): KubeObject {
    const known = this.#deps.known(object.key);
    const same = known?.uid === object.uid && known.version === object.version && object.version !== '';
    return same ? known : object;
  }
}

/** Throws `kubeTooLarge` naming the option. */
export function checkBounds(
  objects: number,
  bytes: number,
  { maxObjects, maxBytes }: Pick<ReflectorOptions, 'maxObjects' | 'maxBytes'>,
): void {
  if (objects > maxObjects)
    throw new KubeError('kubeTooLarge', `more than ${maxObjects} objects (maxObjects)`);
  if (bytes > maxBytes) throw new KubeError('kubeTooLarge', `more than ${maxBytes} bytes (maxBytes)`);
}
