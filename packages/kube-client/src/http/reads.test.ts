import { FakeClock, settle } from '@trunkline/base/testing';
import { describe, expect, it } from 'vitest';
import { createKubeCluster } from '../cluster.js';
import type { KubeClusterOptions } from '../options.js';
import {
  answerJson,
  answerStatus,
  answerText,
  FakeBody,
  FakeWire,
  neverAnswer,
} from '../testing/fake-wire.js';
import type { WatchEvent } from './watch.js';

const PODS = { group: '', version: 'v1', resource: 'pods' };
const DEPLOYMENTS = { group: 'apps', version: 'v1', resource: 'deployments', namespace: 'shop' };

function createBed(options: Partial<KubeClusterOptions> = {}) {
  const clock = new FakeClock();
  const wire = new FakeWire();
  const bodies: FakeBody[] = [];
  const cluster = createKubeCluster({ clock, wire }, { server: 'http://fake' }, options);
  const stream = (): void => {
    wire.handle = ({ signal }) => {
      bodies.push(new FakeBody(signal));
      return { status: 200, headers: {}, body: bodies.at(-1) as FakeBody };
    };
  };
  return { clock, wire, cluster, bodies, stream, paths: () => wire.requests.map(({ path }) => path) };
}

const item = (name: string) => ({
  metadata: { namespace: 'shop', name, uid: `u-${name}`, resourceVersion: '7' },
});
const page = (names: readonly string[], next = '', resourceVersion = '9') => ({
  kind: 'PodList',
  apiVersion: 'v1',
  metadata: { resourceVersion, continue: next },
  items: names.map(item),
});

