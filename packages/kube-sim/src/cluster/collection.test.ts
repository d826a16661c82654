import fc from 'fast-check';
import { FakeClock } from '@trunkline/base/testing';
import { describe, expect, it } from 'vitest';
import { Collection, inNamespace, lowerBound, type CollectionOptions } from './collection.js';
import { Stored } from './stored.js';

const OPTIONS: CollectionOptions = { watchCacheSize: 8, continueTtlMs: 1_000, maxSnapshots: 2 };

/** A collection with versions counted as a cluster counts them, and its whole past beside it. */
class Bench {
  readonly clock = new FakeClock();
  readonly collection = new Collection(this.clock, OPTIONS, 0);
  readonly past: readonly string[][] = [[]];
  version = 0;

  put(key: string): void {
    const previous = this.collection.get(key);
    const version = ++this.version;
    const object = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: key, resourceVersion: String(version) },
    };
    const current = new Stored(key, object, version);
    this.collection.apply({
      type: previous === undefined ? 'ADDED' : 'MODIFIED',
      version,
      current,
      previous,
    });
    this.#remember();
  }

  remove(key: string): void {
    const previous = this.collection.get(key);
    if (previous === undefined) return;
    const version = ++this.version;
    this.collection.apply({ type: 'DELETED', version, current: previous.withVersion(version), previous });
    this.#remember();
  }

  #remember(): void {
    (this.past as string[][]).push(texts(this.collection.sorted()));
  }
}

const texts = (items: readonly Stored[] | undefined): string[] =>
  (items ?? []).map(({ key, version }) => `${key}@${version}`);
const key = fc.constantFrom('a', 'b', 'c', 'n/a', 'n/b', 'n-1/a', 'n0');
const operations = fc.array(fc.tuple(fc.constantFrom('put', 'remove'), key), { maxLength: 40 });

describe('the memory of a resource', () => {
  it('[KSIM-1] its state is sorted by key after any run of changes', () => {
    fc.assert(
      fc.property(operations, fc.nat({ max: 3 }), (run, readEvery) => {
        const bench = new Bench();
        const model = new Set<string>();
        for (const [index, [how, name]] of run.entries()) {
          if (how === 'put') model.add(name);
          else model.delete(name);
          bench[how === 'put' ? 'put' : 'remove'](name);
          // Read now and then, so that merges meet all kinds of backlogs.
          if (index % (readEvery + 1) === 0) bench.collection.sorted();
        }
        expect(bench.collection.sorted().map((stored) => stored.key)).toEqual([...model].sort());
      }),
    );
  });

  it('[KSIM-4] every past state that the log reaches back to is what it was; older ones are gone', () => {
    fc.assert(
      fc.property(operations, (run) => {
        const bench = new Bench();
        for (const [how, name] of run) bench[how === 'put' ? 'put' : 'remove'](name);
        for (const [version, state] of bench.past.entries()) {
          const found = bench.collection.sortedAt(version);
          if (version < bench.collection.log.floor) expect(found).toBeUndefined();
          else expect(texts(found)).toEqual(state);
        }
        expect(bench.collection.log.floor).toBe(Math.max(0, bench.version - OPTIONS.watchCacheSize));
      }),
    );
  });

  it('[KSIM-3] snapshots live for their time, are bounded in number, and go with the past', async () => {
    const bench = new Bench();
    const keep = (version: number): void => bench.collection.keepSnapshot(version, []);
    for (const version of [1, 2, 3]) keep(version);
    expect([1, 2, 3].map((version) => bench.collection.snapshotAt(version) !== undefined)).toEqual([
      false,
      true,
      true,
    ]);
    await bench.clock.advance(OPTIONS.continueTtlMs);
    expect(bench.collection.snapshotAt(3)).toBeUndefined();
    keep(4);
    bench.put('a');
    bench.collection.forget(bench.version);
    expect(bench.collection.snapshotAt(4)).toBeUndefined();
    expect([bench.collection.sortedAt(0), texts(bench.collection.sortedAt(1))]).toEqual([undefined, ['a@1']]);
  });

  it('[KSIM-18] a namespace is a slice, even beside names that begin like it', () => {
    const bench = new Bench();
    for (const name of ['n/b', 'n-1/a', 'n0', 'n/a', 'm/z']) bench.put(name);
    const sorted = bench.collection.sorted();
    expect(inNamespace(sorted, 'n').map((stored) => stored.key)).toEqual(['n/a', 'n/b']);
    expect(inNamespace(sorted, '').length).toBe(5);
    expect(lowerBound(sorted, 'zzz')).toBe(5);
  });

  it('[KSIM-16] a reader that the ring overtook finds what it wants gone; one at the end does not', () => {
    const { collection } = new Bench();
    const bench = new Bench();
    expect(collection.log.after(0)).toBe(0);
    const start = bench.collection.log.next;
    for (let round = 0; round < OPTIONS.watchCacheSize; round++) bench.put('a');
    expect(bench.collection.log.isGone(start)).toBe(false);
    bench.put('a');
    expect(bench.collection.log.isGone(start)).toBe(true);
    expect(bench.collection.log.at(start)).toBeUndefined();
    expect(bench.collection.log.after(bench.version)).toBe(bench.collection.log.next);
  });
});
