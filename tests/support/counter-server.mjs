/**
 * The server with the counter module, as a child process of tests. `DIE_AFTER=<n>`: it dies (SIGKILL) in the middle of its n-th transaction that writes,
 * after a part of its statements: which part follows from n.
 */
import { runServer } from '@trunkline/server';
import { counterModule } from '../../examples/module-counter/counter.mjs';

const dieAfter = Number(process.env['DIE_AFTER'] ?? 0);
let transactions = 0;

/** @type {NonNullable<import('@trunkline/server').ServerContext['interceptStore']>} */
function mortal(session) {
  return {
    run: async (steps, timeoutMs) => {
      if (
        steps.some(({ sql }) => /INSERT INTO (counter_values|store_channels)/.test(sql)) &&
        ++transactions === dieAfter
      ) {
        await session.run(steps.slice(0, 1 + (dieAfter % steps.length)), timeoutMs);
        process.kill(process.pid, 'SIGKILL');
        await new Promise(() => undefined);
      }
      return session.run(steps, timeoutMs);
    },
  };
}

process.exitCode = await runServer({ env: process.env, flags: process.argv.slice(2) }, undefined, {
  modules: [counterModule],
  ...(dieAfter > 0 ? { interceptStore: mortal } : {}),
});
