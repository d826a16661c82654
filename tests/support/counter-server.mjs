/**
 * The server with the counter module, as a child process of tests. It takes orders from the file `order.json` in its directory (`server-orders.ts` writes
 * them): in the next transaction whose statements match, after so many of its steps, it kills itself, waits until the file is gone, or is told by its database
 * that the disk is full. Without an order it is a server like any other.
 */
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { runServer } from '@trunkline/server';
import { counterModule } from '../../examples/module-counter/counter.mjs';

const ORDER = 'order.json';
/** What the order is called once it was met: nobody meets it twice. */
const MET = 'order.met.json';

/** @typedef {{ readonly sql: string, readonly at: number | 'commit', readonly then: 'die' | 'wait' | 'full' }} Order */

/** @returns {Order | undefined} */
function readOrder() {
  if (!existsSync(ORDER)) return undefined;
  return JSON.parse(readFileSync(ORDER, 'utf8'));
}

/** @type {NonNullable<import('@trunkline/server').ServerContext['interceptStore']>} */
function obedient(session) {
  // One session is one transaction, or one read.
  let done = 0;
  /** @type {Order | undefined} */
  let order;
  return {
    run: async (steps, timeoutMs) => {
      const found = order ?? readOrder();
      if (found && steps.some(({ sql }) => new RegExp(found.sql).test(sql))) order = found;
      // `full` lasts as long as its file.
      if (order?.then === 'full' && existsSync(ORDER))
        return { results: [], failure: { sqlState: '53100', message: 'could not extend file' } };
      const place = order && placeIn(steps, done, order);
      if (order === undefined || order.then === 'full' || place === undefined) {
        done += steps.length;
        return session.run(steps, timeoutMs);
      }
      const before = steps.slice(0, place);
      const results = before.length > 0 ? (await session.run(before, timeoutMs)).results : [];
      renameSync(ORDER, MET);
      if (order.then === 'die') {
        process.kill(process.pid, 'SIGKILL');
        await new Promise(() => undefined);
      }
      while (existsSync(MET)) await sleep(5);
      order = undefined;
      const rest = steps.slice(before.length);
      if (rest.length === 0) return { results };
      const run = await session.run(rest, timeoutMs);
      return { ...run, results: [...results, ...run.results] };
    },
  };
}

/**
 * After how many of these steps the order is met; undefined: not in this message.
 * @param {readonly { readonly sql: string }[]} steps
 * @param {number} done steps of the transaction before these
 * @param {Order} order
 */
function placeIn(steps, done, { at }) {
  if (at !== 'commit') return done + steps.length < at ? undefined : Math.max(0, at - done);
  return steps.at(-1)?.sql === 'COMMIT' ? 0 : undefined;
}

rmSync(MET, { force: true });
process.exitCode = await runServer({ env: process.env, flags: process.argv.slice(2) }, undefined, {
  modules: [counterModule],
  interceptStore: obedient,
});
