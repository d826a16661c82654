/** HTTP transports from Chromium, on pages of other origins: what CORS allows is decided by a real browser here. */
import type { Centrifuge as Client, Options, TransportEndpoint } from 'centrifuge';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { Kit, until } from '@trunkline/testkit';
import { conformanceServer, useBed } from '../support/bed.js';
import { serveSite, type StaticSite } from '../support/static-site.js';

const BUNDLE = new URL('../../node_modules/centrifuge/dist/centrifuge.js', import.meta.url);

interface PageGlobals {
  Centrifuge: new (endpoints: TransportEndpoint[], options: Partial<Options>) => Client;
}

const siteKit = new Kit();
let friend: StaticSite;
let stranger: StaticSite;

const bed = useBed(async () => {
  friend = siteKit.use(await serveSite({ '/centrifuge.js': BUNDLE }));
  stranger = siteKit.use(await serveSite({ '/centrifuge.js': BUNDLE }));
  const config = parse((await conformanceServer()).config as string) as { server: object };
  return { config: { ...config, server: { ...config.server, origins: [friend.origin] } } };
});
afterAll(() => siteKit.dispose());

describe('a page of another origin', () => {
  it('[STREAM-8] that is configured speaks over HTTP streaming and SSE', async () => {
    const browser = await bed.kit.browser();
    const { page, errors } = await browser.page();
    await page.goto(friend.origin);
    for (const transport of ['http_stream', 'sse'] as const) {
      const channel = bed.channel();
      const got = await page.evaluate(
        async ([url, kind, name]) => {
          const { Centrifuge } = window as unknown as PageGlobals;
          const client = new Centrifuge(
            [{ transport: kind as 'sse', endpoint: `${url}/connection/${kind}` }],
            { emulationEndpoint: `${url}/emulation` },
          );
          const subscription = client.newSubscription(name as string);
          const received = new Promise<unknown>((resolve) =>
            subscription.on('publication', ({ data }) => resolve(data)),
          );
          subscription.subscribe();
          client.connect();
          await subscription.ready(20_000);
          await subscription.publish({ over: kind });
          const data = await received;
          client.disconnect();
          return data;
        },
        [bed.server.url, transport, channel],
      );
      expect(got).toEqual({ over: transport });
    }
    expect(errors).toEqual([]);
  });

  it('[STREAM-8] [UNI-5] that is configured reads events, and one that is not reads nothing', async () => {
    const browser = await bed.kit.browser();
    const channel = bed.channel('recovery');
    await bed.publish(channel, { n: 0 });
    const read = async (origin: string): Promise<unknown> => {
      const { page } = await browser.page();
      await page.goto(origin);
      return page.evaluate(
        ([url, name]) =>
          new Promise((resolve) => {
            const source = new EventSource(`${url}/connection/uni_sse?channel=${name}`);
            source.onmessage = ({ data }) => {
              const event = JSON.parse(data as string) as { subscribe?: object };
              if (event.subscribe) resolve(event.subscribe);
            };
            source.onerror = () => resolve('refused');
          }),
        [bed.server.url, encodeURIComponent(channel)],
      );
    };
    expect(await read(friend.origin)).toMatchObject({ recoverable: true, offset: 1 });
    expect(await read(stranger.origin)).toBe('refused');
  });

  it('[STREAM-8] that is not configured opens no stream, sends no command and reads no answer', async () => {
    const browser = await bed.kit.browser();
    const { page } = await browser.page();
    await page.goto(stranger.origin);
    const outcomes = await page.evaluate(async (url) => {
      const ask = (path: string, init: RequestInit): Promise<unknown> =>
        fetch(`${url}${path}`, init).then(
          (answer) => [answer.type, answer.status],
          () => 'refused',
        );
      const body = '{"id":1,"connect":{}}';
      return [
        await ask('/connection/http_stream', { method: 'POST', body }),
        await ask('/emulation', { method: 'POST', body: '{}' }),
        // In this mode the request is sent, and its answer cannot be read.
        await ask('/connection/http_stream', { method: 'POST', body, mode: 'no-cors' }),
        await ask('/connection/uni_sse?channel=x', { mode: 'no-cors' }),
      ];
    }, bed.server.url);
    expect(outcomes.slice(0, 2)).toEqual(['refused', 'refused']);
    for (const outcome of outcomes.slice(2)) expect([['opaque', 0], 'refused']).toContainEqual(outcome);
    // Those of pages before go when their end has arrived; a stream that was opened here would stay.
    await until('nobody is connected', async () => {
      const { connections } = await bed.api('connections', {});
      return Object.keys(connections as object).length === 0;
    });
  });
});
