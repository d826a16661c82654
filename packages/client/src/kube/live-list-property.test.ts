import { settle } from '@trunkline/base/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { liveList, type LiveList } from './live-list.js';
import { openBed, STRATEGIES, type Bed } from './testing/bed.js';
import { keyOf } from './testing/fake-kube.js';
import type { KubeObject } from './types.js';

const CLUSTERS = ['one', 'two'] as const;
const NAMESPACES = ['x', 'y', 'z'] as const;
type Cluster = (typeof CLUSTERS)[number];

interface Change {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly name: number;
  /** Undefined: it goes. */
  readonly value: number | undefined;
  /** Under the version that it has. */
  readonly sameVersion: boolean;
}

type Op =
  | { readonly do: 'change'; readonly change: Change }
  | { readonly do: 'cut'; readonly missed: readonly Change[]; readonly forgets: boolean }
  | { readonly do: 'load'; readonly cluster: Cluster; readonly missed: readonly Change[] }
  | { readonly do: 'lose'; readonly change: Change; readonly after: Change }
  | { readonly do: 'source'; readonly cluster: Cluster; readonly live: boolean }
  | {
      readonly do: 'rights';
      readonly cluster: Cluster;
      readonly to: readonly string[] | undefined;
      readonly told: boolean;
    }
  | { readonly do: 'refuse'; readonly cluster: Cluster; readonly on: boolean; readonly temporary: boolean }
  | { readonly do: 'pass'; readonly ms: number };

const cluster = fc.constantFrom(...CLUSTERS);
const change: fc.Arbitrary<Change> = fc.record({
  cluster,
  namespace: fc.constantFrom(...NAMESPACES),
  name: fc.nat(2),
  value: fc.option(fc.nat(3), { nil: undefined, freq: 3 }),
  sameVersion: fc.boolean(),
});
const missed = fc.array(change, { maxLength: 4 });
const OPS: fc.Arbitrary<Op> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('change' as const), change }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cut' as const), missed, forgets: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('load' as const), cluster, missed }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), change, after: change }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('source' as const), cluster, live: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('rights' as const),
      cluster,
      to: fc.option(fc.subarray([...NAMESPACES]), { nil: undefined, freq: 2 }),
      told: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('refuse' as const),
      cluster,
      on: fc.boolean(),
      temporary: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 300, 5_000) }),
  },
);

/** What is shown of a row. */
interface Shown {
  readonly id: string;
  readonly value: unknown;
}

class World {
  readonly bed: Bed;
  readonly list: LiveList<Shown>;
  readonly truth = new Map<Cluster, Map<string, KubeObject>>(CLUSTERS.map((each) => [each, new Map()]));
  /** Everything that was ever true. */
  readonly ever = new Set<string>();

  constructor(strategy: (typeof STRATEGIES)[number]) {
    this.bed = openBed(strategy);
    this.list = liveList<Shown>(this.bed.client, {
      resource: 'pods',
      lists: [{ cluster: 'one' }, { cluster: 'two', namespaces: ['x', 'y'] }],
      map: (object, origin) => ({ id: `${origin.cluster}/${origin.key}`, value: object['value'] }),
      ...this.bed.live,
    });
  }

  async take(op: Op): Promise<void> {
    const { kube, server } = this.bed;
    switch (op.do) {
      case 'change':
        this.#change(op.change, true);
        break;
      case 'cut':
        kube.cutAll();
        for (const each of op.missed) this.#change(each, false);
        if (op.forgets) for (const channel of server.channels.values()) channel.history = [];
        break;
      case 'load':
        for (const each of op.missed) this.#change({ ...each, cluster: op.cluster }, false);
        for (const namespace of ['*', ...NAMESPACES]) {
          const all = [...(this.truth.get(op.cluster) as Map<string, KubeObject>).values()];
          kube.load(
            kube.channel(op.cluster, namespace),
            all.filter(({ metadata }) => namespace === '*' || metadata.namespace === namespace),
          );
        }
        break;
      case 'lose':
        this.#change(op.change, false);
        // What was lost shows at the next change of that list.
        this.#change({ ...op.after, cluster: op.change.cluster, namespace: op.change.namespace }, true);
        break;
      case 'source':
        for (const namespace of ['*', ...NAMESPACES])
          kube.source(
            kube.channel(op.cluster, namespace),
            op.live ? { state: 'live' } : { state: 'recovering', sinceMs: 1, reason: 'away' },
          );
        break;
      case 'rights':
        if (op.to === undefined) kube.allowed.delete(op.cluster);
        else kube.allowed.set(op.cluster, op.to);
        if (op.told) this.#tell(op.cluster);
        break;
      case 'refuse':
        if (!op.on) kube.refuses.delete(op.cluster);
        else kube.refuses.set(op.cluster, { code: 1300, message: 'away', temporary: op.temporary });
        break;
      case 'pass':
        await this.bed.pass(op.ms);
    }
    await settle();
    for (const shown of this.list.get().rows) expect(this.ever).toContain(JSON.stringify(shown));
  }

