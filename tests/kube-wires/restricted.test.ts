/** Viewers who may see some namespaces of a list that they ask for as a whole, on both wires. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Hub, RouteResponse } from '@trunkline/hub';
import { testPrincipal } from '@trunkline/hub/testing';
import { givenCredential } from '@trunkline/kube-client';
import type { KubeSim } from '@trunkline/kube-sim';
import { until } from '@trunkline/testkit';
import {
  applied,
  ascends,
  grant,
  podType,
  PODS,
  putPod,
  removePod,
  startBed,
  type Bed,
  type BedOptions,
  type Socket,
  type WatchedEvent,
} from './bed.js';

const impersonating = {
  demo: { mode: 'impersonate' },
  tuning: { rightsTtlMs: 300, deniedTtlMs: 300 },
} as const;
const from = (version: string): string => `watch=1&resourceVersion=${version}`;

let bed: Bed | undefined;
afterEach(async () => {
  await bed?.stop();
  bed = undefined;
});

/** Namespaces `web`, `db` and `vault`, each with the pods `a` and `b`. */
async function begin(options: BedOptions = impersonating): Promise<Bed> {
  bed = await startBed(options);
  const namespaces = bed.sim.cluster.registry.require('namespaces', '');
  for (const name of ['web', 'db', 'vault']) {
    bed.sim.cluster.put(namespaces, { metadata: { name } });
    for (const pod of ['a', 'b']) putPod(bed.sim, pod, '', name);
  }
  return bed;
}

/** Uids of the pods of these namespaces, by which a client keeps them. */
function podsIn({ sim }: Bed, ...namespaces: string[]): Map<string, string> {
  return new Map(
    [...sim.cluster.collection(podType(sim)).values()].flatMap(({ object: { metadata } }) =>
      namespaces.includes(String(metadata.namespace)) ? [[String(metadata.uid), metadata.name]] : [],
    ),
  );
}

function namespacesOf(events: readonly WatchedEvent[]): string[] {
  return [...new Set(events.map(({ object }) => String(object.metadata.namespace)))].sort();
}

function eventsOf(socket: Socket): WatchedEvent[] {
  return socket.texts.map((text) => JSON.parse(text) as WatchedEvent);
}

