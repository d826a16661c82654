/** What a restart does to watches. Last of all suites on a server, since everybody on it notices. */
import { describe, expect, it } from 'vitest';
import { configMap, configMaps, made, makeNamespace } from '../drafts.js';
import type { KubeTarget } from '../targets.js';

export function restartSuite(use: () => KubeTarget): void {
  describe('restarts', () => {
    it('[KSIM-16] after a restart old versions are too old: one ERROR event with code 410, then the end', async () => {
      const target = use();
      const { api } = target;
      const path = configMaps(await makeNamespace(api));
      const { metadata } = await made(api, path, configMap('a'));
      const open = await api.watch(`${path}?resourceVersion=${metadata.resourceVersion}`);
      await made(api, path, configMap('b'));
      expect(await open.names(1)).toEqual(['ADDED b']);
      await target.restart();
      expect(await open.lines.ended()).toBe('cut');

      const late = await api.watch(`${path}?resourceVersion=${metadata.resourceVersion}`);
      expect(late.code).toBe(200);
      const events = await late.all();
      expect(events).toMatchObject([
        { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', status: 'Failure' } },
      ]);
      expect(await late.lines.ended()).toBe('end');

      // What was there before is there, and a new list continues.
      const { doc } = await api.get(path);
      expect(doc.items.map((item) => item.metadata.name)).toEqual(['a', 'b']);
      const next = await api.watch(`${path}?resourceVersion=${doc.metadata.resourceVersion}`);
      await made(api, path, configMap('c'));
      expect(await next.names(1)).toEqual(['ADDED c']);
      next.close();
    });
  });
}
