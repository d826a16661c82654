/**
 * The worker thread of the embedded engine: opens the database and passes bytes to it, one message after the other. It knows nothing of SQL
 * besides its opening words. A query blocks this thread and no other. Plain JavaScript, so that it runs from the sources as it runs when built.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';

/**
 * @typedef {{ readonly directory: string, readonly restoreFrom?: string, readonly settings: readonly string[] }} OpenOrder
 * @typedef {{ readonly id: number, readonly kind: 'run', readonly bytes: Uint8Array }
 *   | { readonly id: number, readonly kind: 'dump', readonly path: string, readonly compress: boolean }
 *   | { readonly id: number, readonly kind: 'close' }} Order
 */

const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);
const order = /** @type {OpenOrder} */ (workerData);

/** @type {PGlite} */
let database;
let turn = Promise.resolve();

/** @param {Order} given @returns {Promise<Uint8Array | undefined>} */
async function perform(given) {
  switch (given.kind) {
    case 'run':
      // The answer is a view of the database's own buffer, which the next call overwrites.
      return new Uint8Array(await database.execProtocolRaw(given.bytes));
    case 'dump': {
      const dump = await database.dumpDataDir(given.compress ? 'gzip' : 'none');
      writeFileSync(given.path, new Uint8Array(await dump.arrayBuffer()), { flag: 'wx' });
      return undefined;
    }
    case 'close':
      await database.close();
      return undefined;
  }
}

/** @param {unknown} cause */
const toText = (cause) => (cause instanceof Error ? cause.message : String(cause));

try {
  database = await PGlite.create({
    dataDir: order.directory,
    ...(order.restoreFrom === undefined ? {} : { loadDataDir: new Blob([readFileSync(order.restoreFrom)]) }),
    startParams: [...PGlite.defaultStartParams, ...order.settings],
    // A new database writes its log in files of 1 MB: an empty one is small then.
    initDbStartParams: ['--wal-segsize=1'],
  });
  port.on('message', (/** @type {Order} */ given) => {
    turn = turn.then(async () => {
      try {
        const bytes = await perform(given);
        port.postMessage({ id: given.id, bytes }, bytes ? [/** @type {ArrayBuffer} */ (bytes.buffer)] : []);
      } catch (cause) {
        port.postMessage({ id: given.id, error: toText(cause) });
      }
    });
  });
  port.postMessage({ ready: true });
} catch (cause) {
  port.postMessage({ ready: false, error: toText(cause) });
}
