/**
 * One suite, the same on the simulated API server and on a real one: what it asserts is what both do. The real one needs binaries that no package carries
 * (`npm run setup:kube` builds them once); without them the suite runs on the simulation alone and says so.
 */
import { onBoth } from './on-both.js';
import { accessSuite } from './suites/access.js';
import { columnSuite } from './suites/columns.js';
import { discoverySuite } from './suites/discovery.js';
import { listSuite } from './suites/lists.js';
import { logSuite } from './suites/logs.js';
import { objectSuite } from './suites/objects.js';
import { representationSuite } from './suites/representations.js';
import { restartSuite } from './suites/restarts.js';
import { webSocketSuite } from './suites/websockets.js';
import { watchSuite } from './suites/watches.js';
import { wiresSuite } from './suites/wires.js';

const SUITES = [
  listSuite,
  watchSuite,
  webSocketSuite,
  representationSuite,
  columnSuite,
  objectSuite,
  accessSuite,
  discoverySuite,
  logSuite,
  wiresSuite,
  restartSuite,
];

onBoth({
  title: (server) => `Kubernetes API: ${server}`,
  ran: 'the conformance suite ran',
  suites: SUITES,
  startMs: 90_000,
});