  /** After all troubles are over: whatever was missed has been made up for. */
  async heal(): Promise<void> {
    const { kube } = this.bed;
    kube.refuses.clear();
    for (const each of CLUSTERS) {
      for (const namespace of ['*', ...NAMESPACES])
        kube.source(kube.channel(each, namespace), { state: 'live' });
      this.#tell(each);
      // A change in every list, so that one that was lost before is found.
      for (const namespace of NAMESPACES)
        this.#change({ cluster: each, namespace, name: 9, value: 1, sameVersion: false }, true);
    }
    await this.bed.pass(100_000);
    // Delays are drawn: a chain of unlucky ones takes longer.
    for (let turn = 0; turn < 20 && /loading|recovering|stale/.test(this.list.get().state); turn++)
      await this.bed.pass(10_000);
  }

  expected(): Shown[] {
    return CLUSTERS.flatMap((each) =>
      [...(this.truth.get(each) as Map<string, KubeObject>).entries()]
        .filter(([, { metadata }]) => this.#sees(each, metadata.namespace ?? ''))
        .map(([key, object]) => ({ id: `${each}/${key}`, value: object['value'] })),
    ).sort(byId);
  }

  dispose(): void {
    this.list.close();
    this.bed.dispose();
  }

  #sees(each: Cluster, namespace: string): boolean {
    const allowed = this.bed.kube.allowed.get(each);
    return (
      (allowed === undefined || allowed.includes(namespace)) &&
      (each === 'one' || ['x', 'y'].includes(namespace))
    );
  }

  /** The hub's recheck finds that these lists may not be read any more. */
  #tell(each: Cluster): void {
    const { kube } = this.bed;
    const allowed = kube.allowed.get(each);
    if (allowed === undefined) return;
    kube.unsubscribe(kube.channel(each), 2101);
    for (const namespace of NAMESPACES)
      if (!allowed.includes(namespace)) kube.unsubscribe(kube.channel(each, namespace), 2101);
  }

  #change({ cluster: where, namespace, name, value, sameVersion }: Change, seen: boolean): void {
    const { kube } = this.bed;
    const objects = this.truth.get(where) as Map<string, KubeObject>;
    const made = kube.object(`n${name}`, value === undefined ? {} : { value }, namespace);
    const before = objects.get(keyOf(made));
    if (value === undefined) {
      if (before === undefined) return;
      objects.delete(keyOf(made));
      if (seen) kube.remove(where, made);
      else kube.removeUnseen(where, made);
      return;
    }
    const object = sameVersion && before !== undefined ? { ...before, value } : made;
    objects.set(keyOf(object), object);
    this.ever.add(JSON.stringify({ id: `${where}/${keyOf(object)}`, value }));
    if (seen) kube.put(where, object);
    else kube.putUnseen(where, object);
  }
}

function byId(left: Shown, right: Shown): number {
  return left.id < right.id ? -1 : 1;
}

describe.each(STRATEGIES)('live list, %s', (strategy) => {
  it('[KSDK-14] equals its model after any changes, losses, loads, recoveries and turns of rights', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(OPS, { maxLength: 30 }), async (ops) => {
        const world = new World(strategy);
        try {
          for (const op of ops) await world.take(op);
          await world.heal();
          expect(world.list.get().rows.toSorted(byId)).toEqual(world.expected());
          expect(world.list.get().total).toBe(world.expected().length);
          for (const { state, total, namespace } of world.list.get().lists)
            if (state === 'live' && namespace !== undefined) expect(total).toBeGreaterThan(0);
          expect(world.list.get().state).not.toMatch(/loading|recovering|stale/);
        } finally {
          world.dispose();
        }
      }),
      { numRuns: 80 },
    );
  });
});
