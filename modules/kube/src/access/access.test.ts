import type { Principal } from '@trunkline/hub';
import { testPrincipal } from '@trunkline/hub/testing';
import { CodedError } from '@trunkline/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { createKubeBed, type KubeBed, type KubeBedOptions, type Rule } from '../testing.js';

let bed: KubeBed;
afterEach(() => bed.dispose());

const start = async (given: KubeBedOptions = {}): Promise<KubeBed> => {
  bed = await createKubeBed(given);
  for (const name of ['blue', 'green', 'red']) bed.world.addNamespace(name);
  return bed;
};
const READ = ['list', 'watch'];
const PODS = { group: '', version: 'v1', resource: 'pods' };
const NODES = { group: '', version: 'v1', resource: 'nodes' };
const ada = testPrincipal({ user: 'ada' });
const pods = (user: string, namespace?: string, verbs: readonly string[] = READ): Rule => ({
  user,
  verbs,
  resource: 'pods',
  ...(namespace === undefined ? {} : { namespace }),
});
const sightOf = (question: object = {}, principal: Principal = ada, cluster = 'c1') =>
  bed.during(bed.kube.access.sight(principal, cluster, { ...PODS, ...question }));
const refusalOf = (call: Promise<unknown>): Promise<CodedError> =>
  call.then(
    () => Promise.reject(new Error('it was allowed')),
    (error: unknown) => {
      if (error instanceof CodedError) return error;
      throw error;
    },
  );

describe('who sees a cluster', () => {
  it('[KUBE-1] one that the org does not see and one that is not there are refused in the same words', async () => {
    await start();
    const wordsOf = async (cluster: string, org: string) =>
      (await refusalOf(bed.during(bed.kube.access.enter(testPrincipal({ org }), cluster)))).toData();
    const unseen = await wordsOf('c1', 'globex');
    expect(unseen).toEqual({ code: 1330, message: 'no such cluster', temporary: false });
    expect(await wordsOf('c2', 'acme')).toEqual(unseen);
    expect(await wordsOf('c2', 'globex')).toEqual(unseen);
    expect(await bed.during(bed.kube.access.enter(ada, 'c1'))).toMatchObject({ id: 'c1' });
  });

  it('[KUBE-1] what the org’s record says counts at the next question', async () => {
    let scope: { namespaces?: string[] } | undefined = {};
    await start({ clusters: [{ visibleTo: async () => scope }] });
    bed.world.rules = [pods('ada')];
    expect(await sightOf()).toMatchObject({ kind: 'all' });
    scope = undefined;
    expect((await refusalOf(sightOf())).code).toBe(1330);
    scope = { namespaces: ['blue'] };
    expect(await sightOf()).toMatchObject({ kind: 'namespaces', namespaces: ['blue'] });
  });
});

describe('in whose name', () => {
  it('[KUBE-10] shared: everybody is the connection, whoever they are', async () => {
    await start({ clusters: [{ mode: 'shared' }] });
    const nobody = testPrincipal({ user: '' });
    expect(await sightOf({}, nobody)).toMatchObject({ kind: 'all' });
    expect(bed.world.log).toEqual(['server review', 'server review']);
    await sightOf();
    expect(bed.world.log).toHaveLength(2);
  });

  it('[KUBE-11] impersonate: the user counts, and what they lack is refused in the words of API servers', async () => {
    await start();
    bed.world.rules = [pods('ada', 'blue')];
    expect(await sightOf({ namespace: 'blue' })).toMatchObject({ kind: 'all' });
    const refusal = await refusalOf(sightOf({ namespace: 'red' }));
    expect(refusal.code).toBe(1308);
    expect(refusal.message).toContain(
      'pods is forbidden: User "ada" cannot list resource "pods" in API group "" in the namespace "red"',
    );
    expect(bed.world.log.every((line) => line === 'ada review')).toBe(true);
  });

  it('[KUBE-11] nobody is nobody there, and names of the system are nobody’s', async () => {
    await start();
    bed.world.rules = [pods('system:admin'), pods('')];
    for (const user of ['', 'system:admin', 'system:serviceaccount:kube-system:x'])
      expect((await refusalOf(sightOf({}, testPrincipal({ user })))).code).toBe(1308);
    expect(bed.world.log).toEqual([]);
  });

  it.each([
    ['byOrg', 'acme', ['acme:dev', 'acme:system:masters']],
    ['byOrg', 'system', []],
    ['plain', 'acme', ['dev']],
  ] as const)(
    '[KUBE-11] groups called %s of org %s are %j: no name that an org gives is one of another',
    async (groups, org, taken) => {
      await start({ clusters: [{ groups, visibleTo: () => ({}) }] });
      const principal = testPrincipal({
        org,
        groups: groups === 'plain' || org === 'acme' ? ['dev', 'system:masters'] : ['masters'],
      });
      const { own } = await bed.kube.access.enter(principal, 'c1');
      await bed.during(own.reviewSelf({ verb: 'list', group: '', resource: 'pods' }));
      expect(bed.world.groups).toEqual(taken);
    },
  );

  it('[KUBE-11] a mapping of the operator’s decides who a principal is there', async () => {
    await start({
      clusters: [
        { impersonate: ({ user, org }) => (user === 'eve' ? undefined : { user: `${org}-${user}` }) },
      ],
    });
    bed.world.rules = [pods('acme-ada')];
    expect(await sightOf()).toMatchObject({ kind: 'all' });
    expect((await refusalOf(sightOf({}, testPrincipal({ user: 'eve' })))).code).toBe(1308);
  });

  it('[KUBE-12] own: without a credential nothing is asked', async () => {
    await start({ clusters: [{ mode: 'own' }] });
    expect((await refusalOf(sightOf())).code).toBe(1331);
    expect(bed.world.log).toEqual([]);
  });
});

