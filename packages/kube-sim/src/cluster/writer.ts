/**
 * The API's rules for changing objects: existence, conflicts, what `/status` may touch, graceful deletion, finalizers, namespaces that
 * empty themselves. Every method answers with the object as it is afterwards or throws a `StatusError`. Rights were checked before.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  isObject,
  read,
  readText,
  toTimestamp,
  type KubeObject,
  type ObjectDraft,
} from '../model/objects.js';
import { apiVersionOf, type ResourceType } from '../model/resource-type.js';
import { alreadyExists, conflict, forbidden, invalid, notFound, StatusError } from '../model/status.js';
import { admit, withDefaults } from './admission.js';
import type { Cluster } from './cluster.js';
import { acceptDefinition, typesOfDefinition } from './definitions.js';
import type { Stored } from './stored.js';

export interface WriteOptions {
  /** Who is written into `managedFields`. */
  readonly manager: string;
  readonly dryRun: boolean;
}

export interface DeleteOptions {
  readonly gracePeriodSeconds: number | undefined;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly dryRun: boolean;
}

export interface Deleted {
  readonly object: KubeObject;
  /** False while the object waits for its grace period or its finalizers. */
  readonly gone: boolean;
}

/** Makes the next state of an object from its present one. */
export type Change = (current: KubeObject) => ObjectDraft;

