import { describe, expect, test } from 'vitest';
import { defineModule, type ModuleParts } from './ports/index.js';
import { createTestHub, type Frame } from './testing.js';

const use = (parts: ModuleParts) => defineModule<void>({ id: 'test', start: () => parts })();
const tl = (frame: Frame | undefined): Frame =>
  (
    ((frame?.['push'] as Frame | undefined)?.['message'] as Frame | undefined)?.['data'] as Frame | undefined
  )?.['tl'] as Frame;

describe('extensions', () => {
  test('[EXT-1] [EXT-2] known names are granted, unknown ones ignored; who offers none is told nothing', async () => {
    const { peer } = createTestHub();
    const offering = await peer().connect({}, 'gap, nonsense ,rpc');
    expect(offering['data']).toEqual({
      tl: {
        extensions: ['gap', 'rpc'],
        version: '0.0.0',
        limits: { maxPublicationBytes: 1_000_000, maxSubscriptions: 10_000 },
      },
    });
    expect(await peer().connect()).not.toHaveProperty('data');
  });

  test('[EXT-3] [EXT-7] subscribe announces class, outcome and source; a stock reader of the channel is told nothing and is cut on overflow', async () => {
    const { peer, hub } = createTestHub({
      outboxMaxMessages: 4,
      namespaces: [{ name: 'feed', historySize: 50, overflow: 'gap', allowSubscribe: ['user'] }],
    });
    const ours = peer();
    await ours.connect({}, 'gap, source');
    expect((await ours.call({ subscribe: { channel: 'feed:1' } }))['subscribe']).toMatchObject({
      data: { tl: { class: 'live', outcome: 'gap', source: { state: 'live' } } },
    });
    const stock = peer();
    await stock.connect();
    expect((await stock.call({ subscribe: { channel: 'feed:1' } }))['subscribe']).not.toHaveProperty('data');
    await stock.frames();
    stock.transport.stall();
    for (let n = 0; n < 10; n++) {
      await hub.forOrg('acme').publish('feed:1', String(n));
      await stock.frames();
    }
    stock.transport.unstall();
    expect((await stock.frames()).at(-1)?.['push']).toMatchObject({ unsubscribe: { code: 2500 } });
  });

  test('[EXT-4] [EXT-8] [MAP-3] what a filter holds back is explained before the next publication that passes', async () => {
    const { peer, hub } = createTestHub({
      namespaces: [{ name: 'tagged', historySize: 50, allowTagsFilter: true, allowSubscribe: ['user'] }],
    });
    const one = peer();
    await one.connect({}, 'gap');
    await one.call({
      subscribe: { channel: 'tagged:1', recoverable: true, tf: { key: 'team', cmp: 'eq', val: 'a' } },
    });
    await one.frames();
    for (const team of ['a', 'b', 'b', 'a'])
      await hub.forOrg('acme').publish('tagged:1', JSON.stringify(team), { tags: { team } });
    const frames = await one.frames();
    expect(frames.map((frame) => tl(frame) ?? ((frame['push'] as Frame)['pub'] as Frame)['offset'])).toEqual([
      1,
      {
        gap: { channel: 'tagged:1', epoch: expect.any(String) as string, from: 2, to: 3, reason: 'filtered' },
      },
      4,
    ]);
  });

  test('[EXT-5] a late answer to a call is ignored', async () => {
    const { peer, hub } = createTestHub();
    const one = peer();
    const { client } = await one.connect({}, 'call');
    const refused = expect(hub.forOrg('acme').call(String(client), 'ask', '1')).rejects.toMatchObject({
      code: 4242,
    });
    const { id } = tl((await one.frames())[0])['call'] as { id: string };
    await one.call({ rpc: { method: 'tl.answer', data: { id, error: { code: 4242, message: 'no' } } } });
    await refused;
    expect(await one.call({ rpc: { method: 'tl.answer', data: { id, result: 1 } } })).toMatchObject({
      rpc: {},
    });
  });

  test('[EXT-6] calls in the envelope answer in it, with the publication that shows the effect, which comes first', async () => {
    const { peer, hub } = createTestHub();
    const { forOrg } = hub;
    await hub.use(
      use({
        rpc: {
          't.add': {
            handle: async (params, call) => {
              const { position } = await forOrg
                .call(hub, call.principal.org)
                .publish('room:1', JSON.stringify(params));
              return { result: { trace: call.requestId }, after: { channel: 'room:1', position } };
            },
          },
        },
      }),
    );
    const one = peer();
    await one.connect({}, 'rpc');
    await one.call({ subscribe: { channel: 'room:1' } });
    await one.frames();
    one.send({ id: 900, rpc: { method: 't.add', data: { params: { n: 1 }, trace: 'abc' } } });
    const frames = (await one.frames()).filter(
      (frame) => frame['id'] === 900 || (frame['push'] as Frame | undefined)?.['pub'],
    );
    expect(frames).toMatchObject([
      { push: { pub: { data: { n: 1 }, offset: 1 } } },
      { id: 900, rpc: { data: { result: { trace: 'abc' }, position: { channel: 'room:1', offset: 1 } } } },
    ]);
    expect((await one.call({ rpc: { method: 't.add', data: [1] } }))['error']).toMatchObject({ code: 107 });
  });
});
