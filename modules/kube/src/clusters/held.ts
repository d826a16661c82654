/**
 * One reader of a reflector, shielded while rights cannot be asked about: changes are kept back in order, and told when somebody has answered again. What is said about the
 * reflector itself passes, except that it is live.
 */
import type { Clock } from '@trunkline/base';
import type { Change, ReflectorLease, ReflectorListener, ReflectorState } from '@trunkline/kube-client';
import { CodedError } from '@trunkline/protocol';
import type { Doubt, Fault } from './doubt.js';

export interface HeldDeps {
  readonly clock: Clock;
  readonly doubt: Doubt;
  readonly maxHeldChanges: number;
}

export class HeldReader implements ReflectorListener {
  readonly #deps: HeldDeps;
  readonly #listener: ReflectorListener;
  readonly #unlisten: () => void;
  #lease: ReflectorLease | undefined;
  #batches: { readonly changes: readonly Change[]; readonly version: string }[] = [];
  #held = 0;
  #ended = false;

  constructor(deps: HeldDeps, listener: ReflectorListener) {
    this.#deps = deps;
    this.#listener = listener;
    this.#unlisten = deps.doubt.listen((fault) => this.#onDoubt(fault));
  }

  attach(lease: ReflectorLease): void {
    this.#lease = lease;
  }

  onChanges(changes: readonly Change[], version: string): void {
    if (this.#ended) return;
    if (this.#deps.doubt.fault === undefined) return this.#listener.onChanges(changes, version);
    this.#held += changes.length;
    // Beyond the bound they are only counted: the reader will begin anew.
    if (this.#held <= this.#deps.maxHeldChanges) this.#batches.push({ changes, version });
    else this.#batches = [];
  }

  onState(state: ReflectorState): void {
    if (this.#ended) return;
    if (this.#deps.doubt.fault === undefined || isFault(state)) this.#listener.onState(state);
  }

  onLost(cause: unknown): void {
    this.#end(cause);
  }

  /** Nothing is told afterwards but the reason, in a turn of its own. */
  lose(cause: unknown): void {
    this.#deps.clock.setTimeout(() => this.#end(cause), 0);
  }

  dispose(): void {
    this.#ended = true;
    this.#batches = [];
    this.#unlisten();
    this.#lease?.dispose();
  }

  #onDoubt(fault: Fault | undefined): void {
    const state = this.#lease?.view.state;
    if (this.#ended || state === undefined) return;
    try {
      // A reflector that is not live says itself why; both have one cause then.
      if (fault !== undefined && !isFault(state)) this.#listener.onState({ kind: 'recovering', ...fault });
      if (fault !== undefined) return;
      if (this.#held > this.#deps.maxHeldChanges)
        return this.lose(new CodedError('limitExceeded', 'maxHeldChanges'));
      const batches = this.#batches;
      this.#batches = [];
      this.#held = 0;
      for (const { changes, version } of batches) this.#listener.onChanges(changes, version);
      this.#listener.onState(state);
    } catch (cause) {
      this.lose(cause);
    }
  }

  #end(cause: unknown): void {
    if (this.#ended) return;
    this.dispose();
    this.#listener.onLost?.(cause);
  }
}

function isFault(state: ReflectorState): boolean {
  return state.kind !== 'live' && state.kind !== 'loading';
}
