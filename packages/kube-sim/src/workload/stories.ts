/**
 * What happens in a demo cluster, as generators: each step makes one change (or a change and its Event) and yields. Stories run side by
 * side, so a step reads what is there now and a story ends quietly when its object is gone.
 */
import { randomInt } from '@trunkline/base';
import { read, readText, type KubeObject } from '../model/objects.js';
import { crashed, creating, running, scheduled, stopped, terminating } from './pod-life.js';
import {
  configDraft,
  nodeAddress,
  nodeConditions,
  podDraft,
  podSpec,
  replicaSetDraft,
  replicaStatus,
  type ReplicaSetFacts,
} from './shapes.js';
import type { App, World } from './world.js';

export type Story = Generator<void, void, void>;

/** A new pod of the application's present set, until it is ready. */
export function* startPod(world: World, app: App): Story {
  const { namespace, set } = app;
  if (!world.accepts(namespace)) return;
  const name = `${set.name}-${world.suffix(5)}`;
  app.pods.add(name);
  const pod = world.put('pods', podDraft(app, set, name, world.uid(), world.now()));
  const uid = pod.metadata.uid;
  yield;
  /** The pod as it is now, unless it was deleted or is on its way out. */
  const alive = (): KubeObject | undefined => {
    const now = world.get('pods', namespace, name);
    return now?.metadata.uid === uid && now?.metadata.deletionTimestamp === undefined ? now : undefined;
  };
  const at = randomInt(world.random, Math.max(1, world.nodes.length));
  const node = world.nodes[at] ?? 'node-001';
  for (const step of [
    (now: KubeObject) => {
      const next = world.put('pods', scheduled(now, node, world.now()));
      world.note(
        next,
        'Normal',
        'Scheduled',
        `Successfully assigned ${namespace}/${name} to ${node}`,
        'default-scheduler',
      );
    },
    (now: KubeObject) => {
      const next = world.put('pods', creating(now, nodeAddress(at), world.now()));
      world.note(next, 'Normal', 'Pulling', `Pulling image "${set.image}"`, 'kubelet');
    },
    (now: KubeObject) => {
      const next = world.put('pods', running(now, world.podAddress(), false, world.now()));
      world.note(next, 'Normal', 'Started', `Started container ${app.name}`, 'kubelet');
    },
    (now: KubeObject) =>
      void world.put('pods', running(now, readText(now, 'status', 'podIP'), true, world.now())),
  ]) {
    const now = alive();
    if (now === undefined) return;
    step(now);
    yield;
  }
}

/** Ends a pod the graceful way; one that is marked already goes on from there. */
export function* stopPod(world: World, app: App | undefined, namespace: string, name: string): Story {
  const pod = world.get('pods', namespace, name);
  app?.pods.delete(name);
  if (pod === undefined) return;
  if (pod.metadata.deletionTimestamp === undefined) {
    const marked = world.put('pods', terminating(pod, world.now()));
    world.note(
      marked,
      'Normal',
      'Killing',
      `Stopping container ${readText(pod, 'spec', 'containers', 0, 'name')}`,
      'kubelet',
    );
    yield;
  }
  const marked = world.get('pods', namespace, name);
  if (marked === undefined || marked.metadata.uid !== pod.metadata.uid) return;
  world.put('pods', stopped(marked, world.now()));
  yield;
  if ((world.get('pods', namespace, name)?.metadata.finalizers?.length ?? 0) > 0) return;
  world.remove('pods', namespace, name);
  yield;
}

/** Brings pods to the number that the deployment asks for, and its status in line. Also what clears up behind a deleted deployment. */
export function* reconcile(world: World, app: App): Story {
  const deployment = world.get('deployments', app.namespace, app.name);
  if (deployment === undefined) {
    for (const pod of [...app.pods]) yield* stopPod(world, app, app.namespace, pod);
    for (const set of [...app.history, app.set.name]) {
      world.remove('replicasets', app.namespace, set);
      yield;
    }
    // Another reconciliation may have been here before.
    const index = world.apps.indexOf(app);
    if (index >= 0) world.apps.splice(index, 1);
    return;
  }
  if (!world.accepts(app.namespace)) return;
  const wanted = wantedReplicas(deployment);
  while (app.pods.size < wanted && world.accepts(app.namespace)) yield* startPod(world, app);
  for (const pod of [...app.pods].slice(wanted)) yield* stopPod(world, app, app.namespace, pod);
  yield* settle(world, app);
}

/** Pods one by one from the old image to a new one, old sets kept at zero, the oldest dropped. */
export function* rollout(world: World, app: App): Story {
  const deployment = world.get('deployments', app.namespace, app.name);
  if (deployment === undefined) return;
  const [repository = app.name] = app.set.image.split(':');
  app.revision++;
  const image = `${repository}:1.${app.revision}.${randomInt(world.random, 10)}`;
  const template = { metadata: { labels: { app: app.name } }, spec: podSpec(app, image) };
  const { metadata } = deployment;
  world.put('deployments', {
    ...deployment,
    metadata: {
      ...metadata,
      generation: (metadata.generation ?? 0) + 1,
      annotations: { ...metadata.annotations, 'deployment.kubernetes.io/revision': String(app.revision) },
    },
    spec: { ...deployment.spec, template },
  });
  yield;
  yield* replaceSet(world, app, world.replicaSet(app, image));
  yield* settle(world, app);
}

