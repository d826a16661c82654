/**
 * The shape of Kubernetes objects as this package sees them: envelope and metadata are typed, the rest is read by path. Objects are
 * never changed after they were stored; a change is a new object that may share parts with the old one.
 */

export interface JsonObject {
  readonly [field: string]: unknown;
}

export interface ObjectMeta extends JsonObject {
  readonly name: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string | null;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
}

export interface KubeObject extends JsonObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec?: JsonObject;
  readonly status?: JsonObject;
}

/** What a caller hands in: anything may be missing that the server fills in. */
export interface ObjectDraft extends JsonObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: Partial<ObjectMeta>;
  readonly spec?: JsonObject;
  readonly status?: JsonObject;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at `path`, undefined where the path leads nowhere. */
export function read(value: unknown, ...path: readonly (string | number)[]): unknown {
  let at: unknown = value;
  for (const step of path) {
    if (Array.isArray(at) && typeof step === 'number') at = (at as unknown[])[step];
    else if (isObject(at)) at = at[step];
    else return undefined;
  }
  return at;
}

/** Text at `path`; `''` where there is none. Numbers and booleans are written out. */
export function readText(value: unknown, ...path: readonly (string | number)[]): string {
  const found = read(value, ...path);
  if (typeof found === 'string') return found;
  return typeof found === 'number' || typeof found === 'boolean' ? String(found) : '';
}

/** The list at `path`; empty where there is none. */
export function readList(value: unknown, ...path: readonly (string | number)[]): readonly unknown[] {
  const found = read(value, ...path);
  return Array.isArray(found) ? (found as unknown[]) : [];
}

/** Wall time as objects carry it: RFC 3339 with whole seconds. */
export function toTimestamp(nowMs: number): string {
  return `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
}

/** Key of an object within its resource: `namespace/name`, or the name alone at cluster scope. */
export function objectKey(namespace: string, name: string): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}
