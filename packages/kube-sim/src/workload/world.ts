/**
 * What the stories share: the applications and nodes of the demo cluster, its own stream of chance, and writing to the cluster such that
 * the workload can tell its own changes from those of users.
 */
import { createSeededRandom, randomInt, randomUuid, type Random } from '@trunkline/base';
import type { KubeSim } from '../kube-sim.js';
import { toTimestamp, type KubeObject, type ObjectDraft } from '../model/objects.js';
import type { ResourceType } from '../model/resource-type.js';
import type { WorkloadOptions } from './options.js';
import type { AppFacts, ReplicaSetFacts } from './shapes.js';
import { podSpec } from './shapes.js';

export interface App extends AppFacts {
  readonly pods: Set<string>;
  /** Stories scale up to this and not beyond, so that the cluster does not grow for ever. */
  readonly maxReplicas: number;
  set: ReplicaSetFacts;
  revision: number;
  /** Older replica sets, oldest first. */
  history: string[];
  /** A story has it in hand; others leave it alone. */
  busy: boolean;
}

/** Small applications may grow to this all the same. */
const MIN_CEILING = 4;
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

export class World {
  readonly sim: KubeSim;
  readonly options: WorkloadOptions;
  readonly random: Random;
  /** Decides what containers print. Apart from `random`, so that reading logs changes nothing else. */
  readonly logRandom: Random;
  readonly apps: App[] = [];
  readonly nodes: string[] = [];
  readonly types: Readonly<
    Record<
      'pods' | 'nodes' | 'namespaces' | 'events' | 'services' | 'configmaps' | 'deployments' | 'replicasets',
      ResourceType
    >
  >;
  readonly #events: { readonly namespace: string; readonly name: string }[] = [];
  #podAddress = 0;
  #writing = false;

  constructor(sim: KubeSim, options: WorkloadOptions) {
    this.sim = sim;
    this.options = options;
    this.random = createSeededRandom(options.seed);
    this.logRandom = createSeededRandom(options.seed + 1);
    const { registry } = sim.cluster;
    this.types = {
      pods: registry.require('pods'),
      nodes: registry.require('nodes'),
      namespaces: registry.require('namespaces'),
      events: registry.require('events'),
      services: registry.require('services'),
      configmaps: registry.require('configmaps'),
      deployments: registry.require('deployments', 'apps'),
      replicasets: registry.require('replicasets', 'apps'),
    };
  }

  /** True while a change of the workload itself is being told to listeners. */
  get writing(): boolean {
    return this.#writing;
  }

  now(): string {
    return toTimestamp(this.sim.deps.clock.now());
  }

  /** A time in the past, up to `days` ago. */
  past(days: number): string {
    return toTimestamp(this.sim.deps.clock.now() - randomInt(this.random, days * 86_400) * 1000);
  }

  put(resource: keyof World['types'], draft: ObjectDraft): KubeObject {
    this.#writing = true;
    try {
      return this.sim.cluster.put(this.types[resource], draft).object;
    } finally {
      this.#writing = false;
    }
  }

  remove(resource: keyof World['types'], namespace: string, name: string): boolean {
    this.#writing = true;
    try {
      return this.sim.cluster.remove(this.types[resource], namespace, name);
    } finally {
      this.#writing = false;
    }
  }

  get(resource: keyof World['types'], namespace: string, name: string): KubeObject | undefined {
    return this.sim.cluster.get(this.types[resource], namespace, name)?.object;
  }

  /** Namespaces that are being deleted take nothing new. */
  accepts(namespace: string): boolean {
    return (
      this.get('namespaces', '', namespace)?.metadata.deletionTimestamp === undefined &&
      this.get('namespaces', '', namespace) !== undefined
    );
  }

  /** An application that has no pods yet. */
  app(facts: AppFacts, set: ReplicaSetFacts, replicas: number): App {
    return {
      ...facts,
      set,
      pods: new Set(),
      maxReplicas: Math.max(MIN_CEILING, replicas * 2),
      revision: 1,
      history: [],
      busy: false,
    };
  }

  uid(): string {
    return randomUuid(this.random);
  }

  suffix(length: number): string {
    let text = '';
    for (let index = 0; index < length; index++) text += ALPHABET[randomInt(this.random, ALPHABET.length)];
    return text;
  }

  pick<T>(from: readonly T[]): T | undefined {
    return from[randomInt(this.random, from.length)];
  }

  podAddress(): string {
    const next = this.#podAddress++;
    return `10.${128 + ((next >> 16) & 63)}.${(next >> 8) & 255}.${next & 255}`;
  }

  replicaSet(app: AppFacts, image: string): ReplicaSetFacts {
    const hash = this.suffix(9);
    return { name: `${app.name}-${hash}`, uid: this.uid(), hash, image, podSpec: podSpec(app, image) };
  }

  /** An Event about an object, as controllers write them. Two changes when an old one has to go. */
  note(
    object: KubeObject,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    component: string,
  ): void {
    const namespace = object.metadata.namespace ?? 'default';
    if (!this.accepts(namespace)) return;
    const name = `${object.metadata.name}.${this.suffix(16)}`;
    const at = this.now();
    this.put('events', {
      metadata: { name, namespace, uid: this.uid() },
      involvedObject: {
        kind: object.kind,
        namespace,
        name: object.metadata.name,
        uid: object.metadata.uid,
        apiVersion: object.apiVersion,
        resourceVersion: object.metadata.resourceVersion,
      },
      type,
      reason,
      message,
      count: 1,
      firstTimestamp: at,
      lastTimestamp: at,
      source: { component },
      reportingComponent: component,
    });
    this.#events.push({ namespace, name });
    if (this.#events.length <= this.options.maxEvents) return;
    const oldest = this.#events.shift();
    if (oldest !== undefined) this.remove('events', oldest.namespace, oldest.name);
  }
}
