/**
 * The reflectors of one way to a cluster: one for each question, whoever asks it. Readers lease a reflector and are told its changes; the last one to go leaves it running for a
 * while, since the next viewer of a list often comes soon. A set stands for one identity towards the cluster: who may read what is decided before a lease is asked for.
 */
import { mergeOptions, requireNumber, type Disposable, type Timer } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import type { KubeQuestion } from '../question.js';
import { resolveReflectorOptions, type ReflectorOptions } from './options.js';
import { Reflector, type ReflectorDeps, type ReflectorView } from './reflector.js';
import type { KubeObject } from '../wire/object.js';
import type { Change, ReflectorState } from './types.js';

export interface ReflectorSetOptions {
  /** How long a reflector goes on without readers, in milliseconds. Default 30,000. 0 ends it at once. */
  readonly lingerMs: number;
  /** Reflectors at once, those that linger included. Default 500: each holds a connection open. */
  readonly maxReflectors: number;
  readonly reflector: Partial<ReflectorOptions>;
}

export const REFLECTOR_SET_DEFAULTS: ReflectorSetOptions = {
  lingerMs: 30_000,
  maxReflectors: 500,
  reflector: {},
};

/** Told of one reflector, in order. A call must not fail and returns at once: who is slower than the cluster queues, or drops, on its own account. */
export interface ReflectorListener {
  /** After the last change the store is a state that the cluster had, `version`. */
  onChanges(changes: readonly Change[], version: string): void;
  onState(state: ReflectorState): void;
  /** As of a sink. Who leases while a list arrives is told nothing of that one. */
  onArriving?(objects: readonly KubeObject[] | undefined): void;
  /** One of the calls above threw `cause`: nothing more is told, since half of a change may have been taken. Lease again to begin anew. */
  onLost?(cause: unknown): void;
}

/** `dispose` ends the lease; nothing is told afterwards. */
export interface ReflectorLease extends Disposable {
  readonly view: ReflectorView;
  dispose(): void;
}

interface Shared {
  readonly reflector: Reflector;
  readonly listeners: Set<ReflectorListener>;
  /** Those that were not there when the list that is arriving began. */
  readonly late: Set<ReflectorListener>;
  isArriving: boolean;
  linger: Timer | undefined;
}

export class ReflectorSet implements Disposable {
  readonly #deps: Omit<ReflectorDeps, 'sink'>;
  readonly #options: ReflectorSetOptions;
  /** Those that linger longest stand first among those without readers. */
  readonly #shared = new Map<string, Shared>();
  readonly #ending = new Set<Promise<void>>();
  #disposed = false;

