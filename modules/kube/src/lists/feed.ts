/**
 * What stands behind the channel of a list: a lease on a reflector, whose objects become the entries of a map and whose state becomes the channel's. Changes of one key within a frame are
 * one. A lease that is lost is taken again; until then the channel says so.
 */
import { Backoff, type Clock, type Disposable, type Random, type Timer } from '@trunkline/base';
import type { LocalMapEmitter } from '@trunkline/hub';
import type {
  Change,
  KubeObject,
  KubeQuestion,
  ReflectorLease,
  ReflectorState,
} from '@trunkline/kube-client';
import type { SourceState } from '@trunkline/protocol';
import type { Identity, Upstreams } from '../ports.js';
import type { ToText } from './texts.js';

export interface FeedDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly upstreams: Pick<Upstreams, 'lease'>;
  readonly frameMs: number;
}

export interface FeedQuestion {
  readonly cluster: string;
  readonly identity: Identity;
  readonly question: KubeQuestion;
  readonly toText: ToText;
  /** Whether another version of an object may have the same text: it is not told then. Default false. */
  readonly isCut?: boolean;
}

type Emitter = Pick<LocalMapEmitter, 'set' | 'remove' | 'load' | 'state'>;

const LEASE_AGAIN = { minDelayMs: 500, maxDelayMs: 3_000 };
/** Longest wait of a first reader for a list that loads. */
const READY_MS = 1_000;
/** Changes and characters that are sent in one turn. */
const TURN_CHANGES = 200;
const TURN_LENGTH = 262_144;
/** Objects that become texts, or changes that are noted, in one turn of the event loop: some 10 ms. */
const SLICE = 1_000;

export class ListFeed implements Disposable {
  /** Resolves when the list is there, or as soon as it is known that it will not be there soon. */
  readonly ready: Promise<void>;
  readonly #deps: FeedDeps;
  readonly #asked: FeedQuestion;
  readonly #emit: Emitter;
  readonly #backoff: Backoff;
  readonly #dirty = new Map<string, KubeObject | undefined>();
  /** What was told and is not in `dirty` yet: a large batch takes some turns. */
  #untaken: { readonly changes: readonly Change[]; at: number }[] = [];
  #turn: Timer | undefined;
  /** Of a cut, the texts that were told, which the entries of the channel hold as well. */
  readonly #told: Map<string, string> | undefined;
  /** Texts made while the first list arrives, when there is nothing else to do: each is as dear as reading the object. */
  readonly #early = new Map<KubeObject, string>();
  #lease: ReflectorLease | undefined;
  /** `reading`: the objects of one moment become texts; what changes meanwhile is kept in `dirty`. */
  #phase: 'empty' | 'reading' | 'loaded' = 'empty';
  /** Number of the newest change that the entries or `dirty` hold. */
  #sequence = 0;
  /** What was said last, for when there is something to show. */
  #state: ReflectorState = { kind: 'loading' };
  #slice: Timer | undefined;
  #rest: Timer | undefined;
  /** The state waits for the rest of the changes. */
  #isUntold = false;
  #frame: Timer | undefined;
  #again: Timer | undefined;
  #downSinceMs: number | undefined;
  #disposed = false;
  #resolveReady: () => void = () => undefined;

