/**
 * Live lists from end to end within one process: an API server over TLS, the module, a hub, and viewers of the native wire. One suite, the same on the simulated API server and on a real one. What is shared is
 * counted on the API server's side; what viewers have is compared with a fresh list. The real one needs binaries that no package carries (`npm run setup:kube` builds them once); without
 * them the suite runs on the simulation alone and says so.
 */
import { afterAll, beforeAll, describe } from 'vitest';
import { findKubeBinaries } from '@trunkline/testkit';
import { startReal, startSimulated, type KubeTarget } from '../kube/targets.js';
import { allowGateway } from '../kube-module/bed.js';
import { faultSuite } from '../kube-module/suites/faults.js';
import { logSuite } from '../kube-module/suites/logs.js';
import { ownSuite } from '../kube-module/suites/own.js';
import { rightsSuite } from '../kube-module/suites/rights.js';
import { ruleSuite } from '../kube-module/suites/rules.js';
import { sharingSuite } from '../kube-module/suites/sharing.js';

/** Random roles first: looking through namespaces takes the longer the more there are. Faults last: everybody on the API server notices. */
const SUITES = [ruleSuite, sharingSuite, rightsSuite, ownSuite, logSuite, faultSuite];

function endToEnd(name: string, start: () => Promise<KubeTarget | undefined>): void {
  describe(`live lists on a ${name} API server`, () => {
    let target: KubeTarget | undefined;
    beforeAll(async () => {
      target = await start();
      if (target !== undefined) await allowGateway(target);
    }, 120_000);
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

endToEnd('simulated', () => startSimulated({ tls: true, refusesAtStart: true }));
if (findKubeBinaries() === undefined) {
  console.warn(
    '\n*** There is no real Kubernetes API server on this machine: live lists were tested on the simulated one alone. ***\n' +
      '*** `npm run setup:kube` builds one from a source package of Debian, once; then `npm test` finds it.           ***\n',
  );
} else endToEnd('real', () => startReal({ args: ['--watch-cache-sizes=secrets#0'] }));
