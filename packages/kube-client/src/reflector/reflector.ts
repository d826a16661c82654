/**
 * Keeps a store equal to one question to one cluster: the list, then the watch, again and again. It decides when to list, when to go on from the last version and how long to wait; what a
 * list or a watch is, the cluster knows. One loop runs from `start` to `dispose`; nothing else touches the store.
 *
 *   no version → list (or WatchList) → watch from its version → ended, silent or lost → watch from the last version
 *                                                             → 410                  → list, told as the difference
 */
import type { Clock, Disposable, Logger, Random, Timer } from '@trunkline/base';
import { delay, inTurns, orAbort } from '../abort.js';
import type { KubeCluster } from '../cluster.js';
import { KubeError } from '../errors.js';
import type { KubeWatch, WatchEvent } from '../http/watch.js';
import { compareVersions, type KubeQuestion } from '../question.js';
import type { KubeObject } from '../wire/object.js';
import { checkBounds, InitialReader, type Flow } from './initial.js';
import { resolveReflectorOptions, type ReflectorOptions } from './options.js';
import { isRefusal, Patience } from './patience.js';
import { ChangeRing } from './ring.js';
import { ObjectStore, type Step } from './store.js';
import type { Change, ReflectorFault, ReflectorSink, ReflectorState } from './types.js';

/** For so long refusals of a server that was gone may be those of one that has yet to read its roles. Milliseconds. */
const STARTING_MS = 5_000;

export interface ReflectorDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly cluster: Pick<KubeCluster, 'list' | 'listPage' | 'watch' | 'listSlots' | 'withoutWatchList'>;
  readonly sink: ReflectorSink;
}

export interface ReflectorStats {
  readonly objects: number;
  /** Bytes of JSON kept for them; what was parsed since is not counted. */
  readonly bytes: number;
  readonly ringChanges: number;
  readonly ringBytes: number;
  /** Lists that were read to their end (WatchList counts as one), and watches that were accepted. */
  readonly lists: number;
  readonly watches: number;
  /** Ends of watches and lists that were faults. */
  readonly failures: number;
  readonly lastFailure: KubeError | undefined;
  /** When the server last said something, as wall time in Unix milliseconds; undefined before. */
  readonly heardMs: number | undefined;
}

/** What anybody may read of a reflector. Everything here is of the same moment until the next `await`. */
export interface ReflectorView {
  readonly state: ReflectorState;
  /** Whether the store has ever been complete. */
  readonly loaded: boolean;
  /** The last version that is in the store; empty before the first list. */
  readonly version: string;
  /** Number of the newest change; 0 before the first. */
  readonly sequence: number;
  readonly stats: ReflectorStats;
  get(key: string): KubeObject | undefined;
  /** All objects, in no order. Not to be held over an `await`: the store goes on. */
  values(): IterableIterator<KubeObject>;
  /**
   * What came after a version, wherever the reader has it from; undefined where the whole is needed. A version between two changes is understood where versions are numbers. Changes
   * may be among the answer that the reader has seen.
   */
  changesSince(version: string): readonly Change[] | undefined;
  /** What came after a change's number; undefined where the whole is needed. */
  changesAfter(sequence: number): readonly Change[] | undefined;
}

export class Reflector implements ReflectorView, Disposable {
  readonly #deps: ReflectorDeps;
  readonly #question: KubeQuestion;
  readonly #options: ReflectorOptions;
  readonly #store = new ObjectStore();
  readonly #ring: ChangeRing;
  readonly #patience: Patience;
  readonly #initial: InitialReader;
  readonly #life = new AbortController();
  #running: Promise<void> | undefined;
  #state: ReflectorState = { kind: 'loading' };
  /** The last version that is in the store. */
  #version = '';
  /** The version leads nowhere: a list is needed. */
  #listNext = true;
  /** The last watch went silent without a word: perhaps it waits for a version that the cluster has not. */
  #doubtful = false;
  #downSinceMs: number | undefined;
  #grace: Timer | undefined;
  #liveSinceMs: number | undefined;
  /** It was gone since it was live last. */
  #unreachable = false;
  /** Since when the server refuses, after that. */
  #refusedSinceMs: number | undefined;
  #heardMs: number | undefined;
  #lastFailure: KubeError | undefined;
  #counts = { lists: 0, watches: 0, failures: 0 };

