import type { WindowOp, WindowRow } from '@trunkline/contracts/kube';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergePatch } from './merge-patch.js';
import { WindowRows } from './window-rows.js';

const row = (id: string, ...cells: WindowRow['cells']): WindowRow => ({ id, uid: `u-${id}`, cells });

function opened(...rows: WindowRow[]): WindowRows<WindowRow> {
  const window = new WindowRows<WindowRow>(
    (each) => each,
    () => undefined,
  );
  window.replace(rows);
  return window;
}
const ids = (window: WindowRows<WindowRow>): string[] => window.snapshot().map(({ id }) => id);

describe('window rows', () => {
  it('[KSDK-9] operations apply in order, each to what the one before left', () => {
    const window = opened(row('a'), row('b'), row('c'));
    window.apply([
      { op: 'leave', at: 0 },
      { op: 'enter', at: 1, row: row('x') },
      { op: 'move', from: 2, to: 0 },
      { op: 'enter', at: 3, row: row('y') },
    ]);
    expect(ids(window)).toEqual(['c', 'b', 'x', 'y']);
  });

  it('[KSDK-9] a patch makes one new row: changed cells, a merged or whole object, another uid', () => {
    const window = opened({ ...row('a', 1, 'x'), object: { spec: { n: 1, gone: true } } }, row('b', 2));
    const before = window.snapshot();
    window.apply([{ op: 'patch', at: 0, cells: [[1, 'y']], merge: { spec: { gone: null, more: [1] } } }]);
    const after = window.snapshot();
    expect(after[0]).toEqual({
      id: 'a',
      uid: 'u-a',
      cells: [1, 'y'],
      object: { spec: { n: 1, more: [1] } },
    });
    expect(before[0]).toEqual({
      id: 'a',
      uid: 'u-a',
      cells: [1, 'x'],
      object: { spec: { n: 1, gone: true } },
    });
    expect(after[1]).toBe(before[1]);
    window.apply([{ op: 'patch', at: 0, uid: 'u-2', object: { spec: {} } }]);
    expect(window.snapshot()[0]).toEqual({ id: 'a', uid: 'u-2', cells: [1, 'y'], object: { spec: {} } });
  });

  it('[KSDK-9] a place that is not there is an error', () => {
    for (const op of [
      { op: 'leave', at: 1 },
      { op: 'enter', at: 2, row: row('x') },
      { op: 'move', from: 0, to: 1 },
      { op: 'patch', at: -1 },
      { op: 'patch', at: 0, cells: [[3, 1]] },
    ] as WindowOp[])
      expect(() => opened(row('a', 1)).apply([op]), JSON.stringify(op)).toThrow(/a change of/);
  });

  it('[KSDK-1] a state that says the same keeps every row, and the array', () => {
    const window = opened(row('a', 1), row('b', 2));
    const before = window.snapshot();
    window.replace([row('a', 1), row('b', 2)]);
    expect(window.snapshot()).toBe(before);
    window.replace([row('b', 2), row('a', 3)]);
    expect(window.snapshot()[0]).toBe(before[1]);
    expect(window.snapshot()[1]).toEqual(row('a', 3));
  });

  it('[KSDK-9] random operations give the rows that a plain list gives', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(4), fc.nat(30), fc.nat(30)), { maxLength: 60 }), (steps) => {
        const window = opened();
        const model: WindowRow[] = [];
        let serial = 0;
        for (const [kind, first, second] of steps) {
          const [at, to] = [first % (model.length || 1), second % (model.length || 1)];
          if (kind <= 1 || model.length === 0) {
            const place = first % (model.length + 1);
            const entering = row(`r${serial++}`, serial);
            window.apply([{ op: 'enter', at: place, row: entering }]);
            model.splice(place, 0, entering);
          } else if (kind === 2) {
            window.apply([{ op: 'leave', at }]);
            model.splice(at, 1);
          } else if (kind === 3) {
            window.apply([{ op: 'move', from: at, to }]);
            model.splice(to, 0, ...model.splice(at, 1));
          } else {
            window.apply([{ op: 'patch', at, cells: [[0, -serial]] }]);
            model[at] = { ...(model[at] as WindowRow), cells: [-serial] };
          }
          expect(window.snapshot()).toEqual(model);
        }
      }),
    );
  });
});

describe('merge patch', () => {
  it('[KSDK-9] the examples of RFC 7396, appendix A', () => {
    for (const [target, patch, result] of [
      [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
      [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
      [{ a: 'b' }, { a: null }, {}],
      [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
      [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
      [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
      [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
      [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
      [
        ['a', 'b'],
        ['c', 'd'],
        ['c', 'd'],
      ],
      [{ a: 'b' }, ['c'], ['c']],
      [{ a: 'foo' }, null, null],
      [{ a: 'foo' }, 'bar', 'bar'],
      [{ e: null }, { a: 1 }, { e: null, a: 1 }],
      [[1, 2], { a: 'b', c: null }, { a: 'b' }],
      [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    ] as const)
      expect(mergePatch(target, patch), JSON.stringify(patch)).toEqual(result);
  });

  it('[KSDK-9] a name like __proto__ is a name', () => {
    const patch: unknown = JSON.parse('{"__proto__": {"polluted": true}}');
    const merged = mergePatch({}, patch) as Record<string, unknown>;
    expect(Object.hasOwn(merged, '__proto__')).toBe(true);
    expect((merged as { polluted?: boolean }).polluted).toBeUndefined();
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});