describe('lists', () => {
  it('[KCL-30] are read in pages that are one state, the one that the first page names', async () => {
    const { wire, cluster, paths } = createBed({ pageSize: 2 });
    wire.handle = ({ path }) =>
      answerJson(200, path.includes('continue=t1') ? page(['c'], '', '10') : page(['a', 'b'], 't1'));
    const { version, items } = await cluster.list({
      ...PODS,
      namespace: 'shop',
      labelSelector: 'app in (x,y)',
    });
    expect([version, items.map(({ key }) => key)]).toEqual(['9', ['shop/a', 'shop/b', 'shop/c']]);
    expect(items[0]?.value).toMatchObject({ kind: 'Pod', apiVersion: 'v1' });
    expect(paths()).toEqual([
      '/api/v1/namespaces/shop/pods?labelSelector=app+in+%28x%2Cy%29&limit=2',
      '/api/v1/namespaces/shop/pods?labelSelector=app+in+%28x%2Cy%29&limit=2&continue=t1',
    ]);
  });

  it('[KCL-40] a large page is read in turns', async () => {
    const { clock, wire, cluster } = createBed();
    const names = Array.from({ length: 1_200 }, (_, index) => `o${index}-${'x'.repeat(1_000)}`);
    wire.handle = () => answerJson(200, page(names));
    let turns = 0;
    const setImmediate = clock.setImmediate.bind(clock);
    clock.setImmediate = (run) => {
      turns++;
      return setImmediate(run);
    };
    const listed = cluster.list(PODS);
    await clock.advance(0);
    expect((await listed).items.map(({ name }) => name)).toEqual(names);
    // 2.5 MB of names and uids in slices of 128 KiB.
    expect(turns).toBeGreaterThanOrEqual(15);
  });

  it('[KCL-30] a token that expires means one more round without pages', async () => {
    const { wire, cluster, paths } = createBed({ pageSize: 2 });
    wire.handle = ({ path }) =>
      path.includes('continue')
        ? answerStatus(410, 'Expired')
        : answerJson(200, path.includes('limit') ? page(['a', 'b'], 't1') : page(['x'], '', '12'));
    const { version, items } = await cluster.list(PODS);
    expect([version, items.map(({ name }) => name)]).toEqual(['12', ['x']]);
    expect(paths().at(-1)).toBe('/api/v1/pods');
  });

  it('[KCL-30] have bounds, and an end', async () => {
    const { wire, cluster, paths } = createBed();
    let pages = 0;
    wire.handle = () => answerJson(200, page(['a', 'b'], `t${pages++}`));
    await expect(cluster.list(PODS, { maxObjects: 100 })).rejects.toMatchObject({ kind: 'kubeTooLarge' });
    // The page that is too much, and the one that was asked for ahead of it.
    expect(paths()).toHaveLength(52);
    await expect(cluster.list(PODS, { maxBytes: 1_000 })).rejects.toThrow('maxBytes');
    wire.handle = () => answerJson(200, page([], 'again'));
    await expect(cluster.list(PODS)).rejects.toMatchObject({ kind: 'kubeBadAnswer' });
    wire.handle = () => answerJson(200, page([], `t${pages++}`));
    await expect(cluster.list(PODS)).rejects.toThrow('10000 pages');
  });

  it('[KCL-41] the next page is asked for before this one is looked through, and no further', async () => {
    const { clock, wire, cluster, paths } = createBed();
    const names = Array.from({ length: 400 }, (_, index) => `o${index}-${'x'.repeat(1_000)}`);
    wire.handle = ({ path }) => {
      const [, at = '0'] = /continue=t(\d)/.exec(path) ?? [];
      return answerJson(200, page(names, Number(at) < 3 ? `t${Number(at) + 1}` : ''));
    };
    const told: (number | undefined)[] = [];
    const onObjects = (objects: readonly unknown[] | undefined): void => void told.push(objects?.length);
    const listed = cluster.list(PODS, { onObjects });
    // No turn of the event loop passes: the first page is not read.
    await settle();
    expect([paths().length, told]).toEqual([2, [undefined]]);
    await clock.advance(0);
    expect((await listed).items).toHaveLength(1_600);
    expect([paths().length, told]).toEqual([4, [undefined, 400, 400, 400, 400]]);
  });

  it('[KCL-41] a page that was asked for in vain is given back', async () => {
    const { wire, cluster, paths } = createBed();
    const [head, tail] = ['{"kind":"PodList","metadata":{"continue":"no"},"items":[', '],"metadata":'];
    for (const [body, names] of [
      [`${head}{]`, undefined],
      [`${head}${tail}{"continue":"yes","resourceVersion":"1"}}`, ['b']],
      [`${head}${tail}{"resourceVersion":"1"}}`, []],
      [`{"kind":"PodList","items":[${tail}{"continue":"yes"}}`, ['b']],
    ] as const) {
      wire.requests.length = 0;
      wire.handle = (request) =>
        request.path.includes('continue=no')
          ? neverAnswer(request)
          : request.path.includes('continue=yes')
            ? answerJson(200, page(['b'], '', '2'))
            : answerText(200, body);
      const listed = cluster.list(PODS);
      if (names === undefined) await expect(listed).rejects.toMatchObject({ kind: 'kubeBadAnswer' });
      else expect((await listed).items.map(({ name }) => name)).toEqual(names);
      const inVain = wire.requests.filter(({ path }) => path.includes('continue=no'));
      expect(inVain.map(({ signal }) => signal.aborted)).toEqual(body.startsWith(head) ? [true] : []);
      expect(paths().filter((path) => path.includes('yes'))).toHaveLength(names?.length ?? 0);
    }
  });

  it('[KCL-41] what was told of a list that is begun anew is void', async () => {
    const { wire, cluster } = createBed({ pageSize: 2 });
    wire.handle = ({ path }) =>
      path.includes('continue')
        ? answerStatus(410, 'Expired')
        : answerJson(200, path.includes('limit') ? page(['a', 'b'], 't1') : page(['x'], '', '12'));
    const told: (readonly string[] | undefined)[] = [];
    await cluster.list(PODS, { onObjects: (objects) => told.push(objects?.map(({ name }) => name)) });
    expect(told).toEqual([undefined, ['a', 'b'], undefined, ['x']]);
  });

  it('[KCL-31] answer with the objects that the caller knows', async () => {
    const { wire, cluster } = createBed();
    wire.handle = () => answerJson(200, page(['a', 'b']));
    const first = await cluster.list(PODS);
    const [known] = first.items;
    const again = await cluster.list(PODS, { known: (key) => (key === 'shop/a' ? known : undefined) });
    expect(again.items[0]).toBe(known);
    expect(again.items[1]).not.toBe(first.items[1]);
  });

  it('[KCL-38] one object is read by its name', async () => {
    const { wire, cluster, paths } = createBed();
    wire.handle = () => answerJson(200, { kind: 'Deployment', ...item('a') });
    expect((await cluster.get(DEPLOYMENTS, 'a')).key).toBe('shop/a');
    expect(paths()).toEqual(['/apis/apps/v1/namespaces/shop/deployments/a']);
  });
});

