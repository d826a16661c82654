/** What the server offers. */
import { describe, expect, it } from 'vitest';
import { at, type Doc } from '../api.js';
import { DEFINITIONS, lamps, made, makeNamespace } from '../drafts.js';
import type { KubeTarget } from '../targets.js';

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

type Listed = Readonly<Record<string, unknown>>;
const find = (doc: Doc, field: string, name: string, by = 'name'): Listed | undefined =>
  (doc[field] as Listed[]).find((one) => one[by] === name);

export function discoverySuite(use: () => KubeTarget): void {
  describe('discovery', () => {
    it('[KSIM-50] version and health', async () => {
      const { api } = use();
      expect((await api.get('/version')).doc).toMatchObject({
        major: '1',
        minor: expect.stringMatching(/^\d+/),
        gitVersion: expect.stringMatching(/^v1\./),
      });
      for (const path of ['/readyz', '/livez', '/healthz']) {
        const { code, text } = await api.get(path);
        expect([path, code, text]).toEqual([path, 200, 'ok']);
      }
    });

    it('[KSIM-50] groups, their versions and the resources of a version', async () => {
      const { api } = use();
      expect((await api.get('/api')).doc).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
      const groups = (await api.get('/apis')).doc;
      expect(groups.kind).toBe('APIGroupList');
      expect(find(groups, 'groups', 'apps')).toMatchObject({
        versions: expect.arrayContaining([{ groupVersion: 'apps/v1', version: 'v1' }]),
        preferredVersion: { groupVersion: 'apps/v1', version: 'v1' },
      });
      expect((await api.get('/apis/apps')).doc).toMatchObject({ kind: 'APIGroup', name: 'apps' });
      const core = (await api.get('/api/v1')).doc;
      expect([core.kind, core['groupVersion']]).toEqual(['APIResourceList', 'v1']);
      expect(find(core, 'resources', 'pods')).toMatchObject({
        kind: 'Pod',
        namespaced: true,
        shortNames: ['po'],
        categories: ['all'],
        verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
      });
      expect(find(core, 'resources', 'pods/log')).toMatchObject({ kind: 'Pod', verbs: ['get'] });
      expect(find(core, 'resources', 'pods/status')).toMatchObject({ verbs: ['get', 'patch', 'update'] });
      expect(find(core, 'resources', 'namespaces')).toMatchObject({ namespaced: false });
      const reviews = (await api.get('/apis/authorization.k8s.io/v1')).doc;
      expect(find(reviews, 'resources', 'selfsubjectaccessreviews')).toMatchObject({ verbs: ['create'] });
      for (const path of ['/apis/none.example.com', '/apis/apps/v0', '/api/v2', '/nothing'])
        expect([path, (await api.get(path)).code]).toEqual([path, 404]);
    });

    it('[KSIM-50] a custom resource appears with its definition and goes with it', async () => {
      const { api } = use();
      const { group, name, draft } = lamps();
      await made(api, DEFINITIONS, draft);
      const path = `/apis/${group}/v1`;
      await expect.poll(async () => (await api.get(path)).code, { timeout: 20_000 }).toBe(200);
      expect(find((await api.get(path)).doc, 'resources', 'lamps')).toMatchObject({
        kind: 'Lamp',
        singularName: 'lamp',
        namespaced: true,
        shortNames: ['lp'],
      });
      const listed = async (): Promise<boolean> =>
        find((await api.get('/apis')).doc, 'groups', group) !== undefined;
      await expect.poll(listed, { timeout: 20_000 }).toBe(true);
      await api.delete(`${DEFINITIONS}/${name}`);
      await expect.poll(listed, { timeout: 20_000 }).toBe(false);
    });

    it('[KSIM-51] everything in one answer; older servers fall back to the plain documents', async () => {
      const { api, can } = use();
      const namespace = await makeNamespace(api);
      expect(namespace).not.toBe('');
      const headers = { accept: `${AGGREGATED},application/json` };
      const [core, rest] = [await api.get('/api', headers), await api.get('/apis', headers)];
      if (!can.aggregatedDiscovery) {
        expect([core.doc.kind, rest.doc.kind]).toEqual(['APIVersions', 'APIGroupList']);
        return;
      }
      expect(core.headers['content-type']).toBe(AGGREGATED);
      expect([core.doc.kind, core.doc.apiVersion]).toEqual([
        'APIGroupDiscoveryList',
        'apidiscovery.k8s.io/v2',
      ]);
      const v1 = at(core.doc.items[0], 'versions', 0) as Doc;
      expect([v1['version'], v1['freshness']]).toEqual(['v1', 'Current']);
      expect(find(v1, 'resources', 'pods', 'resource')).toMatchObject({
        responseKind: { group: '', version: 'v1', kind: 'Pod' },
        scope: 'Namespaced',
        singularResource: 'pod',
        shortNames: ['po'],
        subresources: expect.arrayContaining([
          { subresource: 'log', responseKind: { group: '', version: 'v1', kind: 'Pod' }, verbs: ['get'] },
        ]),
      });
      const names = rest.doc.items.map(({ metadata }) => metadata.name);
      expect(names).toEqual(expect.arrayContaining(['apps', 'batch', 'apiextensions.k8s.io']));
      expect((await api.get('/apis/apps', headers)).doc.kind).toBe('APIGroup');
    });
  });
}
