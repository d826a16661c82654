/** Logs of containers, through the server. */
import { describe, expect, it } from 'vitest';
import { made, makeNamespace, pod, pods } from '../drafts.js';
import type { KubeTarget } from '../targets.js';

export function logSuite(use: () => KubeTarget): void {
  describe('pod logs', () => {
    it('[KSIM-55] the lines that were printed, or the last of them', async () => {
      const { api, node, print } = use();
      const namespace = await makeNamespace(api);
      await made(api, pods(namespace), pod('talker', node));
      print(namespace, 'talker', 'main', 'one', 'two', 'three');
      const all = await api.get(`${pods(namespace)}/talker/log`);
      expect([all.code, all.headers['content-type'], all.text]).toEqual([
        200,
        'text/plain',
        'one\ntwo\nthree\n',
      ]);
      expect((await api.get(`${pods(namespace)}/talker/log?tailLines=1`)).text).toBe('three\n');
      expect((await api.get(`${pods(namespace)}/talker/log?container=main&tailLines=0`)).text).toBe('');
    });

    it('[KSIM-55] followed, they come as they are printed, until the container is gone', async () => {
      const { api, node, print, endLog } = use();
      const namespace = await makeNamespace(api);
      await made(api, pods(namespace), pod('talker', node));
      print(namespace, 'talker', 'main', 'before');
      const log = await api.stream(`${pods(namespace)}/talker/log?follow=true`);
      expect([log.code, await log.next()]).toEqual([200, 'before']);
      print(namespace, 'talker', 'main', 'after');
      expect(await log.next()).toBe('after');
      print(namespace, 'talker', 'main', 'later', 'still later');
      expect([await log.next(), await log.next()]).toEqual(['later', 'still later']);
      endLog(namespace, 'talker', 'main');
      expect(await log.ended()).toBe('end');
    });

    it('[KSIM-56] refused: no such pod, no such container, no container named where there are several', async () => {
      const { api, node } = use();
      const namespace = await makeNamespace(api);
      await made(api, pods(namespace), pod('pair', node, ['left', 'right']));
      const of = async (rest: string): Promise<[number, unknown]> => {
        const { code, doc } = await api.get(`${pods(namespace)}/${rest}`);
        return [code, doc['message']];
      };
      expect(await of('none/log')).toEqual([404, 'pods "none" not found']);
      expect(await of('pair/log?container=middle')).toEqual([
        400,
        'container middle is not valid for pod pair',
      ]);
      expect(await of('pair/log')).toEqual([
        400,
        'a container name must be specified for pod pair, choose one of: [left right]',
      ]);
      expect((await of('pair/log?container=left&sinceSeconds=1&sinceTime=2024-01-01T00:00:00Z'))[0]).toBe(
        422,
      );
      expect((await of('pair/log?container=left&tailLines=-1'))[0]).toBe(422);
    });
  });
}
