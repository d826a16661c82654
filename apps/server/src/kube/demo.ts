/**
 * The simulated cluster for demonstrations: an API server in this process, on a port of this machine, with applications that come and go. Nothing behind it is real, and
 * nothing of it is kept. Its code is loaded when it is first started.
 */
import type { Clock, Logger, Random } from '@trunkline/base';
import { connectKubeconfig, type KubeConnection } from '@trunkline/kube-client';

export const DEMO_CLUSTER = { id: 'demo', name: 'Demo' } as const;

export interface DemoDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface DemoOptions {
  readonly pods: number;
  readonly eventsPerSecond: number;
}

export interface RunningDemo {
  readonly connection: KubeConnection;
  /** Closes its port; what is connected is cut. May be called twice. */
  dispose(): Promise<void>;
}

/** Resolves when the cluster is filled. Rejects where no port can be opened; nothing is left running then. */
export async function startDemo(
  { clock, random, logger }: DemoDeps,
  { pods, eventsPerSecond }: DemoOptions,
): Promise<RunningDemo> {
  const { createKubeSim, startWorkload } = await import('@trunkline/kube-sim');
  const sim = createKubeSim({ clock, random, logger });
  await sim.start();
  const workload = startWorkload(sim, { pods, eventsPerSecond });
  const dispose = async (): Promise<void> => {
    await workload.dispose();
    await sim.dispose();
  };
  try {
    await workload.ready;
    const config = JSON.stringify(sim.kubeconfig(sim.issueToken()));
    return { connection: connectKubeconfig({ clock, environment: {} }, config), dispose };
  } catch (cause) {
    await dispose();
    throw cause;
  }
}
