/**
 * State that the application loads and publications change: `getState` and a reducer, kept as a store. The confirmed state and optimistic
 * changes are held apart; what is shown is the one with the others applied on top, so a refused change simply disappears.
 */
import { randomId } from '@trunkline/base';
import { CodedError, type Position } from '@trunkline/protocol';
import type { Continuity } from './continuity-view.js';
import { localError } from './errors.js';
import { OptimisticLog } from './optimistic.js';
import type { CommandResult } from './rpc.js';
import { Listeners, type Batch, type Readable } from './store.js';
import type { LoadedState, StreamOptions, StreamPublication } from './stream-options.js';
import { StreamSubscription } from './stream.js';
import type { WireDeps } from './wire.js';
import type { Wires } from './wires.js';

export interface StateOptions<T, S> extends Omit<
  StreamOptions<T, S>,
  'since' | 'onPublication' | 'onState' | 'getState'
> {
  readonly getState: () => Promise<LoadedState<S>>;
  /** The next state; returning the same object changes nothing. Throwing makes the publication a loss: state is loaded again. */
  readonly reduce: (state: S, publication: StreamPublication<T>) => S;
}

export interface StateSnapshot<S> {
  /** Undefined until first loaded. */
  readonly value: S | undefined;
  readonly continuity: Continuity;
  /** Optimistic changes that are not confirmed yet. */
  readonly pending: number;
}

export interface Mutation<S, R> {
  /** The change as it will probably be; applied at once, and again on top of each newer state until confirmed. */
  readonly apply: (state: S) => S;
  /** Asks the server. `id` is unique: use it as the idempotency key. A result with a position is confirmed by the publication there, one without at once. */
  readonly run: (id: string) => Promise<CommandResult<R>>;
}

export class StateStore<T, S> implements Readable<StateSnapshot<S>> {
  readonly #deps: WireDeps;
  readonly #batch: Batch;
  readonly #listeners: Listeners;
  readonly #log: OptimisticLog<(state: S) => S>;
  readonly #stream: StreamSubscription<T, S>;
  #confirmed: { readonly state: S } | undefined;
  #snapshot: StateSnapshot<S>;
  #dirty = false;

  constructor(deps: WireDeps, wires: Wires, batch: Batch, channel: string, options: StateOptions<T, S>) {
    this.#deps = deps;
    this.#batch = batch;
    this.#listeners = new Listeners(deps.options.report);
    this.#log = new OptimisticLog(deps.options.maxPendingChanges);
    this.#snapshot = {
      value: undefined,
      continuity: { kind: 'recovering', sinceMs: deps.options.clock.now() },
      pending: 0,
    };
    this.#stream = new StreamSubscription<T, S>(deps, wires, channel, {
      ...options,
      onState: (state, position) => this.#replace(state, position),
      onPublication: (publication) => this.#reduce(options.reduce, publication),
    });
    this.#stream.state.subscribe(() => this.#touch());
    this.#touch();
  }

  readonly get = (): StateSnapshot<S> => {
    if (this.#dirty) {
      this.#dirty = false;
      const next: StateSnapshot<S> = {
        value: this.#shown(),
        continuity: this.#stream.state.get(),
        pending: this.#log.pending.length,
      };
      const { value, continuity, pending } = this.#snapshot;
      if (next.value !== value || next.continuity !== continuity || next.pending !== pending)
        this.#snapshot = next;
    }
    return this.#snapshot;
  };

  readonly subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener);

  /** Continuity alone, told synchronously. */
  get state(): Readable<Continuity> {
    return this.#stream.state;
  }

  get position(): Position | undefined {
    return this.#stream.position;
  }

  /** Shows a change at once and settles it with the server's answer. Rejects as `run` does, after the change was taken back. */
  async mutate<R>({ apply, run }: Mutation<S, R>): Promise<R> {
    const id = randomId(this.#deps.options.random);
    if (!this.#log.begin(id, apply))
      throw localError(
        111,
        `too many requests: maxPendingChanges is ${this.#deps.options.maxPendingChanges}`,
      );
    this.#touch();
    try {
      const { result, position } = await run(id);
      if (position === undefined) this.#log.remove(id);
      else this.#log.accept(id, position);
      return result;
    } catch (error) {
      this.#log.remove(id);
      throw error;
    } finally {
      this.#touch();
    }
  }

  close(): void {
    this.#stream.close();
  }

  #replace(state: S, position: Position): void {
    this.#confirmed = { state };
    this.#log.replaced(position);
    this.#touch();
  }

  #reduce(
    reduce: (state: S, publication: StreamPublication<T>) => S,
    publication: StreamPublication<T>,
  ): void {
    if (this.#confirmed === undefined)
      throw new CodedError('internal', 'a publication before the state it changes');
    const state = reduce(this.#confirmed.state, publication);
    const settled = this.#log.applied(publication.position);
    if (state === this.#confirmed.state && !settled) return;
    this.#confirmed = { state };
    this.#touch();
  }

  #shown(): S | undefined {
    if (this.#confirmed === undefined) return undefined;
    let { state } = this.#confirmed;
    for (const { id, change } of this.#log.pending) {
      try {
        state = change(state);
      } catch (error) {
        // A change that no longer applies is not shown; the server still decides about it.
        this.#deps.options.report(error, { where: 'handler', channel: this.#stream.channel });
        this.#log.remove(id);
      }
    }
    return state;
  }

  #touch(): void {
    this.#dirty = true;
    this.#batch.add(this.#flush);
  }

  readonly #flush = (): void => {
    const before = this.#snapshot;
    if (this.get() !== before) this.#listeners.notify();
  };
}
