/**
 * One suite, the same on the simulated API server and on a real one: what it asserts is what both do. The real one needs binaries that no package carries
 * (`npm run setup:kube` builds them once); without them the suite runs on the simulation alone and says so.
 */
import { afterAll, beforeAll, describe } from 'vitest';
import { findKubeBinaries } from '@trunkline/testkit';
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
import { startReal, startSimulated, type KubeTarget } from './targets.js';

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

function conformance(name: string, start: () => Promise<KubeTarget | undefined>): void {
  describe(`Kubernetes API: ${name}`, () => {
    let target: KubeTarget | undefined;
    beforeAll(async () => {
      target = await start();
    }, 90_000);
    afterAll(async () => {
      await target?.dispose();
    });
    const use = (): KubeTarget => {
      if (target === undefined) throw new Error(`the ${name} API server did not start`);
      return target;
    };
    for (const suite of SUITES) suite(use);
  });
}

conformance('simulated', startSimulated);
if (findKubeBinaries() === undefined) {
  console.warn(
    '\n*** There is no real Kubernetes API server on this machine: the conformance suite ran on the simulated one alone. ***\n' +
      '*** `npm run setup:kube` builds one from a source package of Debian, once; then `npm test` finds it.           ***\n',
  );
} else conformance('real', startReal);