export class Writer {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  create(
    type: ResourceType,
    namespace: string,
    body: ObjectDraft,
    { manager, dryRun }: WriteOptions,
  ): KubeObject {
    if (type.namespaced) this.#requireNamespace(type, namespace);
    const admitted = admit(type, namespace, body, this.#cluster.random);
    const { name } = admitted.metadata;
    if (body.metadata.resourceVersion)
      throw new StatusError(500, '', 'resourceVersion should not be set on objects to be created');
    if (this.#cluster.get(type, namespace, name) !== undefined) throw alreadyExists(type, name);
    let object = withDefaults(type, admitted);
    if (type.kind === 'CustomResourceDefinition') object = this.#checkDefinition(object);
    const {
      uid: _uid,
      deletionTimestamp: _deletion,
      creationTimestamp: _creation,
      ...metadata
    } = object.metadata;
    object = { ...object, metadata: { ...metadata, managedFields: this.#managed(type, manager, object) } };
    if (dryRun) return object;
    return this.#cluster.put(type, object).object;
  }

  /** Update and patch. With `status` only the status is taken over, else everything but the status (where the resource has one of its own). */
  change(
    type: ResourceType,
    namespace: string,
    name: string,
    change: Change,
    subresource: '' | 'status',
    { manager, dryRun }: WriteOptions,
  ): KubeObject {
    const stored = this.#require(type, namespace, name);
    const before = stored.object;
    const draft = change(before);
    this.#checkIdentity(type, stored, draft);
    const admitted = admit(type, namespace, draft, this.#cluster.random);
    const next = this.#carry(type, before, admitted, subresource);
    if (type.kind === 'CustomResourceDefinition') typesOfDefinition(next);
    // A change of nothing is no change: no version, no event.
    if (isDeepStrictEqual(withoutManaged(next), withoutManaged(before))) return before;
    const object = {
      ...next,
      metadata: { ...next.metadata, managedFields: this.#managed(type, manager, next) },
    };
    if (dryRun) return object;
    // The last finalizer went: what is seen of it is the deletion, not the update.
    if (isDeleted(object) && !isReleased(before) && isReleased(object)) {
      this.#cluster.remove(type, namespace, name);
      return object;
    }
    return this.#cluster.put(type, object).object;
  }

  delete(type: ResourceType, namespace: string, name: string, options: DeleteOptions): Deleted {
    const stored = this.#require(type, namespace, name);
    const { object } = stored;
    if (options.uid !== undefined && options.uid !== object.metadata.uid)
      throw conflict(
        type,
        name,
        `Precondition failed: UID in precondition: ${options.uid}, UID in object meta: ${object.metadata.uid}`,
      );
    if (options.resourceVersion !== undefined && options.resourceVersion !== object.metadata.resourceVersion)
      throw conflict(
        type,
        name,
        `Precondition failed: ResourceVersion in precondition: ${options.resourceVersion}`,
      );
    const grace = graceOf(object, options.gracePeriodSeconds);
    if (options.dryRun) return { object, gone: grace === 0 };
    if (type.kind === 'Namespace') return this.#terminateNamespace(type, object);
    if (grace > 0 || (object.metadata.finalizers?.length ?? 0) > 0) return this.#mark(type, object, grace);
    // What may be given time shows the mark first, even where it is given none.
    const last = type.kind === 'Pod' ? this.#mark(type, object, grace).object : object;
    this.#cluster.remove(type, namespace, name);
    return { object: last, gone: true };
  }

  #require(type: ResourceType, namespace: string, name: string): Stored {
    const stored = this.#cluster.get(type, namespace, name);
    if (stored === undefined) throw notFound(type, name);
    return stored;
  }

  #requireNamespace(type: ResourceType, name: string): void {
    const namespaces = this.#cluster.registry.require('namespaces');
    const namespace = this.#cluster.get(namespaces, '', name);
    if (namespace === undefined) throw notFound(namespaces, name);
    if (namespace.object.metadata.deletionTimestamp !== undefined)
      throw forbidden(
        type,
        '',
        `unable to create new content in namespace ${name} because it is being terminated`,
      );
  }

  #checkIdentity(type: ResourceType, stored: Stored, { metadata }: ObjectDraft): void {
    const before = stored.object.metadata;
    if (metadata.name !== undefined && metadata.name !== before.name)
      throw new StatusError(
        400,
        'BadRequest',
        `the name of the object (${metadata.name}) does not match the name on the URL (${before.name})`,
      );
    if (metadata.uid !== undefined && metadata.uid !== before.uid)
      throw conflict(
        type,
        before.name,
        `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${before.uid}`,
      );
    if (type.custom && !metadata.resourceVersion)
      throw invalid(type.kind, type.group, before.name, [
        {
          reason: 'FieldValueInvalid',
          message: 'Invalid value: 0x0: must be specified for an update',
          field: 'metadata.resourceVersion',
        },
      ]);
    if (metadata.resourceVersion && metadata.resourceVersion !== before.resourceVersion)
      throw conflict(
        type,
        before.name,
        'the object has been modified; please apply your changes to the latest version and try again',
      );
  }

  /** The next state: fields of the server stay, the part that this request may not touch stays, a changed spec counts up. */
  #carry(
    type: ResourceType,
    before: KubeObject,
    admitted: KubeObject,
    subresource: '' | 'status',
  ): KubeObject {
    const fixed = {
      name: before.metadata.name,
      ...pick(before.metadata, [
        'uid',
        'creationTimestamp',
        'deletionTimestamp',
        'deletionGracePeriodSeconds',
        'generation',
        'resourceVersion',
        'managedFields',
      ]),
    };
    if (subresource === 'status') {
      const labels = pick(admitted.metadata, ['labels', 'annotations', 'finalizers', 'ownerReferences']);
      return {
        ...before,
        metadata: { ...before.metadata, ...labels, ...fixed },
        ...pick(admitted, ['status']),
      };
    }
    const { status: _status, ...rest } = admitted;
    const next: KubeObject = {
      ...(type.hasStatus ? { ...rest, ...pick(before, ['status']) } : admitted),
      metadata: { ...admitted.metadata, ...fixed },
    };
    if (before.metadata.generation === undefined || isDeepStrictEqual(next.spec, before.spec)) return next;
    return { ...next, metadata: { ...next.metadata, generation: before.metadata.generation + 1 } };
  }

  #checkDefinition(object: KubeObject): KubeObject {
    typesOfDefinition(object);
    const [group, plural] = [readText(object, 'spec', 'group'), readText(object, 'spec', 'names', 'plural')];
    if (this.#cluster.registry.isBuiltin(group, plural))
      throw invalid('CustomResourceDefinition', 'apiextensions.k8s.io', object.metadata.name, [
        {
          reason: 'FieldValueForbidden',
          message: 'Forbidden: the server has this resource itself',
          field: 'spec.names.plural',
        },
      ]);
    return acceptDefinition(object, this.#cluster.clock.now());
  }

  #mark(type: ResourceType, object: KubeObject, graceSeconds: number): Deleted {
    const now = this.#cluster.clock.now();
    const earlier = object.metadata.deletionGracePeriodSeconds;
    if (object.metadata.deletionTimestamp !== undefined && earlier !== undefined && earlier <= graceSeconds)
      return { object, gone: false };
    const marked = this.#cluster.put(type, {
      ...object,
      metadata: {
        ...object.metadata,
        deletionTimestamp: toTimestamp(now + graceSeconds * 1000),
        deletionGracePeriodSeconds: graceSeconds,
      },
    });
    return { object: marked.object, gone: false };
  }

