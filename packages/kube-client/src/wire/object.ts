/**
 * A Kubernetes object as this product keeps it: what one must know to find it, and its JSON in bytes, outside the garbage collector's heap. It never changes; a
 * new version is a new `KubeObject`. It is parsed when somebody reads `value`, and the parsed form is kept as long as somebody holds it.
 */
import { KubeError } from '../errors.js';
import { LAST_APPLIED, scanObject, type PruneOptions, type ScannedObject } from './scan.js';

/** A parsed object. Treat it as frozen: everybody who reads the same version gets the same one. */
export type KubeValue = Readonly<Record<string, unknown>>;

export class KubeObject {
  /** `namespace/name`, or `name` alone where there is no namespace. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  /** Tells a recreated object from a changed one; empty for the few kinds without. */
  readonly uid: string;
  /** The resourceVersion: opaque, to be compared for equality within one resource of one cluster. */
  readonly version: string;
  /** UTF-8 JSON text of the object, pruned. Not to be written to. */
  readonly json: Uint8Array;
  #value: WeakRef<KubeValue> | undefined;

  constructor(found: ScannedObject, json: Uint8Array) {
    this.namespace = found.namespace;
    this.name = found.name;
    this.key = keyOf(found);
    this.uid = found.uid;
    this.version = found.version;
    this.json = json;
  }

  /** The object, parsed. The same one on every call as long as somebody holds it. */
  get value(): KubeValue {
    const held = this.#value?.deref();
    if (held !== undefined) return held;
    const value = JSON.parse(
      Buffer.from(this.json.buffer, this.json.byteOffset, this.json.length).toString(),
    ) as KubeValue;
    this.#value = new WeakRef(value);
    return value;
  }
}

/** Kind and apiVersion of a list's items, which built-in resources leave out of the items. */
export interface ItemType {
  readonly kind: string;
  readonly apiVersion: string;
}

/**
 * Copies a found object out of the bytes it was found in, without the parts that were cut. `type` is written in front where the object does not say itself.
 * Throws `kubeBadAnswer` for one without a name.
 */
export function toObject(
  bytes: Uint8Array,
  found: ScannedObject,
  prune: PruneOptions,
  type?: ItemType,
): KubeObject {
  if (found.unusual) {
    const plain = rewrite(bytes.subarray(found.start, found.end), prune);
    // What matters is spelled out now; other names may need their escapes, and that is no reason to come here again.
    return toObject(plain, { ...scanObject(plain, prune), unusual: false }, prune, type);
  }
  if (found.name === '') throw new KubeError('kubeBadAnswer', 'an object without metadata.name');
  return new KubeObject(found, copy(bytes, found, headOf(found, type)));
}

function headOf(found: ScannedObject, type: ItemType | undefined): string {
  if (type === undefined) return '';
  const kind = found.kind === '' ? `"kind":${JSON.stringify(type.kind)},` : '';
  const apiVersion = found.apiVersion === '' ? `"apiVersion":${JSON.stringify(type.apiVersion)},` : '';
  return kind + apiVersion;
}

function copy(bytes: Uint8Array, { start, end, cuts }: ScannedObject, head: string): Uint8Array {
  const headBytes = Buffer.byteLength(head);
  let length = end - start + headBytes;
  for (let index = 0; index < cuts.length; index += 2) length -= (cuts[index + 1] ?? 0) - (cuts[index] ?? 0);
  // Of its own memory, not of the shared pool: one small object would keep a whole slab of the pool alive.
  const json = Buffer.allocUnsafeSlow(length);
  let [from, to] = [start, 0];
  if (head !== '') {
    json[0] = bytes[start] ?? 0;
    json.write(head, 1);
    [from, to] = [start + 1, 1 + headBytes];
  }
  for (let index = 0; index <= cuts.length; index += 2) {
    const piece = bytes.subarray(from, cuts[index] ?? end);
    json.set(piece, to);
    to += piece.length;
    from = cuts[index + 1] ?? end;
  }
  return json;
}

/** The slow way: the same object with every name spelled out. */
function rewrite(bytes: Uint8Array, prune: PruneOptions): Uint8Array {
  const value = JSON.parse(Buffer.from(bytes).toString()) as {
    metadata?: { managedFields?: unknown; annotations?: Record<string, unknown> };
  };
  if (!prune.keepManagedFields) delete value.metadata?.managedFields;
  if (!prune.keepLastApplied) delete value.metadata?.annotations?.[LAST_APPLIED];
  return Buffer.from(JSON.stringify(value));
}

/** As `toObject`, or the object that the caller knows already where it is the same version of the same one. */
export function toKnownObject(
  bytes: Uint8Array,
  found: ScannedObject,
  prune: PruneOptions,
  type: ItemType,
  known: (key: string) => KubeObject | undefined,
): KubeObject {
  const object = known(keyOf(found));
  const same = object?.uid === found.uid && object.version === found.version && found.version !== '';
  return same && !found.unusual ? object : toObject(bytes, found, prune, type);
}

function keyOf({ namespace, name }: ScannedObject): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}
