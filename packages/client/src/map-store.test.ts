import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MapStore } from './map-store.js';

interface Value {
  readonly n: number;
}
const set = (key: string, n: number): { kind: 'set'; key: string; value: Value } => ({
  kind: 'set',
  key,
  value: { n },
});
const at = (offset: number): { epoch: string; offset: number } => ({ epoch: 'e', offset });

describe('map store', () => {
  it('[CLIENT-14] the snapshot is one object until something changed', () => {
    const store = new MapStore<Value>(10);
    store.apply(set('a', 1), at(1), false);
    const first = store.snapshot();
    expect(store.snapshot()).toBe(first);
    store.apply(set('b', 1), at(2), false);
    expect(store.snapshot()).not.toBe(first);
    expect([...first.keys()]).toEqual(['a']);
    expect([...store.snapshot().keys()]).toEqual(['a', 'b']);
  });

  it('[CLIENT-14] an equal value keeps its identity, and changes nothing', () => {
    const store = new MapStore<Value>(10);
    store.apply(set('a', 1), at(1), false);
    const before = store.snapshot();
    expect(store.apply(set('a', 1), at(2), false)).toEqual([]);
    expect(store.snapshot()).toBe(before);
  });

  it('[CLIENT-14] values of two versions are different without being compared; those of one version are compared', () => {
    interface Versioned {
      readonly version: number;
      readonly text: string;
    }
    const store = new MapStore<Versioned>(10, ({ version }) => version);
    const put = (version: number, text: string): readonly string[] =>
      store.apply({ kind: 'set', key: 'a', value: { version, text } }, undefined, false);
    put(1, 'x');
    const first = store.get('a');
    expect(put(1, 'x')).toEqual([]);
    expect(store.get('a')).toBe(first);
    expect(put(1, 'y')).toEqual(['a']);
    expect(put(2, 'y')).toEqual(['a']);
    expect(store.get('a')).toEqual({ version: 2, text: 'y' });
  });

  it('[CLIENT-14] a resync keeps identities of what is equal, and tells only what differs', () => {
    const store = new MapStore<Value>(10);
    for (const key of ['a', 'b', 'c']) store.apply(set(key, 1), undefined, false);
    const a = store.get('a');
    const changed = store.replace(
      [
        ['a', { n: 1 }],
        ['b', { n: 2 }],
        ['d', { n: 1 }],
      ],
      at(9),
    );
    expect(store.get('a')).toBe(a);
    expect([...changed].sort()).toEqual(['b', 'c', 'd']);
    expect(new Map(store.snapshot())).toEqual(
      new Map([
        ['a', { n: 1 }],
        ['b', { n: 2 }],
        ['d', { n: 1 }],
      ]),
    );
  });

  it('[CLIENT-8] an optimistic change shows at once, and what is confirmed shows again after a refusal', () => {
    const store = new MapStore<Value>(10);
    store.apply(set('a', 1), at(1), false);
    store.begin('x', set('a', 2));
    store.begin('y', { kind: 'remove', key: 'a' });
    expect(store.get('a')).toBeUndefined();
    expect(store.settle('y')).toEqual(['a']);
    expect(store.get('a')).toEqual({ n: 2 });
    store.settle('x');
    expect(store.get('a')).toEqual({ n: 1 });
    expect(store.pending).toBe(0);
  });

  it('[CLIENT-8] a value that was shown before it was confirmed keeps its identity when an equal one confirms it', () => {
    const store = new MapStore<{ n: number }>(10);
    const mine = { n: 1 };
    store.begin('one', { kind: 'set', key: 'a', value: mine });
    expect(store.apply({ kind: 'set', key: 'a', value: { n: 1 } }, undefined, true)).toEqual([]);
    expect([store.get('a') === mine, store.snapshot().get('a') === mine, store.pending]).toEqual([
      true,
      true,
      0,
    ]);
    store.begin('two', { kind: 'remove', key: 'a' });
    expect([store.get('a'), store.snapshot().has('a')]).toEqual([undefined, false]);
    expect(store.settle('two')).toEqual(['a']);
    expect(store.get('a')).toBe(mine);
  });

  it('[CLIENT-8] own publications confirm; those of others do not disturb what is shown', () => {
    const store = new MapStore<Value>(10);
    store.begin('x', set('a', 2));
    expect(store.apply(set('a', 7), at(1), false)).toEqual([]);
    expect(store.get('a')).toEqual({ n: 2 });
    expect(store.apply(set('a', 2), at(2), true)).toEqual([]);
    expect(store.pending).toBe(0);
    store.apply(set('a', 8), at(3), false);
    expect(store.get('a')).toEqual({ n: 8 });
  });

  it('[CLIENT-8] an accepted change is over with the next resync, an open one outlives it', () => {
    const store = new MapStore<Value>(10);
    store.begin('accepted', set('a', 1));
    store.begin('open', set('b', 1));
    store.accept('accepted');
    store.replace([], at(5));
    expect([...store.snapshot()]).toEqual([['b', { n: 1 }]]);
  });

  it('[CLIENT-13] pending changes are bounded', () => {
    const store = new MapStore<Value>(1);
    expect(store.begin('x', set('a', 1))).toBe(true);
    expect(store.begin('y', set('b', 1))).toBe(false);
    expect(store.snapshot().size).toBe(1);
  });

  it('[CLIENT-14] any run of changes equals a plain map with the pending ones on top', () => {
    const key = fc.constantFrom('a', 'b', 'c');
    const action = fc.oneof(
      fc.record({ do: fc.constant('set' as const), key, n: fc.integer({ min: 0, max: 3 }) }),
      fc.record({ do: fc.constant('remove' as const), key }),
      fc.record({ do: fc.constant('begin' as const), key, n: fc.integer({ min: 0, max: 3 }) }),
      fc.record({ do: fc.constant('settle' as const), index: fc.nat(9) }),
      fc.record({
        do: fc.constant('replace' as const),
        entries: fc.dictionary(key, fc.integer({ min: 0, max: 3 })),
      }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (script) => {
        const store = new MapStore<Value>(100);
        const confirmed = new Map<string, Value>();
        let pending: { id: string; key: string; n: number }[] = [];
        script.forEach((step, index) => {
          const before = store.snapshot();
          const old = new Map(before);
          let changed: readonly string[] = [];
          if (step.do === 'set') {
            confirmed.set(step.key, { n: step.n });
            changed = store.apply(set(step.key, step.n), undefined, false);
          } else if (step.do === 'remove') {
            confirmed.delete(step.key);
            changed = store.apply({ kind: 'remove', key: step.key }, undefined, false);
          } else if (step.do === 'begin') {
            pending.push({ id: String(index), key: step.key, n: step.n });
            store.begin(String(index), set(step.key, step.n));
            changed = [step.key];
          } else if (step.do === 'settle') {
            const found = pending[step.index];
            pending = pending.filter((item) => item !== found);
            if (found) changed = store.settle(found.id);
          } else {
            confirmed.clear();
            for (const [name, n] of Object.entries(step.entries)) confirmed.set(name, { n });
            changed = store.replace([...confirmed], undefined);
          }
          const expected = new Map(confirmed);
          for (const item of pending) expected.set(item.key, { n: item.n });
          const after = store.snapshot();
          expect(Object.fromEntries(after)).toEqual(Object.fromEntries(expected));
          for (const name of ['a', 'b', 'c'])
            if (!changed.includes(name)) expect(after.get(name)).toBe(old.get(name));
          expect(new Map(before)).toEqual(old);
        });
      }),
      { numRuns: 1_000 },
    );
  });
});
