/** What there is, compared with what a reader may have: the way to tell it everything where no chain of changes leads from the one to the other. */
import { compareVersions, type Change, type KubeObject, type ReflectorView } from '@trunkline/kube-client';
import type { EarlierList, EarlierObject } from './earlier.js';
import type { EventType } from './event.js';

/** What has become of some earlier states. */
export interface Difference {
  readonly gone: readonly EarlierObject[];
  /** By version. */
  readonly changed: readonly { readonly type: EventType; readonly object: KubeObject }[];
}

/** For a reader that may have any of the lists, or be where any of the replays begins. */
export function differenceTo(
  view: ReflectorView,
  lists: readonly EarlierList[],
  replays: readonly (readonly Change[])[],
): Difference {
  const gone = new Map<string, EarlierObject>();
  const changed = new Map<KubeObject, EventType>();
  const lose = (object: EarlierObject): void => void gone.set(object.uid || object.name, object);
  for (const list of lists) {
    const rest = new Map(list);
    for (const object of view.values()) {
      const was = rest.get(object.key);
      rest.delete(object.key);
      if (was === undefined || was.uid !== object.uid) changed.set(object, 'ADDED');
      else if (was.version !== object.version && !changed.has(object)) changed.set(object, 'MODIFIED');
      if (was !== undefined && was.uid !== object.uid) lose(was);
    }
    for (const object of rest.values()) lose(object);
  }
  for (const { key, object } of replays.flat()) {
    const now = view.get(key);
    if (now?.uid !== object.uid) lose(object);
    if (now !== undefined && !changed.has(now)) changed.set(now, 'MODIFIED');
  }
  return {
    gone: [...gone.values()],
    changed: [...changed]
      .map(([object, type]) => ({ type, object }))
      .sort((left, right) => byVersion(left.object, right.object)),
  };
}

/** For sorting: as far as versions can be compared. */
export function byVersion(left: KubeObject, right: KubeObject): number {
  return compareVersions(left.version, right.version) ?? 0;
}
