/** Windows behind a real hub: the native wire's calls, subscriptions and pushes. */
import { FakeClock } from '@trunkline/base/testing';
import { defineModule } from '@trunkline/hub';
import { createTestHub, type Frame } from '@trunkline/hub/testing';
import { describe, expect, it } from 'vitest';
import { createWindowsBed, pod } from './testing/bed.js';

async function createBed() {
  const clock = new FakeClock();
  const { hub, peer } = createTestHub({}, { clock });
  const bed = createWindowsBed({ clock });
  await hub.use(
    defineModule<undefined>({
      id: 'windows',
      start: () => ({ namespaces: bed.parts.namespaces, rpc: bed.parts.rpc }),
    })(undefined),
  );
  bed.list().put(pod({ name: 'a' }), pod({ name: 'b' }));
  bed.list().live();
  const ada = peer();
  await ada.connect({ user: 'ada' });
  const rpc = async (method: string, data: unknown) =>
    (await ada.call({ rpc: { method, data } })) as { rpc?: { data: Frame }; error?: Frame };
  const { channel } = (await rpc('kube.window', { sources: [{ cluster: 'one' }], resource: 'pods' })).rpc
    ?.data as { channel: string };
  return { bed, clock, ada, rpc, channel };
}

describe('windows behind the hub', () => {
  it('[KWIN-10] call, subscribe, state: the publications go on from its position', async () => {
    const { bed, clock, ada, rpc, channel } = await createBed();
    expect(channel).toMatch(/^kubewindow:[\w-]{32}$/);
    const { subscribe } = await ada.call({ subscribe: { channel } });
    expect(subscribe).toMatchObject({ recoverable: true });
    await clock.advance(300);
    const { rpc: answer } = await rpc('kube.windowState', { channel });
    const { position, rows } = answer?.data as {
      position: { epoch: string; offset: number };
      rows: unknown[];
    };
    expect(rows).toHaveLength(2);
    expect(position.epoch).toBe((subscribe as Frame)['epoch']);
    await ada.frames();
    bed.list().put(pod({ name: 'b', phase: 'Failed' }));
    await clock.advance(300);
    expect(await ada.publications(channel)).toMatchObject([
      {
        offset: position.offset + 1,
        data: {
          ops: [
            {
              op: 'patch',
              at: 1,
              cells: [
                [2, 'Failed'],
                [3, '0/1'],
              ],
            },
          ],
          total: 2,
        },
      },
    ]);
  });

  it('[KWIN-12] a right that is taken away ends the subscription within 5 s', async () => {
    const { bed, clock, ada, channel } = await createBed();
    await ada.call({ subscribe: { channel } });
    await clock.advance(10_000);
    await ada.frames();
    bed.rights.delete('ada');
    await clock.advance(5_000);
    const pushes = (await ada.frames()).map((frame) => frame['push'] as Frame | undefined);
    expect(pushes.find((push) => push?.['unsubscribe'])).toMatchObject({
      channel,
      unsubscribe: { code: 2101 },
    });
    expect(await ada.call({ subscribe: { channel } })).toMatchObject({ error: { code: 1308 } });
  });

  it('[KUBE-17] while rights cannot be asked about those who read stay, and nobody new is let in or shown the state', async () => {
    const { bed, clock, ada, rpc, channel } = await createBed();
    await ada.call({ subscribe: { channel } });
    await clock.advance(300);
    bed.inDoubt = true;
    await clock.advance(10_000);
    expect((await ada.frames()).filter(({ push }) => (push as Frame | undefined)?.['unsubscribe'])).toEqual(
      [],
    );
    expect(await rpc('kube.windowState', { channel })).toMatchObject({ error: { temporary: true } });
    await ada.call({ unsubscribe: { channel } });
    expect(await ada.call({ subscribe: { channel } })).toMatchObject({ error: { temporary: true } });
    bed.inDoubt = false;
    expect(await ada.call({ subscribe: { channel } })).toMatchObject({ subscribe: {} });
  });

  it('[KWIN-13] a window that is not known is an error that asks to begin anew', async () => {
    const { ada, rpc } = await createBed();
    const channel = `kubewindow:${'0'.repeat(32)}`;
    expect(await ada.call({ subscribe: { channel } })).toMatchObject({ error: { code: 1332 } });
    expect(await rpc('kube.windowState', { channel })).toMatchObject({ error: { code: 1332 } });
  });
});