describe('a list of which only some namespaces may be seen', () => {
  it('[KWIRE-3] the multiplexer serves the namespaces that may be seen, and says which', async () => {
    const here = await begin();
    const { sim, mux, listVersion } = here;
    for (const namespace of ['web', 'db']) grant(sim, 'ada', namespace);
    const version = listVersion();
    const had = podsIn(here, 'web', 'db');
    // Nobody watches yet: what happens now is compared.
    removePod(sim, 'a', 'web');
    removePod(sim, 'a', 'vault');
    putPod(sim, 'c', '', 'db');
    const ada = await mux();
    ada.request(PODS, from(version));
    ada.request(PODS, from('0'));
    await ada.until('the difference', () => ada.events(from(version)).length >= 2);
    await ada.until('the list', () => ada.events(from('0')).length >= 4);
    for (const namespace of ['web', 'vault', 'db']) putPod(sim, 'd', '', namespace);
    removePod(sim, 'b', 'vault');
    removePod(sim, 'b', 'db');
    for (const query of [from(version), from('0')])
      await ada.until('the changes', () => ada.names(query).includes('DELETED b'));
    expect(applied(ada.events(from(version)), version, had).items).toEqual(podsIn(here, 'web', 'db'));
    expect(applied(ada.events(from('0')), '0').items).toEqual(podsIn(here, 'web', 'db'));
    expect(namespacesOf([...ada.events(from(version)), ...ada.events(from('0'))])).toEqual(['db', 'web']);
    expect(ascends(ada.events(from(version)))).toBe(true);
    expect(ada.errors().map(({ error }) => error)).toEqual([
      expect.stringMatching(/^only namespaces db, web: .*pods is forbidden: User "ada" cannot list/),
      expect.stringMatching(/^only namespaces db, web: /),
    ]);
    // The whole list is watched once, for whoever may see whatever of it.
    expect([sim.stats().openWatches, sim.stats().watchesOpened]).toEqual([1, 1]);
    const bob = await mux({ principal: { user: 'bob' } });
    bob.request(PODS, from(version));
    await bob.until('the refusal', () => bob.errors().length === 1);
    expect([bob.events(from(version)), bob.errors()[0]?.error]).toEqual([
      [],
      expect.stringMatching(/^cluster forbids this/),
    ]);
  });

  it('[KWIRE-3] rights that grow are shown; one of them that is taken away ends the watch', async () => {
    const here = await begin();
    const { sim, mux, listVersion } = here;
    grant(sim, 'ada', 'web');
    const query = from(listVersion());
    const had = podsIn(here, 'web');
    const ada = await mux();
    ada.request(PODS, query);
    putPod(sim, 'c', '', 'web');
    await ada.until('c', () => ada.names(query).includes('ADDED c'));
    const revoke = grant(sim, 'ada', 'db');
    const later = (): WatchedEvent[] =>
      ada.events(query).filter(({ object }) => object.metadata.namespace === 'db');
    await ada.until('the other namespace', () => later().length === 2, 40_000);
    putPod(sim, 'e', '', 'db');
    await ada.until('its changes', () => later().length === 3);
    expect(applied(ada.events(query), query.split('=')[2] ?? '', had).items).toEqual(
      podsIn(here, 'web', 'db'),
    );
    expect(ascends(ada.events(query))).toBe(true);
    revoke();
    await ada.until('the end', () => ada.errors().at(-1)?.error.startsWith('cluster forbids') === true);
    const told = ada.events(query).length;
    for (const namespace of ['db', 'web']) putPod(sim, 'f', '', namespace);
    const again = `${query}&again`;
    ada.request(PODS, again);
    await ada.until('a new watch', () => ada.names(again).includes('ADDED f'));
    expect(ada.events(query)).toHaveLength(told);
    expect(namespacesOf(ada.events(again))).toEqual(['web']);
  });

  it('[KWIRE-3] a watch of its own has the same, also where the org is confined to namespaces', async () => {
    const confined = { demo: { visibleTo: () => ({ namespaces: ['web'] }) } } as const;
    for (const options of [impersonating, confined]) {
      const here = await begin(options);
      const { sim, socket, listVersion } = here;
      if (options === impersonating) grant(sim, 'ada', 'web');
      const version = listVersion();
      const had = podsIn(here, 'web');
      removePod(sim, 'a', 'web');
      const one = await socket(`/clusters/demo${PODS}?${from(version)}`);
      expect(one.refused).toBeUndefined();
      await until('the difference', () => one.texts.length === 1, 20_000);
      for (const namespace of ['vault', 'web']) putPod(sim, 'c', '', namespace);
      await until('the change', () => one.texts.length === 2, 20_000);
      expect(applied(eventsOf(one), version, had).items).toEqual(podsIn(here, 'web'));
      expect(eventsOf(one).map(({ type }) => type)).toEqual(['DELETED', 'ADDED']);
      await here.stop();
      bed = undefined;
    }
  });

  it('[KWIRE-46] a client that lists through the proxy and watches from there, over either wire, has what a new list says', async () => {
    const here = await begin();
    const { sim, mux, socket } = here;
    for (const namespace of ['web', 'db']) grant(sim, 'ada', namespace);
    const list = await readList(here);
    expect(list.warning).toMatch(/^299 - "only namespaces db, web: /);
    expect(list.items).toEqual(podsIn(here, 'web', 'db'));
    const query = from(list.version);
    // Nobody watches yet: what comes and goes before somebody does is compared with the list of that version.
    putPod(sim, 'between', '', 'web');
    removePod(sim, 'between', 'web');
    removePod(sim, 'a', 'db');
    putPod(sim, 'c', '', 'web');
    const one = await mux();
    one.request(PODS, query);
    const own = await socket(`/clusters/demo${PODS}?${query}`);
    for (const namespace of ['web', 'vault', 'db']) putPod(sim, 'last', '', namespace);
    const isLast = (events: readonly WatchedEvent[]): boolean =>
      events.filter(({ object }) => object.metadata.name === 'last').length === 2;
    await one.until('the last', () => isLast(one.events(query)));
    await until('the last', () => isLast(eventsOf(own)), 20_000);
    for (const events of [one.events(query), eventsOf(own)]) {
      expect(applied(events, list.version, list.items).items).toEqual(podsIn(here, 'web', 'db'));
      expect(ascends(events)).toBe(true);
    }
    const again = await readList(here);
    expect(again.items).toEqual(podsIn(here, 'web', 'db'));
  });

  it('[KWIRE-46] while pods come and go the list is a state of the cluster, and a watch from it misses none', async () => {
    const here = await begin();
    const { sim, mux } = here;
    for (const namespace of ['web', 'db']) grant(sim, 'ada', namespace);
    // Between the lists of two namespaces one comes into the second, and goes before anybody watches.
    const { hub } = here;
    const stream = (await whole(hub)).stream?.[Symbol.asyncIterator]();
    let text = '';
    for (let next = await stream?.next(); next?.done === false; next = await stream?.next()) {
      if (text === '') putPod(sim, 'between', '', 'web');
      text += Buffer.from(next.value).toString();
    }
    const { items, version } = parseList(text);
    removePod(sim, 'between', 'web');
    const one = await mux();
    one.request(PODS, from(version));
    putPod(sim, 'last', '', 'db');
    await one.until('the last', () => one.names(from(version)).includes('ADDED last'));
    expect(applied(one.events(from(version)), version, items).items).toEqual(podsIn(here, 'web', 'db'));
  });

  it('[KWIRE-3] where the connection itself may not list everywhere, the whole is an error and the namespaces are not', async () => {
    const narrow = { tokens: { narrow: { name: 'narrow', groups: [] } } };
    const open = () => ({ server: bed?.sim.url ?? '', credentials: givenCredential({ token: 'narrow' }) });
    const { sim, mux, socket, listVersion } = await begin({ sim: narrow, demo: { open } });
    grant(sim, 'narrow', 'web');
    readNamespaces(sim, 'narrow');
    const query = from(listVersion());
    const one = await mux();
    one.request('/api/v1/namespaces/web/pods', query);
    one.request(PODS, query);
    const own = await socket(`/clusters/demo${PODS}?${query}`);
    putPod(sim, 'c', '', 'web');
    await one.until('the namespace', () => one.names(query, '/api/v1/namespaces/web/pods').length === 1);
    await one.until('the error', () => one.errors().some(({ error }) => error.startsWith('cluster forbids')));
    expect((await own.end()).code).toBe(1000);
    expect(eventsOf(own)).toMatchObject([{ type: 'ERROR', object: { code: 403, reason: 'Forbidden' } }]);
    expect(one.events(query)).toEqual([]);
  });
});

function readNamespaces(sim: KubeSim, user: string): void {
  const group = 'rbac.authorization.k8s.io';
  const rules = [{ apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'list', 'watch'] }];
  sim.cluster.put(sim.cluster.registry.require('clusterroles', group), { metadata: { name: user }, rules });
  sim.cluster.put(sim.cluster.registry.require('clusterrolebindings', group), {
    metadata: { name: user },
    subjects: [{ kind: 'User', name: user, apiGroup: group }],
    roleRef: { kind: 'ClusterRole', name: user, apiGroup: group },
  });
}

