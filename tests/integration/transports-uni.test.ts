/**
 * The one-way wire as plain readers use it: `EventSource` over a breakable network and a server that dies, and requests as `curl -N` makes
 * them. Whatever happens, a reader has everything once and in order, or was told.
 */
import { EventSource } from 'eventsource';
import { describe, expect, it } from 'vitest';
import { StreamChecker, until, wait } from '@trunkline/testkit';
import { useBed } from '../support/bed.js';
import { orgKey, orgToken, TWO_ORGS } from '../support/orgs.js';
import { Publisher } from '../support/publisher.js';

const bed = useBed(() => ({
  config: { ...TWO_ORGS, server: { ...TWO_ORGS.server, origins: ['https://app.example'] } },
}));

interface Told {
  readonly channel?: string;
  readonly pub?: { readonly data: { readonly seq: number }; readonly offset?: number };
  readonly gap?: { readonly reason: string };
  readonly error?: { readonly code: number };
  readonly disconnect?: { readonly code: number };
  readonly subscribe?: object;
  readonly connect?: object;
}

/** An `EventSource` as a page would write it, with a judge for each channel. */
function read(url: string, token: string, channels: readonly string[]) {
  const query = new URLSearchParams([['token', token], ...channels.map((one) => ['channel', one])]);
  const checkers = new Map(channels.map((channel) => [channel, new StreamChecker(channel)]));
  const told: Told[] = [];
  const source = new EventSource(`${url}/connection/uni_sse?${query}`);
  source.onmessage = ({ data }) => {
    const event = JSON.parse(data as string) as Told;
    told.push(event);
    const checker = checkers.get(event.channel ?? '');
    if (event.gap) checker?.told(event.gap.reason);
    if (event.pub) checker?.message(event.pub.data.seq, event.pub.offset);
  };
  bed.kit.defer(() => source.close());
  return { source, told, checkers: [...checkers.values()] };
}

const subscribedTo = (told: readonly Told[]): number => told.filter(({ subscribe }) => subscribe).length;

describe('an EventSource', () => {
  it('[UNI-5] over a network that breaks again and again has everything once and in order', async () => {
    const proxy = await bed.kit.proxy(bed.server);
    const channels = ['open:uni-one', 'open:uni-two'];
    const { told, checkers } = read(proxy.url, await orgToken('acme', 'ann'), channels);
    await until('it reads', () => subscribedTo(told) === 2);
    const publisher = new Publisher(bed.server, channels, 25, orgKey('acme'));
    publisher.start();
    for (const fault of ['drop', 'cut', 'truncate'] as const) {
      await wait(150);
      if (fault === 'truncate') proxy.truncate(333);
      else proxy[fault]();
      if (fault === 'cut') await wait(300).then(() => proxy.restore());
      const before = subscribedTo(told);
      await until('it is back', () => subscribedTo(told) >= before + 2);
    }
    const last = await publisher.stop();
    await until('it has everything', () => checkers.every((checker) => checker.last === last));
    for (const checker of checkers) checker.verify(last);
  });

  it('[UNI-6] [STREAM-7] after the death of the server is told of what memory could not keep; a polite end is told first', async () => {
    const { told, checkers } = read(bed.server.url, await orgToken('acme', 'ann'), ['open:uni-dead']);
    await until('it reads', () => subscribedTo(told) === 1);
    const publish = (seq: number): Promise<unknown> =>
      bed.server.api('publish', { channel: 'open:uni-dead', data: { seq } }, orgKey('acme'));
    await publish(1);
    await until('it has one', () => checkers[0]?.last === 1);
    await bed.server.kill9();
    await bed.server.restart();
    await until('it is told', () => checkers[0]?.resets.length === 1);
    await publish(2);
    await until('it goes on', () => checkers[0]?.last === 2);
    expect(await bed.server.term()).toBe(0);
    await until('it is told of the end', () => told.some(({ disconnect }) => disconnect?.code === 3001));
    await bed.server.restart();
    await until('and comes back', () => checkers[0]?.resets.length === 2);
    checkers[0]?.verify(2, true);
  });

  it('[UNI-3] [UNI-7] gives up on a wrong credential, and only then stays away', async () => {
    const { source, told } = read(bed.server.url, 'nonsense', ['open:x']);
    await until('it gives up', () => source.readyState === EventSource.CLOSED);
    expect(told).toEqual([]);
    const other = read(bed.server.url, await orgToken('acme', 'eve'), ['open:x']);
    await until('it reads', () => subscribedTo(other.told) === 1);
    await bed.server.api(
      'disconnect',
      { user: 'eve', disconnect: { code: 3503, reason: 'out' } },
      orgKey('acme'),
    );
    await until('it is told', () => other.told.some(({ disconnect }) => disconnect?.code === 3503));
    await until('and comes back all the same', () => subscribedTo(other.told) === 2);
  });
});

describe('a request', () => {
  const ask = (query: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
    fetch(`${bed.server.url}/connection/uni_sse${query}`, { headers, signal: AbortSignal.timeout(60_000) });

  it('[UNI-3] [WALL-1] with a bearer token reads its own org, whatever the name', async () => {
    const answers = await Promise.all(
      (['acme', 'globex'] as const).map(async (org) =>
        ask('?channel=open:same', { authorization: `Bearer ${await orgToken(org, 'ann')}` }),
      ),
    );
    const readers = answers.map((answer) => (answer.body as ReadableStream<Uint8Array>).getReader());
    const texts = ['', ''];
    const pump = readers.map(async (reader, index) => {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        texts[index] += Buffer.from(value).toString();
      }
    });
    await until('both read', () => texts.every((text) => text.includes('"subscribe"')));
    for (const org of ['acme', 'globex'] as const)
      await bed.server.api('publish', { channel: 'open:same', data: { of: org } }, orgKey(org));
    await until('each has its own', () => texts[0]?.includes('"acme"') && texts[1]?.includes('"globex"'));
    expect(texts[0]).not.toContain('globex');
    expect(texts[1]).not.toContain('acme');
    await Promise.all(readers.map((reader) => reader.cancel()));
    await Promise.all(pump);
  });

  it('[UNI-4] [WALL-3] for a closed channel is refused as for one that no namespace covers', async () => {
    const answer = await ask('?channel=closed:x&channel=nowhere:x', {
      authorization: `Bearer ${await orgToken('acme', 'ann')}`,
    });
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    let text = '';
    while (!/closed:x.*nowhere:x|nowhere:x.*closed:x/s.test(text))
      text += Buffer.from((await reader.read()).value ?? []).toString();
    await reader.cancel();
    const errors = [...text.matchAll(/^data: (.*"error".*)$/gm)].map(
      ([, data]) => JSON.parse(data ?? '') as Told,
    );
    expect(errors.map(({ error }) => error)).toEqual([
      { code: 103, message: 'permission denied' },
      { code: 103, message: 'permission denied' },
    ]);
  });

  it('[STREAM-8] from a page of another origin is answered only where the origin is configured', async () => {
    const token = encodeURIComponent(await orgToken('acme', 'ann'));
    const foreign = await ask(`?token=${token}`, { origin: 'https://evil.test' });
    expect([foreign.status, foreign.headers.get('access-control-allow-origin')]).toEqual([403, null]);
    const friend = await ask(`?token=${token}`, { origin: 'https://app.example' });
    expect([friend.status, friend.headers.get('access-control-allow-origin')]).toEqual([
      200,
      'https://app.example',
    ]);
    expect(friend.headers.get('x-accel-buffering')).toBe('no');
    expect(friend.headers.get('x-request-id')).toBeTruthy();
    await friend.body?.cancel();
  });
});