describe('orgs that are confined to namespaces', () => {
  const CONFINED = [{ mode: 'shared' as const, visibleTo: () => ({ namespaces: ['red', 'blue'] }) }];

  it('[KUBE-13] see those, are refused the others, and get those where they ask for all', async () => {
    await start({ clusters: CONFINED });
    expect(await sightOf({ namespace: 'blue' })).toMatchObject({ kind: 'all' });
    expect((await refusalOf(sightOf({ namespace: 'green' }))).code).toBe(1308);
    expect(await sightOf()).toMatchObject({ kind: 'namespaces', namespaces: ['red', 'blue'] });
  });

  it('[KUBE-13] see no kind that lies in no namespace, and of namespaces their own', async () => {
    await start({ clusters: CONFINED });
    expect((await refusalOf(sightOf(NODES))).code).toBe(1308);
    const may = (ask: object) =>
      bed.during(bed.kube.access.may(ada, 'c1', { verb: 'get', group: '', resource: 'pods', ...ask }));
    expect((await refusalOf(may({ name: 'x' }))).code).toBe(1308);
    expect((await refusalOf(may({ resource: 'namespaces', name: 'green' }))).code).toBe(1308);
    expect((await may({ resource: 'namespaces', name: 'blue' })).recheckMs).toBeGreaterThan(0);
    expect((await may({ namespace: 'blue', name: 'x', subresource: 'log' })).recheckMs).toBeGreaterThan(0);
  });

  it('[KUBE-13] and to none see nothing', async () => {
    await start({ clusters: [{ mode: 'shared', visibleTo: () => ({ namespaces: [] }) }] });
    expect((await refusalOf(sightOf())).code).toBe(1308);
  });
});

