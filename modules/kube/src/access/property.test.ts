/** Worlds of random rules that change while people watch: whatever a viewer is shown was theirs to see not longer than 5 s before. */
import { createSeededRandom, randomInt, type Random } from '@trunkline/base';
import { describe, expect, it } from 'vitest';
import { createKubeBed, type KubeBed, type MapViewer, type Rule, type Watched } from '../testing.js';

const USERS = ['ada', 'bob', 'eve'];
const NAMESPACES = ['blue', 'green', 'red'];
const NAMES = ['x', 'y', 'z'];
const LATEST_MS = 5_000;

const pick = <T>(random: Random, from: readonly T[]): T => from[randomInt(random, from.length)] as T;

/** When each user could see each namespace: turning points, newest last. */
class Rights {
  readonly #turns = new Map<string, { readonly atMs: number; readonly allowed: boolean }[]>();
  readonly #bed: KubeBed;

  constructor(bed: KubeBed) {
    this.#bed = bed;
    this.note();
  }

  note(): void {
    const atMs = this.#bed.clock.monotonic();
    for (const user of USERS)
      for (const namespace of NAMESPACES) {
        const allowed = this.#bed.world.truthFor(user, 'pods', namespace) !== undefined;
        const turns = this.#turns.get(`${user} ${namespace}`) ?? [];
        this.#turns.set(`${user} ${namespace}`, turns);
        if (turns.at(-1)?.allowed !== allowed) turns.push({ atMs, allowed });
      }
  }

  /** Whether it was so at some moment of the last 5 s. */
  recently(user: string, namespace: string): boolean {
    const now = this.#bed.clock.monotonic();
    const turns = this.#turns.get(`${user} ${namespace}`) ?? [];
    return turns.some(
      ({ allowed }, index) => allowed && (turns[index + 1]?.atMs ?? Infinity) >= now - LATEST_MS,
    );
  }
}

async function run(seed: number): Promise<string[]> {
  const random = createSeededRandom(seed);
  const bed = await createKubeBed({ seed, tuning: { frameMs: 20 } });
  const { world, clock } = bed;
  for (const namespace of NAMESPACES) {
    world.addNamespace(namespace);
    for (const name of NAMES) world.put('pods', name, namespace, 0);
  }
  const randomRule = (): Rule => ({
    user: pick(random, USERS),
    verbs: pick(random, [['list', 'watch'], ['list', 'watch'], ['list'], ['watch']]),
    resource: pick(random, ['pods', 'pods', 'pods', 'nodes']),
    ...(random.next() < 0.7 ? { namespace: pick(random, NAMESPACES) } : {}),
    ...(random.next() < 0.1 ? { name: pick(random, NAMES) } : {}),
  });
  const change = (): void => {
    world.rules = world.rules.filter(() => random.next() < 0.6);
    for (let n = randomInt(random, 5); n > 0; n--) world.rules.push(randomRule());
  };
  change();
  const rights = new Rights(bed);
  const problems: string[] = [];
  const viewers = new Map<string, MapViewer>();
  for (const user of USERS) {
    const viewer = await bed.viewer({ user });
    viewer.onEntry = (channel, key) => {
      const [namespace = ''] = key.split('/');
      if (!rights.recently(user, namespace) && !channel.includes('name='))
        problems.push(`seed ${seed}, ${clock.monotonic()}: ${user} was shown ${key} on ${channel}`);
    };
    viewers.set(user, viewer);
  }
  const guess = (): string =>
    pick(random, [
      'kube:c1/-/v1/pods',
      ...NAMESPACES.map((namespace) => `kube:c1/-/v1/pods?ns=${namespace}`),
      'kube:c1/-/v1/pods?p=spec',
      `kube:c1/-/v1/pods?l=a`,
    ]);
  const openAll = async (viewer: MapViewer): Promise<Watched[]> => {
    const { lists } = (await bed.during(viewer.rpc('kube.open', { cluster: 'c1', resource: 'pods' }))) as {
      lists?: { channel: string }[];
    };
    return (lists ?? []).map(({ channel }) => {
      const known = viewer.watched.get(channel);
      return known?.subscribed ? known : viewer.watch(channel);
    });
  };
  for (let step = 0; step < 120; step++) {
    const viewer = viewers.get(pick(random, USERS)) as MapViewer;
    const dice = random.next();
    // Something always changes, so that there is always something to be shown.
    for (const namespace of NAMESPACES) world.put('pods', pick(random, NAMES), namespace, step);
    if (dice < 0.4) world.remove('pods', pick(random, NAMES), pick(random, NAMESPACES));
    else if (dice < 0.5) change();
    else if (dice < 0.65) await openAll(viewer);
    else if (dice < 0.85) {
      const channel = guess();
      if (!viewer.watched.get(channel)?.subscribed) viewer.watch(channel);
    } else if (dice < 0.9) world.reviews = pick(random, ['answered', 'refused', 'hanging']);
    else if (dice < 0.94) world.endWatches();
    else if (dice < 0.96) world.down = !world.down;
    else {
      if (dice < 0.98) world.compact();
      world.cutWatches();
    }
    rights.note();
    await clock.advance(pick(random, [10, 100, 500, 1_000, 2_000]));
    rights.note();
  }
  world.reviews = 'answered';
  world.down = false;
  world.rules.push({ user: 'ada', verbs: ['list', 'watch'], resource: 'pods' });
  rights.note();
  await clock.advance(60_000);
  // And whoever has a right gets what is theirs.
  for (const [user, viewer] of viewers) {
    const lists = await openAll(viewer);
    await clock.advance(10_000);
    const shown = new Map(lists.flatMap(({ entries }) => [...entries]));
    const expected = new Map(
      NAMESPACES.flatMap((namespace) => [...(world.truthFor(user, 'pods', namespace) ?? [])]),
    );
    const texts = [...shown].map(([key, data]) => `${key} ${JSON.stringify(data)}`).sort();
    if (
      texts.join() !==
      [...expected]
        .map(([key, text]) => `${key} ${text}`)
        .sort()
        .join()
    )
      problems.push(
        `seed ${seed}: ${user} has ${[...shown.keys()].join()} of ${[...expected.keys()].join()}`,
      );
  }
  await bed.dispose();
  return problems;
}

describe('random rules', () => {
  it.each(Array.from({ length: 8 }, (_, index) => index + 1))(
    '[KUBE-18] (seed %i) nobody is shown what they could not have listed within the last 5 s, and everybody has what they may see',
    async (seed) => {
      expect(await run(seed)).toEqual([]);
    },
  );
});
