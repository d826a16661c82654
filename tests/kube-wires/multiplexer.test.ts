/** The multiplexer as its clients meet it: real sockets, a simulated API server behind. Numbers of upstream watches are those that the API server counts. */
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '@trunkline/testkit';
import {
  applied,
  ascends,
  grant,
  podsOf,
  PODS,
  putPod,
  removePod,
  startBed,
  type Bed,
  type BedOptions,
} from './bed.js';

let bed: Bed | undefined;
afterEach(async () => {
  await bed?.stop();
  bed = undefined;
});

async function begin(options?: BedOptions): Promise<Bed> {
  return (bed = await startBed(options));
}

const from = (version: string): string => `watch=1&resourceVersion=${version}`;

describe('the multiplexer', () => {
  it('[KWIRE-20] two tabs of one user are both served from one upstream watch, and one that leaves harms nobody', async () => {
    const { sim, mux, listVersion } = await begin();
    putPod(sim, 'a');
    const query = from(listVersion());
    const [left, right] = [await mux(), await mux()];
    left.request(PODS, query);
    right.request(PODS, query);
    await until('one upstream watch', () => sim.stats().openWatches === 1, 20_000);
    putPod(sim, 'b');
    await left.until('b', () => left.names(query).length > 0);
    await right.until('b', () => right.names(query).length > 0);
    left.socket.ws.terminate();
    putPod(sim, 'c');
    await right.until('c', () => right.names(query).length > 1);
    expect(right.names(query)).toEqual(['ADDED b', 'ADDED c']);
    expect(left.names(query)).toEqual(['ADDED b']);
    expect(sim.stats().openWatches).toBe(1);
  });

  it('[KWIRE-21] cluster, path and query come back byte for byte, and two selectors on one path are two watches', async () => {
    const { sim, mux, listVersion } = await begin();
    const client = await mux();
    const version = listVersion();
    const web = `labelSelector=app%3Dweb&${from(version)}&x=%41%zz+ é`;
    const db = `${from(version)}&labelSelector=app%3Ddb`;
    client.request(PODS, web);
    client.request(PODS, db);
    client.request('/api/v1/namespaces/default/pods', db);
    await until('three upstream watches', () => sim.stats().openWatches === 3, 20_000);
    putPod(sim, 'w', '', 'default', { app: 'web' });
    putPod(sim, 'd', '', 'other', { app: 'db' });
    putPod(sim, 'd', '', 'default', { app: 'db' });
    await client.until('web', () => client.names(web).length === 1);
    await client.until('db', () => client.names(db).length === 2);
    await client.until(
      'db of a namespace',
      () => client.names(db, '/api/v1/namespaces/default/pods').length === 1,
    );
    expect(client.names(web)).toEqual(['ADDED w']);
    expect(client.events(db).map(({ object }) => object.metadata.namespace)).toEqual(['other', 'default']);
    const data = client.envelopes().filter(({ type }) => type === 'DATA');
    expect(new Set(data.map(({ clusterId, userId }) => `${clusterId} ${userId}`))).toEqual(
      new Set(['demo u']),
    );
    expect(client.errors()).toEqual([]);
  });

  it('[KWIRE-22] a request with a new version and the end of the old one keep the upstream; each event is told once', async () => {
    const { sim, mux, listVersion } = await begin();
    const client = await mux();
    let version = listVersion();
    let query = from(version);
    client.request(PODS, query);
    client.request(PODS, query);
    const told: string[] = [];
    for (let round = 0; round < 8; round++) {
      putPod(sim, `p${round}`);
      const current = query;
      await client.until(`round ${round}`, () => client.names(current).includes(`ADDED p${round}`));
      told.push(...client.names(current));
      version = client.events(current).at(-1)?.object.metadata.resourceVersion ?? '';
      query = from(version);
      client.request(PODS, query);
      client.close(PODS, current);
    }
    const { watchesOpened, openWatches } = sim.stats();
    expect([watchesOpened, openWatches]).toEqual([1, 1]);
    // What was told under an old version in the moment before its end does not count twice.
    expect([...new Set(told)]).toEqual(Array.from({ length: 8 }, (_, round) => `ADDED p${round}`));
    client.close(PODS, query);
    client.close(PODS, 'never=asked');
    putPod(sim, 'after');
    const other = await mux();
    other.request(PODS, query);
    await other.until('after', () => other.names(query).includes('ADDED after'));
    expect(client.names(query)).not.toContain('ADDED after');
    expect(client.errors()).toEqual([]);
  });

  it('[KWIRE-23] unknown and unreachable clusters are errors with the key of the request, and the socket stays', async () => {
    const dead = {
      id: 'dead',
      mode: 'shared',
      open: () => ({ server: 'http://127.0.0.1:1' }),
      visibleTo: () => ({}),
    } as const;
    const foreign = { ...dead, id: 'foreign', visibleTo: () => undefined };
    const { sim, mux, listVersion } = await begin({ clusters: [dead, foreign] });
    const client = await mux();
    const query = from(listVersion());
    client.request(PODS, `${query}&c=0`);
    client.request(PODS, `${query}&c=1`, 'nowhere');
    client.request(PODS, `${query}&c=2`, 'foreign');
    client.request(PODS, `${query}&c=3`, 'dead');
    await client.until('three errors', () => new Set(client.errors().map((one) => one.query)).size === 3);
    putPod(sim, 'a');
    await client.until('a', () => client.names(`${query}&c=0`).length > 0);
    const said = new Map(client.errors().map((one) => [one.query, one.error]));
    expect(said.get(`${query}&c=1`)).toBe('no such cluster');
    expect(said.get(`${query}&c=2`)).toBe('no such cluster');
    expect(said.get(`${query}&c=3`)).toMatch(/^cluster unreachable/);
    expect(client.socket.closed).toBeUndefined();
  });

  it('[KWIRE-23] rubbish is answered with what could be read of its key, and harms nothing', async () => {
    const { sim, mux, listVersion } = await begin();
    const client = await mux();
    const query = from(listVersion());
    const bad: [unknown, RegExp][] = [
      ['no json', /no JSON/],
      ['[]', /one JSON object/],
      ['null', /one JSON object/],
      [[{ type: 'REQUEST' }], /one JSON object/],
      [{ clusterId: 'demo', path: PODS, query: 'q1', type: 'DATA' }, /type/],
      [{ clusterId: 'demo', path: PODS, query: 'q2' }, /type/],
      [{ clusterId: 7, path: PODS, query: 'q3', type: 'REQUEST' }, /clusterId/],
      [{ clusterId: 'demo', path: { a: 1 }, query: 'q4', type: 'REQUEST' }, /path/],
      [{ clusterId: 'demo', path: '/api/v1/pods/../secrets', query: 'watch=1&q5', type: 'REQUEST' }, /path/],
      [
        { clusterId: 'demo', path: '/api/v1/namespaces/a%2Fb/pods', query: 'watch=1&q6', type: 'REQUEST' },
        /path/,
      ],
      [{ clusterId: 'demo', path: '/version', query: 'watch=1&q7', type: 'REQUEST' }, /path/],
      [
        { clusterId: 'demo', path: '/api/v1/namespaces/d/pods/x/exec', query: 'watch=1&q8', type: 'REQUEST' },
        /exec/,
      ],
      [{ clusterId: 'demo', path: PODS, query: 'q9', type: 'REQUEST' }, /watches/],
      [
        {
          clusterId: 'demo',
          path: '/api/v1/nothings',
          query: `watch=1&resourceVersion=1&q10`,
          type: 'REQUEST',
        },
        /not found/,
      ],
      [`{"clusterId":"demo","type":"REQUEST","path":${'['.repeat(3_000)}${']'.repeat(3_000)}}`, /path/],
    ];
    for (const [frame] of bad) client.socket.send(frame);
    client.socket.ws.send(Buffer.from([1, 2, 3]), { binary: true });
    await client.until('all errors', () => client.errors().length > bad.length);
    const errors = client.errors();
    for (const [frame, words] of bad) {
      const named = (frame as { query?: string }).query ?? '';
      expect(
        errors.some(({ query: of, error }) => of === named && words.test(error)),
        JSON.stringify(frame).slice(0, 90),
      ).toBe(true);
    }
    client.request(PODS, query);
    putPod(sim, 'a');
    await client.until('a', () => client.names(query).length === 1);
    expect(client.socket.closed).toBeUndefined();
    client.socket.ws.send('x'.repeat(70_000));
    expect((await client.socket.end()).code).toBe(1009);
  });

  it('[KWIRE-24] the sub-protocol is selected where it is offered, else another one that is', async () => {
    const { socket } = await begin();
    const bearer = `base64url.bearer.authorization.k8s.io.${Buffer.from('{}').toString('base64url')}`;
    const backend = 'base64url.headlamp.backend.authorization.k8s.io.c2VjcmV0';
    const selected = async (...protocols: string[]): Promise<string> =>
      (await socket('/wsMultiplexer', { protocols })).ws.protocol;
    expect(await selected()).toBe('');
    expect(await selected(backend, 'something.else', 'headlamp.multiplexer.k8s.io')).toBe(
      'headlamp.multiplexer.k8s.io',
    );
    // Browsers want one of those that they offered.
    expect(await selected(bearer, 'something.else')).toBe('something.else');
    expect(await selected(bearer)).toBe(bearer);
  });

  it('[KWIRE-2] foreign origins and wrong credentials are refused, each with its status', async () => {
    const { socket, url } = await begin();
    const host = url.slice('ws://'.length);
    const foreign = await socket('/wsMultiplexer', { headers: { origin: 'https://evil.test' } });
    const own = await socket('/wsMultiplexer', { headers: { origin: `http://${host}` } });
    const expired = await socket('/wsMultiplexer?token=expired');
    expect([foreign.refused?.status, own.refused, expired.refused?.status]).toEqual([403, undefined, 401]);
    expect(JSON.parse(expired.refused?.body ?? '')).toMatchObject({
      kind: 'Status',
      reason: 'Unauthorized',
      code: 401,
    });
    const watch = `/clusters/demo${PODS}?watch=1`;
    expect((await socket(watch, { headers: { origin: 'https://evil.test' } })).refused?.status).toBe(403);
  });
});

