/**
 * What a feed hears of its reflector: one lease, changes under the numbers that they are shown with, and states, in order. A batch is handed on in slices with a turn of the event loop
 * between them, so that a list that was read anew holds up nobody else. Until a batch is through the view is ahead of what was heard, and nobody begins. It knows no readers.
 */
import type { Clock, Timer } from '@trunkline/base';
import {
  compareVersions,
  type Change,
  type ReflectorLease,
  type ReflectorListener,
  type ReflectorState,
  type ReflectorView,
} from '@trunkline/kube-client';
import type { Numbering } from './numbering.js';

export interface IntakeDeps {
  readonly clock: Clock;
  lease(listener: ReflectorListener): ReflectorLease;
}

export interface IntakeListener {
  /** A batch begins; `wentBack`: to an older state of the cluster. */
  onBatch(changes: readonly Change[], wentBack: boolean): void;
  /** Those from `from` up to `to` have their numbers now. They may be forgotten with the next slice. */
  onSlice(changes: readonly Change[], from: number, to: number): void;
  /** All of it was heard. */
  onBatchEnd(): void;
  onState(state: ReflectorState): void;
  onLost(cause: unknown): void;
}

interface Batch {
  readonly changes: readonly Change[];
  readonly version: string;
  /** Nothing before this place is to be told any more. */
  at: number;
  /** Found by a new list, over a gap in the changes. */
  isDifference: boolean;
}

export class Intake {
  readonly #deps: IntakeDeps;
  readonly #listener: IntakeListener;
  readonly #numbering: Numbering;
  readonly #slice: number;
  #lease: ReflectorLease | undefined;
  /** Of the lease, or of the last one. */
  #view: ReflectorView | undefined;
  /** Number of the last change that was heard. Behind the view's own while changes are held back. */
  #heard = 0;
  #version = '';
  #inbox: (Batch | ReflectorState)[] = [];
  #turn: Timer | undefined;

  /** @param slice changes of one turn; no more than numbers are remembered at once */
  constructor(deps: IntakeDeps, numbering: Numbering, slice: number, listener: IntakeListener) {
    this.#deps = deps;
    this.#numbering = numbering;
    this.#slice = slice;
    this.#listener = listener;
  }

  get view(): ReflectorView | undefined {
    return this.#view;
  }

  /** There is a whole list, and nothing of it is held back. */
  get isQuiet(): boolean {
    return this.#view?.loaded === true && this.#view.sequence === this.#heard;
  }

  /** Where it is closed. What came meanwhile has its numbers then, as far as the ring has it. Throws what a lease throws. */
  open(): ReflectorView {
    if (this.#lease !== undefined) return this.#lease.view;
    const lease = this.#deps.lease({
      onChanges: (changes, version) => this.#onChanges(changes, version),
      onState: (state) => this.#onState(state),
      onLost: (cause) => this.#onLost(cause),
    });
    this.#lease = lease;
    const { view } = lease;
    const missed = view === this.#view ? view.changesAfter(this.#heard) : undefined;
    if (missed !== undefined) this.#numbering.take(missed, this.#version, view.version, true);
    else {
      this.#numbering.beginAnew();
      const kept = view.changesAfter(view.sequence - view.stats.ringChanges);
      this.#numbering.take(kept ?? [], '', view.version, false);
    }
    this.#view = view;
    this.#heard = view.sequence;
    this.#version = view.version;
    return view;
  }

  /** Of a batch in the middle nothing more is told; it is heard with the next lease. */
  close(): void {
    this.#turn?.cancel();
    this.#turn = undefined;
    this.#inbox = [];
    this.#lease?.dispose();
    this.#lease = undefined;
  }

  #onChanges(changes: readonly Change[], version: string): void {
    if (changes.length === 0) return;
    this.#inbox.push({ changes, version, at: 0, isDifference: false });
    if (this.#turn === undefined) this.#work();
  }

  #onState(state: ReflectorState): void {
    this.#inbox.push(state);
    if (this.#turn === undefined) this.#work();
  }

  #onLost(cause: unknown): void {
    this.close();
    this.#listener.onLost(cause);
  }

  #work(): void {
    let left = this.#slice;
    for (let [told] = this.#inbox; told !== undefined; [told] = this.#inbox) {
      if ('kind' in told) {
        this.#inbox.shift();
        this.#listener.onState(told);
      } else if (left > 0) left -= this.#hear(told, left);
      else return this.#workLater();
    }
  }

  #workLater(): void {
    this.#turn = this.#deps.clock.setImmediate(() => {
      this.#turn = undefined;
      try {
        this.#work();
      } catch (cause) {
        // As the reflector does with whoever fails while it is told.
        this.#onLost(cause);
      }
    });
  }

  /** @returns how many changes */
  #hear(batch: Batch, most: number): number {
    const { changes, version } = batch;
    const before = this.#version;
    if (batch.at === 0) {
      // From where it was the ring leads no further over a gap; and whoever has half of a difference has no version to go on from.
      batch.isDifference =
        before !== '' && changes.length > 1 && this.#view?.changesSince(before) === undefined;
      this.#listener.onBatch(changes, (compareVersions(version, before) ?? 0) < 0);
      // The last reader may have left.
      if (this.#inbox[0] !== batch) return 0;
    }
    const from = batch.at;
    const to = Math.min(changes.length, from + most);
    this.#numbering.take(changes, before, version, batch.isDifference, from, to);
    batch.at = to;
    const isWhole = to === changes.length;
    if (isWhole) {
      this.#inbox.shift();
      this.#heard = changes.at(-1)?.sequence ?? this.#heard;
      this.#version = version;
    }
    this.#listener.onSlice(changes, from, to);
    if (isWhole && this.#lease !== undefined) this.#listener.onBatchEnd();
    return to - from;
  }
}
