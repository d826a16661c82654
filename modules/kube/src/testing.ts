/** Doubles for tests of this module and of those that stand on it: an API server of rules, viewers, and a hub with both on a fake clock. */
import { createSeededRandom, silentLogger } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import type { Principal } from '@trunkline/hub';
import { createTestHub, testPrincipal, type TestHub } from '@trunkline/hub/testing';
import { kubeModule, type KubeModuleSetup } from './module.js';
import { createKube, type Kube, type KubeDeps } from './kube.js';
import type { ClusterOptions, KubeTuning } from './options.js';
import { MapViewer } from './testing/map-viewer.js';
import { RuleWorld } from './testing/rule-world.js';

export { MapViewer, type Followed, type ToldState, type Watched } from './testing/map-viewer.js';
export { RandomRules, type RandomRulesOptions } from './testing/random-rules.js';
export { RuleWorld, type Rule, type WorldObject } from './testing/rule-world.js';

export interface KubeBed {
  readonly clock: FakeClock;
  readonly world: RuleWorld;
  readonly kube: Kube;
  readonly hub: TestHub['hub'];
  /** Connected in that principal's name. */
  viewer(principal?: Partial<Principal>): Promise<MapViewer>;
  /** Runs a call while time moves as far as it needs. */
  during<T>(call: Promise<T>, withinMs?: number): Promise<T>;
  dispose(): Promise<void>;
}

export interface KubeBedOptions {
  /** Default: one, `c1`, of mode `impersonate`, seen by org `acme`. */
  readonly clusters?: readonly Partial<ClusterOptions>[];
  readonly tuning?: Partial<KubeTuning>;
  readonly setup?: Omit<KubeModuleSetup, 'kube'>;
  readonly credentials?: KubeDeps['credentials'];
  readonly seed?: number;
}

export function testCluster(given: Partial<ClusterOptions> = {}): ClusterOptions {
  return {
    id: 'c1',
    mode: 'impersonate',
    open: () => ({ server: 'http://fake' }),
    visibleTo: (org) => (org === 'acme' ? {} : undefined),
    ...given,
  };
}

export async function createKubeBed(given: KubeBedOptions = {}): Promise<KubeBed> {
  const clock = new FakeClock();
  const world = new RuleWorld();
  const { clusters = [{}], tuning = {}, setup = {}, credentials, seed = 1 } = given;
  const kube = createKube(
    {
      clock,
      random: createSeededRandom(seed),
      logger: silentLogger,
      connect: world.connect(clock),
      credentials,
    },
    { clusters: clusters.map(testCluster), ...tuning },
  );
  const { hub } = createTestHub({ pingIntervalMs: 0 }, { clock, seed });
  await hub.use(kubeModule({ kube, ...setup }));
  const during = async <T>(call: Promise<T>, withinMs = 10_000): Promise<T> => {
    let settled = false;
    const done = call.finally(() => (settled = true));
    done.catch(() => undefined);
    for (let waited = 0; waited < withinMs; waited += 10) {
      await clock.advance(settled ? 0 : 10);
      if (settled) return done;
    }
    throw new Error(`nothing came within ${withinMs} ms`);
  };
  return {
    clock,
    world,
    kube,
    hub,
    during,
    viewer: async (principal = {}) => {
      const viewer = new MapViewer(hub);
      await during(viewer.connect(testPrincipal(principal)));
      return viewer;
    },
    dispose: async () => {
      await during(Promise.resolve(hub.dispose()));
      await during(kube.dispose());
    },
  };
}
