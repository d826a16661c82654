import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Sequence, type Picture, type Slot } from './sequence.js';

/** What a sequence is, written down plainly. */
interface Naive {
  readonly slot: Slot<number>;
  value: number;
}

function slot(): Slot<number> {
  return { chunk: undefined, at: 0 };
}

/** All of a picture, read one by one. */
function read(picture: Picture<number>): (number | undefined)[] {
  return Array.from({ length: picture.size }, (_, index) => picture.at(index));
}

describe('a sequence', () => {
  it('[KSDK-1] equals a plain array after any changes, and a picture never changes', () => {
    const at = fc.nat(999_999);
    const action = fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant('add' as const), count: fc.nat(200), at }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant('change' as const), count: fc.nat(20), at }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant('remove' as const), count: fc.nat(150), at }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('drain' as const), count: fc.nat(9), at }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('look' as const), count: fc.nat(1), at }) },
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (script) => {
        const sequence = new Sequence<number>();
        const naive: Naive[] = [];
        const pictures: { picture: Picture<number>; then: number[] }[] = [];
        let next = 0;
        const remove = (index: number): void => {
          for (const { slot: gone } of naive.splice(index, 1)) sequence.remove(gone);
        };
        for (const { do: what, count, at: where } of script) {
          for (let turn = 0; turn < count && what === 'add'; turn++) {
            const added = { slot: slot(), value: next++ };
            naive.push(added);
            sequence.put(added.slot, added.value);
          }
          for (let turn = 0; turn < count && naive.length > 0; turn++) {
            const index = (where + turn * 7) % naive.length;
            const found = naive[index] as Naive;
            if (what === 'change') sequence.put(found.slot, (found.value = next++));
            if (what === 'remove') remove(index);
          }
          while (what === 'drain' && naive.length > count) remove(0);
          expect(sequence.size).toBe(naive.length);
          if (what !== 'look') continue;
          const picture = sequence.picture();
          const then = naive.map(({ value }) => value);
          expect(sequence.picture()).toBe(picture);
          expect(read(picture)).toEqual(then);
          // Some are made whole at once, some when everything else is over.
          if (count === 0) expect(picture.all()).toEqual(then);
          pictures.push({ picture, then });
        }
        for (const { picture, then } of pictures) {
          expect([picture.at(-1), picture.at(then.length)]).toEqual([undefined, undefined]);
          expect(read(picture)).toEqual(then);
          expect(picture.all()).toEqual(then);
          expect(picture.all()).toBe(picture.all());
          expect(read(picture)).toEqual(then);
        }
        expect(read(sequence.picture())).toEqual(naive.map(({ value }) => value));
      }),
      { numRuns: 150 },
    );
  });

  it('[KSDK-1] a value put again is no change', () => {
    const sequence = new Sequence<number>();
    const place = slot();
    sequence.put(place, 1);
    const picture = sequence.picture();
    sequence.put(place, 1);
    expect(sequence.picture()).toBe(picture);
    sequence.put(place, 2);
    expect([picture.all(), sequence.picture().all()]).toEqual([[1], [2]]);
  });

  it('[KSDK-1] chunks that became small are joined: a long queue that moved on costs no more than a short one', () => {
    const sequence = new Sequence<number>();
    const queue: Slot<number>[] = [];
    const chunks = new Set<unknown>();
    for (let turn = 0; turn < 20_000; turn++) {
      const place = slot();
      sequence.put(place, turn);
      queue.push(place);
      // One in a hundred stays.
      if (queue.length > 100 && turn % 100 !== 0) sequence.remove(queue.shift() as Slot<number>);
      else if (queue.length > 100) queue.shift();
    }
    const all = sequence.picture().all();
    expect(all.toSorted((left, right) => left - right)).toEqual(all);
    for (const { chunk } of queue) chunks.add(chunk);
    expect(all.length).toBe(sequence.size);
    expect(chunks.size).toBeLessThan(5);
  });
});
