/**
 * Keeps a store equal to one question to one cluster: the list, then the watch, again and again. It decides when to list, when to go on from the last version and how long to wait; what a
 * list or a watch is, the cluster knows. One loop runs from `start` to `dispose`; nothing else touches the store.
 *
 *   no version → list (or WatchList) → watch from its version → ended, silent or lost → watch from the last version
 *                                                             → 410                  → list, told as the difference
 */
import type { Clock, Disposable, Logger, Random, Timer } from '@trunkline/base';
import { delay, orAbort } from '../abort.js';
import type { KubeCluster } from '../cluster.js';
import { KubeError } from '../errors.js';
import type { KubeWatch, WatchEvent } from '../http/watch.js';
import type { KubeQuestion } from '../question.js';
import type { KubeObject } from '../wire/object.js';
import { resolveReflectorOptions, type ReflectorOptions } from './options.js';
import { isRefusal, Patience } from './patience.js';
import { ChangeRing } from './ring.js';
import { ObjectStore, type Step } from './store.js';
import type { Change, ReflectorSink, ReflectorState } from './types.js';

export interface ReflectorDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly cluster: Pick<KubeCluster, 'list' | 'watch' | 'listSlots' | 'withoutWatchList'>;
  readonly sink: ReflectorSink;
}

export interface ReflectorStats {
  readonly objects: number;
  /** Bytes of JSON kept for them, in all and per object; what was parsed since is not counted. */
  readonly bytes: number;
  readonly bytesPerObject: number;
  readonly ringChanges: number;
  /** Lists that were read to their end (WatchList counts as one), and watches that were accepted. */
  readonly lists: number;
  readonly watches: number;
  readonly failures: number;
}

type Batches = AsyncIterator<readonly WatchEvent[]>;

/** A watch that stands where all that came before is in the store. */
interface Flow {
  readonly batches: Batches;
  readonly first: readonly WatchEvent[];
}

export class Reflector implements Disposable {
  readonly #deps: ReflectorDeps;
  readonly #question: KubeQuestion;
  readonly #options: ReflectorOptions;
  readonly #store = new ObjectStore();
  readonly #ring: ChangeRing;
  readonly #patience: Patience;
  readonly #life = new AbortController();
  #running: Promise<void> | undefined;
  #state: ReflectorState = { kind: 'connecting' };
  /** The last version that is known to be in the store; empty where a list is needed. */
  #version = '';
  /** The version of the newest list or bookmark or change ever, for the test whether a new list goes back in time. */
  #downSinceMs: number | undefined;
  #grace: Timer | undefined;
  #liveSinceMs: number | undefined;
  #plainLists = false;
  #counts = { lists: 0, watches: 0, failures: 0 };

  /** Throws a RangeError that names a bad option. */
  constructor(deps: ReflectorDeps, question: KubeQuestion, given?: Partial<ReflectorOptions>) {
    this.#deps = deps;
    this.#question = question;
    this.#options = resolveReflectorOptions(given);
    const { ringMaxChanges, ringMaxBytes } = this.#options;
    this.#ring = new ChangeRing({ maxChanges: ringMaxChanges, maxBytes: ringMaxBytes });
    this.#patience = new Patience(deps.random, this.#options);
  }

  get state(): ReflectorState {
    return this.#state;
  }

  /** The last version that is in the store; empty before the first list. */
  get version(): string {
    return this.#version;
  }

  /** Number of the newest change. */
  get sequence(): number {
    return this.#ring.sequence;
  }

