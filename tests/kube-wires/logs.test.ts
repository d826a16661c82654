/** Logs of pods as channels: a native client, the module, a simulated API server. */
import { afterEach, describe, expect, it } from 'vitest';
import { openRawClient, until, type RawClient } from '@trunkline/testkit';
import { grant, putPod, removePod, startBed, type Bed, type BedOptions } from './bed.js';

let bed: Bed | undefined;
const clients: RawClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.dispose();
  await bed?.stop();
  bed = undefined;
});

async function begin(options?: BedOptions): Promise<Bed> {
  return (bed = await startBed(options));
}

interface News {
  readonly lines?: readonly { readonly time?: string; readonly text: string }[];
  readonly gap?: { readonly reason: string };
  readonly end?: { readonly reason: string };
}

interface Told {
  readonly offset: number;
  readonly data: News;
}

interface Follower {
  readonly raw: RawClient;
  /** Opens a log and subscribes; the error of either. */
  open(params: object): Promise<{ readonly code: number; readonly message: string } | undefined>;
  said(): string[];
  unsubscribed(): number | undefined;
}

async function connect({ url }: Bed, principal: object = {}): Promise<Follower> {
  const raw = await openRawClient(`${url}/connection/websocket`);
  clients.push(raw);
  await raw.connect({ token: JSON.stringify(principal) });
  const news: Told[] = [];
  return {
    raw,
    async open(params) {
      const answer = (await raw.request({
        rpc: { method: 'kube.log', data: { cluster: 'demo', ...params } },
      })) as {
        readonly error?: { readonly code: number; readonly message: string };
        readonly rpc?: { readonly data: { readonly channel: string } };
      };
      if (answer.error) return answer.error;
      const channel = answer.rpc?.data.channel ?? '';
      const subscribed = (await raw.request({ subscribe: { channel } })) as typeof answer;
      if (subscribed.error) return subscribed.error;
      const { history } = (await raw.request({ history: { channel, limit: -1 } })) as unknown as {
        readonly history: { readonly publications?: readonly Told[] };
      };
      news.push(...(history.publications ?? []));
      return undefined;
    },
    said: () => {
      const pushed = raw.documents.flatMap(({ push }) => (push?.['pub'] as Told | undefined) ?? []);
      // What came while the history was read is in both.
      const told = new Map([...news, ...pushed].map((one) => [one.offset, one.data]));
      return [...told]
        .sort(([left], [right]) => left - right)
        .flatMap(([, { lines = [], gap, end }]) => [
          ...lines.map(({ text }) => text),
          ...(gap ? [`gap: ${gap.reason}`] : []),
          ...(end ? [`end: ${end.reason}`] : []),
        ]);
    },
    unsubscribed: () =>
      raw.documents
        .map(({ push }) => (push?.['unsubscribe'] as { readonly code: number } | undefined)?.code)
        .find((code) => code !== undefined),
  };
}

const POD = { namespace: 'default', pod: 'p' };

describe('logs of pods', () => {
  it('[KWIRE-60] many readers, one upstream; lines in order, across a broken connection with a mark', async () => {
    const one = await begin();
    const { sim } = one;
    putPod(sim, 'p');
    const write = (...texts: string[]) => sim.logs.append('default', 'p', 'main', ...texts);
    write('a', 'b', 'c');
    const readers = [await connect(one), await connect(one), await connect(one, { user: 'bob' })];
    for (const reader of readers) expect(await reader.open({ ...POD, tail: 2 })).toBeUndefined();
    // Another beginning is another channel, not another upstream.
    const whole = await connect(one);
    expect(await whole.open({ ...POD, container: 'main', tail: 100 })).toBeUndefined();
    write('d');
    for (const reader of [...readers, whole]) await until('d', () => reader.said().includes('d'), 20_000);
    expect(readers.map((reader) => reader.said())).toEqual(Array(3).fill(['b', 'c', 'd']));
    expect(whole.said()).toEqual(['a', 'b', 'c', 'd']);
    expect(sim.stats().openLogs).toBe(1);
    sim.faults.cutConnections();
    write('e');
    for (const reader of [...readers, whole]) await until('e', () => reader.said().includes('e'), 40_000);
    expect(whole.said()).toEqual(['a', 'b', 'c', 'd', expect.stringMatching(/^gap: .*lost/) as string, 'e']);
    removePod(sim, 'p');
    await until('the end', () => whole.said().at(-1)?.startsWith('end:'), 40_000);
  });

  it('[KWIRE-65] who may not read logs is told in the words of the API server; a right that is taken away ends it', async () => {
    const one = await begin({ demo: { mode: 'impersonate' }, tuning: { rightsTtlMs: 300 } });
    const { sim } = one;
    putPod(sim, 'p');
    sim.logs.append('default', 'p', 'main', 'a');
    const revoke = grant(sim, 'ada', 'default', ['pods', 'pods/log']);
    const [ada, bob] = [await connect(one), await connect(one, { user: 'bob' })];
    expect(await ada.open(POD)).toBeUndefined();
    await until('a', () => ada.said().includes('a'), 20_000);
    expect(await bob.open(POD)).toMatchObject({
      code: 1308,
      message: expect.stringContaining('pods/log') as string,
    });
    const stolen = (await bob.raw.request({
      subscribe: { channel: 'kubelog:demo/default/p/main?t=200' },
    })) as {
      readonly error?: { readonly code: number };
    };
    expect(stolen.error?.code).toBe(1308);
    revoke();
    await until('the end', () => ada.unsubscribed() !== undefined, 20_000);
    expect(ada.unsubscribed()).toBe(2101);
  });

  it('[KWIRE-61] a container that is not named is the only one, else its names are told', async () => {
    const one = await begin();
    const { sim } = one;
    sim.cluster.put(sim.cluster.registry.require('pods', ''), {
      metadata: { name: 'two', namespace: 'default' },
      spec: { containers: [{ name: 'web' }, { name: 'db' }] },
    });
    const reader = await connect(one);
    expect(await reader.open({ namespace: 'default', pod: 'two' })).toMatchObject({
      message: expect.stringContaining('web, db') as string,
    });
    expect(await reader.open({ namespace: 'default', pod: 'none' })).toMatchObject({ code: 1309 });
    expect(
      await reader.open({ namespace: 'default', pod: 'two', container: 'db', cluster: 'nowhere' }),
    ).toMatchObject({
      code: 1330,
    });
    sim.logs.append('default', 'two', 'db', 'old');
    sim.logs.restart('default', 'two', 'db');
    sim.logs.append('default', 'two', 'db', 'new');
    expect(
      await reader.open({ namespace: 'default', pod: 'two', container: 'db', previous: true }),
    ).toBeUndefined();
    await until('the end', () => reader.said().some((text) => text.startsWith('end')), 20_000);
    expect(reader.said()).toEqual(['old', 'end: the container has ended']);
  });
});
