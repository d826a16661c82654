/**
 * A Trunkline server with a module of its own. It takes the flags of `trunkline serve`.
 *
 *   node examples/module-counter/server.mjs --dev
 *   node apps/cli/bin/trunkline.mjs rpc counter.add '{"id": "visits", "by": 1}'
 *   node apps/cli/bin/trunkline.mjs tail counter:visits
 */
import { runServer } from '@trunkline/server';
import { counterModule } from './counter.mjs';

process.exitCode = await runServer({ env: process.env, flags: process.argv.slice(2) }, undefined, {
  modules: [counterModule],
});