  /** Throws a RangeError that names a bad option. */
  constructor(deps: Omit<ReflectorDeps, 'sink'>, given?: Partial<ReflectorSetOptions>) {
    this.#deps = deps;
    this.#options = mergeOptions(REFLECTOR_SET_DEFAULTS, given);
    requireNumber('lingerMs', this.#options.lingerMs, 0);
    requireNumber('maxReflectors', this.#options.maxReflectors, 1);
    resolveReflectorOptions(this.#options.reflector);
  }

  get size(): number {
    return this.#shared.size;
  }

  /** All reflectors with the number of their readers, for those who watch the watchers. */
  *entries(): Generator<{
    readonly question: KubeQuestion;
    readonly view: ReflectorView;
    readonly readers: number;
  }> {
    for (const [key, { reflector, listeners }] of this.#shared)
      yield { question: questionOf(key), view: reflector, readers: listeners.size };
  }

  /**
   * The reflector of a question, begun if nobody has asked it yet. What `view` says now, and what `listener` is told from now on, fit together without a hole. Two questions are
   * one when their texts are equal: bring selectors into one form first. Throws `limitExceeded` naming `maxReflectors`, and `shuttingDown` after `dispose`.
   */
  lease(question: KubeQuestion, listener: ReflectorListener): ReflectorLease {
    if (this.#disposed) throw new CodedError('shuttingDown');
    const key = keyOf(question);
    const shared = this.#shared.get(key) ?? this.#begin(key);
    shared.linger?.cancel();
    shared.linger = undefined;
    // One lease is one entry, even where two of them share a listener.
    const own: ReflectorListener = {
      onChanges: (changes, version) => listener.onChanges(changes, version),
      onState: (state) => listener.onState(state),
      onArriving: (objects) => listener.onArriving?.(objects),
      onLost: (cause) => listener.onLost?.(cause),
    };
    let leased = true;
    shared.listeners.add(own);
    if (shared.isArriving) shared.late.add(own);
    return {
      view: shared.reflector,
      dispose: () => {
        shared.listeners.delete(own);
        shared.late.delete(own);
        if (leased && shared.listeners.size === 0) this.#linger(key, shared);
        leased = false;
      },
    };
  }

  /** Ends all reflectors; nothing is told after the call. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    for (const key of [...this.#shared.keys()]) this.#end(key);
    await Promise.all(this.#ending);
  }

  #begin(key: string): Shared {
    this.#makeRoom();
    const listeners = new Set<ReflectorListener>();
    const tell = (call: (listener: ReflectorListener) => void): void => {
      // Who joins in the middle has the change in the view already.
      for (const listener of [...listeners])
        if (listeners.has(listener)) this.#call(listener, listeners, call);
    };
    const sink = {
      onChanges: (changes: readonly Change[], version: string) => {
        shared.isArriving = false;
        tell((listener) => listener.onChanges(changes, version));
      },
      onState: (state: ReflectorState) => tell((listener) => listener.onState(state)),
      onArriving: (objects: readonly KubeObject[] | undefined) => {
        shared.isArriving = objects !== undefined;
        if (objects === undefined) shared.late.clear();
        tell((listener) => {
          if (!shared.late.has(listener)) listener.onArriving?.(objects);
        });
      },
    };
    const reflector = new Reflector({ ...this.#deps, sink }, questionOf(key), this.#options.reflector);
    const shared: Shared = { reflector, listeners, late: new Set(), isArriving: false, linger: undefined };
    this.#shared.set(key, shared);
    reflector.start();
    return shared;
  }

  /** One reader's fault is not the others'. */
  #call(
    listener: ReflectorListener,
    listeners: Set<ReflectorListener>,
    call: (listener: ReflectorListener) => void,
  ): void {
    try {
      call(listener);
    } catch (cause) {
      listeners.delete(listener);
      this.#deps.logger.error({ cause: String(cause) }, 'a reader of a reflector failed');
      // In a turn of its own: whatever it does there is no business of this loop.
      this.#deps.clock.setTimeout(() => listener.onLost?.(cause), 0);
    }
  }

  #makeRoom(): void {
    if (this.#shared.size < this.#options.maxReflectors) return;
    for (const [key, { listeners }] of this.#shared) if (listeners.size === 0) return this.#end(key);
    throw new CodedError('limitExceeded', 'maxReflectors');
  }

  #linger(key: string, shared: Shared): void {
    if (this.#shared.get(key) !== shared) return;
    // To the end of the row: it is the last to go of those that linger.
    this.#shared.delete(key);
    this.#shared.set(key, shared);
    const { lingerMs } = this.#options;
    if (lingerMs === 0) this.#end(key);
    else shared.linger = this.#deps.clock.setTimeout(() => this.#end(key), lingerMs);
  }

  #end(key: string): void {
    const shared = this.#shared.get(key);
    if (shared === undefined) return;
    this.#shared.delete(key);
    shared.linger?.cancel();
    shared.listeners.clear();
    const ending: Promise<void> = shared.reflector.dispose().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}

/** All parts of a question in one order; nothing and an empty selector are one. */
function keyOf({ group, version, resource, namespace, labelSelector, fieldSelector }: KubeQuestion): string {
  return JSON.stringify([
    group,
    version,
    resource,
    namespace ?? null,
    labelSelector ?? '',
    fieldSelector ?? '',
  ]);
}

function questionOf(key: string): KubeQuestion {
  const [group, version, resource, namespace, labelSelector, fieldSelector] = JSON.parse(key) as [
    string,
    string,
    string,
    string | null,
    string,
    string,
  ];
  return {
    group,
    version,
    resource,
    ...(namespace === null ? {} : { namespace }),
    ...(labelSelector === '' ? {} : { labelSelector }),
    ...(fieldSelector === '' ? {} : { fieldSelector }),
  };
}