describe('watches', () => {
  const line = (type: string, object: unknown): string => `${JSON.stringify({ type, object })}\n`;

  it('[KCL-32] give events and bookmarks, a batch for each chunk', async () => {
    const { cluster, bodies, stream, paths } = createBed();
    stream();
    const watch = await cluster.watch(DEPLOYMENTS, { version: '5', timeoutMs: 90_000 });
    expect(paths()).toEqual([
      '/apis/apps/v1/namespaces/shop/deployments?watch=1&allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=90',
    ]);
    const [body] = bodies;
    body?.push(line('ADDED', item('a')) + line('MODIFIED', item('a')) + '{"type":"DEL');
    body?.push(`ETED","object":${JSON.stringify(item('a'))}}\n`);
    const end = { resourceVersion: '8', annotations: { 'k8s.io/initial-events-end': 'true' } };
    body?.push(
      line('BOOKMARK', { metadata: { resourceVersion: '7' } }) + line('BOOKMARK', { metadata: end }),
    );
    body?.end();
    const batches: string[][] = [];
    const say = (event: WatchEvent): string =>
      event.kind === 'bookmark'
        ? `bookmark ${event.version} ${event.initialEventsEnd}`
        : `${event.kind} ${event.object.key}`;
    for await (const batch of watch.batches) batches.push(batch.map(say));
    expect(batches).toEqual([
      ['added shop/a', 'modified shop/a'],
      ['deleted shop/a'],
      ['bookmark 7 false', 'bookmark 8 true'],
    ]);
  });

  it('[KCL-32] WatchList is asked for as the API has it', async () => {
    const { cluster, stream, paths } = createBed();
    stream();
    const watch = await cluster.watch(PODS, { sendInitialEvents: true });
    expect(paths()[0]).toBe(
      '/api/v1/pods?watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan',
    );
    watch.discard();
  });

  it('[KCL-32] what came before a fault is delivered, then the fault is thrown', async () => {
    for (const [rest, kind] of [
      [line('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' }), 'kubeExpired'],
      [line('ERROR', { kind: 'Status', code: 403, reason: 'Forbidden' }), 'kubeForbidden'],
      [line('ERROR', {}), 'kubeServerError'],
      [line('SURPRISE', item('b')), 'kubeBadAnswer'],
      [line('ADDED', { metadata: {} }), 'kubeBadAnswer'],
      [line('ADDED', null), 'kubeBadAnswer'],
      [line('BOOKMARK', { metadata: {} }), 'kubeBadAnswer'],
      ['{"type":"ADDED"}\n', 'kubeBadAnswer'],
      ['[]\n', 'kubeBadAnswer'],
      ['{"type":"ADDED","object":{}\n', 'kubeBadAnswer'],
      ['x'.repeat(5_001), 'kubeTooLarge'],
      ['{"type":"ADDED","ob', 'kubeConnectionLost'],
    ] as const) {
      const { cluster, bodies, stream, clock } = createBed({ maxLineBytes: 5_000 });
      stream();
      const watch = await cluster.watch(PODS);
      bodies[0]?.push(line('ADDED', item('a')) + rest);
      bodies[0]?.end();
      const batches = watch.batches[Symbol.asyncIterator]();
      expect((await batches.next()).value).toMatchObject([{ kind: 'added', object: { name: 'a' } }]);
      await expect(batches.next()).rejects.toMatchObject({ kind });
      expect([bodies[0]?.open, clock.pending]).toEqual([false, 0]);
    }
  });

  it('[KCL-40] that bring much at once are read in turns, so that others run meanwhile', async () => {
    const { clock, cluster, bodies, stream } = createBed();
    stream();
    const life = new AbortController();
    const watch = await cluster.watch(PODS, { signal: life.signal });
    const [body] = bodies;
    const event = `${JSON.stringify({ type: 'ADDED', object: item('x'.repeat(33_000)) })}\n`;
    for (let pushed = 0; pushed < 10; pushed++) body?.push(event);
    let read = 0;
    const reading = (async () => {
      for await (const batch of watch.batches) read += batch.length;
    })();
    reading.catch(() => undefined);
    await settle();
    // 64 kB each: name and uid.
    expect([event.length > 65_536, read, clock.pending > 0]).toEqual([true, 2, true]);
    await clock.advance(0);
    expect([read, body?.unread]).toEqual([10, 0]);
    for (let pushed = 0; pushed < 10; pushed++) body?.push(event);
    await settle();
    expect(read).toBeLessThan(20);
    life.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
    expect(clock.pending).toBe(0);
  });

  it('[KCL-33] the next chunk is read when the batch before was taken', async () => {
    const { cluster, bodies, stream } = createBed();
    stream();
    const watch = await cluster.watch(PODS);
    for (const name of ['a', 'b', 'c']) bodies[0]?.push(line('ADDED', item(name)));
    const batches = watch.batches[Symbol.asyncIterator]();
    await batches.next();
    await settle();
    expect(bodies[0]?.unread).toBe(2);
    await batches.return?.();
    expect(bodies[0]?.open).toBe(false);
  });

  it('[KCL-7] a watch may be silent longer than an answer, and not for ever', async () => {
    const { clock, cluster, stream } = createBed({ bodySilenceMs: 1_000, watchSilenceMs: 100_000 });
    stream();
    const watch = await cluster.watch(PODS);
    const next = watch.batches[Symbol.asyncIterator]().next();
    const failed = expect(next).rejects.toMatchObject({ kind: 'kubeSilent' });
    await clock.advance(99_999);
    expect(clock.pending).toBe(1);
    await clock.advance(1);
    await failed;
  });

  it('[KCL-7] a watch of a server that does not answer ends, where nothing came since it was asked', async () => {
    const { clock, cluster, bodies, stream } = createBed({ watchSilenceMs: 100_000 });
    stream();
    const next = async () => (await cluster.watch(PODS)).batches[Symbol.asyncIterator]().next();
    const [quiet, heard] = [next(), next()];
    const failed = expect(quiet).rejects.toMatchObject({ kind: 'kubeSilent' });
    await settle();
    const asked = clock.monotonic();
    await clock.advance(1_000);
    bodies[1]?.push(line('ADDED', item('a')));
    expect((await heard).done).toBe(false);
    cluster.suspect(asked - 1);
    expect(clock.pending).toBe(1);
    cluster.as({ user: 'ada' }).suspect(asked);
    await failed;
    expect([bodies[0]?.open, bodies[1]?.open, clock.pending]).toEqual([false, true, 0]);
  });
});

