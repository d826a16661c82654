/**
 * Live lists from end to end within one process: an API server over TLS, the module, a hub, and viewers of the native wire. One suite, the same on the simulated API server and on a real one. What is shared is
 * counted on the API server's side; what viewers have is compared with a fresh list. The real one needs binaries that no package carries (`npm run setup:kube` builds them once); without
 * them the suite runs on the simulation alone and says so.
 */
import { onBoth } from '../kube/on-both.js';
import { allowGateway } from '../kube-module/bed.js';
import { faultSuite } from '../kube-module/suites/faults.js';
import { logSuite } from '../kube-module/suites/logs.js';
import { ownSuite } from '../kube-module/suites/own.js';
import { proxySuite } from '../kube-module/suites/proxy.js';
import { rightsSuite } from '../kube-module/suites/rights.js';
import { ruleSuite } from '../kube-module/suites/rules.js';
import { sharingSuite } from '../kube-module/suites/sharing.js';

/** Random roles first: looking through namespaces takes the longer the more there are. Faults last: everybody on the API server notices. */
const SUITES = [ruleSuite, sharingSuite, rightsSuite, ownSuite, logSuite, proxySuite, faultSuite];

onBoth({
  title: (server) => `live lists on a ${server} API server`,
  ran: 'live lists were tested',
  suites: SUITES,
  simulated: { tls: true, refusesAtStart: true },
  real: { args: ['--watch-cache-sizes=secrets#0'] },
  prepare: allowGateway,
  startMs: 120_000,
});
