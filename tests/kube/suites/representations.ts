/** How objects are written: tables, metadata only, compressed, and what is refused. */
import { describe, expect, it } from 'vitest';
import { at, type Doc } from '../api.js';
import {
  configMap,
  configMaps,
  DEFINITIONS,
  lamp,
  lamps,
  made,
  makeNamespace,
  pod,
  pods,
} from '../drafts.js';
import type { KubeTarget } from '../targets.js';

const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
const METADATA = { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json' };
const METADATA_LIST = {
  accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json',
};
const PROTOBUF = 'application/vnd.kubernetes.protobuf';

const columnsOf = (table: Doc): unknown[] =>
  (table['columnDefinitions'] as { name: string; priority: number }[]).map(({ name, priority }) =>
    priority === 0 ? name : `(${name})`,
  );
const rowsOf = (table: Doc): { cells: unknown[]; object: Doc }[] =>
  table['rows'] as { cells: unknown[]; object: Doc }[];

export function representationSuite(use: () => KubeTarget): void {
  describe('representations', () => {
    it('[KSIM-25] a list as a table has columns, and rows with cells and metadata', async () => {
      const { api } = use();
      const namespace = await makeNamespace(api);
      await made(api, pods(namespace), pod('a', undefined, ['one', 'two']));
      const { doc } = await api.get(pods(namespace), TABLE);
      expect([doc.kind, doc.apiVersion]).toEqual(['Table', 'meta.k8s.io/v1']);
      expect(doc.metadata.resourceVersion).toMatch(/^\d+$/);
      const narrow = ['Name', 'Ready', 'Status', 'Restarts', 'Age'];
      const wide = ['(IP)', '(Node)', '(Nominated Node)', '(Readiness Gates)'];
      expect(columnsOf(doc)).toEqual([...narrow, ...wide]);
      const [row] = rowsOf(doc);
      expect(row?.cells.slice(0, 4)).toEqual(['a', '0/2', 'Pending', 0]);
      expect(row?.cells[4]).toMatch(/^\d+s$/);
      expect(row?.cells.slice(5)).toEqual(['<none>', '<none>', '<none>', '<none>']);
      expect(row?.object).toMatchObject({
        kind: 'PartialObjectMetadata',
        metadata: { name: 'a', namespace },
      });
      expect(row?.object['spec']).toBeUndefined();
    });

    it.each([
      ['configmaps', 'api/v1', ['Name', 'Data', 'Age']],
      ['secrets', 'api/v1', ['Name', 'Type', 'Data', 'Age']],
      ['namespaces', 'api/v1', ['Name', 'Status', 'Age']],
      ['services', 'api/v1', ['Name', 'Type', 'Cluster-IP', 'External-IP', 'Port(s)', 'Age', '(Selector)']],
      [
        'nodes',
        'api/v1',
        [
          'Name',
          'Status',
          'Roles',
          'Age',
          'Version',
          '(Internal-IP)',
          '(External-IP)',
          '(OS-Image)',
          '(Kernel-Version)',
          '(Container-Runtime)',
        ],
      ],
      [
        'deployments',
        'apis/apps/v1',
        ['Name', 'Ready', 'Up-to-date', 'Available', 'Age', '(Containers)', '(Images)', '(Selector)'],
      ],
      [
        'replicasets',
        'apis/apps/v1',
        ['Name', 'Desired', 'Current', 'Ready', 'Age', '(Containers)', '(Images)', '(Selector)'],
      ],
      ['statefulsets', 'apis/apps/v1', ['Name', 'Ready', 'Age', '(Containers)', '(Images)']],
      [
        'daemonsets',
        'apis/apps/v1',
        [
          'Name',
          'Desired',
          'Current',
          'Ready',
          'Up-to-date',
          'Available',
          'Node Selector',
          'Age',
          '(Containers)',
          '(Images)',
          '(Selector)',
        ],
      ],
      [
        'jobs',
        'apis/batch/v1',
        ['Name', 'Completions', 'Duration', 'Age', '(Containers)', '(Images)', '(Selector)'],
      ],
      [
        'events',
        'api/v1',
        [
          'Last Seen',
          'Type',
          'Reason',
          'Object',
          '(Subobject)',
          '(Source)',
          'Message',
          '(First Seen)',
          '(Count)',
          '(Name)',
        ],
      ],
      ['customresourcedefinitions', 'apis/apiextensions.k8s.io/v1', ['Name', 'Created At']],
    ])('[KSIM-25] the columns of %s', async (resource, root, columns) => {
      const { api } = use();
      const { doc } = await api.get(`/${root}/${resource}?limit=1`, TABLE);
      expect(columnsOf(doc)).toEqual(columns);
    });

    it('[KSIM-25] rows hold whole objects or none where asked for', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      await made(api, path, configMap('a', {}, { x: '1' }));
      const whole = rowsOf((await api.get(`${path}?includeObject=Object`, TABLE)).doc);
      expect(whole[0]?.object).toMatchObject({ kind: 'ConfigMap', data: { x: '1' } });
      const none = rowsOf((await api.get(`${path}?includeObject=None`, TABLE)).doc);
      expect(at(none[0], 'object')).toBeFalsy();
    });

    it('[KSIM-25] a watch of tables says its columns once', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      const watch = await api.watch(path, TABLE);
      await made(api, path, configMap('a'));
      await made(api, path, configMap('b'));
      const [first, second] = [await watch.next(), await watch.next()];
      watch.close();
      expect(first?.object.kind).toBe('Table');
      expect(columnsOf(first?.object as Doc)).toEqual(['Name', 'Data', 'Age']);
      expect(second?.object['columnDefinitions']).toBeNull();
      expect(rowsOf(second?.object as Doc)[0]?.cells.slice(0, 2)).toEqual(['b', 0]);
    });

    it('[KSIM-25] the columns of a custom resource are those of its definition', async () => {
      const { api } = use();
      const namespace = await makeNamespace(api);
      const { group, path, draft } = lamps();
      await made(api, DEFINITIONS, draft);
      await expect.poll(async () => (await api.get(path(namespace))).code, { timeout: 10_000 }).toBe(200);
      await made(api, path(namespace), lamp(group, 'desk', 40));
      await api.patch(`${path(namespace)}/desk/status`, 'merge-patch', {
        status: { conditions: [{ type: 'Lit', status: 'True' }] },
      });
      const { doc } = await api.get(path(namespace), TABLE);
      expect(columnsOf(doc)).toEqual(['Name', 'Watts', 'Lit']);
      expect(rowsOf(doc)[0]?.cells).toEqual(['desk', 40, 'True']);
    });

    it('[KSIM-26] metadata only, in one answer, a list and a watch', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      const empty = await api.get(path, METADATA_LIST);
      expect([empty.doc.kind, empty.doc.items]).toEqual(['PartialObjectMetadataList', null]);
      await made(api, path, configMap('a', { app: 'x' }, { secret: 'text' }));
      const one = await api.get(`${path}/a`, METADATA);
      expect(one.doc).toMatchObject({
        kind: 'PartialObjectMetadata',
        apiVersion: 'meta.k8s.io/v1',
        metadata: { name: 'a', labels: { app: 'x' } },
      });
      const list = await api.get(path, METADATA_LIST);
      expect(list.doc.kind).toBe('PartialObjectMetadataList');
      expect(list.doc.items.map(({ metadata }) => metadata.name)).toEqual(['a']);
      const watch = await api.watch(path, METADATA);
      const event = await watch.next();
      watch.close();
      expect(event?.object.kind).toBe('PartialObjectMetadata');
      for (const text of [one.text, list.text, JSON.stringify(event)]) expect(text).not.toContain('text');
    });

    it('[KSIM-27] Protobuf is for built-in types; a custom resource refuses to be written or read so', async () => {
      const { api } = use();
      const namespace = await makeNamespace(api);
      const { path, draft } = lamps();
      await made(api, DEFINITIONS, draft);
      await expect.poll(async () => (await api.get(path(namespace))).code, { timeout: 10_000 }).toBe(200);
      const read = await api.get(path(namespace), { accept: PROTOBUF });
      // The refusal itself may be written in what was asked for.
      expect([read.code, read.text]).toEqual([406, expect.stringContaining('NotAcceptable')]);
      const either = await api.get(path(namespace), { accept: `${PROTOBUF},application/json` });
      expect([either.code, either.headers['content-type'], either.doc.kind]).toEqual([
        200,
        'application/json',
        'LampList',
      ]);
      const written = await api.send('POST', path(namespace), { body: 'k8s\u0000', type: PROTOBUF });
      expect([400, 415]).toContain(written.code);
    });

    it('[KSIM-27] a media type that nobody writes is a 406', async () => {
      const { api } = use();
      const reply = await api.get('/api/v1/configmaps', { accept: 'text/html' });
      expect([reply.code, reply.doc['reason']]).toEqual([406, 'NotAcceptable']);
    });

    it('[KSIM-28] large answers are compressed for those who take it; small ones and watches are not', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      const gzip = { 'accept-encoding': 'gzip' };
      await made(api, path, configMap('small'));
      expect((await api.get(path, gzip)).headers['content-encoding']).toBeUndefined();
      await made(api, path, configMap('large', {}, { text: 'lorem ipsum '.repeat(30_000) }));
      const packed = await api.get(path, gzip);
      expect(packed.headers['content-encoding']).toBe('gzip');
      expect(packed.doc.items.map(({ metadata }) => metadata.name)).toEqual(['large', 'small']);
      expect((await api.get(`${path}/large`, gzip)).headers['content-encoding']).toBe('gzip');
      expect((await api.get(path)).headers['content-encoding']).toBeUndefined();
      const watch = await api.watch(path, gzip);
      expect(watch.lines.headers['content-encoding']).toBeUndefined();
      expect((await watch.names(2)).sort()).toEqual(['ADDED large', 'ADDED small']);
      watch.close();
    });
  });
}