describe('what a question needs', () => {
  it('[KUBE-14] list and watch, both', async () => {
    await start();
    bed.world.rules = [pods('ada', 'blue', ['list']), pods('ada', 'red', ['watch'])];
    expect((await refusalOf(sightOf({ namespace: 'blue' }))).message).toContain('cannot watch');
    expect((await refusalOf(sightOf({ namespace: 'red' }))).message).toContain('cannot list');
  });

  it('[KUBE-14] of one name, a right to that name; of two, a right to all', async () => {
    await start();
    bed.world.rules = [{ user: 'ada', verbs: READ, resource: 'pods', namespace: 'blue', name: 'web' }];
    const ask = (fieldSelector: string) => sightOf({ namespace: 'blue', fieldSelector });
    expect(await ask('metadata.name=web')).toMatchObject({ kind: 'all' });
    expect(await ask('spec.nodeName=n1,metadata.name=web')).toMatchObject({ kind: 'all' });
    for (const selector of [
      'metadata.name=db',
      'metadata.name!=web',
      'metadata.name=web,metadata.name=db',
      'a=b',
    ])
      expect((await refusalOf(ask(selector))).code).toBe(1308);
  });

  it('[KUBE-15] whoever may not see everything gets the namespaces that they may see', async () => {
    await start();
    bed.world.rules = [pods('ada', 'red'), pods('ada', 'blue'), pods('ada', 'green', ['list'])];
    const sight = await sightOf();
    expect(sight).toMatchObject({ kind: 'namespaces', namespaces: ['blue', 'red'] });
    expect(sight).toHaveProperty('reason', expect.stringContaining('at the cluster scope'));
    expect((await refusalOf(sightOf({}, testPrincipal({ user: 'bob' })))).message).toContain(
      'at the cluster scope',
    );
    expect((await refusalOf(sightOf(NODES))).code).toBe(1308);
  });

  it('[KUBE-15] many who look through many namespaces ask about few of them at once', async () => {
    await start({ tuning: { parallelReviews: 2 } });
    bed.world.rules = ['ada', 'bob', 'eve'].map((user) => pods(user, 'red'));
    const all = await Promise.all(['ada', 'bob', 'eve'].map((user) => sightOf({}, testPrincipal({ user }))));
    expect(all.map((sight) => ('namespaces' in sight ? sight.namespaces : []))).toEqual([
      ['red'],
      ['red'],
      ['red'],
    ]);
    // Of each namespace both verbs; the first question of each viewer is not about one.
    expect(bed.world.mostReviewing).toBeLessThanOrEqual(6);
    expect(bed.world.mostReviewing).toBeGreaterThan(1);
  });

  it('[KUBE-15] not more than maxNamespaces are looked through, and the answer says so', async () => {
    await start({ tuning: { maxNamespaces: 2 } });
    bed.world.rules = ['blue', 'green', 'red'].map((namespace) => pods('ada', namespace));
    const sight = await sightOf();
    expect(sight).toMatchObject({ namespaces: ['blue', 'green'] });
    expect(sight).toHaveProperty('reason', expect.stringContaining('the first 2 namespaces'));
  });
});

describe('how long an answer counts', () => {
  it('[KUBE-16] viewers who ask together share the question, and its answer for rightsTtlMs from the moment of asking', async () => {
    await start();
    bed.world.rules = [pods('ada', 'blue')];
    const many = Array.from({ length: 50 }, () => sightOf({ namespace: 'blue' }));
    for (const sight of await Promise.all(many))
      expect((sight as { recheckMs: number }).recheckMs).toBeLessThanOrEqual(3_000);
    expect(bed.world.count('ada review')).toBe(2);
    await bed.clock.advance(2_000);
    const later = await sightOf({ namespace: 'blue' });
    expect(later.recheckMs).toBeLessThanOrEqual(1_000);
    expect(bed.world.count('ada review')).toBe(2);
    bed.world.rules = [];
    await bed.clock.advance(later.recheckMs);
    expect((await refusalOf(sightOf({ namespace: 'blue' }))).code).toBe(1308);
  });

  it('[KUBE-16] a no is asked about again at once, but not while namespaces are looked through', async () => {
    await start();
    expect((await refusalOf(sightOf({ namespace: 'blue' }))).code).toBe(1308);
    expect((await refusalOf(sightOf())).code).toBe(1308);
    bed.world.rules = [pods('ada', 'blue'), pods('ada', 'red')];
    expect(await sightOf({ namespace: 'blue' })).toMatchObject({ kind: 'all' });
    expect(await sightOf()).toMatchObject({ namespaces: ['blue'] });
    await bed.clock.advance(15_000);
    expect(await sightOf()).toMatchObject({ namespaces: ['blue', 'red'] });
  });

  it('[KUBE-16] at most maxReviews are remembered', async () => {
    await start({ tuning: { maxReviews: 4 } });
    bed.world.rules = [pods('ada')];
    for (const namespace of ['a', 'b', 'c', 'd']) await sightOf({ namespace });
    const before = bed.world.log.length;
    await sightOf({ namespace: 'd' });
    expect(bed.world.log).toHaveLength(before);
    await sightOf({ namespace: 'a' });
    expect(bed.world.log).toHaveLength(before + 2);
  });
});