  constructor(deps: FeedDeps, asked: FeedQuestion, emit: Emitter) {
    this.#deps = deps;
    this.#asked = asked;
    this.#told = asked.isCut === true ? new Map() : undefined;
    this.#emit = emit;
    this.#backoff = new Backoff(deps.random, LEASE_AGAIN);
    this.ready = new Promise((resolve) => {
      const timer = deps.clock.setTimeout(resolve, READY_MS);
      this.#resolveReady = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#begin();
  }

  /** Undefined while there is no lease. */
  get view(): ReflectorLease['view'] | undefined {
    return this.#lease?.view;
  }

  dispose(): void {
    this.#disposed = true;
    this.#frame?.cancel();
    this.#slice?.cancel();
    this.#turn?.cancel();
    this.#rest?.cancel();
    this.#again?.cancel();
    this.#lease?.dispose();
    this.#resolveReady();
  }

  // ------------------------------------------------------------ the lease

  #begin(): void {
    const { cluster, identity, question } = this.#asked;
    try {
      const lease = this.#deps.upstreams.lease(cluster, identity, question, {
        onChanges: (changes) => this.#onChanges(changes),
        onState: (state) => this.#onState(state),
        onArriving: (objects) => this.#onArriving(objects),
        onLost: (cause) => this.#onLost(cause),
      });
      this.#lease = lease;
      this.#backoff.reset();
      this.#onState(lease.view.state);
    } catch (cause) {
      this.#onLost(cause);
    }
  }

  #onLost(cause: unknown): void {
    if (this.#disposed) return;
    this.#slice?.cancel();
    this.#turn?.cancel();
    this.#turn = undefined;
    this.#untaken = [];
    this.#rest?.cancel();
    this.#rest = undefined;
    this.#isUntold = false;
    this.#dirty.clear();
    this.#early.clear();
    this.#lease?.dispose();
    this.#lease = undefined;
    this.#phase = 'empty';
    const { clock } = this.#deps;
    this.#downSinceMs ??= clock.now();
    const reason = cause instanceof Error ? cause.message : 'the list was lost';
    this.#emit.state({ state: 'recovering', sinceMs: this.#downSinceMs, reason });
    this.#resolveReady();
    this.#again = clock.setTimeout(() => this.#begin(), this.#backoff.next());
  }

  // ------------------------------------------------------------ what it says

  #onState(state: ReflectorState): void {
    if (this.#disposed) return;
    this.#state = state;
    this.#read();
    // Not live before everything is there, whatever the reflector is.
    if (this.#phase === 'reading') return;
    this.#tell();
  }

  /** A state comes after the changes that made it true. */
  #tell(): void {
    this.#flush();
    this.#isUntold = this.#rest !== undefined || this.#turn !== undefined;
    if (this.#isUntold) return;
    this.#emit.state(this.#toSource(this.#state));
    if (this.#state.kind !== 'loading') this.#resolveReady();
  }

  /** Of a page that is larger than a slice the rest waits for its turn as ever. */
  #onArriving(objects: readonly KubeObject[] | undefined): void {
    if (objects === undefined) this.#early.clear();
    else if (!this.#disposed && this.#phase === 'empty')
      for (const object of objects.slice(0, SLICE)) this.#early.set(object, this.#asked.toText(object));
  }

  #onChanges(changes: readonly Change[]): void {
    if (this.#disposed) return;
    if (this.#phase === 'empty') return this.#read();
    this.#untaken.push({ changes, at: 0 });
    if (this.#turn === undefined) this.#take();
  }

  /** In slices, so that a list that was read anew holds up nobody else either. */
  #take(): void {
    this.#turn = undefined;
    let left = SLICE;
    for (let [batch] = this.#untaken; batch !== undefined && left > 0; [batch] = this.#untaken) {
      const part = batch.changes.slice(batch.at, batch.at + left);
      for (const { kind, key, object, sequence } of part)
        if (sequence > this.#sequence) this.#dirty.set(key, kind === 'deleted' ? undefined : object);
      this.#sequence = Math.max(this.#sequence, part.at(-1)?.sequence ?? 0);
      left -= part.length;
      batch.at += part.length;
      if (batch.at === batch.changes.length) this.#untaken.shift();
    }
    if (this.#untaken.length > 0) this.#turn = this.#deps.clock.setImmediate(() => this.#take());
    // The first change after a quiet frame does not wait.
    if (this.#frame === undefined) this.#endFrame();
    if (this.#isUntold && this.#turn === undefined && this.#rest === undefined) this.#tell();
  }

  /** All that the reflector has, once it has a whole list. */
  #read(): void {
    const view = this.#lease?.view;
    if (this.#phase !== 'empty' || view === undefined || !view.loaded) return;
    this.#phase = 'reading';
    this.#dirty.clear();
    this.#sequence = view.sequence;
    this.#readSlice([...view.values()], []);
  }

  /** In slices, so that a large list does not hold up everybody else on this node. */
  #readSlice(objects: readonly KubeObject[], entries: (readonly [string, string])[]): void {
    for (const object of objects.slice(entries.length, entries.length + SLICE))
      entries.push([object.key, this.#early.get(object) ?? this.#asked.toText(object)]);
    if (entries.length < objects.length) {
      this.#slice = this.#deps.clock.setImmediate(() => this.#readSlice(objects, entries));
      return;
    }
    const isLate = objects.length > SLICE;
    this.#early.clear();
    this.#emit.load(entries);
    this.#told?.clear();
    if (this.#told !== undefined) for (const [key, text] of entries) this.#told.set(key, text);
    this.#phase = 'loaded';
    if (isLate) this.#tell();
  }

  #endFrame(): void {
    this.#frame = undefined;
    if (this.#dirty.size === 0 || this.#phase !== 'loaded') return;
    this.#flush();
    this.#frame = this.#deps.clock.setTimeout(() => this.#endFrame(), this.#deps.frameMs);
  }

  /** A turn's worth; the rest goes in the next turns, so that who reads on has read before more comes. A key that changes meanwhile is told once. */
  #flush(): void {
    if (this.#phase !== 'loaded' || this.#rest !== undefined) return;
    let [changes, length] = [0, 0];
    for (const [key, object] of this.#dirty) {
      this.#dirty.delete(key);
      const text = object && this.#asked.toText(object);
      if (text === undefined) this.#emit.remove(key);
      else if (this.#told?.get(key) !== text) this.#emit.set(key, text);
      this.#note(key, text);
      length += text?.length ?? 0;
      if (++changes < TURN_CHANGES && length < TURN_LENGTH) continue;
      if (this.#dirty.size > 0) this.#rest = this.#deps.clock.setImmediate(() => this.#flushRest());
      return;
    }
  }

  #note(key: string, text: string | undefined): void {
    if (text === undefined) this.#told?.delete(key);
    else this.#told?.set(key, text);
  }

  #flushRest(): void {
    this.#rest = undefined;
    this.#flush();
    if (this.#rest === undefined && this.#isUntold) this.#tell();
  }

  #toSource(state: ReflectorState): SourceState {
    if (state.kind === 'live') {
      this.#downSinceMs = undefined;
      return { state: 'live' };
    }
    if (state.kind === 'loading') {
      const sinceMs = (this.#downSinceMs ??= this.#deps.clock.now());
      return { state: 'recovering', sinceMs, reason: 'loading' };
    }
    const { sinceMs, reason, kind } = state;
    return { state: kind === 'recovering' ? 'recovering' : 'failed', sinceMs, reason: reason.message };
  }
}
