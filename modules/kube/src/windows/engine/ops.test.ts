import { createSeededRandom, randomInt } from '@trunkline/base';
import { describe, expect, it } from 'vitest';
import { diffPlaces } from './ops.js';

interface Item {
  readonly id: string;
}

function apply(before: readonly Item[], ops: ReturnType<typeof diffPlaces<Item>>): Item[] {
  const rows = [...before];
  for (const at of ops.leave) rows.splice(at, 1);
  for (const { from, to } of ops.move) rows.splice(to, 0, ...rows.splice(from, 1));
  for (const { at, row } of ops.enter) rows.splice(at, 0, row);
  for (const { at, after } of ops.stay) rows[at] = after;
  return rows;
}

const items = (text: string): Item[] => [...text].map((id) => ({ id }));

describe('operations between rows', () => {
  it('[KWIN-6] lead from any rows to any others', () => {
    const random = createSeededRandom(11);
    for (let round = 0; round < 2_000; round++) {
      const some = (): Item[] => {
        const ids = Array.from({ length: randomInt(random, 12) }, () => String(randomInt(random, 16)));
        return [...new Set(ids)].map((id) => ({ id }));
      };
      const [before, after] = [some(), some()];
      expect(apply(before, diffPlaces(before, after))).toEqual(after);
    }
  });

  it.each([
    ['abcdef', 'fabcde', 1],
    ['abcdef', 'bcdefa', 1],
    ['abcdef', 'badcfe', 3],
    ['abcdef', 'fedcba', 5],
    ['abcdef', 'abcdef', 0],
  ])('[KWIN-6] %s to %s moves %i rows', (before, after, moves) => {
    expect(diffPlaces(items(before), items(after)).move).toHaveLength(moves);
  });

  it('[KWIN-6] one that enters in front of a full window pushes one out', () => {
    const ops = diffPlaces(items('abc'), items('xab'));
    expect(ops).toMatchObject({ leave: [2], move: [], enter: [{ at: 0 }] });
  });

  it('[KWIN-6] a row that is the same is not mentioned', () => {
    const rows = items('abc');
    const changed = { id: 'b' };
    const ops = diffPlaces(rows, [rows[0] as Item, changed, rows[2] as Item]);
    expect(ops.stay).toEqual([{ at: 1, before: rows[1], after: changed }]);
  });
});