describe('events', () => {
  it('[KWIRE-7] hundreds of objects added at once are all shown, in ascending versions', async () => {
    const { sim, mux, listVersion } = await begin();
    const client = await mux();
    const query = from(listVersion());
    client.request(PODS, query);
    await until('the watch', () => sim.stats().openWatches === 1, 20_000);
    for (let index = 0; index < 700; index++) putPod(sim, `p${index}`);
    await client.until('all', () => client.events(query).length >= 700);
    expect(ascends(client.events(query))).toBe(true);
    expect(applied(client.events(query), '0').items).toEqual(podsOf(sim));
  });

  it('[KWIRE-7] objects of 1.5 MB and lists far above the outbox come whole', async () => {
    const { sim, mux } = await begin();
    for (let index = 0; index < 6; index++) putPod(sim, `large${index}`, 'x'.repeat(1_500_000));
    const client = await mux();
    const { texts } = client.socket;
    client.request(PODS, from('0'));
    await until('all', () => texts.length === 6, 20_000);
    putPod(sim, 'large0', 'y'.repeat(1_500_000));
    await until('the change', () => texts.length === 7, 20_000);
    expect(texts.every(({ length }) => length > 1_500_000)).toBe(true);
    expect(client.names(from('0')).at(-1)).toBe('MODIFIED large0');
  });

  it('[KWIRE-5] a client is told what happened since its version: from the ring, or by comparison where that begins later', async () => {
    const { sim, mux, listVersion } = await begin();
    for (const name of ['a', 'b', 'c', 'd']) putPod(sim, name);
    const begin0 = podsOf(sim);
    const version = listVersion();
    // Nobody watches yet: the reflector begins with what is there afterwards.
    removePod(sim, 'a');
    removePod(sim, 'b');
    putPod(sim, 'c', 'changed');
    putPod(sim, 'e');
    const cold = await mux();
    cold.request(PODS, from(version));
    await cold.until('the difference', () => cold.events(from(version)).length >= 4);
    expect(cold.names(from(version)).slice(0, 2).sort()).toEqual(['DELETED a', 'DELETED b']);
    expect(cold.names(from(version)).slice(2)).toEqual(['MODIFIED c', 'ADDED e']);
    expect(ascends(cold.events(from(version)))).toBe(true);
    expect(applied(cold.events(from(version)), version, begin0).items).toEqual(podsOf(sim));
    const lists = sim.stats().lists;
    const later = listVersion();
    const had = podsOf(sim);
    putPod(sim, 'f');
    removePod(sim, 'd');
    await cold.until('both', () => cold.names(from(version)).includes('DELETED d'));
    const warm = await mux();
    warm.request(PODS, from(later));
    await warm.until('the replay', () => warm.events(from(later)).length >= 2);
    expect(warm.names(from(later))).toEqual(['ADDED f', 'DELETED d']);
    expect(applied(warm.events(from(later)), later, had).items).toEqual(podsOf(sim));
    expect([sim.stats().lists, sim.stats().watchesOpened]).toEqual([lists, 1]);
  });

  it('[KWIRE-5] without a version a client is told everything that there is; with one that is forgotten, that it is', async () => {
    const { sim, mux, listVersion } = await begin();
    for (const name of ['a', 'b']) putPod(sim, name);
    const old = listVersion();
    putPod(sim, 'c');
    sim.faults.compact();
    const client = await mux();
    client.request(PODS, 'watch=true');
    client.request(PODS, from(old));
    await client.until('the list', () => client.events('watch=true').length === 3);
    await client.until('the error', () => client.errors().length === 1);
    expect(client.names('watch=true')).toEqual(['ADDED a', 'ADDED b', 'ADDED c']);
    expect(client.errors()).toEqual([
      { query: from(old), error: expect.stringMatching(/expired/) as string },
    ]);
  });

  it('[KWIRE-4] what a new list finds missing has numbers of its own, from which a client can go on', async () => {
    const { sim, mux, listVersion } = await begin();
    for (let index = 0; index < 6; index++) putPod(sim, `p${index}`);
    const client = await mux();
    const version = listVersion();
    const had = podsOf(sim);
    const query = from(version);
    client.request(PODS, query);
    await until('the watch', () => sim.stats().openWatches === 1, 20_000);
    // A gap: the API server is away, and has forgotten the past when it comes back.
    await sim.faults.die(600_000);
    for (const name of ['p0', 'p1', 'p2']) removePod(sim, name);
    putPod(sim, 'new');
    putPod(sim, 'p3', 'changed');
    await sim.faults.revive();
    await client.until('the difference', () => client.events(query).length >= 5, 40_000);
    const events = client.events(query);
    expect(ascends(events)).toBe(true);
    expect(applied(events, version, had).items).toEqual(podsOf(sim));
    // From each number on the way the client comes to the same end, whatever it has by then.
    for (let seen = 1; seen <= events.length; seen++) {
      const half = applied(events.slice(0, seen), version, had);
      const next = `${from(half.version)}&n=${seen}`;
      client.request(PODS, next);
      putPod(sim, `after${seen}`);
      await client.until(`after ${seen}`, () => client.names(next).includes(`ADDED after${seen}`));
      client.close(PODS, next);
      expect(ascends(client.events(next))).toBe(true);
      expect(applied(client.events(next), half.version, half.items).items, `after ${seen} events`).toEqual(
        podsOf(sim),
      );
    }
  });

  it('[KWIRE-4] over another connection such a number may be one of a list that was read: both are told what they miss', async () => {
    const { sim, mux, listVersion } = await begin();
    for (let index = 0; index < 4; index++) putPod(sim, `p${index}`);
    const version = listVersion();
    const had = podsOf(sim);
    const client = await mux();
    client.request(PODS, from(version));
    await until('the watch', () => sim.stats().openWatches === 1, 20_000);
    // A gap that only this watch has: the API server remembers what was.
    const restore = sim.faults.onRequest({
      match: { resource: 'pods' },
      effect: { kind: 'status', code: 503 },
    });
    sim.faults.expireWatches();
    await until('no watch', () => sim.stats().openWatches === 0, 20_000);
    putPod(sim, 'came');
    removePod(sim, 'p0');
    putPod(sim, 'stayed');
    const inside = listVersion();
    const listed = podsOf(sim);
    removePod(sim, 'came');
    removePod(sim, 'p1');
    putPod(sim, 'p2', 'changed');
    restore();
    await client.until('the difference', () => client.events(from(version)).length >= 4, 40_000);
    const events = client.events(from(version));
    expect(events.map(({ object }) => object.metadata.resourceVersion)).toContain(inside);
    const seen = events.findIndex(({ object }) => object.metadata.resourceVersion === inside) + 1;
    for (const [name, items] of [
      ['shown', applied(events.slice(0, seen), version, had).items],
      ['listed', listed],
    ] as const) {
      const other = await mux();
      const query = `${from(inside)}&${name}`;
      other.request(PODS, query);
      putPod(sim, `after ${name}`);
      await other.until(name, () => other.names(query).includes(`ADDED after ${name}`));
      expect(applied(other.events(query), inside, items).items, name).toEqual(podsOf(sim));
    }
  });

  it('[KWIRE-8] ends, cuts and expiries of the upstream watch are not seen', async () => {
    const { sim, mux, listVersion } = await begin();
    const client = await mux();
    const query = from(listVersion());
    client.request(PODS, query);
    await until('the watch', () => sim.stats().openWatches === 1, 20_000);
    const faults = [
      () => sim.faults.endWatches(),
      () => sim.faults.cutWatches(),
      () => sim.faults.expireWatches(),
    ];
    for (const [index, strike] of faults.entries()) {
      strike();
      putPod(sim, `p${index}`);
      await client.until(`p${index}`, () => client.names(query).includes(`ADDED p${index}`), 40_000);
    }
    expect(client.names(query)).toEqual(['ADDED p0', 'ADDED p1', 'ADDED p2']);
    expect(client.errors()).toEqual([]);
  });

  it('[KWIRE-26] nothing but data and errors is sent, one envelope a frame', async () => {
    const { sim, mux, listVersion } = await begin({ sim: { bookmarkIntervalMs: 50 } });
    const client = await mux();
    const query = `${from(listVersion())}&allowWatchBookmarks=true&sendInitialEvents=true`;
    client.request(PODS, query);
    for (let index = 0; index < 5; index++) putPod(sim, `p${index}`);
    await client.until('all', () => client.events(query).length === 5);
    expect(new Set(client.envelopes().map(({ type }) => type))).toEqual(new Set(['DATA']));
    expect(new Set(client.events(query).map(({ type }) => type))).toEqual(new Set(['ADDED']));
  });

  it('[KWIRE-6] a client that does not read is closed, and others hear everything', async () => {
    const { sim, hub, mux, listVersion } = await begin();
    const slow = await mux();
    const quick = await mux();
    const query = from(listVersion());
    slow.request(PODS, query);
    quick.request(PODS, query);
    await until('both', () => sim.stats().openWatches === 1, 20_000);
    putPod(sim, 'first');
    await slow.until('first', () => slow.events(query).length === 1);
    slow.socket.ws.pause();
    const seen = quick.socket.texts.length;
    for (let index = 0; index < 40; index++) {
      putPod(sim, 'big', String.fromCharCode(97 + (index % 26)).repeat(1_000_000));
      await until(`big ${index}`, () => quick.socket.texts.length === seen + index + 1, 20_000);
    }
    expect(hub.stats().closes[3008]).toBe(1);
    slow.socket.ws.resume();
    // Whoever does not take the close frame in time is dropped.
    expect([1006, 3008]).toContain((await slow.socket.end()).code);
    expect(slow.socket.texts.length).toBeLessThan(40);
    expect(quick.socket.closed).toBeUndefined();
  });
});