describe('logs', () => {
  it('[KCL-34] come as lines, empty ones too, to the last one without an end', async () => {
    const { cluster, bodies, stream, paths } = createBed();
    stream();
    const lines: string[] = [];
    const reading = (async () => {
      const options = {
        namespace: 'shop',
        pod: 'a',
        container: 'web',
        follow: true,
        tailLines: 0,
        previous: false,
      };
      for await (const batch of cluster.logs(options))
        for (const one of batch) lines.push(new TextDecoder().decode(one));
    })();
    await settle();
    bodies[0]?.push('one\n\ntw');
    await settle();
    expect(lines).toEqual(['one', '']);
    bodies[0]?.push('o\nthree');
    bodies[0]?.end();
    await reading;
    expect(lines).toEqual(['one', '', 'two', 'three']);
    expect(paths()).toEqual(['/api/v1/namespaces/shop/pods/a/log?container=web&follow=true&tailLines=0']);
  });

  it('[KCL-34] that are followed may be silent for days, others not', async () => {
    const { clock, cluster, stream } = createBed();
    stream();
    const followed = cluster.logs({ namespace: 'n', pod: 'p', follow: true })[Symbol.asyncIterator]();
    void followed.next();
    await clock.advance(10 * 86_400_000);
    expect(clock.pending).toBe(0);
    const read = cluster.logs({ namespace: 'n', pod: 'p' })[Symbol.asyncIterator]();
    const failed = expect(read.next()).rejects.toMatchObject({ kind: 'kubeSilent' });
    await clock.advance(30_000);
    await failed;
  });

  it('[KCL-34] a refusal is the server’s', async () => {
    const { wire, cluster } = createBed();
    wire.handle = () => answerStatus(400, 'BadRequest', 'a container name must be specified');
    const read = cluster.logs({ namespace: 'n', pod: 'p' })[Symbol.asyncIterator]();
    await expect(read.next()).rejects.toThrow('a container name must be specified');
    const opening = cluster.openLogs({ namespace: 'n', pod: 'p' });
    await expect(opening).rejects.toThrow('a container name must be specified');
  });

  it('[KCL-34] can be opened before there is a line, and given up unread', async () => {
    const { cluster, bodies, stream } = createBed();
    stream();
    const gone = new AbortController();
    const lines = await cluster.openLogs({ namespace: 'n', pod: 'p', follow: true, signal: gone.signal });
    bodies[0]?.push('one\n');
    const { value } = (await lines.next()) as { readonly value: readonly Uint8Array[] };
    expect(value.map((line) => new TextDecoder().decode(line))).toEqual(['one']);
    const next = expect(lines.next()).rejects.toThrow('enough');
    gone.abort(new Error('enough'));
    await next;
  });
});

