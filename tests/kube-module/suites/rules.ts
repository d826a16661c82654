/** Worlds of random roles, carried out on the API server while people watch: what each of them is shown is what the API server lists for whoever impersonates them. The worlds are those of the module's own test. */
import { createSeededRandom, randomInt } from '@trunkline/base';
import { RandomRules, type MapViewer, type Rule } from '@trunkline/module-kube/testing';
import { until } from '@trunkline/testkit';
import { describe, expect, it } from 'vitest';
import { fresh, makeNamespace } from '../../kube/drafts.js';
import type { KubeTarget } from '../../kube/targets.js';
import { bind, listedAs, PATIENCE_MS, put, remove, startBed, type Bed } from '../bed.js';

const SEEDS = [1, 2, 3];
const ROUNDS = 3;
const NAMES = ['x', 'y', 'z'];
const WISH = { resource: 'configmaps' };

export function ruleSuite(use: () => KubeTarget): void {
  describe('random roles', () => {
    it.each(SEEDS)(
      '[KUBE-18] (seed %i) everybody is shown what the API server would list for them, and nothing else',
      async (seed) => {
        const tuning = { rightsTtlMs: 300, deniedTtlMs: 100, namespacesTtlMs: 100 };
        const bed = await startBed(use(), { tuning });
        try {
          await run(bed, seed);
        } finally {
          await bed.dispose();
        }
      },
    );
  });
}

interface Person {
  readonly name: string;
  readonly viewer: MapViewer;
  /** Keys that any channel ever brought. */
  readonly seen: Set<string>;
}

async function run(bed: Bed, seed: number): Promise<void> {
  const random = createSeededRandom(seed);
  const { api } = bed.target;
  const namespaces: string[] = [];
  for (let n = 0; n < 3; n++) namespaces.push(await makeNamespace(api));
  const people: Person[] = [];
  for (const prefix of ['ada', 'bob', 'eve']) {
    const [name, seen] = [fresh(prefix), new Set<string>()];
    const viewer = await bed.viewer(name);
    viewer.onEntry = (_channel, key) => void seen.add(key);
    people.push({ name, viewer, seen });
  }
  const worlds = new RandomRules(random, {
    users: people.map(({ name }) => name),
    namespaces,
    names: NAMES,
    resources: ['configmaps', 'configmaps', 'configmaps', 'secrets'],
  });
  const granted = new Map<Rule, () => Promise<void>>();
  for (const namespace of namespaces) for (const name of NAMES) await put(bed, namespace, name);
  for (let round = 0; round < ROUNDS; round++) {
    await carryOut(api, granted, worlds.change([...granted.keys()]));
    for (let n = randomInt(random, 4); n > 0; n--) {
      const [namespace, name] = [worlds.pick(namespaces), worlds.pick(NAMES)];
      await (random.next() < 0.3 ? remove : put)(bed, namespace, name);
    }
    await Promise.all(people.map((person) => shownIsListed(bed, person, namespaces)));
    // Whoever is not shown it now, is not shown it later by a subscription that should have ended.
    const mark = `mark-${seed}-${round}`;
    for (const namespace of namespaces) await put(bed, namespace, mark);
    const checks = people.map(async (person) => {
      const allowed = await shownIsListed(bed, person, namespaces);
      const marks = [...person.seen].filter((key) => key.endsWith(`/${mark}`)).sort();
      const expected = allowed.map((namespace) => `${namespace}/${mark}`).sort();
      expect([round, person.name, marks]).toEqual([round, person.name, expected]);
    });
    await Promise.all(checks);
    for (const { user, namespace, name, resource } of granted.keys())
      if (namespace !== undefined && name !== undefined && resource === 'configmaps')
        await oneIsListed(bed, people.find((one) => one.name === user) as Person, namespace, name);
  }
}

/** Takes away the bindings of rules that went, and binds those that came. */
async function carryOut(
  api: KubeTarget['api'],
  granted: Map<Rule, () => Promise<void>>,
  rules: readonly Rule[],
): Promise<void> {
  for (const [rule, revoke] of [...granted]) {
    if (rules.includes(rule)) continue;
    await revoke();
    granted.delete(rule);
  }
  for (const rule of rules) {
    if (granted.has(rule)) continue;
    const { user, verbs, resource, namespace, name } = rule;
    const names = name === undefined ? {} : { resourceNames: [name] };
    granted.set(
      rule,
      await bind(api, ['User', user], [{ verbs, resources: [resource], ...names }], namespace),
    );
  }
}

/** Opens what may be opened until all that is shown is what is listed. @returns the namespaces that are */
async function shownIsListed(
  bed: Bed,
  { name: user, viewer }: Person,
  namespaces: readonly string[],
): Promise<readonly string[]> {
  let [listed, shown, allowed]: [string[], string[], string[]] = [[], [], []];
  const isSo = async (): Promise<boolean> => {
    await openNew(viewer);
    [listed, allowed] = [[], []];
    for (const namespace of namespaces) {
      const { code, keys } = await listedAs(bed, user, [], { namespace });
      if (code !== 200) continue;
      allowed.push(namespace);
      listed.push(...keys);
    }
    const entries = [...viewer.watched.values()].flatMap((one) => (one.subscribed ? [...one.entries] : []));
    const objects = new Map(entries.filter(([key]) => namespaces.includes(key.split('/')[0] ?? '')));
    shown = [...objects].map(([key, value]) => `${key} ${versionOf(value)}`);
    return listed.sort().join() === shown.sort().join();
  };
  try {
    await until('what is shown is what is listed', isSo, PATIENCE_MS, 50);
  } catch (cause) {
    throw new Error(`${user} is shown ${shown.join()} of ${listed.join()}`, { cause });
  }
  return allowed;
}

async function openNew(viewer: MapViewer): Promise<void> {
  const answer = (await viewer.rpc('kube.open', { cluster: 'c1', ...WISH })) as {
    readonly lists?: readonly { readonly channel: string }[];
  };
  for (const { channel } of answer.lists ?? []) {
    const known = viewer.watched.get(channel);
    if (known === undefined || known.ends.length > 0 || known.error !== undefined) viewer.watch(channel);
  }
}

async function oneIsListed(
  bed: Bed,
  { name: user, viewer }: Person,
  namespace: string,
  name: string,
): Promise<void> {
  await until(
    `${user} may open ${namespace}/${name} as far as they may list it`,
    async () => {
      const { code } = await listedAs(bed, user, [], { namespace, name });
      const wish = { cluster: 'c1', ...WISH, namespaces: [namespace], name };
      const answer = await viewer.rpc('kube.open', wish);
      return (code === 200) === (answer['lists'] !== undefined);
    },
    PATIENCE_MS,
    50,
  );
}

function versionOf(value: unknown): string {
  return (value as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
}