describe('rights', () => {
  const impersonating = { demo: { mode: 'impersonate' }, tuning: { rightsTtlMs: 300 } } as const;
  const web = '/api/v1/namespaces/web/pods';

  it('[KWIRE-3] who may not watch is told in the words of the API server; a right that is taken away ends the watch', async () => {
    const { sim, mux, listVersion } = await begin(impersonating);
    const revoke = grant(sim, 'ada', 'web');
    const query = from(listVersion());
    const [ada, bob] = [await mux(), await mux({ principal: { user: 'bob' } })];
    ada.request(web, query);
    ada.request(PODS, query);
    bob.request(web, query);
    putPod(sim, 'a', '', 'web');
    await ada.until('a', () => ada.names(query, web).length === 1);
    await bob.until('the refusal', () => bob.errors().length === 1);
    await ada.until('the refusal', () => ada.errors().length === 1);
    expect(bob.errors()[0]?.error).toMatch(/pods is forbidden: User "bob" cannot list/);
    expect(bob.names(query, web)).toEqual([]);
    // No namespace is known of which she might see a part.
    expect(ada.errors()[0]?.error).toMatch(/User "ada" cannot list/);
    revoke();
    await ada.until('the end', () => ada.errors().length === 2);
    putPod(sim, 'b', '', 'web');
    grant(sim, 'ada', 'web');
    const again = `${query}&again`;
    ada.request(web, again);
    await ada.until('b', () => ada.names(again, web).includes('ADDED b'));
    expect(ada.names(query, web)).toEqual(['ADDED a']);
  });
});