describe('tables', () => {
  it('[KCL-35] have the columns of the server', async () => {
    const { wire, cluster } = createBed();
    const table = {
      kind: 'Table',
      metadata: { resourceVersion: '5', continue: 'next' },
      columnDefinitions: [
        { name: 'Name', type: 'string', format: 'name', description: 'd', priority: 0 },
        { name: 'Age' },
      ],
      rows: [{ cells: ['a', '5d'], object: { metadata: { name: 'a' } } }, {}],
    };
    wire.handle = () => answerJson(200, table);
    expect(await cluster.table(PODS, { include: 'None', limit: 10 })).toEqual({
      version: '5',
      continue: 'next',
      columns: [
        { name: 'Name', type: 'string', format: 'name', description: 'd', priority: 0 },
        { name: 'Age', type: '', format: '', description: '', priority: 0 },
      ],
      rows: [
        { cells: ['a', '5d'], object: { metadata: { name: 'a' } } },
        { cells: [], object: null },
      ],
    });
    expect(wire.requests[0]).toMatchObject({
      path: '/api/v1/pods?includeObject=None&limit=10',
      headers: { accept: expect.stringContaining('as=Table') },
    });
  });

  it('[KCL-35] a server without one answers with the list, and that is told', async () => {
    const { wire, cluster } = createBed();
    wire.handle = () => answerJson(200, page(['a']));
    expect(await cluster.table(PODS)).toBeUndefined();
    wire.handle = () => answerJson(200, { kind: 'Table', rows: null });
    await expect(cluster.table(PODS)).rejects.toThrow('columnDefinitions');
  });
});

