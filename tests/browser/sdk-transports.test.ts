/** The SDK in Chromium behind a proxy that refuses WebSockets, on a page of another origin: `transport: 'auto'` is all that an application says. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Client, ConnectionState, StreamSubscription, TransportName, Untyped } from '@trunkline/client';
import { Kit, until, type BrowserHandle, type FaultProxy } from '@trunkline/testkit';
import { bundle } from '../support/bundle.js';
import { startWorld, type World } from '../support/sdk-world.js';
import { serveSite, type StaticSite } from '../support/static-site.js';

/** What the page keeps. */
interface PageGlobals {
  start(url: string): void;
  client: Client<Untyped>;
  sub: StreamSubscription<unknown>;
  received: unknown[];
}

const CODE = `
  import { createClient } from '@trunkline/client';
  globalThis.start = (url) => {
    globalThis.received = [];
    globalThis.client = createClient({ url, transport: 'auto', minDelayMs: 20, maxDelayMs: 200, onError: () => undefined });
    globalThis.sub = client.stream('news:a', {
      onPublication: ({ data }) => received.push(data),
      onReset: ({ reason }) => void received.push(reason),
    });
  };
`;

const fileKit = new Kit();
let kit: Kit;
let site: StaticSite;
let browser: BrowserHandle;
let world: World;
let proxy: FaultProxy;

beforeAll(async () => {
  site = fileKit.use(await serveSite({ '/page.js': fileKit.use(await bundle(CODE)).file }));
  browser = await fileKit.browser();
});
afterAll(() => fileKit.dispose());
beforeEach(async () => {
  kit = new Kit();
  world = kit.use(await startWorld([site.origin]));
  proxy = await kit.proxy(world);
});
afterEach(() => kit.dispose());

const BEHIND: readonly { found: TransportName; refused: readonly TransportName[] }[] = [
  { found: 'websocket', refused: [] },
  { found: 'http_stream', refused: ['websocket'] },
  { found: 'sse', refused: ['websocket', 'http_stream'] },
];

describe('the SDK in a browser', () => {
  it.each(BEHIND)('[CLIENT-21] finds $found, and misses nothing over a cut', async ({ found, refused }) => {
    for (const transport of refused) world.refuses.add(transport);
    const { page, errors } = await browser.page();
    await page.goto(site.origin);
    await page.evaluate((url) => (window as unknown as PageGlobals).start(url), proxy.url);
    const state = (): Promise<ConnectionState> =>
      page.evaluate(() => (window as unknown as PageGlobals).client.state.get());
    const isLive = (): Promise<boolean> =>
      page.evaluate(() => (window as unknown as PageGlobals).sub.state.get().kind === 'live');
    const received = (): Promise<unknown[]> =>
      page.evaluate(() => (window as unknown as PageGlobals).received);
    await until('it is live', isLive);
    expect(await state()).toMatchObject({ kind: 'connected', transport: found });
    for (let seq = 1; seq <= 20; seq++) await world.org.publish('news:a', JSON.stringify(`Grüße ${seq}`));
    await until('they came', async () => (await received()).length === 20);
    proxy.cut();
    for (let seq = 21; seq <= 40; seq++) await world.org.publish('news:a', JSON.stringify(`Grüße ${seq}`));
    proxy.restore();
    await until('all came', async () => (await received()).length >= 40);
    expect(await received()).toEqual(Array.from({ length: 40 }, (_, index) => `Grüße ${index + 1}`));
    expect(await state()).toMatchObject({ kind: 'connected', transport: found });
    const answer = await page.evaluate(() =>
      (window as unknown as PageGlobals).client.rpc('echo', { text: 'Grüße' }),
    );
    expect(answer).toEqual({ text: 'Grüße' });
    expect(errors).toEqual([]);
  });
});