/** Of all pods, as the proxy answers Ada. */
async function whole(hub: Hub): Promise<RouteResponse> {
  const route = hub.routes().find(({ method, path }) => method === 'GET' && path.startsWith('/clusters/'));
  if (route === undefined) throw new Error('no proxy');
  return route.handle({
    principal: testPrincipal(),
    params: { cluster: 'demo', rest: PODS.slice(1) },
    query: {},
    target: `/clusters/demo${PODS}?limit=1`,
    headers: {},
    body: undefined,
    requestId: 'r',
    signal: new AbortController().signal,
  });
}

interface ReadList {
  readonly version: string;
  /** Names by uid. */
  readonly items: ReadonlyMap<string, string>;
}

async function readList({ hub }: Bed): Promise<ReadList & { readonly warning: string }> {
  const { headers, stream = [] } = await whole(hub);
  let text = '';
  for await (const chunk of stream) text += Buffer.from(chunk).toString();
  return { ...parseList(text), warning: headers?.['warning'] ?? '' };
}

function parseList(text: string): ReadList {
  const { metadata, items } = JSON.parse(text) as {
    readonly metadata: { readonly resourceVersion: string };
    readonly items: readonly { readonly metadata: { readonly uid: string; readonly name: string } }[];
  };
  const names = items.map((item) => [item.metadata.uid, item.metadata.name] as const);
  return { version: metadata.resourceVersion, items: new Map(names) };
}
