/**
 * The events by which one reader is told what it has missed, under numbers of its own that ascend from the one it has. Numbers that are given here are remembered with what their reader
 * may have by then, since it may come back with any of them. Pure but for that.
 */
import type { Change, KubeObject, ReflectorView } from '@trunkline/kube-client';
import { byVersion, type Difference } from './difference.js';
import { toDeleted, WatchEvent, type EventType, type TypeName } from './event.js';
import { toNumber, type Numbering } from './numbering.js';
import { sees, type Namespaces } from './seat.js';

type Part = { readonly namespaces: Namespaces };

const EVENTS: Readonly<Record<Change['kind'], EventType>> = {
  added: 'ADDED',
  modified: 'MODIFIED',
  deleted: 'DELETED',
};

/** Under the number that is given for it. */
export function toEvent(numbering: Numbering, { kind, object }: Change, number: string): WatchEvent {
  return new WatchEvent(EVENTS[kind], object, number, numbering.place(number) !== undefined);
}

/** Numbers for one reader, each above the one before. At those that are not an object's own the reader may have what was there in any of the `states`. */
export function ascending(
  numbering: Numbering,
  shown: string,
  states: readonly string[],
): (own: string) => string {
  const versions = [...new Set(states)];
  let last = shown === '0' ? 0 : toNumber(shown);
  return (own) => {
    const version = own === '' ? 0 : toNumber(own);
    if (last === undefined || version === undefined) return own;
    const number = Math.max(version, last + 1);
    last = number;
    numbering.raise(number);
    if (number === version) return own;
    numbering.remember(number, { versions });
    return String(number);
  };
}

/** By version. Each is read once, not with every comparison: of 100,000 objects that is most of the work. */
function inOrder(objects: readonly KubeObject[]): readonly KubeObject[] {
  const numbered: { readonly number: number; readonly object: KubeObject }[] = [];
  for (const object of objects) {
    const number = toNumber(object.version);
    if (number === undefined) return [...objects].sort(byVersion);
    numbered.push({ number, object });
  }
  return numbered.sort((left, right) => left.number - right.number).map(({ object }) => object);
}

/** Everything there is, to a reader that has nothing. */
export function replayAll(numbering: Numbering, view: ReflectorView, part: Part): WatchEvent[] {
  const show = ascending(numbering, '0', [view.version]);
  const objects = inOrder([...view.values()].filter((object) => sees(part, object)));
  return objects.map((object) => new WatchEvent('ADDED', object, show(object.version)));
}

export function replayChanges(
  numbering: Numbering,
  changes: readonly Change[],
  part: Part,
  show: (own: string) => string,
): WatchEvent[] {
  return changes
    .filter(({ object }) => sees(part, object))
    .map((change) => toEvent(numbering, change, show(numbering.of(change))));
}

/** What is gone goes first: whoever then has all up to a version is at that version. */
export function replayDifference(
  view: ReflectorView,
  { gone, changed }: Difference,
  part: Part,
  type: TypeName,
  show: (own: string) => string,
): WatchEvent[] {
  return [
    ...gone
      .filter((object) => sees(part, object))
      .map((object) => toDeleted(type, object, show('') || view.version)),
    ...changed
      .filter(({ object }) => sees(part, object))
      .map(({ type: kind, object }) => {
        const number = show(object.version);
        return new WatchEvent(kind, object, number, number !== object.version);
      }),
  ];
}

/** Objects that a reader may see from now on. Whoever has got to one of their numbers but the last has some of them, and nobody knows which. */
export function replayAdded(
  numbering: Numbering,
  { version }: ReflectorView,
  objects: readonly KubeObject[],
): WatchEvent[] {
  return inOrder(objects).map((object, index) => {
    if (toNumber(version) === undefined) return new WatchEvent('ADDED', object, object.version);
    const number = numbering.last + 1;
    numbering.raise(number);
    numbering.remember(number, { versions: [index === objects.length - 1 ? version : ''] });
    return new WatchEvent('ADDED', object, String(number), true);
  });
}
