/** The cluster as it is found: nodes, namespaces, applications with their pods up and running. A generator, so that it is made in slices. */
import { randomInt } from '@trunkline/base';
import { running, scheduled } from './pod-life.js';
import {
  APPS,
  configDraft,
  deploymentDraft,
  namespaceDraft,
  NAMESPACES,
  nodeDraft,
  podDraft,
  replicaSetDraft,
  serviceDraft,
} from './shapes.js';
import type { World } from './world.js';

/** Yields after every object. */
export function* populate(world: World): Generator<void, void, void> {
  const { pods, nodes, namespaces } = world.options;
  for (let index = 0; index < nodes; index++) {
    world.nodes.push(world.put('nodes', nodeDraft(index, world.past(90))).metadata.name);
    yield;
  }
  const names = Array.from({ length: namespaces }, (_, index) => numbered(NAMESPACES, index));
  for (const name of names) {
    world.put('namespaces', namespaceDraft(name, world.past(90)));
    yield;
  }
  // Large clusters have larger applications rather than endlessly many.
  const scale = Math.max(1, Math.round(pods / 2_000));
  for (let made = 0, index = 0; made < pods; index++) {
    const replicas = Math.min(pods - made, (1 + randomInt(world.random, 6)) * scale);
    yield* populateApp(
      world,
      names[index % names.length] ?? 'default',
      numbered(APPS, Math.floor(index / names.length)),
      replicas,
    );
    made += replicas;
  }
}

function* populateApp(
  world: World,
  namespace: string,
  name: string,
  replicas: number,
): Generator<void, void, void> {
  const facts = { namespace, name, uid: world.uid() };
  const set = world.replicaSet(
    facts,
    `registry.example.com/${namespace}/${name}:1.0.${randomInt(world.random, 10)}`,
  );
  const app = world.app(facts, set, replicas);
  const createdAt = world.past(60);
  world.put('deployments', deploymentDraft(app, replicas, set, createdAt));
  world.put('replicasets', replicaSetDraft(app, set, replicas, createdAt));
  world.put('configmaps', configDraft(app, 1, createdAt));
  const service = world.apps.length;
  world.put('services', serviceDraft(app, `10.96.${(service >> 8) & 255}.${service & 255}`, createdAt));
  yield;
  for (let index = 0; index < replicas; index++) {
    const pod = `${set.name}-${world.suffix(5)}`;
    const at = world.past(14);
    const draft = podDraft(app, set, pod, world.uid(), at);
    const placed = scheduled(
      { ...draft, apiVersion: 'v1', kind: 'Pod', metadata: { ...draft.metadata, name: pod } },
      world.pick(world.nodes) ?? '',
      at,
    );
    world.put(
      'pods',
      running(
        { ...placed, apiVersion: 'v1', kind: 'Pod', metadata: { ...placed.metadata, name: pod } },
        world.podAddress(),
        true,
        at,
      ),
    );
    app.pods.add(pod);
    yield;
  }
  world.apps.push(app);
}

/** `shop`, `api`, …; from the second round on `shop-2`. */
function numbered(names: readonly string[], index: number): string {
  const name = names[index % names.length] ?? 'app';
  const round = Math.floor(index / names.length);
  return round === 0 ? name : `${name}-${round + 1}`;
}