describe('discovery', () => {
  it('[KCL-36] finds the resources of all groups, and a group that fails hides no other', async () => {
    const { wire, cluster } = createBed();
    const groups = [
      {
        name: 'apps',
        versions: [{ version: 'v1' }, { version: 'v1beta1' }],
        preferredVersion: { version: 'v1' },
      },
      { name: 'metrics', versions: [{ version: 'v1' }] },
      { name: '../evil', versions: [{ version: 'v1' }] },
      null,
    ];
    const resource = {
      name: 'things',
      kind: 'Thing',
      namespaced: true,
      verbs: ['list', 1],
      shortNames: ['th'],
    };
    wire.handle = ({ path }) => {
      if (path === '/api') return answerJson(200, { versions: ['v1'] });
      if (path === '/apis') return answerJson(200, { groups });
      if (path.startsWith('/apis/metrics')) return answerStatus(503, 'ServiceUnavailable');
      return answerJson(200, { resources: [resource, { name: 'things/status', kind: 'Thing' }, 5] });
    };
    const { resources, failures } = await cluster.discover();
    expect(resources.map(({ group, version, preferred }) => `${group}/${version} ${preferred}`)).toEqual([
      '/v1 true',
      'apps/v1 true',
      'apps/v1beta1 false',
    ]);
    expect(resources[0]).toEqual({
      group: '',
      version: 'v1',
      preferred: true,
      resource: 'things',
      kind: 'Thing',
      namespaced: true,
      verbs: ['list'],
      shortNames: ['th'],
      categories: [],
    });
    expect(failures.map(({ group, error }) => [group, error.kind]).sort()).toEqual([
      ['../evil', 'kubeRefused'],
      ['metrics', 'kubeServerError'],
    ]);
  });

  it('[KCL-36] asks no endless list of groups', async () => {
    const { wire, cluster } = createBed();
    const groups = Array.from({ length: 3_000 }, (_, index) => ({
      name: `g${index}`,
      versions: [{ version: 'v1' }],
    }));
    wire.handle = ({ path }) => answerJson(200, path === '/api' ? {} : { groups });
    await expect(cluster.discover()).rejects.toMatchObject({ kind: 'kubeTooLarge' });
    expect(wire.requests).toHaveLength(2);
  });
});

describe('reviews', () => {
  it('[KCL-37] nothing but a plain yes is one', async () => {
    const { wire, cluster } = createBed();
    for (const [status, allowed] of [
      [{ allowed: true }, true],
      [{ allowed: true, denied: false, reason: 'because' }, true],
      [{ allowed: false }, false],
      [{ allowed: true, denied: true }, false],
      [{ allowed: 'true' }, false],
      [{}, false],
    ] as const) {
      wire.handle = () => answerJson(201, { status });
      expect((await cluster.reviewSelf({ verb: 'list', group: '', resource: 'pods' })).allowed).toBe(allowed);
    }
    wire.handle = () => answerJson(201, {});
    await expect(cluster.reviewSelf({ verb: 'list', group: '', resource: 'pods' })).rejects.toThrow('status');
  });

  it('[KCL-37] are put as the API has them', async () => {
    const { wire, cluster } = createBed();
    const rules = [{ verbs: ['list'], apiGroups: [''], resources: ['pods'] }, null];
    wire.handle = () =>
      answerJson(201, { status: { allowed: true, resourceRules: rules, incomplete: true } });
    const question = { verb: 'watch', group: 'apps', resource: 'deployments', namespace: 'shop' };
    await cluster.reviewSubject({ user: 'jane', groups: ['dev'] }, question);
    expect(await cluster.reviewRules('shop')).toEqual({
      incomplete: true,
      rules: [
        { verbs: ['list'], apiGroups: [''], resources: ['pods'], resourceNames: [] },
        { verbs: [], apiGroups: [], resources: [], resourceNames: [] },
      ],
    });
    expect(
      wire.requests.map(({ method, path, body }) => [
        method,
        path,
        JSON.parse(body as string).spec as unknown,
      ]),
    ).toEqual([
      [
        'POST',
        '/apis/authorization.k8s.io/v1/subjectaccessreviews',
        { user: 'jane', groups: ['dev'], resourceAttributes: question },
      ],
      ['POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', { namespace: 'shop' }],
    ]);
  });
});

describe('answers of other kinds', () => {
  it('[KCL-38] any request gives the answer of every status', async () => {
    const { wire, cluster } = createBed();
    wire.handle = () => answerText(404, 'not here', { 'content-type': 'text/plain' });
    const answer = await cluster.request({ path: '/x', method: 'DELETE' });
    expect([answer.status, answer.headers, wire.requests[0]?.method]).toEqual([
      404,
      { 'content-type': 'text/plain' },
      'DELETE',
    ]);
    answer.discard();
    expect(wire.requests[0]?.signal.aborted).toBe(true);
  });
});
