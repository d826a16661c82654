/**
 * Worlds of random rules that change while people watch: whatever a viewer is shown was theirs to see not longer than 5 s before. `TRUNKLINE_RULE_SEEDS` says how many worlds (a second each, at most), and
 * `TRUNKLINE_RULE_SEED` which one alone.
 */
import { createSeededRandom } from '@trunkline/base';
import { describe, expect, it } from 'vitest';
import { createKubeBed, RandomRules, type KubeBed, type MapViewer, type Watched } from '../testing.js';

const USERS = ['ada', 'bob', 'eve'];
const NAMESPACES = ['blue', 'green', 'red'];
const NAMES = ['x', 'y', 'z'];
const VERBS = ['list', 'watch'];
const LATEST_MS = 5_000;

const { TRUNKLINE_RULE_SEEDS: count = '20', TRUNKLINE_RULE_SEED: only } = process.env;
const SEEDS =
  only === undefined ? Array.from({ length: Number(count) }, (_, index) => index + 1) : [Number(only)];

/** When each user had each of the two rights to each namespace: turning points, newest last. */
class Rights {
  readonly #turns = new Map<string, { readonly atMs: number; readonly allowed: boolean }[]>();
  readonly #bed: KubeBed;

  constructor(bed: KubeBed) {
    this.#bed = bed;
    this.note();
  }

  note(): void {
    const { clock, world } = this.#bed;
    const atMs = clock.monotonic();
    for (const user of USERS)
      for (const verb of VERBS)
        for (const namespace of ['', ...NAMESPACES]) {
          const allowed = world.may(user, verb, 'pods', namespace || undefined);
          const turns = this.#turns.get(`${user} ${verb} ${namespace}`) ?? [];
          this.#turns.set(`${user} ${verb} ${namespace}`, turns);
          if (turns.at(-1)?.allowed !== allowed) turns.push({ atMs, allowed });
        }
  }

  /** Whether they have had both for so long that nothing can be left of what was before. `''`: everywhere. */
  always(user: string, namespace: string): boolean {
    const now = this.#bed.clock.monotonic();
    return VERBS.every((verb) => {
      const last = this.#turns.get(`${user} ${verb} ${namespace}`)?.at(-1);
      return last?.allowed === true && last.atMs < now - 2 * LATEST_MS;
    });
  }

  /** Whether they had both within the last 5 s. Not at one moment: the API server is asked about one after the other. */
  recently(user: string, namespace: string): boolean {
    const now = this.#bed.clock.monotonic();
    return VERBS.every((verb) =>
      (this.#turns.get(`${user} ${verb} ${namespace}`) ?? []).some(
        ({ allowed }, index, turns) => allowed && (turns[index + 1]?.atMs ?? Infinity) >= now - LATEST_MS,
      ),
    );
  }
}

async function run(seed: number): Promise<string[]> {
  const random = createSeededRandom(seed);
  const bed = await createKubeBed({ seed, tuning: { frameMs: 20 } });
  const { world, clock } = bed;
  const rules = new RandomRules(random, {
    users: USERS,
    namespaces: NAMESPACES,
    names: NAMES,
    resources: ['pods', 'pods', 'pods', 'nodes'],
  });
  const pick = <T>(from: readonly T[]): T => rules.pick(from);
  for (const namespace of NAMESPACES) {
    world.addNamespace(namespace);
    for (const name of NAMES) world.put('pods', name, namespace, 0);
  }
  const change = (): void => {
    world.rules = rules.change(world.rules);
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
    pick([
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
  const seen = new Map<Watched, number>();
  /** Nobody loses what they have all the time had the right to, whatever the API server does. */
  const checkEnds = (): void => {
    for (const [user, { watched }] of viewers)
      for (const [channel, one] of watched) {
        const ended = one.ends.length > (seen.get(one) ?? 0);
        seen.set(one, one.ends.length);
        const namespace = /ns=(\w+)/.exec(channel)?.[1] ?? '';
        if (ended && rights.always(user, namespace))
          problems.push(`seed ${seed}, ${clock.monotonic()}: ${user} lost ${channel} (${one.ends.join()})`);
      }
  };
  for (let step = 0; step < 120; step++) {
    const viewer = viewers.get(pick(USERS)) as MapViewer;
    const dice = random.next();
    // Something always changes, so that there is always something to be shown.
    for (const namespace of NAMESPACES) world.put('pods', pick(NAMES), namespace, step);
    if (dice < 0.4) world.remove('pods', pick(NAMES), pick(NAMESPACES));
    else if (dice < 0.5) change();
    else if (dice < 0.65) await openAll(viewer);
    else if (dice < 0.85) {
      const channel = guess();
      if (!viewer.watched.get(channel)?.subscribed) viewer.watch(channel);
    } else if (dice < 0.9) world.reviews = pick(['answered', 'refused', 'hanging']);
    else if (dice < 0.94) world.endWatches();
    else if (dice < 0.96) {
      world.down = !world.down;
      // One that comes back has yet to read its roles.
      world.starting = !world.down;
    } else {
      if (dice < 0.98) world.compact();
      world.cutWatches();
    }
    rights.note();
    if (dice >= 0.96 || dice < 0.94) world.starting &&= random.next() < 0.8;
    await clock.advance(pick([10, 100, 500, 1_000, 2_000]));
    rights.note();
    checkEnds();
  }
  world.reviews = 'answered';
  world.down = false;
  world.starting = false;
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
  it.each(SEEDS)(
    '[KUBE-18] (seed %i) nobody is shown what they could not have listed within the last 5 s, and everybody has what they may see',
    async (seed) => {
      expect(await run(seed)).toEqual([]);
    },
  );
});