function* replaceSet(world: World, app: App, set: ReplicaSetFacts): Story {
  const before = app.set;
  app.set = set;
  app.history.push(before.name);
  world.put('replicasets', replicaSetDraft(app, set, app.pods.size, world.now()));
  yield;
  const old = [...app.pods];
  for (const pod of old) {
    yield* startPod(world, app);
    yield* stopPod(world, app, app.namespace, pod);
  }
  const left = world.get('replicasets', app.namespace, before.name);
  if (left !== undefined) {
    world.put('replicasets', {
      ...left,
      spec: { ...left.spec, replicas: 0 },
      status: { observedGeneration: 1, replicas: 0 },
    });
    yield;
  }
  const oldest = app.history.length > 2 ? app.history.shift() : undefined;
  if (oldest !== undefined) {
    world.remove('replicasets', app.namespace, oldest);
    yield;
  }
}

/** One to three replicas more or fewer, never none and never more than the application may have. */
export function* scale(world: World, app: App): Story {
  const deployment = world.get('deployments', app.namespace, app.name);
  if (deployment === undefined) return;
  const step = (1 + randomInt(world.random, 3)) * (app.pods.size > 2 && world.random.next() < 0.5 ? -1 : 1);
  const present = wantedReplicas(deployment);
  // Where a user asked for more than that, it stays as it is.
  const replicas = Math.max(1, Math.min(present + step, Math.max(present, app.maxReplicas)));
  if (replicas === present) return;
  const { metadata } = deployment;
  const next = world.put('deployments', {
    ...deployment,
    metadata: { ...metadata, generation: (metadata.generation ?? 0) + 1 },
    spec: { ...deployment.spec, replicas },
  });
  world.note(
    next,
    'Normal',
    'ScalingReplicaSet',
    `Scaled replica set ${app.set.name} to ${replicas}`,
    'deployment-controller',
  );
  yield;
  yield* reconcile(world, app);
}

function* settle(world: World, app: App): Story {
  const deployment = world.get('deployments', app.namespace, app.name);
  if (deployment === undefined) return;
  const { size } = app.pods;
  world.put('deployments', {
    ...deployment,
    status: replicaStatus(size, size, deployment.metadata.generation ?? 1),
  });
  yield;
  const set = world.get('replicasets', app.namespace, app.set.name);
  if (set === undefined) return;
  world.put('replicasets', {
    ...set,
    spec: { ...set.spec, replicas: size },
    status: { ...replicaStatus(size, size, 1), fullyLabeledReplicas: size },
  });
  yield;
}

/** A container dies, waits, and comes back. */
export function* crash(world: World, app: App): Story {
  const name = world.pick([...app.pods]);
  const pod = name === undefined ? undefined : world.get('pods', app.namespace, name);
  if (name === undefined || pod === undefined || !isUp(pod)) return;
  const { namespace } = app;
  const exitCode = world.random.next() < 0.3 ? 137 : 1;
  world.sim.logs.restart(namespace, name, app.name);
  const down = world.put('pods', crashed(pod, exitCode, world.now()));
  world.note(
    down,
    'Warning',
    'BackOff',
    `Back-off restarting failed container ${app.name} in pod ${name}`,
    'kubelet',
  );
  yield;
  for (const ready of [false, true]) {
    const now = world.get('pods', namespace, name);
    if (now === undefined || now.metadata.deletionTimestamp !== undefined) return;
    world.put('pods', running(now, readText(now, 'status', 'podIP'), ready, world.now()));
    yield;
  }
}

/** A readiness probe fails once and recovers. */
export function* flap(world: World, app: App): Story {
  const name = world.pick([...app.pods]);
  for (const ready of [false, true]) {
    const pod = name === undefined ? undefined : world.get('pods', app.namespace, name);
    if (
      pod === undefined ||
      pod.metadata.deletionTimestamp !== undefined ||
      readText(pod, 'status', 'phase') !== 'Running'
    )
      return;
    const next = world.put('pods', running(pod, readText(pod, 'status', 'podIP'), ready, world.now()));
    if (!ready)
      world.note(
        next,
        'Warning',
        'Unhealthy',
        'Readiness probe failed: HTTP probe failed with statuscode: 503',
        'kubelet',
      );
    yield;
  }
}

export function* heartbeat(world: World): Story {
  const name = world.pick(world.nodes);
  const node = name === undefined ? undefined : world.get('nodes', '', name);
  if (node === undefined) return;
  const since = readText(node, 'status', 'conditions', 3, 'lastTransitionTime');
  world.put('nodes', { ...node, status: { ...node.status, conditions: nodeConditions(world.now(), since) } });
  yield;
}

export function* reconfigure(world: World, app: App): Story {
  const name = `${app.name}-config`;
  const config = world.get('configmaps', app.namespace, name);
  if (config === undefined) return;
  const revision = Number(read(config, 'data', 'CONFIG_REVISION') ?? 0) + 1;
  world.put('configmaps', {
    ...config,
    ...configDraft(app, revision, config.metadata.creationTimestamp ?? world.now()),
    metadata: config.metadata,
  });
  yield;
}

export function isUp(pod: KubeObject): boolean {
  return (
    pod.metadata.deletionTimestamp === undefined &&
    read(pod, 'status', 'containerStatuses', 0, 'ready') === true
  );
}

export function wantedReplicas(deployment: KubeObject): number {
  return Math.max(0, Number(read(deployment, 'spec', 'replicas') ?? 1));
}
