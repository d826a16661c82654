/** LIST: versions, paging, selectors, and what is refused. */
import { describe, expect, it } from 'vitest';
import { at, type Doc } from '../api.js';
import { configMap, configMaps, made, makeNamespace, pod, pods } from '../drafts.js';
import type { KubeTarget } from '../targets.js';

const names = ({ items }: Doc): string[] => items.map(({ metadata }) => metadata.name);

export function listSuite(use: () => KubeTarget): void {
  describe('lists', () => {
    it('[KSIM-1] a list has a kind and a version, and its items are ordered by name', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      for (const name of ['c', 'a', 'b']) await made(api, path, configMap(name));
      const { doc, headers } = await api.get(path);
      expect(headers['content-type']).toBe('application/json');
      expect([doc.kind, doc.apiVersion, names(doc)]).toEqual(['ConfigMapList', 'v1', ['a', 'b', 'c']]);
      expect(doc.items.map(({ kind }) => kind)).toEqual([undefined, undefined, undefined]);
      const versions = doc.items.map(({ metadata }) => Number(metadata.resourceVersion));
      expect(Number(doc.metadata.resourceVersion)).toBeGreaterThanOrEqual(Math.max(...versions));
    });

    it('[KSIM-1] a list across namespaces holds those of all, a list of a namespace those of one', async () => {
      const { api } = use();
      const [here, there] = [await makeNamespace(api), await makeNamespace(api)];
      await made(api, configMaps(here), configMap('same'));
      await made(api, configMaps(there), configMap('same'));
      expect(names((await api.get(configMaps(here))).doc)).toEqual(['same']);
      const { doc } = await api.get('/api/v1/configmaps?labelSelector=');
      const spaces = doc.items
        .filter(({ metadata }) => metadata.name === 'same')
        .map(({ metadata }) => metadata.namespace);
      expect(spaces).toEqual(expect.arrayContaining([here, there]));
    });

    it('[KSIM-2] the pages of a list together are the state at the version of the first', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      for (const name of ['a', 'b', 'c', 'd', 'e']) await made(api, path, configMap(name));
      const first = (await api.get(`${path}?limit=2`)).doc;
      expect([names(first), first.metadata.remainingItemCount]).toEqual([['a', 'b'], 3]);
      // What happens between the pages is not seen by them.
      await made(api, path, configMap('c2'));
      await api.delete(`${path}/d`);
      const second = (await api.get(`${path}?limit=2&continue=${first.metadata.continue ?? ''}`)).doc;
      expect([names(second), second.metadata.remainingItemCount]).toEqual([['c', 'd'], 1]);
      expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
      const third = (await api.get(`${path}?limit=2&continue=${second.metadata.continue ?? ''}`)).doc;
      expect([names(third), third.metadata.continue, third.metadata.remainingItemCount]).toEqual([
        ['e'],
        undefined,
        undefined,
      ]);
    });

    it('[KSIM-2] with a selector nobody says how many items remain', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      for (const name of ['a', 'b', 'c']) await made(api, path, configMap(name, { tier: 'front' }));
      const { doc } = await api.get(`${path}?limit=1&labelSelector=tier%3Dfront`);
      expect([names(doc), doc.metadata.remainingItemCount]).toEqual([['a'], undefined]);
      expect(doc.metadata.continue).toMatch(/./);
    });

    it('[KSIM-3] a continue token whose version is gone answers 410 with a token for the rest', async () => {
      const target = use();
      const { api } = target;
      const path = configMaps(await makeNamespace(api));
      for (const name of ['a', 'b', 'c']) await made(api, path, configMap(name));
      const first = (await api.get(`${path}?limit=1`)).doc;
      await made(api, path, configMap('d'));
      await target.compact();
      const late = await api.get(`${path}?limit=1&continue=${first.metadata.continue ?? ''}`);
      expect([late.code, late.doc['reason']]).toEqual([410, 'Expired']);
      const rest = await api.get(`${path}?continue=${late.doc.metadata.continue ?? ''}`);
      expect([rest.code, names(rest.doc)]).toEqual([200, ['b', 'c', 'd']]);
    });

    it('[KSIM-3] a token that is none is a 400', async () => {
      const { api } = use();
      const reply = await api.get('/api/v1/configmaps?limit=1&continue=nonsense');
      expect([reply.code, reply.doc['reason']]).toEqual([400, 'BadRequest']);
    });

    it('[KSIM-4] a list at an exact version is the state of then, until that version is gone', async () => {
      const target = use();
      const { api } = target;
      const path = configMaps(await makeNamespace(api));
      await made(api, path, configMap('a'));
      const { metadata } = (await api.get(path)).doc;
      await made(api, path, configMap('b'));
      const query = `resourceVersion=${metadata.resourceVersion}&resourceVersionMatch=Exact`;
      const then = (await api.get(`${path}?${query}`)).doc;
      expect([names(then), then.metadata.resourceVersion]).toEqual([['a'], metadata.resourceVersion]);
      await target.compact();
      const gone = await api.get(`${path}?${query}`);
      expect([gone.code, gone.doc['reason']]).toEqual([410, 'Expired']);
    });

    it('[KSIM-4] any version (0) and one not older than a version will do', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      const { metadata } = await made(api, path, configMap('a'));
      const query = `resourceVersion=${metadata.resourceVersion}&resourceVersionMatch=NotOlderThan`;
      expect(names((await api.get(`${path}?${query}`)).doc)).toEqual(['a']);
      expect((await api.get(`${path}?resourceVersion=0`)).code).toBe(200);
    });

    it('[KSIM-4] a version of the future answers 504 and says when to come again', async () => {
      const { api } = use();
      const { metadata } = (await api.get('/api/v1/namespaces')).doc;
      const future = Number(metadata.resourceVersion) + 1_000_000;
      const reply = await api.get(`/api/v1/namespaces?resourceVersion=${future}`);
      expect([reply.code, reply.doc['reason'], reply.headers['retry-after']]).toEqual([504, 'Timeout', '1']);
      expect(at(reply.doc, 'details', 'causes', 0, 'message')).toBe('Too large resource version');
    });

    it.each([
      ['app=shop', ['one', 'two']],
      ['app==shop,tier!=back', ['one']],
      ['tier in (front, back)', ['one', 'two']],
      ['app notin (shop)', ['none', 'other']],
      ['tier', ['one', 'two']],
      ['!tier', ['none', 'other']],
      ['app=shop,!tier', []],
    ])('[KSIM-5] the label selector %s', async (selector, expected) => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      await made(api, path, configMap('none'));
      await made(api, path, configMap('one', { app: 'shop', tier: 'front' }));
      await made(api, path, configMap('two', { app: 'shop', tier: 'back' }));
      await made(api, path, configMap('other', { app: 'search' }));
      const { doc } = await api.get(`${path}?labelSelector=${encodeURIComponent(selector)}`);
      expect(names(doc)).toEqual(expected);
    });

    it.each(['a=b=c', 'a in b', 'a in (b', '-a', 'a=_b_', 'a,,b', '=x', 'a>b'])(
      '[KSIM-5] the label selector %s is refused with 400',
      async (selector) => {
        const { api } = use();
        const reply = await api.get(`/api/v1/configmaps?labelSelector=${encodeURIComponent(selector)}`);
        expect([reply.code, reply.doc['reason']]).toEqual([400, 'BadRequest']);
      },
    );

    it('[KSIM-6] field selectors know the fields of their resource and refuse others with 400', async () => {
      const { api, node } = use();
      const namespace = await makeNamespace(api);
      await made(api, pods(namespace), pod('here', node));
      await made(api, pods(namespace), pod('nowhere'));
      const select = async (selector: string): Promise<string[]> =>
        names((await api.get(`${pods(namespace)}?fieldSelector=${encodeURIComponent(selector)}`)).doc);
      expect(await select(`spec.nodeName=${node}`)).toEqual(['here']);
      expect(await select('spec.nodeName=')).toEqual(['nowhere']);
      expect(await select('status.phase=Pending,metadata.name!=here')).toEqual(['nowhere']);
      expect(await select('metadata.name=here')).toEqual(['here']);
      expect(await select('status.phase==Running')).toEqual([]);
      const refused = await api.get(`${pods(namespace)}?fieldSelector=spec.color%3Dred`);
      expect([refused.code, refused.doc['reason']]).toEqual([400, 'BadRequest']);
      expect(refused.text).toContain('field label not supported: spec.color');
    });

    it.each([
      ['a match without a version', 'resourceVersionMatch=Exact', 422],
      ['an unknown match', 'resourceVersion=1&resourceVersionMatch=About', 422],
      ['an exact match of any version', 'resourceVersion=0&resourceVersionMatch=Exact', 422],
      ['a version that is no number', 'resourceVersion=soon', 500],
      ['a limit that is no number', 'limit=many', 400],
    ])('[KSIM-7] %s is refused', async (_what, query, code) => {
      const { api } = use();
      const reply = await api.get(`/api/v1/configmaps?${query}`);
      expect([reply.code, reply.doc.kind]).toEqual([code, 'Status']);
    });
  });
}
