import { describe, expect, test } from 'vitest';
import { defineModule, type Module, type ModuleParts, type Principal } from './ports/index.js';
import { createTestHub, type Frame } from './testing.js';

const use = (parts: ModuleParts): Module => defineModule<void>({ id: 'test', start: () => parts })();
const mayRead = (...channels: string[]): Pick<Principal, 'caps'> => ({
  caps: [{ channels, match: 'wildcard', allow: ['sub'] }],
});
const refresh = (claims: object): Frame => ({ refresh: { token: JSON.stringify(claims) } });
const ends = (frames: Frame[]): unknown[] =>
  frames.flatMap((frame) => {
    const push = frame['push'] as Frame | undefined;
    return push?.['unsubscribe'] ? [[push['channel'], (push['unsubscribe'] as Frame)['code']]] : [];
  });

describe('a refresh with other rights', () => {
  const namespaces = [{ name: 'news' }, { name: 'open', allowSubscribe: ['user'] as const }];

  test('[AUTH-6] ends what they no longer cover, and nothing else', async () => {
    const { hub, peer } = createTestHub({ namespaces });
    const one = peer();
    await one.connect({ ...mayRead('news:*'), channels: ['news:given'] });
    for (const channel of ['news:a', 'news:b', 'open:c']) await one.call({ subscribe: { channel } });
    await one.call({
      subscribe: { channel: 'news:token', token: JSON.stringify({ channel: 'news:token', user: 'ada' }) },
    });
    await one.frames();
    expect(await one.call(refresh(mayRead('news:b')))).toHaveProperty('refresh');
    expect(ends(await one.frames())).toEqual([['news:a', 2101]]);
    await hub.forOrg('acme').publish('news:a', '"not for her"');
    await hub.forOrg('acme').publish('news:b', '"for her"');
    expect(await one.frames()).toMatchObject([{ push: { channel: 'news:b', pub: { data: 'for her' } } }]);
    expect(await one.call({ subscribe: { channel: 'news:a' } })).toMatchObject({ error: { code: 103 } });
  });

  test('[AUTH-6] a subscribe that was being decided under the old rights is decided again', async () => {
    let decide: ((allowed: boolean) => void) | undefined;
    const asked: string[][] = [];
    const { hub, peer } = createTestHub();
    await hub.use(
      use({
        namespaces: [
          {
            options: { name: 'slow', allowSubscribe: ['user'] },
            authorise: (principal) => {
              asked.push([...principal.roles]);
              return new Promise<boolean>((resolve) => (decide = resolve));
            },
          },
        ],
      }),
    );
    const one = peer();
    await one.connect({ roles: ['member'] });
    one.send({ id: 9, subscribe: { channel: 'slow:1' } });
    await one.frames();
    const first = decide;
    expect(await one.call(refresh({ roles: [] }))).toHaveProperty('refresh');
    first?.(true);
    await one.frames();
    decide?.(false);
    expect(asked).toEqual([['member'], []]);
    expect(await one.frames()).toMatchObject([{ id: 9, error: { code: 103 } }]);
  });
});
