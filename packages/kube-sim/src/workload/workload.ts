/**
 * Brings a simulated cluster to life: fills it, then lets stories happen at a steady rate, and answers to what users do through the API
 * (a deleted pod is replaced, a scaled or new deployment gets its pods) the way controllers and kubelets would. Everything is decided by
 * the seed and by what users do; time comes from the clock of the server.
 */
import { every, type Disposable, type Timer } from '@trunkline/base';
import type { Change } from '../cluster/event-log.js';
import type { KubeSim } from '../kube-sim.js';
import { readText, type KubeObject } from '../model/objects.js';
import { logLine } from './log-lines.js';
import { resolveWorkloadOptions, type WorkloadOptions } from './options.js';
import { populate } from './populate.js';
import {
  crash,
  flap,
  heartbeat,
  reconcile,
  reconfigure,
  rollout,
  scale,
  stopPod,
  wantedReplicas,
  type Story,
} from './stories.js';
import { World, type App } from './world.js';

export interface Workload extends Disposable {
  /** Resolves when the cluster is filled; stories begin then. */
  readonly ready: Promise<void>;
  /** Changes made since it is ready. */
  readonly changes: () => number;
}

interface Running {
  readonly story: Story;
  readonly app: App | undefined;
}

/** Weights of what begins next; `rollout` is long, so few of them make most of the changes. */
const BEGINNINGS: readonly (readonly [
  weight: number,
  begin: (world: World, app: App) => Story,
  exclusive: boolean,
])[] = [
  [8, (world) => heartbeat(world), false],
  [6, flap, false],
  [4, reconfigure, false],
  [4, crash, false],
  [3, scale, true],
  [2, rollout, true],
];
const TOTAL_WEIGHT = BEGINNINGS.reduce((sum, [weight]) => sum + weight, 0);
/** Lines that a pod is found to have printed when its log is first read. */
const FIRST_LINES = 50;
/** A backlog of changes is worked off up to this much; the rest is let go, so that a stalled process does not burst afterwards. */
const MAX_CREDIT_MS = 1_000;
/** What users did and nobody has answered to yet; beyond it nothing is answered until there is room. */
const MAX_URGENT = 100_000;
/** Steps per tick for what users did: a deleted pod is replaced within a few ticks. */
const URGENT_STEPS = 20;
/** Steps for which an answer to a user waits while a story has the application in hand. */
const MAX_WAIT_STEPS = 1_000;
/** Chance of a line per tick for a log that is followed: four lines a second at 50 ms. */
const TALK_CHANCE = 0.2;

export function startWorkload(sim: KubeSim, given?: Partial<WorkloadOptions>): Workload {
  return new RunningWorkload(sim, resolveWorkloadOptions(given));
}

class RunningWorkload implements Workload {
  readonly ready: Promise<void>;
  readonly #world: World;
  readonly #stops: (() => void)[] = [];
  #timer: Timer | undefined;
  #running: Running[] = [];
  #urgent: Running[] = [];
  /** Applications that wait to be brought in line: once is enough, however many of their pods were deleted. */
  readonly #awaiting = new Set<App>();
  #credit = 0;
  #lastMs = 0;
  #startVersion = 0;
  #disposed = false;

