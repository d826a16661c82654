/** A simulated API server for tests of other packages: chance by seed, and a clock that stands still unless another one is given. */
import { createSeededRandom, silentLogger, type Clock } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import { createKubeSim, type KubeSim } from './kube-sim.js';
import type { KubeSimOptions } from './options.js';

export interface TestKubeSim {
  readonly sim: KubeSim;
  readonly clock: FakeClock;
}

/** Not started: state, faults and workload work without a socket. The same seed gives the same names, uids and versions. */
export function createTestKubeSim(options?: Partial<KubeSimOptions>, seed = 1): TestKubeSim {
  const clock = new FakeClock();
  return { sim: createOn(clock, options, seed), clock };
}

/** Listens on a free port, on the given clock. The caller disposes it. */
export async function startTestKubeSim(
  clock: Clock,
  options?: Partial<KubeSimOptions>,
  seed = 1,
): Promise<KubeSim> {
  const sim = createOn(clock, options, seed);
  await sim.start();
  return sim;
}

function createOn(clock: Clock, options: Partial<KubeSimOptions> | undefined, seed: number): KubeSim {
  return createKubeSim({ clock, random: createSeededRandom(seed), logger: silentLogger }, options);
}
