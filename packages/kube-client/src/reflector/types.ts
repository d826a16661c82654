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

/** Why a reflector is not live. */
export interface ReflectorFault {
  /**
   * `recovering`: it will be tried again soon. The others are refusals, tried again slowly, in case something changes at the cluster: `denied` (401, 403), `gone` (404: there is no
   * such resource), `failed` (anything else that asking again will not mend: too many objects, a selector that is none).
   */
  readonly kind: 'recovering' | 'denied' | 'gone' | 'failed';
  /** Changes may be missing since this wall time, Unix milliseconds. */
  readonly sinceMs: number;
  readonly reason: KubeError;
}

export type ReflectorState =
  /** Never complete so far, and nothing has failed. */
  | { readonly kind: 'loading' }
  /** The store is complete, and the server has accepted the watch that keeps it so. */
  | { readonly kind: 'live' }
  | ReflectorFault;

export interface ReflectorSink {
  /**
   * Changes in order, already in the store. After the last one the store is a state that the cluster had, `version`. The next batch comes when the promise is settled; until then
   * nothing more is read from the server. Must not fail: a failure ends the reflector, since what was missed would never be told.
   */
  onChanges(changes: readonly Change[], version: string): void | Promise<void>;
  /** `live` comes after the changes that made it true. */
  onState(state: ReflectorState): void;
  /**
   * Objects of the first list while it is still being read, for whoever has much to do with each of them. They are no state of the cluster and in no store. Undefined: a list begins, and what
   * arrived before is void. Where something has arrived when `onChanges` tells that list, everything in it has; of objects with one key the last counts. Must not fail.
   */
  onArriving?(objects: readonly KubeObject[] | undefined): void;
}
