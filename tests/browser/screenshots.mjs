#!/usr/bin/env node
/**
 * Takes the pictures of docs/images: every screen of the console, dark, light and narrow, on a development server with some
 * life on it. `node tests/browser/screenshots.mjs [folder] [seconds]`, after a build. Names are `console-<screen>[-light][-narrow].png`; the
 * seconds (default 240) are how long the server runs before, so that charts have something to show.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Kit, signToken, until, wait } from '@trunkline/testkit';

const folder = process.argv[2] ?? fileURLToPath(new URL('../../docs/images', import.meta.url));
const SIZES = { wide: { width: 1440, height: 900 }, narrow: { width: 390, height: 844 } };
const SCREENS = {
  overview: '#/overview',
  channels: '#/channels',
  channel: '#/channels/chat%3Alobby',
  connections: '#/connections',
  node: '#/node',
};
const CHANNELS = ['chat:lobby', 'chat:support', 'builds:web', 'prices:eur', 'prices:usd', 'cursors:board-7'];
const WARM_UP_MS = 1_000 * Number(process.argv[3] ?? 240);
const SECRET = 'only for pictures, and long enough for HMAC';

const kit = new Kit();
try {
  mkdirSync(folder, { recursive: true });
  const server = await kit.server({
    config: { development: true, log: { level: 'warn' }, auth: { keys: [{ alg: 'HS256', secret: SECRET }] } },
  });
  await populate(server);
  const link = await until(
    'the link is printed',
    () => /https?:\S+\/console\/login\?code=\S+/.exec(server.logs())?.[0],
  );
  const browser = await kit.browser();
  const { page } = await browser.page({ viewport: SIZES.wide, colorScheme: 'dark' });
  await page.goto(server.url);
  await page.getByRole('textbox').first().waitFor();
  await shoot(page, 'sign-in', '');
  await page.goto(link);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await wait(WARM_UP_MS);
  for (const [colorScheme, size, suffix] of [
    ['dark', 'wide', ''],
    ['light', 'wide', '-light'],
    ['dark', 'narrow', '-narrow'],
  ]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(SIZES[size]);
    for (const [screen, hash] of Object.entries(SCREENS)) {
      await page.evaluate((to) => (location.hash = to), hash);
      await wait(2_000);
      await shoot(page, screen, suffix);
    }
  }
} finally {
  await kit.dispose();
}

async function shoot(page, screen, suffix) {
  const path = join(folder, `console-${screen}${suffix}.png`);
  await page.screenshot({ path });
  console.log(path);
}

/** Clients of several applications that read, come and go, and publish at different rates. */
async function populate(server) {
  const clients = [];
  const users = ['ada', 'grace', 'linus', 'ada', 'margaret', 'build-bot', 'ken'];
  for (const [index, name] of ['web', 'web', 'web', 'mobile', 'mobile', 'worker', 'dashboard'].entries()) {
    const token = await signToken({ sub: users[index], org: 'dev' }, SECRET);
    const { client, connect } = kit.stock(server.wsUrl, { name, version: `1.${index}.0`, token });
    await connect();
    for (const channel of CHANNELS.slice(index % 3)) client.newSubscription(channel).subscribe();
    clients.push(client);
  }
  let count = 0;
  const timer = setInterval(() => {
    count++;
    const lively = 1 + Math.round(2 + 2 * Math.sin(count / 40));
    for (let n = 0; n < lively; n++) {
      const channel = CHANNELS[(count + n) % CHANNELS.length];
      void clients[count % clients.length]
        .publish(channel, sample(channel, count + n))
        .catch(() => undefined);
    }
  }, 60);
  kit.defer(() => clearInterval(timer));
}

function sample(channel, count) {
  const mixed = (count * 2_654_435_761) >>> 7;
  if (channel.startsWith('chat:'))
    return {
      from: ['ada', 'grace', 'linus'][mixed % 3],
      text: ['Deploy is through.', 'Looks good here.', 'Who has the logs?', 'On it.', 'Rolling back.'][
        mixed % 5
      ],
    };
  if (channel.startsWith('prices:'))
    return {
      bid: (1.08 + (count % 50) / 10_000).toFixed(4),
      ask: (1.081 + (count % 50) / 10_000).toFixed(4),
    };
  if (channel.startsWith('builds:'))
    return {
      build: 1_200 + (count % 40),
      step: ['install', 'lint', 'test', 'publish'][count % 4],
      ok: count % 9 !== 0,
    };
  return { x: count % 640, y: (count * 7) % 480 };
}