  /** Throws a RangeError that names a bad option. */
  constructor(deps: ReflectorDeps, question: KubeQuestion, given?: Partial<ReflectorOptions>) {
    this.#deps = deps;
    this.#question = question;
    this.#options = resolveReflectorOptions(given);
    const { ringMaxChanges, ringMaxBytes } = this.#options;
    this.#ring = new ChangeRing({ maxChanges: ringMaxChanges, maxBytes: ringMaxBytes });
    this.#patience = new Patience(deps.random, this.#options);
    const { clock, cluster } = deps;
    const open = (signal: AbortSignal): Promise<KubeWatch> => this.#open(signal, { sendInitialEvents: true });
    const known = (key: string): KubeObject | undefined => this.#store.get(key);
    const arriving: NonNullable<ReflectorSink['onArriving']> = (objects) => {
      if (!this.loaded) deps.sink.onArriving?.(objects);
    };
    this.#initial = new InitialReader({ clock, cluster, open, known, arriving }, question, this.#options);
  }

  get state(): ReflectorState {
    return this.#state;
  }

  get loaded(): boolean {
    return this.#counts.lists > 0;
  }

  get version(): string {
    return this.#version;
  }

  get sequence(): number {
    return this.#ring.sequence;
  }

  get stats(): ReflectorStats {
    const { size: objects, bytes } = this.#store;
    const ring = { ringChanges: this.#ring.size, ringBytes: this.#ring.bytes };
    return {
      objects,
      bytes,
      ...ring,
      ...this.#counts,
      lastFailure: this.#lastFailure,
      heardMs: this.#heardMs,
    };
  }

  get(key: string): KubeObject | undefined {
    return this.#store.get(key);
  }

  values(): IterableIterator<KubeObject> {
    return this.#store.values();
  }

  changesSince(version: string): readonly Change[] | undefined {
    return this.#ring.since(version);
  }

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
        const failure = await this.#cycle(signal);
        // A watch that has done its time, or has said nothing for too long, is no fault as long as the next one begins.
        const mayBeOrdinary = failure === undefined || failure.kind === 'kubeSilent';
        const reason = failure ?? new KubeError('kubeConnectionLost', 'the server ended the watch');
        await this.#pause(reason, mayBeOrdinary, signal);
      }
    } catch (cause) {
      if (signal.aborted) return;
      this.#deps.logger.error({ cause: String(cause), ...this.#question }, 'a reflector ended');
      const reason = new KubeError('kubeBadAnswer', 'the reflector met a broken invariant', { cause });
      this.#lastFailure = reason;
      this.#say({ kind: 'failed', sinceMs: this.#deps.clock.now(), reason });
    }
  }

  /** One list, if needed, and one watch until its end; why it ended, undefined where the server ended it in order. */
  async #cycle(signal: AbortSignal): Promise<KubeError | undefined> {
    try {
      if (this.#doubtful && !this.#listNext) await this.#ask(signal);
      const fresh = this.#listNext;
      const flow = fresh ? await this.#synchronise(signal) : undefined;
      await this.#follow(
        flow ?? { watch: await this.#open(signal, { version: this.#version }) },
        fresh,
        signal,
      );
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof KubeError) return error;
      throw error;
    }
  }

  /** What the end of a cycle means, and the wait before the next. */
  async #pause(failure: KubeError, mayBeOrdinary: boolean, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#deps;
    const { healthyAfterMs, graceMs } = this.#options;
    const livedMs = this.#liveSinceMs === undefined ? -1 : clock.monotonic() - this.#liveSinceMs;
    const healthy = livedMs >= healthyAfterMs;
    const ordinary = healthy && mayBeOrdinary;
    const reason = this.#mayPass(failure);
    this.#liveSinceMs = undefined;
    if (healthy) this.#patience.reset();
    if (needsList(reason)) this.#listNext = true;
    // Nothing was heard since, whatever may have happened there.
    this.#downSinceMs ??= reason.kind === 'kubeSilent' ? (this.#heardMs ?? clock.now()) : clock.now();
    if (!ordinary) {
      this.#counts.failures++;
      this.#lastFailure = reason;
    }
    if (ordinary && graceMs > 0) this.#grace ??= clock.setTimeout(() => this.#down(reason), graceMs);
    else this.#down(reason);
    const waitMs = ordinary ? 0 : this.#patience.next(reason);
    const { kind, status, message: detail } = reason;
    logger.debug({ kind, status, waitMs, detail, ...this.#question }, 'a watch ended');
    if (waitMs > 0) await delay(clock, waitMs, signal);
  }

  /** An API server that has just been started refuses everybody for a moment: where it was gone before, that is one more failure that passes, unless it goes on. */
  #mayPass(reason: KubeError): KubeError {
    const { kind, message } = reason;
    if (kind !== 'kubeForbidden' && kind !== 'kubeUnauthorized') {
      this.#unreachable ||= kind === 'kubeUnreachable';
      this.#refusedSinceMs = undefined;
      return reason;
    }
    const now = this.#deps.clock.monotonic();
    this.#refusedSinceMs ??= now;
    if (!this.#unreachable || now >= this.#refusedSinceMs + STARTING_MS) return reason;
    return new KubeError('kubeServerError', `it came back and refuses: ${message}`, { cause: reason });
  }

  // ------------------------------------------------------------ list

  /** Makes the store equal to the cluster. With WatchList the watch that did it goes on; otherwise there is none yet. */
  async #synchronise(signal: AbortSignal): Promise<Flow | undefined> {
    const { objects, version, flow } = await this.#initial.read(signal);
    try {
      if (version === '')
        throw new KubeError(
          'kubeBadAnswer',
          'metadata.resourceVersion: missing in a list, so it cannot be watched',
        );
      this.#heardMs = this.#deps.clock.now();
      const difference = this.#store.differenceTo(objects, version, this.#ring.sequence);
      const found = await inTurns(difference, this.#deps.clock, signal);
      this.#counts.lists++;
      this.#store.replace(found);
      this.#version = version;
      this.#listNext = false;
      await this.#tell(found.changes, signal, () => this.#ring.gap(version));
      return flow;
    } catch (error) {
      flow?.watch.discard();
      throw error;
    }
  }

  /**
   * A cluster that was put back to an older state (a backup of etcd) takes a watch from a version that it has not reached and says nothing until it has. Its own version tells; where
   * that cannot be compared, a list is the safe side.
   */
  async #ask(signal: AbortSignal): Promise<void> {
    const { cluster } = this.#deps;
    const options = { limit: 1, retries: 0, signal };
    const page = await cluster.listSlots.run(() => cluster.listPage(this.#question, options), signal);
    const order = compareVersions(page.version, this.#version);
    if (order === undefined || order < 0) this.#listNext = true;
    this.#doubtful = false;
  }

  // ------------------------------------------------------------ watch

  async #open(
    signal: AbortSignal,
    from: { readonly version?: string; readonly sendInitialEvents?: boolean },
  ): Promise<KubeWatch> {
    const { cluster, random } = this.#deps;
    const timeoutMs = this.#options.watchTimeoutMs * (1 + random.next());
    const watch = await cluster.watch(this.#question, { ...from, signal, timeoutMs, prune: this.#options });
    this.#counts.watches++;
    return watch;
  }

  /** @param fresh the version is one that the server has just given, so that it cannot have been forgotten */
  async #follow({ watch, begun }: Flow, fresh: boolean, signal: AbortSignal): Promise<void> {
    const batches = begun?.batches ?? watch.batches[Symbol.asyncIterator]();
    let heard = begun !== undefined;
    try {
      if (fresh) this.#live();
      if (begun !== undefined) await this.#apply(begun.first, signal);
      let next = batches.next();
      if (!fresh && !(await this.#comesSoon(next))) this.#live();
      for (let got = await next; got.done !== true; got = await next) {
        heard = true;
        await this.#apply(got.value, signal);
        if (this.#liveSinceMs === undefined) this.#live();
        next = batches.next();
      }
    } catch (error) {
      this.#doubtful = !heard && error instanceof KubeError && error.kind === 'kubeSilent';
      throw error;
    } finally {
      watch.discard();
    }
  }

  /**
   * Whether the first batch, or the end of the watch, comes within `settleMs`. Servers accept a watch from a version that they have forgotten, and say so only then: whoever calls
   * that watch live tells a lie for a moment.
   */
  #comesSoon(next: Promise<unknown>): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.#deps.clock.setTimeout(() => resolve(false), this.#options.settleMs);
      const settled = (): void => {
        timer.cancel();
        resolve(true);
      };
      next.then(settled, settled);
    });
  }

  async #apply(events: readonly WatchEvent[], signal: AbortSignal): Promise<void> {
    this.#heardMs = this.#deps.clock.now();
    const steps: Step[] = [];
    for (const event of events) {
      if (event.kind !== 'bookmark') steps.push(...this.#store.apply(event));
      else if ((compareVersions(event.version, this.#version) ?? 0) < 0) {
        await this.#emit(steps, signal);
        throw new KubeError('kubeExpired', 'the cluster has gone back to an older state');
      }
      const version = event.kind === 'bookmark' ? event.version : event.object.version;
      if (version !== '') this.#version = version;
    }
    await this.#emit(steps, signal, () => this.#ring.mark(this.#version));
    // After telling: what the store has, the sink has.
    checkBounds(this.#store.size, this.#store.bytes, this.#options);
  }

  // ------------------------------------------------------------ telling

  /** Numbers the steps and tells them. */
  #emit(steps: readonly Step[], signal: AbortSignal, pushed?: () => void): Promise<void> {
    let { sequence } = this.#ring;
    const changes = steps.map((step): Change => ({ ...step, sequence: ++sequence }));
    return this.#tell(changes, signal, pushed);
  }

  /** Keeps the changes for replay and tells them. @param pushed runs when the ring has them, before the sink */
  async #tell(changes: readonly Change[], signal: AbortSignal, pushed?: () => void): Promise<void> {
    this.#ring.push(changes);
    pushed?.();
    signal.throwIfAborted();
    if (changes.length === 0) return;
    try {
      const done = this.#deps.sink.onChanges(changes, this.#version);
      if (done !== undefined) await orAbort(done, signal);
    } catch (cause) {
      // Whatever it is, it is no fault of the cluster.
      throw new Error('the sink failed', { cause });
    }
  }

  #live(): void {
    this.#downSinceMs = undefined;
    this.#unreachable = false;
    this.#refusedSinceMs = undefined;
    this.#liveSinceMs = this.#deps.clock.monotonic();
    this.#heardMs = this.#deps.clock.now();
    this.#say({ kind: 'live' });
  }

  #down(reason: KubeError): void {
    this.#say({ kind: faultOf(reason), sinceMs: this.#downSinceMs ?? this.#deps.clock.now(), reason });
  }

  /** A state that says nothing new is not told again. */
  #say(state: ReflectorState): void {
    this.#grace?.cancel();
    this.#grace = undefined;
    const before = this.#state;
    this.#state = state;
    if (this.#life.signal.aborted || isSaid(before, state)) return;
    this.#deps.sink.onState(state);
  }
}

function isSaid(before: ReflectorState, state: ReflectorState): boolean {
  if (!('reason' in before) || !('reason' in state)) return before.kind === state.kind;
  return before.reason.kind === state.reason.kind && before.sinceMs === state.sinceMs;
}

function faultOf(reason: KubeError): ReflectorFault['kind'] {
  if (!isRefusal(reason)) return 'recovering';
  if (reason.kind === 'kubeUnauthorized' || reason.kind === 'kubeForbidden') return 'denied';
  return reason.kind === 'kubeNotFound' ? 'gone' : 'failed';
}

/** Kinds after which going on from the last version leads nowhere: it is gone, it is not understood, or what comes next cannot be read. */
const NEED_LIST = new Set(['kubeExpired', 'kubeRefused', 'kubeNotFound', 'kubeTooLarge', 'kubeBadAnswer']);

function needsList({ kind, message }: KubeError): boolean {
  return NEED_LIST.has(kind) || /too large resource version/i.test(message);
}
