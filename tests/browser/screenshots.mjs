#!/usr/bin/env node
/**
 * Takes pictures of the console on a development server with some life on it, after a build.
 *
 *   node tests/browser/screenshots.mjs                     those that documents show, into docs/images
 *   node tests/browser/screenshots.mjs <folder> [seconds]  every screen, dark and light, wide and narrow
 *   node tests/browser/screenshots.mjs <folder> <seconds> <picture …>  these of them, such as `resources object-light`
 *
 * The seconds (default 240) are how long the server runs before, so that charts have something to show.
 */
import { readFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Kit, signToken, until, wait } from '@trunkline/testkit';
import { populateDirectory, startProvider } from './screenshots-people.mjs';

const SHOWN = [
  'overview',
  'why',
  'namespaces',
  'channel-light',
  'members',
  'keys-light',
  'resources',
  'object',
  'clusters-light',
];
const SIZES = { wide: { width: 1440, height: 900 }, narrow: { width: 390, height: 844 } };
const SCREENS = {
  overview: '#/overview',
  channels: '#/channels',
  channel: '#/channels/chat%3Alobby',
  map: '#/channels/board%3Arelease',
  connections: '#/connections',
  connection: '#/connections?channel=chat%3Alobby',
  events: '#/events',
  why: '#/why?channel=plans%3Anext-year&user=linus',
  namespaces: '#/namespaces',
  node: '#/node',
  members: '#/members',
  keys: '#/keys',
  secrets: '#/secrets',
  audit: '#/audit',
  orgs: '#/orgs',
  users: '#/users',
  clusters: '#/clusters',
  resources: '#/resources?sort=-restarts',
  object: '#/resources?sort=-restarts',
};
/** Screens with something opened beside them. */
const OPENED = ['connection', 'object'];
const NAMESPACES = [
  {
    name: 'chat',
    historySize: 500,
    historyTtl: '1h',
    presence: true,
    joinLeave: true,
    forceRecovery: true,
    allowSubscribe: ['user'],
    allowPublish: ['user'],
    allowPresence: ['subscriber'],
    allowHistory: ['subscriber'],
  },
  {
    name: 'prices',
    overflow: 'latest',
    historySize: 1,
    recoveryMode: 'cache',
    allowSubscribe: ['user'],
    allowPublish: ['user'],
  },
  {
    name: 'builds',
    historySize: 200,
    historyTtl: '30m',
    forceRecovery: true,
    allowSubscribe: ['user'],
    allowPublish: ['user'],
  },
  { name: 'board', type: 'map', allowSubscribe: ['user'], map: { mode: 'persistent', maxKeys: 1_000 } },
  { name: 'cursors', overflow: 'latest', allowSubscribe: ['user'], allowPublish: ['user'] },
  { name: 'plans', historySize: 10, allowSubscribe: ['admin'] },
];
const CHANNELS = ['chat:lobby', 'chat:support', 'builds:web', 'prices:eur', 'prices:usd', 'cursors:board-7'];
const SECRET = 'only for pictures, and long enough for HMAC';

const [given, seconds = '240', ...named] = process.argv.slice(2);
const folder = given ?? fileURLToPath(new URL('../../docs/images', import.meta.url));
const kit = new Kit();
try {
  mkdirSync(folder, { recursive: true });
  const { port, oidc } = await startProvider(kit);
  const server = await kit.server({
    port,
    readyTimeoutMs: 60_000,
    config: {
      development: true,
      log: { level: 'warn' },
      auth: { keys: [{ alg: 'HS256', secret: SECRET }], oidc },
      kube: { demo: { run: 'start' } },
      channels: { namespaces: NAMESPACES },
    },
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
  await shoot(page, 'sign-in');
  await page.goto(link);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await populateDirectory(page, browser, server);
  await page.reload();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await wait(1_000 * Number(seconds));
  for (const [colorScheme, size, suffix] of [
    ['dark', 'wide', ''],
    ['light', 'wide', '-light'],
    ['dark', 'narrow', '-narrow'],
    ['light', 'narrow', '-narrow-light'],
  ]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(SIZES[size]);
    for (const [screen, hash] of Object.entries(SCREENS)) {
      if (!isWanted(screen + suffix)) continue;
      await page.evaluate((to) => (location.hash = to), hash);
      await wait(2_000);
      if (hash.startsWith('#/resources')) await page.locator('[data-row]').first().waitFor();
      if (screen === 'connection')
        await page.getByRole('listitem').filter({ hasText: 'ada' }).first().click();
      if (screen === 'object') await page.getByRole('table').getByRole('link').first().click();
      if (OPENED.includes(screen)) await wait(1_500);
      await shoot(page, screen + suffix);
      if (OPENED.includes(screen)) await page.keyboard.press('Escape');
    }
  }
} finally {
  await kit.dispose();
}

function isWanted(picture) {
  if (named.length > 0) return named.includes(picture);
  return given !== undefined || SHOWN.includes(picture);
}

async function shoot(page, picture) {
  if (!isWanted(picture)) return;
  const path = join(folder, `console-${picture}.png`);
  await page.screenshot({ path });
  console.log(path);
}

/** Clients of several applications that read, come and go, are refused something, and publish at different rates. */
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
  const refused = clients[2].newSubscription('plans:next-year');
  refused.on('error', () => undefined);
  const file = /Key and address\s+(\S+)/.exec(server.logs())[1];
  const key = { 'x-api-key': JSON.parse(readFileSync(file, 'utf8')).apiKey };
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
    if (count % 15 === 0) void server.api('map_publish', card(count), key);
    if (count % 70 === 0) void server.api('publish', notice(count), key);
    if (count % 230 === 0) refused.unsubscribe();
    if (count % 230 === 1) refused.subscribe();
    if (count % 310 === 0) clients[5].disconnect();
    if (count % 310 === 8) clients[5].connect();
  }, 60);
  kit.defer(() => clearInterval(timer));
}

function card(count) {
  const number = count % 11;
  return {
    channel: 'board:release',
    key: `card-${number + 1}`,
    data: {
      title: ['Sign the build', 'Write the notes', 'Tell support'][number % 3],
      column: count % 3,
      owner: 'ada',
    },
  };
}

function notice(count) {
  return {
    channel: 'chat:lobby',
    data: { from: 'build-bot', text: `Build ${1_200 + (count % 40)} is green.` },
    tags: { kind: 'notice', level: 'info' },
  };
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