  #terminateNamespace(type: ResourceType, object: KubeObject): Deleted {
    if (object.metadata.deletionTimestamp !== undefined) return { object, gone: false };
    const marked = this.#cluster.put(type, {
      ...object,
      metadata: { ...object.metadata, deletionTimestamp: toTimestamp(this.#cluster.clock.now()) },
      status: { ...object.status, phase: 'Terminating' },
    });
    this.#cluster.clock.setImmediate(() =>
      this.#emptyNamespace(type, object.metadata.name, object.metadata.uid),
    );
    return { object: marked.object, gone: false };
  }

  /** Removes the content a slice at a time, the namespace last. Objects with finalizers stay until these are gone; the namespace then waits. */
  #emptyNamespace(type: ResourceType, namespace: string, uid: string | undefined): void {
    const present = this.#cluster.get(type, '', namespace);
    if (present === undefined || present.object.metadata.uid !== uid) return;
    let left = NAMESPACE_SLICE;
    let waiting = false;
    for (const owned of this.#cluster.registry.types().filter((one) => one.namespaced)) {
      for (const { object } of [...this.#cluster.collection(owned).values()]) {
        if (object.metadata.namespace !== namespace) continue;
        if (left-- <= 0) {
          this.#cluster.clock.setImmediate(() => this.#emptyNamespace(type, namespace, uid));
          return;
        }
        if ((object.metadata.finalizers?.length ?? 0) === 0)
          this.#cluster.remove(owned, namespace, object.metadata.name);
        else {
          waiting = true;
          this.#mark(owned, object, 0);
        }
      }
    }
    if (waiting)
      this.#cluster.clock.setTimeout(() => this.#emptyNamespace(type, namespace, uid), NAMESPACE_RETRY_MS);
    else this.#cluster.remove(type, '', namespace);
  }

  #managed(type: ResourceType, manager: string, object: KubeObject): readonly unknown[] {
    const others = read(object, 'metadata', 'managedFields');
    const kept = Array.isArray(others)
      ? (others as unknown[]).filter((entry) => readText(entry, 'manager') !== manager)
      : [];
    const fields = Object.fromEntries(Object.keys(object.spec ?? {}).map((field) => [`f:${field}`, {}]));
    return [
      ...kept.slice(-MAX_MANAGERS),
      {
        manager,
        operation: 'Update',
        apiVersion: apiVersionOf(type),
        time: toTimestamp(this.#cluster.clock.now()),
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:spec': fields },
      },
    ];
  }
}

/** Objects removed from a terminating namespace per turn of the event loop. */
const NAMESPACE_SLICE = 500;
/** How often a namespace looks again for objects that wait for finalizers. */
const NAMESPACE_RETRY_MS = 1_000;
const MAX_MANAGERS = 9;

/** A pod that runs on a node is given time; everything else goes at once. */
function graceOf(object: KubeObject, asked: number | undefined): number {
  if (object.kind !== 'Pod' || readText(object, 'spec', 'nodeName') === '') return 0;
  const phase = readText(object, 'status', 'phase');
  if (phase === 'Succeeded' || phase === 'Failed') return 0;
  return Math.max(0, asked ?? Number(read(object, 'spec', 'terminationGracePeriodSeconds') ?? 30));
}

/** Marked for deletion, and its grace period is over (or it has none). */
function isDeleted({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.deletionGracePeriodSeconds ?? 0) === 0;
}

/** No finalizer holds the object back. */
function isReleased({ metadata }: KubeObject): boolean {
  return (metadata.finalizers?.length ?? 0) === 0;
}

function withoutManaged(object: KubeObject): unknown {
  // Through JSON, so that an absent field and an undefined one are the same.
  const { managedFields: _managed, ...metadata } = object.metadata;
  return JSON.parse(JSON.stringify({ ...object, metadata })) as unknown;
}

function pick(from: object, fields: readonly string[]): Record<string, unknown> {
  const entries = Object.entries(from).filter(
    ([field, value]) => fields.includes(field) && value !== undefined,
  );
  return Object.fromEntries(entries);
}

/** The body as a draft; throws 400 for what is no object. */
export function toDraft(body: unknown): ObjectDraft {
  if (!isObject(body))
    throw new StatusError(
      400,
      'BadRequest',
      'the object provided is unrecognized: the body is no JSON object',
    );
  const metadata = body['metadata'];
  return { ...body, metadata: isObject(metadata) ? metadata : {} } as ObjectDraft;
}
