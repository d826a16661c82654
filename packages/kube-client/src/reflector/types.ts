/** What a reflector tells: changes and states. */
import type { KubeError } from '../errors.js';
import type { KubeObject } from '../wire/object.js';

export interface Change {
  readonly kind: 'added' | 'modified' | 'deleted';
  /** `namespace/name`, or `name` alone. */
  readonly key: string;
  /** The object as it is now; for `deleted` as it was last seen. */
  readonly object: KubeObject;
  /**
   * The version at which it is so. That of the object, except for an object found missing after a new list: then that of the list, or, where another one of its name has taken its
   * place, that of the newcomer.
   */
  readonly version: string;
  /** 1, 2, 3 … over the life of the reflector, without holes. */
  readonly sequence: number;
}

export type ReflectorState =
  /** Never complete so far, and nothing has failed. */
  | { readonly kind: 'connecting' }
  /** The store is complete, and the server has accepted the watch that keeps it so. */
  | { readonly kind: 'live' }
  /** Changes may be missing since a wall time (Unix milliseconds); it will be tried again soon. */
  | { readonly kind: 'recovering'; readonly sinceMs: number; readonly reason: KubeError }
  /** As before, and the server refuses: it is tried again slowly, in case rights or resources change. */
  | { readonly kind: 'failed'; readonly sinceMs: number; readonly reason: KubeError };

export interface ReflectorSink {
  /**
   * Changes in order, already in the store. After the last one the store is a state that the cluster had, `version`. The next batch comes when the promise is settled; until then
   * nothing more is read from the server. Must not fail: a failure ends the reflector, since what was missed would never be told.
   */
  onChanges(changes: readonly Change[], version: string): void | Promise<void>;
  /** `live` comes after the changes that made it true. */
  onState(state: ReflectorState): void;
}
