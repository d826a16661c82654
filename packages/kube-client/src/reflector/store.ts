/**
 * The objects of one question as they are known, and what turns one state into the next: single events, or the difference to a whole list. An object whose version did not
 * change stays the same object. It never asks whether a version is newer: the server's order is the order.
 */
import type { KubeObject } from '../wire/object.js';
import type { WatchEvent } from '../http/watch.js';
import { differenceTo, type Difference } from './difference.js';
import type { Change } from './types.js';

/** A change before it has its number. */
export type Step = Omit<Change, 'sequence'>;

export type ObjectEvent = Exclude<WatchEvent, { readonly kind: 'bookmark' }>;

export class ObjectStore {
  #objects = new Map<string, KubeObject>();
  #bytes = 0;

  get size(): number {
    return this.#objects.size;
  }

  /** Bytes of JSON of all objects. */
  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): KubeObject | undefined {
    return this.#objects.get(key);
  }

  values(): IterableIterator<KubeObject> {
    return this.#objects.values();
  }

  /** Every event counts, also a second one with the version of the first. */
  apply({ kind, object }: ObjectEvent): Step[] {
    const { key, version } = object;
    const before = this.#objects.get(key);
    if (kind === 'deleted') {
      if (before === undefined) return [];
      this.#remove(before);
      return [{ kind: 'deleted', key, object, version }];
    }
    return this.#put(object, before);
  }

  /** What a list changes, worked out in slices; nothing else may change the store meanwhile. `replace` takes it over. @param sequence number of the last change so far */
  differenceTo(
    listed: Iterable<KubeObject>,
    listVersion: string,
    sequence: number,
  ): Generator<undefined, Difference> {
    return differenceTo(this.#objects, listed, listVersion, sequence);
  }

  /** Becomes equal to a list, at one moment. */
  replace({ objects, bytes }: Difference): void {
    this.#objects = objects;
    this.#bytes = bytes;
  }

  /** One of the same name with another uid is another object: the old one goes first. */
  #put(object: KubeObject, before: KubeObject | undefined): Step[] {
    const { key, version } = object;
    if (before !== undefined) this.#bytes -= before.json.length;
    this.#objects.set(key, object);
    this.#bytes += object.json.length;
    if (before === undefined) return [{ kind: 'added', key, object, version }];
    if (before.uid === object.uid) return [{ kind: 'modified', key, object, version }];
    return [
      { kind: 'deleted', key, object: before, version },
      { kind: 'added', key, object, version },
    ];
  }

  #remove(object: KubeObject): void {
    this.#objects.delete(object.key);
    this.#bytes -= object.json.length;
  }
}
