/**
 * One reader of a reflector, shielded while rights cannot be asked about: changes are kept back in order, and told when somebody has answered again. What is said about the
 * reflector itself passes, except that it is live.
 */
import type { Clock } from '@trunkline/base';
import type {
  Change,
  KubeObject,
  ReflectorLease,
  ReflectorListener,
  ReflectorState,
} from '@trunkline/kube-client';
import { CodedError } from '@trunkline/protocol';
import { Hold } from '../hold.js';
import type { Doubt } from './doubt.js';

export interface HeldDeps {
  readonly clock: Clock;
  readonly doubt: Doubt;
  readonly maxHeldChanges: number;
}

interface Batch {
  readonly changes: readonly Change[];
  readonly version: string;
}

export class HeldReader implements ReflectorListener {
  readonly #deps: HeldDeps;
  readonly #listener: ReflectorListener;
  readonly #hold: Hold<Batch, ReflectorState>;
  readonly #unlisten: () => void;
  #lease: ReflectorLease | undefined;
  #ended = false;

  constructor(deps: HeldDeps, listener: ReflectorListener) {
    this.#deps = deps;
    this.#listener = listener;
    this.#hold = new Hold(deps.clock, {
      most: [deps.maxHeldChanges],
      sizes: ({ changes }) => [changes.length],
      state: () => this.#lease?.view.state,
      isFault: ({ kind }) => kind !== 'live' && kind !== 'loading',
      toState: (fault) => ({ kind: 'recovering', ...fault }),
      onItem: ({ changes, version }) => listener.onChanges(changes, version),
      // Of a state that changes are missing of nothing can be told: the reader will begin anew.
      onDropped: () => {
        throw new CodedError('limitExceeded', 'maxHeldChanges');
      },
      onState: (state) => listener.onState(state),
      onFailure: (cause) => this.lose(cause),
    });
    this.#unlisten = deps.doubt.listen((fault) => this.#hold.onDoubt(fault));
  }

  attach(lease: ReflectorLease): void {
    this.#lease = lease;
  }

  onChanges(changes: readonly Change[], version: string): void {
    this.#hold.item({ changes, version });
  }

  onState(state: ReflectorState): void {
    this.#hold.state(state);
  }

  /** Nothing is shown of it before its list is told, which may be kept back. */
  onArriving(objects: readonly KubeObject[] | undefined): void {
    if (!this.#ended) this.#listener.onArriving?.(objects);
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
    this.#hold.dispose();
    this.#unlisten();
    this.#lease?.dispose();
  }

  #end(cause: unknown): void {
    if (this.#ended) return;
    this.dispose();
    this.#listener.onLost?.(cause);
  }
}
