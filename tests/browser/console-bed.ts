/** A server with namespaces of several kinds, and a console page on it: what the console's browser tests share. */
import { signToken, type BrowserHandle, type ServerOptions, type StockClient } from '@trunkline/testkit';
import type { Bed } from '../support/bed.js';
import { consoleLink } from '../support/console.js';
import { ConsolePage } from './console-page.js';

export const CONSOLE_SECRET = 'signs tokens of the browser tests, for HMAC';

export function consoleServer(): ServerOptions {
  return {
    config: {
      development: true,
      log: { level: 'warn' },
      auth: { keys: [{ alg: 'HS256', secret: CONSOLE_SECRET }] },
      channels: {
        namespaces: [
          {
            name: 'room',
            historySize: 50,
            presence: true,
            allowSubscribe: ['user'],
            allowPublish: ['subscriber'],
            allowPresence: ['subscriber'],
          },
          { name: 'secret', historySize: 5, allowSubscribe: ['admin'] },
          { name: 'board', type: 'map', allowSubscribe: ['user'], map: { mode: 'persistent', maxKeys: 100 } },
        ],
      },
    },
  };
}

/** A signed-in stock client. */
export async function userClient(bed: Bed, user: string, name = 'web'): Promise<StockClient> {
  const token = await signToken({ sub: user, org: 'dev' }, CONSOLE_SECRET);
  const stock = bed.fileKit.stock(bed.server.wsUrl, { name, version: '1.0.0', token });
  await stock.connect();
  return stock;
}

export { ConsolePage } from './console-page.js';

/** Signed in, on the overview. */
export async function openConsole(bed: Bed, browser: BrowserHandle): Promise<ConsolePage> {
  const view = new ConsolePage(await browser.page({ viewport: { width: 1440, height: 900 } }));
  await view.open(await consoleLink(bed.server));
  return view;
}
