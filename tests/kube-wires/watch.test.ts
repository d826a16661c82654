/** The watch of one list over a WebSocket of its own, as its clients meet it. */
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '@trunkline/testkit';
import {
  ascends,
  grant,
  PODS,
  putPod,
  removePod,
  startBed,
  type Bed,
  type BedOptions,
  type Socket,
  type WatchedEvent,
} from './bed.js';

let bed: Bed | undefined;
afterEach(async () => {
  await bed?.stop();
  bed = undefined;
});

async function begin(options?: BedOptions): Promise<Bed> {
  return (bed = await startBed(options));
}

function events(socket: Socket): WatchedEvent[] {
  return socket.texts.map((text) => JSON.parse(text) as WatchedEvent);
}

function names(socket: Socket): string[] {
  return events(socket).map(({ type, object }) => `${type} ${object.metadata.name}`);
}

const pods = (query: string, cluster = 'demo'): string => `/clusters/${cluster}${PODS}?${query}`;

describe('a watch of its own', () => {
  it('[KWIRE-30] raw events, one a frame, from the same upstream as the multiplexer', async () => {
    const { sim, mux, socket, listVersion } = await begin();
    const version = listVersion();
    const query = `watch=1&resourceVersion=${version}`;
    const other = await mux();
    other.request(PODS, query);
    const one = await socket(pods(query), { protocols: ['base64.binary.k8s.io'] });
    expect(one.ws.protocol).toBe('base64.binary.k8s.io');
    await until('the watch', () => sim.stats().openWatches === 1, 20_000);
    putPod(sim, 'a');
    putPod(sim, 'a', 'changed');
    removePod(sim, 'a');
    await until('all', () => one.texts.length === 3, 20_000);
    expect(names(one)).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
    expect(ascends(events(one))).toBe(true);
    expect(sim.stats().watchesOpened).toBe(1);
    const late = await socket(pods(query));
    await until('the replay', () => late.texts.length === 3, 20_000);
    expect(late.texts).toEqual(one.texts);
    sim.faults.cutWatches();
    putPod(sim, 'b');
    await until('b', () => names(one).includes('ADDED b'), 40_000);
    expect(one.closed).toBeUndefined();
  });

  it('[KWIRE-30] one object is watched by its path', async () => {
    const { sim, socket, listVersion } = await begin();
    const one = await socket(
      `/clusters/demo/api/v1/namespaces/default/pods/b?watch=1&resourceVersion=${listVersion()}`,
    );
    for (const name of ['a', 'b', 'c']) putPod(sim, name);
    await until('b', () => one.texts.length === 1, 20_000);
    expect(names(one)).toEqual(['ADDED b']);
  });

  it('[KWIRE-31] the token of the sub-protocol says who watches, the others are left alone', async () => {
    const { sim, socket, listVersion } = await begin({ demo: { mode: 'impersonate' } });
    grant(sim, 'eve', 'default');
    const token = Buffer.from(JSON.stringify({ user: 'eve' })).toString('base64url');
    const protocols = [
      'base64.binary.k8s.io',
      'base64url.headlamp.authorization.k8s.io.some-user',
      `base64url.bearer.authorization.k8s.io.${token}`,
    ];
    const path = `/clusters/demo/api/v1/namespaces/default/pods?watch=1&resourceVersion=${listVersion()}`;
    const eve = await socket(path, { protocols });
    expect([eve.ws.protocol, eve.refused]).toEqual(['base64.binary.k8s.io', undefined]);
    putPod(sim, 'a');
    await until('a', () => eve.texts.length === 1, 20_000);
    const ada = await socket(path);
    expect(ada.refused?.status).toBe(403);
    const byQuery = await socket(`${path}&token=${encodeURIComponent(JSON.stringify({ user: 'eve' }))}`);
    expect(byQuery.refused).toBeUndefined();
  });

  it('[KWIRE-31] refusals come before the socket opens, in the form of an API server', async () => {
    const { socket } = await begin();
    const refused = async (path: string) => {
      const { refused: answer } = await socket(path);
      const { kind, code, message } = JSON.parse(answer?.body ?? '{}') as Record<string, unknown>;
      return [answer?.status, kind, code, message];
    };
    expect(await refused(pods('watch=1', 'nowhere'))).toEqual([404, 'Status', 404, 'no such cluster']);
    expect(await refused(pods('limit=1'))).toEqual([
      400,
      'Status',
      400,
      expect.stringContaining('watches') as string,
    ]);
    expect(await refused('/clusters/demo/api/v1/namespaces/d/pods/x/status?watch=1')).toEqual([
      400,
      'Status',
      400,
      expect.stringContaining('status') as string,
    ]);
    expect((await refused('/clusters/demo/api/v1/%2e%2e/secrets?watch=1'))[0]).toBe(400);
  });

  it('[KWIRE-32] bookmarks come to those who ask, and say when what was there has been said', async () => {
    const { sim, socket, listVersion } = await begin();
    for (const name of ['a', 'b']) putPod(sim, name);
    const plain = await socket(pods('watch=1'));
    const asking = await socket(
      pods('watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan'),
    );
    await until('the bookmark', () => asking.texts.length === 3, 20_000);
    await until('the list', () => plain.texts.length === 2, 20_000);
    expect(names(plain)).toEqual(['ADDED a', 'ADDED b']);
    expect(events(asking).at(-1)).toEqual({
      type: 'BOOKMARK',
      object: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          resourceVersion: listVersion(),
          creationTimestamp: null,
          annotations: { 'k8s.io/initial-events-end': 'true' },
        },
      },
    });
  });

  it('[KWIRE-32] a watch that is asked for so many seconds ends in order after them', async () => {
    const { socket, listVersion } = await begin();
    const one = await socket(pods(`watch=1&timeoutSeconds=1&resourceVersion=${listVersion()}`));
    expect((await one.end()).code).toBe(1000);
    expect(one.texts).toEqual([]);
  });

  it('[KWIRE-8] a cluster that lets in but does not answer yet is waited for, by a client that opens no second socket', async () => {
    const { sim, socket, listVersion } = await begin();
    const version = listVersion();
    putPod(sim, 'a');
    const restore = sim.faults.onRequest({
      match: { resource: 'pods' },
      effect: { kind: 'status', code: 503 },
    });
    const failed = (): boolean =>
      sim.stats().requests.some(({ resource, code }) => resource === 'pods' && code === 503);
    const one = await socket(pods(`watch=1&resourceVersion=${version}`));
    await until('refusals upstream', failed, 20_000);
    putPod(sim, 'b');
    restore();
    await until('both', () => one.texts.length === 2, 40_000);
    expect([names(one), one.closed]).toEqual([['ADDED a', 'ADDED b'], undefined]);
  });

  it('[KWIRE-33] a version that is forgotten is an ERROR event of 410, and the end', async () => {
    const { sim, socket, listVersion } = await begin();
    putPod(sim, 'a');
    const old = listVersion();
    putPod(sim, 'b');
    sim.faults.compact();
    const one = await socket(pods(`watch=1&resourceVersion=${old}`));
    expect((await one.end()).code).toBe(1000);
    expect(events(one)).toMatchObject([
      { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } },
    ]);
  });

  it('[KWIRE-33] a right that is taken away is an ERROR event and the end; a cluster that cannot be asked refuses', async () => {
    const dead = {
      id: 'dead',
      mode: 'shared',
      open: () => ({ server: 'http://127.0.0.1:1' }),
      visibleTo: () => ({}),
    } as const;
    const { sim, socket, listVersion } = await begin({
      clusters: [dead],
      demo: { mode: 'impersonate' },
      tuning: { rightsTtlMs: 300 },
    });
    const gone = await socket(pods('watch=1&resourceVersion=5', 'dead'));
    expect(gone.refused?.status).toBe(503);
    const revoke = grant(sim, 'ada', 'default');
    const one = await socket(
      `/clusters/demo/api/v1/namespaces/default/pods?watch=1&resourceVersion=${listVersion()}`,
    );
    putPod(sim, 'a');
    await until('a', () => one.texts.length === 1, 20_000);
    revoke();
    await one.end();
    expect(events(one).map(({ type }) => type)).toEqual(['ADDED', 'ERROR']);
    expect(events(one).at(-1)).toMatchObject({ object: { code: 403, reason: 'Forbidden' } });
  });

  it('[KWIRE-34] the end of a login, a drain and the hub end these connections like any other', async () => {
    const { hub, socket, mux, listVersion } = await begin();
    const path = pods(`watch=1&resourceVersion=${listVersion()}`);
    const [ada, bob, late] = [
      await socket(path),
      await socket(path, { principal: { user: 'bob' } }),
      await mux(),
    ];
    expect(hub.stats()).toMatchObject({ connections: 3, users: 2 });
    await hub.forOrg('acme').disconnect({ user: 'bob' }, { code: 3014, reason: 'signed out' });
    expect((await bob.end()).code).toBe(3014);
    expect([ada.closed, late.socket.closed]).toEqual([undefined, undefined]);
    await hub.drain({ windowMs: 500, ratePerSecond: 100 });
    expect([(await ada.end()).code, (await late.socket.end()).code]).toEqual([3001, 3001]);
  });
});
