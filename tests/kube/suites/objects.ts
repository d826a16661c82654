/** Single objects: creating, reading, changing, deleting, and the refusals of each. */
import { describe, expect, it } from 'vitest';
import { at } from '../api.js';
import {
  configMap,
  configMaps,
  DEFINITIONS,
  fresh,
  lamp,
  lamps,
  made,
  makeNamespace,
  pod,
  pods,
} from '../drafts.js';
import type { KubeTarget } from '../targets.js';

export function objectSuite(use: () => KubeTarget): void {
  describe('objects', () => {
    it('[KSIM-30] what is created gets a uid, a version and a time, and reads back the same', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      const created = await made(api, path, configMap('a', { app: 'x' }, { k: 'v' }));
      expect(created).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1', data: { k: 'v' } });
      expect(created.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
      expect(created.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      expect((await api.get(`${path}/a`)).doc).toEqual(created);
    });

    it('[KSIM-30] generateName completes a name', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      const { metadata } = await made(api, path, { metadata: { generateName: 'made-' } });
      expect(metadata.name).toMatch(/^made-[a-z0-9]{5}$/);
    });

    it('[KSIM-30] an update of an old version is a 409, one of the present version counts it up', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      const first = await made(api, path, configMap('a'));
      const next = await api.send('PUT', `${path}/a`, { body: { ...first, data: { k: '2' } } });
      expect(next.code).toBe(200);
      expect(Number(next.doc.metadata.resourceVersion)).toBeGreaterThan(
        Number(first.metadata.resourceVersion),
      );
      expect(next.doc.metadata.uid).toBe(first.metadata.uid);
      const stale = await api.send('PUT', `${path}/a`, { body: { ...first, data: { k: '3' } } });
      expect([stale.code, stale.doc['reason']]).toEqual([409, 'Conflict']);
      // Without a version the last one wins.
      const blind = await api.send('PUT', `${path}/a`, { body: configMap('a', {}, { k: '4' }) });
      expect([blind.code, blind.doc.data]).toEqual([200, { k: '4' }]);
    });

    it('[KSIM-30] a dry run answers as if, and changes nothing', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      const tried = await api.post(`${path}?dryRun=All`, configMap('a'));
      expect([tried.code, tried.doc.metadata.name]).toEqual([201, 'a']);
      expect((await api.get(`${path}/a`)).code).toBe(404);
    });

    it('[KSIM-31] a merge patch sets, replaces and removes', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      await made(api, path, configMap('a', { keep: 'x', drop: 'y' }, { one: '1', two: '2' }));
      const { code, doc } = await api.patch(`${path}/a`, 'merge-patch', {
        metadata: { labels: { drop: null, add: 'z' } },
        data: { one: '11', two: null },
      });
      expect([code, doc.metadata.labels, doc.data]).toEqual([200, { keep: 'x', add: 'z' }, { one: '11' }]);
    });

    it('[KSIM-31] a JSON patch runs its operations in order, or none where one does not fit', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      await made(api, path, {
        metadata: { name: 'a', annotations: { one: '1', 'example.com/two': '2' } },
      });
      const { code, doc } = await api.patch(`${path}/a`, 'json-patch', [
        { op: 'test', path: '/metadata/annotations/one', value: '1' },
        { op: 'replace', path: '/metadata/annotations/one', value: '11' },
        { op: 'move', from: '/metadata/annotations/example.com~1two', path: '/metadata/annotations/z' },
        { op: 'copy', from: '/metadata/annotations/one', path: '/metadata/annotations/copy' },
        { op: 'remove', path: '/metadata/annotations/one' },
      ]);
      expect([code, doc.metadata.annotations]).toEqual([200, { z: '2', copy: '11' }]);
      const misfit = await api.patch(`${path}/a`, 'json-patch', [
        { op: 'add', path: '/metadata/annotations/new', value: 'x' },
        { op: 'test', path: '/metadata/annotations/z', value: 'other' },
      ]);
      expect([misfit.code, misfit.doc['reason']]).toEqual([422, 'Invalid']);
      const malformed = await api.patch(`${path}/a`, 'json-patch', { op: 'add' });
      expect([malformed.code, malformed.doc['reason']]).toEqual([400, 'BadRequest']);
      expect((await api.get(`${path}/a`)).doc.metadata.annotations).toEqual({ z: '2', copy: '11' });
    });

    it('[KSIM-31] a patch may insist on a version, and may not touch names', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      const { metadata } = await made(api, path, configMap('a'));
      const patch = { metadata: { resourceVersion: metadata.resourceVersion }, data: { k: '1' } };
      expect((await api.patch(`${path}/a`, 'merge-patch', patch)).code).toBe(200);
      const stale = await api.patch(`${path}/a`, 'merge-patch', { ...patch, data: { k: '2' } });
      expect([stale.code, stale.doc['reason']]).toEqual([409, 'Conflict']);
      const renamed = await api.patch(`${path}/a`, 'merge-patch', { metadata: { name: 'b' } });
      expect(renamed.code).toBe(400);
      expect((await api.patch(`${path}/none`, 'merge-patch', { data: {} })).code).toBe(404);
    });

    it('[KSIM-31] other kinds of patches are refused with 415', async () => {
      const { api } = use();
      const namespace = await makeNamespace(api);
      const { group, path, draft } = lamps();
      await made(api, DEFINITIONS, draft);
      await expect.poll(async () => (await api.get(path(namespace))).code, { timeout: 10_000 }).toBe(200);
      await made(api, path(namespace), lamp(group, 'desk', 40));
      const strategic = await api.patch(`${path(namespace)}/desk`, 'strategic-merge-patch', {
        spec: { watts: 1 },
      });
      expect([strategic.code, strategic.doc['reason']]).toEqual([415, 'UnsupportedMediaType']);
      const plain = await api.send('PATCH', `${path(namespace)}/desk`, {
        body: {},
        type: 'application/json',
      });
      expect(plain.code).toBe(415);
    });

    it('[KSIM-32] status is written apart from the rest', async () => {
      const { api, node } = use();
      const path = pods(await makeNamespace(api));
      const created = await made(api, path, { ...pod('a', node), status: { phase: 'Running' } });
      expect(at(created, 'status', 'phase')).toBe('Pending');
      const { code, doc } = await api.patch(`${path}/a/status`, 'merge-patch', {
        metadata: { labels: { app: 'changed' } },
        spec: { nodeName: 'elsewhere' },
        status: { phase: 'Running', podIP: '10.0.0.1' },
      });
      expect([code, at(doc, 'status', 'phase'), at(doc, 'spec', 'nodeName')]).toEqual([200, 'Running', node]);
      const rest = await api.patch(`${path}/a`, 'merge-patch', { status: { phase: 'Failed' } });
      expect([rest.code, at(rest.doc, 'status', 'phase')]).toEqual([200, 'Running']);
      expect(at((await api.get(`${path}/a/status`)).doc, 'status', 'podIP')).toBe('10.0.0.1');
    });

    it('[KSIM-32] a changed spec counts the generation up, a changed status does not', async () => {
      const { api } = use();
      const namespace = await makeNamespace(api);
      const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
      const template = {
        metadata: { labels: { app: 'x' } },
        spec: { containers: [{ name: 'c', image: 'i' }] },
      };
      const selector = { matchLabels: { app: 'x' } };
      const created = await made(api, path, { metadata: { name: 'd' }, spec: { selector, template } });
      expect([created.metadata.generation, at(created, 'spec', 'replicas')]).toEqual([1, 1]);
      const scaled = await api.patch(`${path}/d`, 'merge-patch', { spec: { replicas: 3 } });
      expect(scaled.doc.metadata.generation).toBe(2);
      const labelled = await api.patch(`${path}/d`, 'merge-patch', { metadata: { labels: { a: 'b' } } });
      expect(labelled.doc.metadata.generation).toBe(2);
      const observed = await api.patch(`${path}/d/status`, 'merge-patch', {
        status: { observedGeneration: 2 },
      });
      expect([observed.code, observed.doc.metadata.generation]).toEqual([200, 2]);
    });

    it('[KSIM-33] a pod on a node is given time; without any it goes at once', async () => {
      const { api, node } = use();
      const path = pods(await makeNamespace(api));
      await made(api, path, pod('bound', node));
      await made(api, path, pod('free'));
      const { metadata } = (await api.get(path)).doc;
      const watch = await api.watch(`${path}?resourceVersion=${metadata.resourceVersion}`);
      expect((await api.delete(`${path}/free`)).code).toBe(200);
      const marked = await api.delete(`${path}/bound`);
      expect([marked.code, marked.doc.metadata.deletionTimestamp]).toEqual([
        200,
        expect.stringMatching(/Z$/),
      ]);
      expect(at(marked.doc, 'metadata', 'deletionGracePeriodSeconds')).toBe(30);
      expect((await api.get(`${path}/bound`)).code).toBe(200);
      expect((await api.delete(`${path}/bound`, { gracePeriodSeconds: 0 })).code).toBe(200);
      expect((await api.get(`${path}/bound`)).code).toBe(404);
      // The mark is seen before the end, even where no time is given.
      expect(await watch.names(5)).toEqual([
        'MODIFIED free',
        'DELETED free',
        'MODIFIED bound',
        'MODIFIED bound',
        'DELETED bound',
      ]);
      watch.close();
    });

    it('[KSIM-33] a finalizer holds an object back until it is taken away', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      await made(api, path, { metadata: { name: 'a', finalizers: ['example.com/hold'] } });
      const marked = await api.delete(`${path}/a`);
      expect([marked.code, marked.doc.metadata.deletionTimestamp]).toEqual([
        200,
        expect.stringMatching(/Z$/),
      ]);
      const { metadata } = (await api.get(`${path}/a`)).doc;
      const watch = await api.watch(`${path}?resourceVersion=${metadata.resourceVersion}`);
      expect((await api.patch(`${path}/a`, 'merge-patch', { metadata: { finalizers: null } })).code).toBe(
        200,
      );
      expect((await api.get(`${path}/a`)).code).toBe(404);
      expect(await watch.names(1)).toEqual(['DELETED a']);
      watch.close();
    });

    it('[KSIM-33] a deletion may insist on a uid', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      const { metadata } = await made(api, path, configMap('a'));
      const other = await api.delete(`${path}/a`, {
        preconditions: { uid: '00000000-0000-0000-0000-000000000000' },
      });
      expect([other.code, other.doc['reason']]).toEqual([409, 'Conflict']);
      const gone = await api.delete(`${path}/a`, { preconditions: { uid: metadata.uid } });
      expect(gone.doc).toMatchObject({
        kind: 'Status',
        status: 'Success',
        details: { name: 'a', kind: 'configmaps', uid: metadata.uid },
      });
    });

    it('[KSIM-33] a collection is deleted by selector', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      await made(api, path, configMap('a', { go: 'yes' }));
      await made(api, path, configMap('b', { go: 'yes' }));
      await made(api, path, configMap('c'));
      const reply = await api.delete(`${path}?labelSelector=go%3Dyes`);
      expect([reply.code, reply.doc.kind, reply.doc.items.length]).toEqual([200, 'ConfigMapList', 2]);
      expect((await api.get(path)).doc.items.map(({ metadata }) => metadata.name)).toEqual(['c']);
    });

    it('[KSIM-34] a custom resource is served once it is defined, and its watches end with its definition', async () => {
      const { api } = use();
      const namespace = await makeNamespace(api);
      const { group, path, draft, name } = lamps();
      expect((await api.get(path(namespace))).code).toBe(404);
      await made(api, DEFINITIONS, draft);
      const established = async (): Promise<unknown> => {
        const conditions = at((await api.get(`${DEFINITIONS}/${name}`)).doc, 'status', 'conditions');
        const all = Array.isArray(conditions) ? (conditions as { type: string; status: string }[]) : [];
        return all.find(({ type }) => type === 'Established')?.status;
      };
      await expect.poll(established, { timeout: 10_000 }).toBe('True');
      await expect.poll(async () => (await api.get(path(namespace))).code, { timeout: 10_000 }).toBe(200);
      const created = await made(api, path(namespace), lamp(group, 'desk', 40));
      expect([created.kind, created.metadata.generation]).toEqual(['Lamp', 1]);
      const list = (await api.get(path(namespace))).doc;
      expect([list.kind, list.items[0]?.kind]).toEqual(['LampList', 'Lamp']);
      const blind = await api.send('PUT', `${path(namespace)}/desk`, { body: lamp(group, 'desk', 60) });
      expect([blind.code, blind.doc['reason']]).toEqual([422, 'Invalid']);
      const watch = await api.watch(`${path(namespace)}?resourceVersion=${list.metadata.resourceVersion}`);
      await api.patch(`${path(namespace)}/desk`, 'merge-patch', { spec: { watts: 60 } });
      expect(at(await watch.next(), 'object', 'spec')).toEqual({ watts: 60 });
      expect((await api.delete(`${DEFINITIONS}/${name}`)).code).toBe(200);
      await watch.lines.ended();
      await expect.poll(async () => (await api.get(path(namespace))).code, { timeout: 20_000 }).toBe(404);
    });

    it('[KSIM-35] what is not there is a 404 that names it', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      for (const reply of [await api.get(`${path}/none`), await api.delete(`${path}/none`)])
        expect(reply.doc).toEqual({
          kind: 'Status',
          apiVersion: 'v1',
          metadata: {},
          status: 'Failure',
          message: 'configmaps "none" not found',
          reason: 'NotFound',
          details: { name: 'none', kind: 'configmaps' },
          code: 404,
        });
      for (const wrong of [
        '/api/v1/nothings',
        '/apis/none.example.com/v1/things',
        '/api/v1/namespaces/x/nodes/y',
      ])
        expect((await api.get(wrong)).code).toBe(404);
    });

    it('[KSIM-35] what is there already is a 409', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      await made(api, path, configMap('a'));
      const { code, doc } = await api.post(path, configMap('a'));
      expect([code, doc['reason'], doc['message']]).toEqual([
        409,
        'AlreadyExists',
        'configmaps "a" already exists',
      ]);
    });

    it('[KSIM-35] a namespace must exist, and nothing is created in one that goes', async () => {
      const { api } = use();
      const missing = await api.post(configMaps(fresh('nowhere')), configMap('a'));
      expect([missing.code, missing.doc['reason']]).toEqual([404, 'NotFound']);
    });

    it.each([
      ['a name with capitals', configMap('Capital'), 422],
      ['no name', { metadata: {} }, 422],
      ['a label that is too long', configMap('a', { x: 'y'.repeat(64) }), 422],
      ['another kind', { kind: 'Secret', apiVersion: 'v1', metadata: { name: 'a' } }, 400],
      ['another namespace', { metadata: { name: 'a', namespace: 'default' } }, 400],
      ['a version', { metadata: { name: 'a', resourceVersion: '1' } }, 500],
      ['no JSON', '{"metadata":', 400],
    ])('[KSIM-35] a body with %s is refused', async (_what, body, code) => {
      const { api } = use();
      const reply = await api.post(configMaps(await makeNamespace(api)), body);
      expect([reply.code, reply.doc.kind]).toEqual([code, 'Status']);
    });

    it('[KSIM-35] every bad field of a pod is named', async () => {
      const { api } = use();
      const path = pods(await makeNamespace(api));
      const draft = { metadata: { name: 'a' }, spec: { containers: [{ image: 'i' }, { name: 'b' }] } };
      const { code, doc } = await api.post(path, draft);
      expect([code, doc['reason'], at(doc, 'details', 'kind')]).toEqual([422, 'Invalid', 'Pod']);
      const fields = (at(doc, 'details', 'causes') as { field: string }[]).map(({ field }) => field);
      expect(fields).toEqual(expect.arrayContaining(['spec.containers[0].name', 'spec.containers[1].image']));
    });

    it('[KSIM-35] a method that a path does not have is a 405', async () => {
      const { api } = use();
      expect((await api.send('PUT', '/api/v1/nodes', { body: {} })).code).toBe(405);
      expect((await api.post('/api/v1/pods', pod('a'))).code).toBe(405);
    });
  });
}