  get stats(): ReflectorStats {
    const { size: objects, bytes } = this.#store;
    const bytesPerObject = objects === 0 ? 0 : Math.round(bytes / objects);
    return { objects, bytes, bytesPerObject, ringChanges: this.#ring.size, ...this.#counts };
  }

  get(key: string): KubeObject | undefined {
    return this.#store.get(key);
  }

  /** All objects, in no order. Not to be held over an `await`: the store goes on. */
  values(): IterableIterator<KubeObject> {
    return this.#store.values();
  }

  /** What came after a version; undefined where the whole is needed. See `ChangeRing.since` for what the answer means. */
  changesSince(version: string): readonly Change[] | undefined {
    return this.#ring.since(version);
  }

  /** What came after a change's number; undefined where the whole is needed. */
  changesAfter(sequence: number): readonly Change[] | undefined {
    return this.#ring.after(sequence);
  }

  /** Once; returns before anything has happened. */
  start(): void {
    this.#running ??= this.#run(this.#life.signal);
  }

  /** Resolves when nothing runs any more. No change and no state is told after the call. */
  async dispose(): Promise<void> {
    this.#life.abort(new Error('the reflector was disposed'));
    this.#grace?.cancel();
    await this.#running;
  }

  // ------------------------------------------------------------ the loop

  async #run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        let reason: KubeError;
        try {
          await this.#cycle(signal);
          reason = new KubeError('kubeConnectionLost', 'the server ended the watch');
          await this.#pause(reason, true, signal);
        } catch (error) {
          if (signal.aborted) return;
          if (!(error instanceof KubeError)) throw error;
          reason = error;
          await this.#pause(reason, reason.kind === 'kubeSilent' && this.#liveSinceMs !== undefined, signal);
        }
      }
    } catch (cause) {
      if (signal.aborted) return;
      this.#deps.logger.error({ cause: String(cause), ...this.#question }, 'a reflector ended');
      const reason = new KubeError('kubeBadAnswer', 'the reflector met a broken invariant', { cause });
      this.#grace?.cancel();
      this.#tell({ kind: 'failed', sinceMs: this.#downSince(), reason });
    }
  }

  /** One list, if needed, and one watch until its end. */
  async #cycle(signal: AbortSignal): Promise<void> {
    const flow = this.#version === '' ? await this.#synchronise(signal) : undefined;
    await this.#follow(flow ?? (await this.#watch(signal)), signal);
  }

  /** After a watch has ended: what that means, and the wait. `quiet` ends are no fault until the next watch fails or is late. */
  async #pause(reason: KubeError, quiet: boolean, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#deps;
    const livedMs = this.#liveSinceMs === undefined ? 0 : clock.monotonic() - this.#liveSinceMs;
    const healthy = this.#liveSinceMs !== undefined && livedMs >= this.#options.healthyAfterMs;
    this.#liveSinceMs = undefined;
    if (healthy) this.#patience.reset();
    if (!quiet) this.#counts.failures++;
    // From here on the old version leads nowhere.
    if (needsList(reason)) this.#version = '';
    const since = this.#downSince();
    if (!quiet || !healthy) this.#down(reason);
    else this.#grace ??= clock.setTimeout(() => this.#down(reason), this.#options.graceMs);
    const waitMs = quiet && healthy ? 0 : this.#patience.next(reason);
    const { kind, status } = reason;
    logger.debug({ kind, status, waitMs, since, detail: reason.message, ...this.#question }, 'a watch ended');
    if (waitMs > 0) await delay(clock, waitMs, signal);
  }

  // ------------------------------------------------------------ list

  /** Makes the store equal to the cluster. With WatchList the watch that did it goes on; otherwise there is none yet. */
  #synchronise(signal: AbortSignal): Promise<Flow | undefined> {
    const { cluster } = this.#deps;
    return cluster.listSlots.run(async () => {
      if (this.#options.watchList && !this.#plainLists && !cluster.withoutWatchList.has(this.#question.group)) {
        const flow = await this.#watchList(signal);
        if (flow !== undefined) return flow;
      }
      const { version, items } = await cluster.list(this.#question, {
        signal,
        retries: 0,
        prune: this.#options,
        known: (key) => this.#store.get(key),
      });
      await this.#replace(items, version, signal);
      return undefined;
    }, signal);
  }

  /** Undefined where the server does not know WatchList. */
  async #watchList(signal: AbortSignal): Promise<Flow | undefined> {
    let watch: KubeWatch;
    try {
      watch = await this.#open(signal, { sendInitialEvents: true });
    } catch (error) {
      if (!(error instanceof KubeError) || (error.status !== 422 && error.status !== 400)) throw error;
      // Every reflector of this API server is spared the question.
      this.#deps.cluster.withoutWatchList.add(this.#question.group);
      return undefined;
    }
    const batches = watch.batches[Symbol.asyncIterator]();
    try {
      return await this.#readInitial(watch, batches, signal);
    } catch (error) {
      watch.discard();
      throw error;
    }
  }

  async #readInitial(watch: KubeWatch, batches: Batches, signal: AbortSignal): Promise<Flow | undefined> {
    const { initialSilenceMs } = this.#options;
    const found = new Map<string, KubeObject>();
    for (;;) {
      const next = await this.#nextInitial(watch, batches, initialSilenceMs, signal);
      if (next === 'stalled') {
        this.#plainLists = true;
        return undefined;
      }
      for (const [index, event] of next.entries()) {
        if (event.kind === 'bookmark') {
          if (!event.initialEventsEnd) continue;
          await this.#replace(found.values(), event.version, signal);
          return { batches, first: next.slice(index + 1) };
        }
        const known = this.#store.get(event.object.key);
        const same = known?.uid === event.object.uid && known.version === event.object.version;
        if (event.kind === 'deleted') found.delete(event.object.key);
        else found.set(event.object.key, same ? known : event.object);
        this.#checkSize(found.size);
      }
    }
  }

  async #nextInitial(
    watch: KubeWatch,
    batches: Batches,
    silenceMs: number,
    signal: AbortSignal,
  ): Promise<readonly WatchEvent[] | 'stalled'> {
    let stalled = false;
    const timer = this.#deps.clock.setTimeout(() => {
      stalled = true;
      watch.discard();
    }, silenceMs);
    try {
      const next = await batches.next();
      if (next.done === true) throw new KubeError('kubeConnectionLost', 'the server ended the watch before all objects were sent');
      return next.value;
    } catch (error) {
      signal.throwIfAborted();
      if (stalled) return 'stalled';
      throw error;
    } finally {
      timer.cancel();
    }
  }

  async #replace(objects: Iterable<KubeObject> & { readonly length?: number }, version: string, signal: AbortSignal): Promise<void> {
    if (version === '') throw new KubeError('kubeBadAnswer', 'metadata.resourceVersion: missing in a list, so it cannot be watched');
    this.#checkSize(objects.length ?? 0);
    this.#counts.lists++;
    const steps = this.#store.replace(objects, version);
    this.#version = version;
    await this.#emit(steps, version, signal);
    this.#ring.mark(version);
  }

  #checkSize(objects: number): void {
    if (objects > this.#options.maxObjects)
      throw new KubeError('kubeTooLarge', `more than ${this.#options.maxObjects} objects (maxObjects)`);
  }

  // ------------------------------------------------------------ watch

  async #watch(signal: AbortSignal): Promise<Flow> {
    const watch = await this.#open(signal, { version: this.#version });
    return { batches: watch.batches[Symbol.asyncIterator](), first: [] };
  }

  async #open(signal: AbortSignal, from: { readonly version?: string; readonly sendInitialEvents?: boolean }): Promise<KubeWatch> {
    const timeoutMs = this.#options.watchTimeoutMs * (1 + this.#deps.random.next());
    const watch = await this.#deps.cluster.watch(this.#question, { ...from, signal, timeoutMs, prune: this.#options });
    this.#counts.watches++;
    return watch;
  }

  async #follow({ batches, first }: Flow, signal: AbortSignal): Promise<void> {
    try {
      this.#live();
      await this.#apply(first, signal);
      for (let next = await batches.next(); next.done !== true; next = await batches.next()) await this.#apply(next.value, signal);
    } finally {
      await batches.return?.();
    }
  }

  async #apply(events: readonly WatchEvent[], signal: AbortSignal): Promise<void> {
    const steps: Step[] = [];
    for (const event of events) {
      if (event.kind !== 'bookmark') steps.push(...this.#store.apply(event));
      const version = event.kind === 'bookmark' ? event.version : event.object.version;
      if (version !== '') this.#version = version;
    }
    this.#checkSize(this.#store.size);
    await this.#emit(steps, this.#version, signal);
    this.#ring.mark(this.#version);
  }

  // ------------------------------------------------------------ telling

  async #emit(steps: readonly Step[], version: string, signal: AbortSignal): Promise<void> {
    if (steps.length === 0) return;
    let { sequence } = this.#ring;
    const changes = steps.map((step): Change => ({ ...step, sequence: ++sequence }));
    this.#ring.push(changes);
    signal.throwIfAborted();
    const done = this.#deps.sink.onChanges(changes, version);
    if (done !== undefined) await orAbort(done, signal);
  }

  #live(): void {
    this.#grace?.cancel();
    this.#grace = undefined;
    this.#downSinceMs = undefined;
    this.#liveSinceMs = this.#deps.clock.monotonic();
    this.#tell({ kind: 'live' });
  }

  #down(reason: KubeError): void {
    this.#grace?.cancel();
    this.#grace = undefined;
    this.#tell({ kind: isRefusal(reason) ? 'failed' : 'recovering', sinceMs: this.#downSince(), reason });
  }

  #downSince(): number {
    this.#downSinceMs ??= this.#deps.clock.now();
    return this.#downSinceMs;
  }

  /** A state that says nothing new is not told again. */
  #tell(state: ReflectorState): void {
    const before = this.#state;
    this.#state = state;
    const sameReason =
      'reason' in before && 'reason' in state && before.reason.kind === state.reason.kind && before.sinceMs === state.sinceMs;
    if (before.kind === state.kind && (sameReason || !('reason' in state))) return;
    if (!this.#life.signal.aborted) this.#deps.sink.onState(state);
  }
}

/** Going on from the last version leads nowhere: it is gone, it is not understood, or the cluster has gone back in time. */
function needsList({ kind, message }: KubeError): boolean {
  return kind === 'kubeExpired' || kind === 'kubeRefused' || /too large resource version/i.test(message);
}