describe('while nobody can be asked', () => {
  it.each(['refused', 'hanging'] as const)(
    '[KUBE-17] (%s) a yes is repeated, a newcomer is told to come back, and the first answer ends it',
    async (how) => {
      await start();
      bed.world.rules = [pods('ada'), pods('bob')];
      await sightOf();
      bed.world.reviews = how;
      await bed.clock.advance(4_000);
      const before = bed.world.log.length;
      for (let round = 0; round < 60; round++) {
        expect(await sightOf()).toMatchObject({ kind: 'all' });
        await bed.clock.advance(1_000);
      }
      // A server that does not answer is not asked by everybody again and again.
      expect(bed.world.log.length - before).toBeLessThan(70);
      expect((await refusalOf(sightOf({}, testPrincipal({ user: 'bob' })))).temporary).toBe(true);
      bed.world.reviews = 'answered';
      bed.world.rules = [pods('bob')];
      await bed.clock.advance(10_000);
      expect((await refusalOf(sightOf())).code).toBe(1308);
      expect(await sightOf({}, testPrincipal({ user: 'bob' }))).toMatchObject({ kind: 'all' });
    },
  );

  it('[KUBE-17] an old yes is none for whoever is shown it for the first time, and nothing where a no came after it', async () => {
    await start();
    bed.world.rules = [pods('ada')];
    const asNewcomer = () => bed.during(bed.kube.access.sight(ada, 'c1', PODS, true));
    expect(await asNewcomer()).toMatchObject({ kind: 'all' });
    bed.world.reviews = 'refused';
    await bed.clock.advance(4_000);
    expect(await sightOf()).toMatchObject({ kind: 'all' });
    expect((await refusalOf(asNewcomer())).temporary).toBe(true);
    // Another question of hers is refused; then nobody can be asked again.
    bed.world.reviews = 'answered';
    bed.world.rules = [];
    expect((await refusalOf(asNewcomer())).code).toBe(1308);
    bed.world.reviews = 'refused';
    expect((await refusalOf(sightOf())).code).toBe(1308);
  });

  it('[KUBE-17] the doubt lasts until those who stayed have been answered, and begins anew where they are not', async () => {
    await start();
    bed.world.rules = [pods('ada'), pods('bob')];
    const bob = testPrincipal({ user: 'bob' });
    await sightOf();
    bed.world.reviews = 'hanging';
    await bed.clock.advance(4_000);
    await sightOf();
    const { doubt } = bed.kube.clusters.get('c1').server();
    expect(doubt.fault).toBeDefined();
    await bed.clock.advance(20_000);
    bed.world.reviews = 'answered';
    await sightOf({}, bob);
    // Within the round the server falls silent again; Ada is asked about, and not answered.
    await bed.clock.advance(1_000);
    bed.world.reviews = 'hanging';
    const asked = sightOf();
    await bed.clock.advance(1_200);
    expect(doubt.fault).toBeDefined();
    await asked;
    await bed.clock.advance(20_000);
    expect(doubt.fault).toBeDefined();
    bed.world.reviews = 'answered';
    await sightOf();
    await bed.clock.advance(3_000);
    expect(doubt.fault).toBeUndefined();
  });

  it('[KUBE-17] an API server that refuses everything after its start takes nothing away', async () => {
    await start();
    bed.world.rules = [pods('ada')];
    await sightOf();
    bed.world.starting = true;
    await bed.clock.advance(4_000);
    expect(await sightOf()).toMatchObject({ kind: 'all' });
    const { doubt } = bed.kube.clusters.get('c1').server();
    expect(doubt.fault?.reason.message).toContain('until it is ready');
    bed.world.starting = false;
    await bed.clock.advance(6_000);
    await sightOf();
    await bed.clock.advance(3_000);
    expect(doubt.fault).toBeUndefined();
    bed.world.rules = [];
    expect((await refusalOf(sightOf())).code).toBe(1308);
    // One that is closed to us for good is believed in the end.
    bed.world.rules = [pods('ada')];
    await sightOf();
    bed.world.starting = true;
    await bed.clock.advance(4_000);
    for (let second = 0; second < 70; second++) {
      await sightOf().catch(() => undefined);
      await bed.clock.advance(1_000);
    }
    expect((await refusalOf(sightOf())).code).toBe(1308);
  });

  it('[KUBE-17] not for longer than rightsStaleMs', async () => {
    await start({ tuning: { rightsStaleMs: 30_000 } });
    bed.world.rules = [pods('ada')];
    await sightOf();
    bed.world.reviews = 'refused';
    await bed.clock.advance(20_000);
    expect(await sightOf()).toMatchObject({ kind: 'all' });
    await bed.clock.advance(11_000);
    expect((await refusalOf(sightOf())).temporary).toBe(true);
  });
});
