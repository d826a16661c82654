/** What the server knows about one resource in one version: its names, its scope, what can be done with it and how it is printed. */
import type { KubeObject } from './objects.js';

/** One column of the Table format. `priority` 0 is shown in narrow tables, 1 in wide ones. */
export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format: string;
  readonly description: string;
  readonly priority: number;
  /** `nowMs` is what ages are counted to. */
  readonly cell: (object: KubeObject, nowMs: number) => unknown;
}

export interface ResourceType {
  /** `''` for the core group. */
  readonly group: string;
  readonly version: string;
  /** Plural, as in paths. */
  readonly resource: string;
  readonly singular: string;
  readonly kind: string;
  readonly listKind: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** `/status` is written apart from the rest, and a change of the rest counts `metadata.generation` up. */
  readonly hasStatus: boolean;
  /** Registered at run time: list items carry their kind, DELETE answers with a Status. */
  readonly custom: boolean;
  readonly columns: readonly Column[];
}

/** `v1`, `apps/v1`. */
export function apiVersionOf(type: Pick<ResourceType, 'group' | 'version'>): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

/** Names what is stored together: all versions of a resource share their objects. */
export function storageKey(type: Pick<ResourceType, 'group' | 'resource'>): string {
  return `${type.group}/${type.resource}`;
}
