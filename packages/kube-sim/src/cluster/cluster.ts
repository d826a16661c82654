/**
 * The cluster's memory: one counter of versions for everything, a collection per resource, the registry of resources. `put` and `remove`
 * commit without asking questions: they are for whoever plays a controller (the workload, tests); the API's own rules are in `writer.ts`.
 */
import { randomUuid, type Clock, type Random } from '@trunkline/base';
import { objectKey, toTimestamp, type KubeObject, type ObjectDraft } from '../model/objects.js';
import { apiVersionOf, storageKey, type ResourceType } from '../model/resource-type.js';
import { Collection, type CollectionOptions } from './collection.js';
import { typesOfDefinition } from './definitions.js';
import { ResourceRegistry } from './registry.js';
import { Stored } from './stored.js';

export interface ClusterDeps {
  readonly clock: Clock;
  readonly random: Random;
}

export interface ClusterOptions extends CollectionOptions {
  /** The version that the first change exceeds by one. */
  readonly initialVersion: number;
}

export class Cluster {
  readonly registry = new ResourceRegistry();
  readonly clock: Clock;
  readonly random: Random;
  readonly #options: ClusterOptions;
  readonly #collections = new Map<string, Collection>();
  #floor: number;
  #version: number;

  constructor({ clock, random }: ClusterDeps, options: ClusterOptions) {
    this.clock = clock;
    this.random = random;
    this.#options = options;
    this.#version = options.initialVersion;
    this.#floor = options.initialVersion;
    this.#followDefinitions();
  }

  /** Version of the last change anywhere. */
  get version(): number {
    return this.#version;
  }

  collection(type: Pick<ResourceType, 'group' | 'resource'>): Collection {
    const id = storageKey(type);
    let found = this.#collections.get(id);
    if (found === undefined) {
      found = new Collection(this.clock, this.#options, this.#floor);
      this.#collections.set(id, found);
    }
    return found;
  }

  get(type: ResourceType, namespace: string, name: string): Stored | undefined {
    return this.collection(type).get(objectKey(namespace, name));
  }

  /** Creates or replaces; fills in kind, apiVersion, uid and creation time where they are missing. Returns what was stored. */
  put(type: ResourceType, draft: ObjectDraft): Stored {
    const collection = this.collection(type);
    const { name, namespace = '' } = draft.metadata;
    if (name === undefined || name === '') throw new RangeError('metadata.name must be given');
    const key = objectKey(type.namespaced ? namespace : '', name);
    const previous = collection.get(key);
    const version = ++this.#version;
    const object: KubeObject = {
      ...draft,
      kind: type.kind,
      apiVersion: apiVersionOf(type),
      metadata: {
        ...draft.metadata,
        name,
        uid: draft.metadata.uid ?? previous?.object.metadata.uid ?? randomUuid(this.random),
        resourceVersion: String(version),
        creationTimestamp:
          draft.metadata.creationTimestamp ??
          previous?.object.metadata.creationTimestamp ??
          toTimestamp(this.clock.now()),
      },
    };
    const current = new Stored(key, object, version);
    collection.apply({ type: previous === undefined ? 'ADDED' : 'MODIFIED', version, current, previous });
    return current;
  }

  /** Deletes at once, whatever finalizers say. False when there was nothing. */
  remove(type: ResourceType, namespace: string, name: string): boolean {
    const collection = this.collection(type);
    const previous = collection.get(objectKey(namespace, name));
    if (previous === undefined) return false;
    const version = ++this.#version;
    collection.apply({ type: 'DELETED', version, current: previous.withVersion(version), previous });
    return true;
  }

  /** Empties watch caches and snapshots, of one resource or of all: older versions are gone from then on. */
  compact(type?: ResourceType): void {
    const collections = type === undefined ? this.#collections.values() : [this.collection(type)];
    if (type === undefined) this.#floor = this.#version;
    for (const collection of collections) collection.forget(this.#version);
  }

  #followDefinitions(): void {
    const definitions = this.collection({
      group: 'apiextensions.k8s.io',
      resource: 'customresourcedefinitions',
    });
    definitions.listen(({ type, current }) => {
      const { name } = current.object.metadata;
      if (type === 'DELETED') {
        for (const served of this.registry
          .types()
          .filter((one) => one.custom && `${one.resource}.${one.group}` === name))
          for (const stored of [...this.collection(served).values()])
            this.remove(served, stored.object.metadata.namespace ?? '', stored.object.metadata.name);
        this.registry.removeCustom(name);
      } else {
        this.registry.setCustom(name, typesOfDefinition(current.object));
      }
    });
  }
}
