import { describe, expect, test } from 'vitest';
import { defineModule } from './ports/index.js';
import { createTestHub, type Frame } from './testing.js';

const shared = { class: 'local', allowSubscribe: ['user'], allowHistory: ['user'] } as const;
const dispose = (): void => undefined;

/** One stream and one map for users called ada, and a stream for all. */
const module = defineModule<void>({
  id: 'test',
  start: () => ({
    namespaces: [
      {
        options: { name: 'log', ...shared },
        confidential: true,
        authorise: ({ user }) => user === 'ada',
        source: ({ emit }) => {
          emit.publish('"line"');
          return { dispose };
        },
      },
      {
        options: { name: 'list', type: 'map', ...shared },
        confidential: true,
        authorise: ({ user }) => user === 'ada',
        mapSource: ({ emit }) => {
          emit.load([['a', '1']]);
          return { dispose };
        },
      },
      {
        options: { name: 'open', ...shared },
        source: ({ emit }) => {
          emit.publish('"line"');
          return { dispose };
        },
      },
    ],
  }),
})();

describe('what is for its subscribers alone', () => {
  test('[WALL-6] is shown to those whom the module lets in, and read by nobody through the server API', async () => {
    const { hub, peer } = createTestHub();
    await hub.use(module);
    const ada = peer();
    await ada.connect({ user: 'ada' });
    for (const channel of ['log:1', 'open:1']) await ada.call({ subscribe: { channel } });
    const { subscribe } = await ada.call({ subscribe: { channel: 'list:1', type: 1, phase: 2 } });
    expect(subscribe).toMatchObject({ state: [{ key: 'a', data: 1 }] });
    const history = async (channel: string): Promise<Frame> =>
      (await ada.call({ history: { channel, limit: 10 } }))['history'] as Frame;
    expect(await history('log:1')).toMatchObject({ publications: [{ data: 'line' }] });
    const api = hub.forOrg('acme');
    await expect(api.history('log:1', { limit: 10 })).rejects.toMatchObject({ code: 103 });
    await expect(api.history('list:1', { limit: 10 })).rejects.toMatchObject({ code: 103 });
    await expect(api.mapState('list:1', {})).rejects.toMatchObject({ code: 103 });
    expect((await api.history('open:1', { limit: 10 })).publications).toHaveLength(1);
    // Who listens is no secret of what is said.
    expect(api.channels('list:*')).toEqual([{ channel: 'list:1', subscribers: 1 }]);
  });
});
