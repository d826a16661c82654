/**
 * One suite on two servers: the simulated API server, and a real one where its binaries are. Without them it runs on the simulation alone, and says so where everybody sees it.
 */
import { findKubeBinaries } from '@trunkline/testkit';
import { afterAll, beforeAll, describe } from 'vitest';
import {
  startReal,
  startSimulated,
  type KubeTarget,
  type RealOptions,
  type SimulatedOptions,
} from './targets.js';

export interface OnBoth {
  readonly title: (server: 'simulated' | 'real') => string;
  /** What is said of the suite where there is no real server: "live lists were tested". */
  readonly ran: string;
  readonly suites: readonly ((use: () => KubeTarget) => void)[];
  readonly simulated?: SimulatedOptions;
  readonly real?: RealOptions;
  /** Before the suites, once for each server. */
  readonly prepare?: (target: KubeTarget) => Promise<void>;
  /** How long a server may take to start, in milliseconds. */
  readonly startMs: number;
}

export function onBoth(options: OnBoth): void {
  const { simulated, real, ran } = options;
  run('simulated', () => startSimulated(simulated), options);
  if (findKubeBinaries() !== undefined) return run('real', () => startReal(real), options);
  console.warn(
    `\n*** There is no real Kubernetes API server on this machine: ${ran} on the simulated one alone. ***\n` +
      '*** `npm run setup:kube` builds one from a source package of Debian, once; then `npm test` finds it. ***\n',
  );
}

function run(
  server: 'simulated' | 'real',
  start: () => Promise<KubeTarget | undefined>,
  { title, suites, prepare, startMs }: OnBoth,
): void {
  describe(title(server), () => {
    let target: KubeTarget | undefined;
    beforeAll(async () => {
      target = await start();
      if (target !== undefined) await prepare?.(target);
    }, startMs);
    afterAll(async () => {
      await target?.dispose();
    });
    const use = (): KubeTarget => {
      if (target === undefined) throw new Error(`the ${server} API server did not start`);
      return target;
    };
    for (const suite of suites) suite(use);
  });
}