  constructor(sim: KubeSim, options: WorkloadOptions) {
    this.#world = new World(sim, options);
    sim.logs.onFirstUse = (_namespace, _pod, container) => this.#firstLines(container);
    const filling = populate(this.#world);
    this.ready = new Promise((resolve) => this.#fill(filling, resolve));
  }

  changes = (): number =>
    this.#startVersion === 0 ? 0 : this.#world.sim.cluster.version - this.#startVersion;

  dispose(): void {
    this.#disposed = true;
    this.#timer?.cancel();
    for (const stop of this.#stops.splice(0)) stop();
  }

  #fill(filling: Generator<void, void, void>, resolve: () => void): void {
    const { clock } = this.#world.sim.deps;
    for (let made = 0; made < this.#world.options.populateSlice; made++) {
      if (!this.#disposed && filling.next().done !== true) continue;
      if (!this.#disposed) this.#begin();
      resolve();
      return;
    }
    this.#timer = clock.setImmediate(() => this.#fill(filling, resolve));
  }

  #begin(): void {
    const { sim, types, options } = this.#world;
    this.#startVersion = sim.cluster.version;
    this.#lastMs = sim.deps.clock.monotonic();
    this.#stops.push(
      sim.cluster.collection(types.pods).listen((change) => this.#onPod(change)),
      sim.cluster.collection(types.deployments).listen((change) => this.#onDeployment(change)),
    );
    this.#timer = every(sim.deps.clock, options.tickMs, () => this.#tick());
  }

  #tick(): void {
    const { sim, options } = this.#world;
    const now = sim.deps.clock.monotonic();
    const elapsed = Math.min(now - this.#lastMs, MAX_CREDIT_MS);
    this.#lastMs = now;
    this.#credit += (elapsed * options.eventsPerSecond) / 1000;
    while (this.#credit >= 1) {
      const before = sim.cluster.version;
      if (!this.#step()) break;
      // Steps that changed nothing cost a little all the same, so that the loop ends.
      this.#credit -= Math.max(0.1, sim.cluster.version - before);
    }
    // What users did is answered to even in a cluster that stands still.
    for (let step = 0; step < URGENT_STEPS && this.#urgent.length > 0; step++) this.#advance(this.#urgent, 0);
    this.#talk();
  }

  /** One step of one story; begins another where there are few. */
  #step(): boolean {
    if (this.#running.length < this.#world.options.maxStories) this.#beginStory();
    if (this.#running.length === 0) return false;
    this.#advance(this.#running, Math.floor(this.#world.random.next() * this.#running.length));
    return true;
  }

  #advance(stories: Running[], index: number): void {
    const running = stories[index];
    if (running === undefined || running.story.next().done !== true) return;
    stories.splice(index, 1);
    if (running.app !== undefined) running.app.busy = false;
  }

  #beginStory(): void {
    const app = this.#world.pick(this.#world.apps);
    if (app === undefined) return;
    let at = this.#world.random.next() * TOTAL_WEIGHT;
    for (const [weight, begin, exclusive] of BEGINNINGS) {
      at -= weight;
      if (at >= 0) continue;
      if (exclusive && app.busy) return;
      if (exclusive) app.busy = true;
      this.#running.push({ story: begin(this.#world, app), app: exclusive ? app : undefined });
      return;
    }
  }

  #onPod({ type, current, previous }: Change): void {
    if (this.#world.writing) return;
    const { namespace = '', name, deletionTimestamp } = current.object.metadata;
    const app = this.#world.apps.find((one) => one.namespace === namespace && one.pods.has(name));
    if (type === 'DELETED') {
      app?.pods.delete(name);
      this.#reconcile(app);
    } else if (deletionTimestamp !== undefined && previous?.object.metadata.deletionTimestamp === undefined) {
      this.#answer(stopPod(this.#world, app, namespace, name));
      this.#reconcile(app);
    }
  }

  #onDeployment({ type, current: { object }, previous }: Change): void {
    if (this.#world.writing) return;
    const { namespace = '', name } = object.metadata;
    const app =
      this.#world.apps.find((one) => one.namespace === namespace && one.name === name) ??
      this.#adopt(type, object);
    const changed = previous === undefined || wantedReplicas(previous.object) !== wantedReplicas(object);
    if (type === 'DELETED' || changed) this.#reconcile(app);
  }

  /** A deployment that a user made becomes an application like the others. */
  #adopt(type: Change['type'], object: KubeObject): App | undefined {
    if (type !== 'ADDED') return undefined;
    const { namespace = '', name, uid = '' } = object.metadata;
    const facts = { namespace, name, uid };
    const image = readText(object, 'spec', 'template', 'spec', 'containers', 0, 'image') || `${name}:1`;
    const app = this.#world.app(facts, this.#world.replicaSet(facts, image), wantedReplicas(object));
    this.#world.apps.push(app);
    return app;
  }

  #reconcile(app: App | undefined): void {
    if (app === undefined || this.#awaiting.has(app)) return;
    if (this.#answer(reconcileLater(this.#world, app, () => this.#awaiting.delete(app))))
      this.#awaiting.add(app);
  }

  /** False when there is no room. */
  #answer(story: Story): boolean {
    if (this.#urgent.length >= MAX_URGENT) return false;
    this.#urgent.push({ story, app: undefined });
    return true;
  }

  /** Containers whose log is followed print something. */
  #talk(): void {
    const { sim, logRandom } = this.#world;
    for (const { namespace, pod, container } of [...sim.logs.followed()])
      if (logRandom.next() < TALK_CHANCE)
        sim.logs.append(namespace, pod, container, logLine(logRandom, container));
  }

  #firstLines(container: string): { atMs: number; text: string }[] {
    const now = this.#world.sim.deps.clock.now();
    return Array.from({ length: FIRST_LINES }, (_, index) => ({
      atMs: now - (FIRST_LINES - index) * 1000,
      text: logLine(this.#world.logRandom, container),
    }));
  }
}

/** Waits for whoever has the application in hand, then brings it in line. What happens after `onBegin` is for the next one. */
function* reconcileLater(world: World, app: App, onBegin: () => void): Story {
  for (let waited = 0; app.busy && waited < MAX_WAIT_STEPS; waited++) yield;
  onBegin();
  yield* reconcile(world, app);
}
