/** Logs of containers, from the node through the API server and the module to their readers. */
import type { Followed } from '@trunkline/module-kube/testing';
import { until } from '@trunkline/testkit';
import { describe, expect, it } from 'vitest';
import { fresh, made, makeNamespace, pod, pods } from '../../kube/drafts.js';
import type { KubeTarget } from '../../kube/targets.js';
import { bind, PATIENCE_MS, startBed } from '../bed.js';

interface News {
  readonly lines?: readonly { readonly time?: string; readonly text: string }[];
  readonly gap?: { readonly reason: string };
  readonly end?: { readonly reason: string };
}

/** In the order of their offsets. */
function said({ publications }: Followed): string[] {
  return [...publications]
    .sort(([left], [right]) => left - right)
    .flatMap(([, data]) => {
      const { lines = [], gap, end } = data as News;
      return [...lines.map(({ text }) => text), ...(gap ? ['(gap)'] : []), ...(end ? ['(end)'] : [])];
    });
}

export function logSuite(use: () => KubeTarget): void {
  describe('logs', () => {
    it('[KWIRE-60] [KWIRE-65] many read one log, across a line that breaks, as long as they may', async () => {
      const target = use();
      const bed = await startBed(target, { tuning: { rightsTtlMs: 300 } });
      try {
        const namespace = await makeNamespace(target.api);
        const group = fresh('readers');
        const rules = [{ verbs: ['get'], resources: ['pods', 'pods/log'] }];
        const revoke = await bind(target.api, ['Group', `acme:${group}`], rules, namespace);
        await made(target.api, pods(namespace), pod('talker', target.node));
        const print = (...lines: string[]): void => target.print(namespace, 'talker', 'main', ...lines);
        print('a', 'b', 'c');
        const wish = { cluster: 'c1', namespace, pod: 'talker', tail: 2 };
        const ask = async (user: string, groups: readonly string[] = [group]) => {
          const viewer = await bed.viewer(user, groups);
          return { viewer, answer: await viewer.rpc('kube.log', wish) };
        };
        await until('the role counts', async () => (await ask('ada')).answer['channel'], PATIENCE_MS);
        const readers: Followed[] = [];
        for (const user of ['ada', 'bob', 'eve']) {
          const { viewer, answer } = await ask(user);
          readers.push(await viewer.follow(String(answer['channel'])));
        }
        const all = (what: string): Promise<unknown> =>
          until(
            `everybody reads ${what}`,
            () => readers.every((one) => said(one).includes(what)),
            PATIENCE_MS,
          );
        await all('c');
        print('d');
        await all('d');
        bed.line().drop();
        await until('the line is back', () => bed.line().connections > 0, PATIENCE_MS);
        print('e');
        await all('e');
        for (const one of readers) {
          const [lines, text] = [said(one).filter((line) => line !== '(gap)'), said(one).join(' ')];
          expect([lines, text]).toEqual([
            ['b', 'c', 'd', 'e'],
            expect.stringMatching(/^b c .*\(gap\).*e$/) as string,
          ]);
        }
        expect((await ask('gus', [])).answer).toMatchObject({
          error: {
            code: 1308,
            message: expect.stringContaining('User "gus" cannot get resource "pods/log"') as string,
          },
        });
        await revoke();
        await until('they are out', () => readers.every(({ ends }) => ends.includes(2101)), PATIENCE_MS);
        print('secret');
        target.endLog(namespace, 'talker', 'main');
        expect(readers.some((one) => said(one).includes('secret'))).toBe(false);
      } finally {
        await bed.dispose();
      }
    });
  });
}
