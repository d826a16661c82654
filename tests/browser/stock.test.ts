/** The unmodified `centrifuge` bundle in Chromium, on a page of another origin, over the JSON WebSocket. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { Kit, until, type BrowserHandle, type FaultProxy } from '@trunkline/testkit';
import type { Centrifuge as Client, Subscription } from 'centrifuge';
import { conformanceServer, useBed } from '../support/bed.js';
import { serveSite, type StaticSite } from '../support/static-site.js';

const BUNDLE = new URL('../../node_modules/centrifuge/dist/centrifuge.js', import.meta.url);

/** What the test keeps in the page. */
interface PageGlobals {
  Centrifuge: typeof Client;
  client: Client;
  subscription: Subscription;
  received: { seq: number; offset: number | undefined }[];
  answers: { wasRecovering: boolean; recovered: boolean }[];
}

const siteKit = new Kit();
let site: StaticSite;
let stranger: StaticSite;

const bed = useBed(async () => {
  site = siteKit.use(await serveSite({ '/centrifuge.js': BUNDLE }));
  stranger = siteKit.use(await serveSite({ '/centrifuge.js': BUNDLE }));
  const config = parse((await conformanceServer()).config as string) as { server: object };
  return { config: { ...config, server: { ...config.server, origins: [site.origin] } } };
});
let browser: BrowserHandle;
beforeAll(async () => {
  browser = await siteKit.browser();
});
afterAll(() => siteKit.dispose());

async function open(origin: string): ReturnType<BrowserHandle['page']> {
  const opened = await browser.page();
  await opened.page.goto(origin);
  return opened;
}

describe('the stock client in a browser', () => {
  it('[WIRE-1] subscribes, publishes, receives in order, and recovers after a cut', async () => {
    const proxy: FaultProxy = await bed.kit.proxy(bed.server);
    const channel = bed.channel('recovery');
    const { page, errors } = await open(site.origin);
    await page.evaluate(
      async ([url, name]) => {
        const globals = window as unknown as PageGlobals;
        globals.received = [];
        globals.answers = [];
        globals.client = new globals.Centrifuge(url as string, {
          minReconnectDelay: 20,
          maxReconnectDelay: 200,
        });
        globals.subscription = globals.client.newSubscription(name as string);
        globals.subscription.on('publication', ({ data, offset }) =>
          globals.received.push({ seq: (data as { seq: number }).seq, offset }),
        );
        globals.subscription.on('subscribed', ({ wasRecovering, recovered }) =>
          globals.answers.push({ wasRecovering, recovered }),
        );
        globals.subscription.subscribe();
        globals.client.connect();
        await globals.subscription.ready(20_000);
        for (let seq = 1; seq <= 20; seq++) await globals.subscription.publish({ seq });
      },
      [proxy.wsUrl, channel],
    );
    const received = (): Promise<PageGlobals['received']> =>
      page.evaluate(() => (window as unknown as PageGlobals).received);
    await until('all came', async () => (await received()).length === 20);
    proxy.cut();
    for (let seq = 21; seq <= 40; seq++) await bed.publish(channel, { seq });
    proxy.restore();
    await until('all came', async () => (await received()).length === 40);
    expect(await received()).toEqual(
      Array.from({ length: 40 }, (_, index) => ({ seq: index + 1, offset: index + 1 })),
    );
    expect((await page.evaluate(() => (window as unknown as PageGlobals).answers)).at(-1)).toEqual({
      wasRecovering: true,
      recovered: true,
    });
    expect(errors).toEqual([]);
  });

  it('[WS-3] a page of an origin that is not listed gets no connection', async () => {
    const connects = async (origin: string): Promise<string> => {
      const { page } = await open(origin);
      return page.evaluate(
        (url) =>
          new Promise<string>((resolve) => {
            const socket = new WebSocket(url);
            socket.onopen = () => resolve('open');
            socket.onerror = () => resolve('refused');
          }),
        bed.server.wsUrl,
      );
    };
    expect(await connects(site.origin)).toBe('open');
    expect(await connects(stranger.origin)).toBe('refused');
  });
});
