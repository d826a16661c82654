/** WATCH: where it starts, what it says, how it ends. */
import { describe, expect, it } from 'vitest';
import { at, type Api, type WatchEvent } from '../api.js';
import { configMap, configMaps, made, makeNamespace } from '../drafts.js';
import type { KubeTarget } from '../targets.js';

const rename = (api: Api, path: string, value: string): Promise<unknown> =>
  api.patch(path, 'merge-patch', { data: { value } });
const relabel = (api: Api, path: string, labels: object): Promise<unknown> =>
  api.patch(path, 'merge-patch', { metadata: { labels } });
const summary = ({ type, object }: WatchEvent): string => `${type} ${object.metadata.name}`;

export function watchSuite(use: () => KubeTarget): void {
  describe('watches', () => {
    it('[KSIM-10] from the version of a list come all changes after it, in order', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      await made(api, path, configMap('a'));
      const { metadata } = (await api.get(path)).doc;
      const watch = await api.watch(`${path}?resourceVersion=${metadata.resourceVersion}`);
      expect([watch.code, watch.lines.headers['transfer-encoding']]).toEqual([200, 'chunked']);
      await made(api, path, configMap('b'));
      await rename(api, `${path}/a`, '2');
      await api.delete(`${path}/b`);
      await made(api, path, configMap('b'));
      const events: WatchEvent[] = [];
      while (events.length < 4) events.push((await watch.next()) as WatchEvent);
      watch.close();
      expect(events.map(summary)).toEqual(['ADDED b', 'MODIFIED a', 'DELETED b', 'ADDED b']);
      const versions = events.map(({ object }) => Number(object.metadata.resourceVersion));
      expect(versions).toEqual([...versions].sort((one, other) => one - other));
      expect(new Set(versions).size).toBe(4);
      expect(events[0]?.object).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1' });
      expect(events[1]?.object.data).toEqual({ value: '2' });
      expect(events[3]?.object.metadata.uid).not.toBe(events[0]?.object.metadata.uid);
    });

    it('[KSIM-10] a deletion carries the last state and a version of its own', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      const { metadata } = await made(api, path, configMap('a', {}, { value: 'last' }));
      const watch = await api.watch(`${path}?resourceVersion=${metadata.resourceVersion}`);
      await api.delete(`${path}/a`);
      const event = await watch.next();
      watch.close();
      expect(event).toMatchObject({ type: 'DELETED', object: { data: { value: 'last' } } });
      expect(Number(event?.object.metadata.resourceVersion)).toBeGreaterThan(
        Number(metadata.resourceVersion),
      );
    });

    it('[KSIM-11] without a version, or with 0, what is there comes first as ADDED', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      for (const name of ['b', 'a']) await made(api, path, configMap(name));
      for (const query of ['', '?resourceVersion=0']) {
        const watch = await api.watch(`${path}${query}`);
        expect((await watch.names(2)).sort()).toEqual(['ADDED a', 'ADDED b']);
        await rename(api, `${path}/a`, query);
        expect(await watch.names(1)).toEqual(['MODIFIED a']);
        watch.close();
      }
    });

    it('[KSIM-12] seen through a selector, entering is ADDED and leaving is DELETED', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      const { metadata } = await made(api, path, configMap('a', { app: 'x' }));
      const watch = await api.watch(
        `${path}?labelSelector=app%3Dshop&resourceVersion=${metadata.resourceVersion}`,
      );
      await relabel(api, `${path}/a`, { app: 'shop' });
      await rename(api, `${path}/a`, '1');
      await relabel(api, `${path}/a`, { app: 'y' });
      await rename(api, `${path}/a`, 'unseen');
      await api.delete(`${path}/a`);
      await made(api, path, configMap('end', { app: 'shop' }));
      expect(await watch.names(4)).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a', 'ADDED end']);
      watch.close();
    });

    it('[KSIM-12] what leaves is shown as it was last seen, with the version of the change', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      const { metadata } = await made(api, path, configMap('a', { app: 'shop' }));
      const watch = await api.watch(
        `${path}?labelSelector=app%3Dshop&resourceVersion=${metadata.resourceVersion}`,
      );
      await relabel(api, `${path}/a`, { app: 'y' });
      const event = await watch.next();
      watch.close();
      const now = (await api.get(`${path}/a`)).doc;
      expect(event?.type).toBe('DELETED');
      expect(event?.object.metadata.labels).toEqual({ app: 'shop' });
      expect(event?.object.metadata.resourceVersion).toBe(now.metadata.resourceVersion);
    });

    it('[KSIM-12] a watch of one name sees that object in all its lives and no other', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      const { metadata } = (await api.get(path)).doc;
      const watch = await api.watch(
        `${path}?fieldSelector=metadata.name%3Da&resourceVersion=${metadata.resourceVersion}`,
      );
      for (const name of ['a', 'b']) await made(api, path, configMap(name));
      await api.delete(`${path}/a`);
      await made(api, path, configMap('a'));
      expect(await watch.names(3)).toEqual(['ADDED a', 'DELETED a', 'ADDED a']);
      watch.close();
    });

    it('[KSIM-13] a watch that was cut is continued from the last version seen, without loss or repetition', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      const first = await api.watch(path);
      await made(api, path, configMap('a'));
      const seen = await first.next();
      first.close();
      await made(api, path, configMap('b'));
      await api.delete(`${path}/a`);
      const second = await api.watch(
        `${path}?resourceVersion=${seen?.object.metadata.resourceVersion ?? ''}`,
      );
      expect(await second.names(2)).toEqual(['ADDED b', 'DELETED a']);
      second.close();
    });

    it('[KSIM-14] [KSIM-15] timeoutSeconds ends a watch in order, a bookmark shortly before where asked for', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      const { metadata } = await made(api, path, configMap('a'));
      const from = `resourceVersion=${metadata.resourceVersion}&timeoutSeconds=4`;
      const [marked, plain] = await Promise.all([
        api.watch(`${path}?${from}&allowWatchBookmarks=true`),
        api.watch(`${path}?${from}`),
      ]);
      const { metadata: last } = await made(api, path, configMap('b'));
      const [events, others] = await Promise.all([marked.all(), plain.all()]);
      expect(others.map(({ type }) => type)).toEqual(['ADDED']);
      expect(events.slice(0, 2).map(({ type }) => type)).toEqual(['ADDED', 'BOOKMARK']);
      const bookmark = events.at(-1);
      expect(bookmark?.type).toBe('BOOKMARK');
      expect(bookmark?.object).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1' });
      expect(bookmark?.object.metadata.name).toBeFalsy();
      expect(Number(bookmark?.object.metadata.resourceVersion)).toBeGreaterThanOrEqual(
        Number(last.resourceVersion),
      );
      expect(await marked.lines.ended()).toBe('end');
      // A watch goes on from a bookmark as from any version.
      const next = await api.watch(
        `${path}?resourceVersion=${bookmark?.object.metadata.resourceVersion ?? ''}`,
      );
      await made(api, path, configMap('c'));
      expect(await next.names(1)).toEqual(['ADDED c']);
      next.close();
    });

    it('[KSIM-17] sendInitialEvents: everything, then the mark of its end; or 422 from older servers', async () => {
      const { api, can } = use();
      const path = configMaps(await makeNamespace(api));
      for (const name of ['a', 'b']) await made(api, path, configMap(name));
      const asked = `${path}?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`;
      if (!can.watchList) {
        const refused = await api.get(`${asked}&watch=true`);
        expect([refused.code, refused.doc['reason']]).toEqual([422, 'Invalid']);
        return;
      }
      const watch = await api.watch(asked);
      expect(await watch.names(2)).toEqual(['ADDED a', 'ADDED b']);
      const mark = await watch.next();
      expect(mark?.type).toBe('BOOKMARK');
      expect(mark?.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
      await made(api, path, configMap('c'));
      expect(await watch.names(1)).toEqual(['ADDED c']);
      watch.close();
      const again = await api.watch(`${path}?resourceVersion=${mark?.object.metadata.resourceVersion ?? ''}`);
      expect(await again.names(1)).toEqual(['ADDED c']);
      again.close();
    });

    it.each([
      ['initial events without a match', 'sendInitialEvents=true'],
      ['a match without initial events', 'resourceVersionMatch=NotOlderThan'],
    ])('[KSIM-17] %s are refused with 422', async (_what, query) => {
      const { api, can } = use();
      const reply = await api.get(`/api/v1/configmaps?watch=true&timeoutSeconds=1&${query}`);
      // An older server does not know the first of the two and watches as usual.
      expect(reply.code).toBe(query.startsWith('send') && !can.watchList ? 200 : 422);
    });

    it('[KSIM-18] a watch across namespaces sees all, a watch of a namespace its own', async () => {
      const { api } = use();
      const [here, there] = [await makeNamespace(api), await makeNamespace(api)];
      const { metadata } = (await api.get('/api/v1/configmaps')).doc;
      const query = `?resourceVersion=${metadata.resourceVersion}`;
      const [all, one] = [
        await api.watch(`/api/v1/configmaps${query}`),
        await api.watch(`${configMaps(here)}${query}`),
      ];
      await made(api, configMaps(there), configMap('t'));
      await made(api, configMaps(here), configMap('h'));
      expect(await all.names(2)).toEqual(['ADDED t', 'ADDED h']);
      expect(await one.names(1)).toEqual(['ADDED h']);
      all.close();
      one.close();
    });

    it('[KSIM-19] a change of nothing is no event', async () => {
      const { api } = use();
      const path = configMaps(await makeNamespace(api));
      const { metadata } = await made(api, path, configMap('a', {}, { value: '1' }));
      const watch = await api.watch(`${path}?resourceVersion=${metadata.resourceVersion}`);
      await rename(api, `${path}/a`, '1');
      await rename(api, `${path}/a`, '2');
      expect(at(await watch.next(), 'object', 'data')).toEqual({ value: '2' });
      watch.close();
    });
  });
}
