/**
 * What a whole list changes in what is kept, worked out beside the store and in slices: a list of 100,000 objects takes hundreds of milliseconds, and whoever shares the thread waits for
 * one slice of it. The store is not touched: what comes out takes its place at one moment.
 */
import { compareVersions } from '../question.js';
import type { KubeObject } from '../wire/object.js';
import { sortInSlices } from './sorting.js';
import type { Change } from './types.js';

/** Objects looked at between two pauses: some 5 ms. */
export const DIFFERENCE_SLICE = 2_000;

export interface Difference {
  /** All objects of the list, by key; those whose version did not change are the ones that were kept before. */
  readonly objects: Map<string, KubeObject>;
  /** Bytes of their JSON. */
  readonly bytes: number;
  readonly changes: readonly Change[];
}

interface Changed {
  readonly object: KubeObject;
  /** The version as a number; NaN where it is none, or too long to be one. */
  readonly order: number;
}

/**
 * Pauses by yielding, after every `DIFFERENCE_SLICE` objects at most. The changes ascend by version as far as versions can be compared; what is missing in the list goes last, at the
 * list's version. @param before what is kept; must stay as it is meanwhile @param sequence number of the last change before these
 */
export function* differenceTo(
  before: ReadonlyMap<string, KubeObject>,
  listed: Iterable<KubeObject>,
  listVersion: string,
  sequence: number,
): Generator<undefined, Difference> {
  const objects = new Map<string, KubeObject>();
  const changed: Changed[] = [];
  let looked = 0;
  let bytes = 0;
  for (const object of listed) {
    const { key, version } = object;
    const kept = before.get(key);
    const same = kept !== undefined && (kept === object || isSame(kept, object));
    bytes += object.json.length - (objects.get(key)?.json.length ?? 0);
    objects.set(key, same ? kept : object);
    if (!same) changed.push({ object, order: NUMBER.test(version) ? Number(version) : NaN });
    if (++looked % DIFFERENCE_SLICE === 0) yield;
  }
  const changes: Change[] = [];
  const add = (kind: Change['kind'], key: string, object: KubeObject, version: string): void =>
    void changes.push({ kind, key, object, version, sequence: ++sequence });
  for (const { object } of yield* sortInSlices(changed, compareChanged, DIFFERENCE_SLICE)) {
    const { key, version, uid } = object;
    const kept = before.get(key);
    // One of the same name with another uid is another object: the old one goes first.
    if (kept !== undefined && kept.uid !== uid) add('deleted', key, kept, version);
    add(kept?.uid === uid ? 'modified' : 'added', key, object, version);
    if (++looked % DIFFERENCE_SLICE === 0) yield;
  }
  for (const [key, object] of before) {
    if (!objects.has(key)) add('deleted', key, object, listVersion);
    if (++looked % DIFFERENCE_SLICE === 0) yield;
  }
  return { objects, bytes, changes };
}

/** Versions that are numbers and are so without loss. */
const NUMBER = /^[1-9]\d{0,14}$/;

function compareChanged(left: Changed, right: Changed): number {
  const order = left.order - right.order;
  return Number.isNaN(order) ? (compareVersions(left.object.version, right.object.version) ?? 0) : order;
}

function isSame(kept: KubeObject, { uid, version }: KubeObject): boolean {
  return kept.uid === uid && kept.version === version && version !== '';
}
