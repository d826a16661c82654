/**
 * The columns in which a cluster shows its kinds: those of the API server's tables, and for custom resources the paths of their definitions, so that others can work out the same cells.
 * Read when somebody asks, once for all who do, and kept like the kinds themselves. No cell of any object is kept: what is here says nothing of one.
 */
import type { Clock } from '@trunkline/base';
import {
  KubeError,
  type KubeCluster,
  type KubeObject,
  type KubeTable,
  type ResourceInfo,
} from '@trunkline/kube-client';
import { Kept } from './kept.js';
import { plainPath } from './plain-columns.js';

export interface ToldColumn {
  readonly title: string;
  /** In the words of tables: `string`, `integer`, `number`, `boolean`, `date`. */
  readonly type: string;
  readonly format: string;
  readonly description: string;
  /** 0: always shown. */
  readonly priority: number;
  /** JSONPath of what the cell shows; undefined where the API server works it out, or where it is not known. */
  readonly path: string | undefined;
}

export interface ToldColumns {
  /** In the order of the table. */
  readonly columns: readonly ToldColumn[];
  /** Whether the API server has a table of the kind. */
  readonly table: boolean;
}

type Kind = Pick<ResourceInfo, 'group' | 'version' | 'resource'>;

interface Known {
  readonly kept: Kept<ToldColumns>;
  /** Where the kind may be listed, if not everywhere. */
  namespace: string | undefined;
  failed:
    { readonly cause: unknown; readonly atMs: number; readonly namespace: string | undefined } | undefined;
}

/** What could not be read is not tried again sooner. Milliseconds. */
const FAILED_MS = 2_000;
/** Kinds that are remembered; the one asked for longest ago goes. */
const MAX_KINDS = 500;
const MAX_COLUMNS = 64;
const TITLE_MAX = 64;
const TEXT_MAX = 1_000;
const PATH_MAX = 300;

/** API groups of the server itself: their kinds have no definition. */
const OWN_GROUPS = new Set([
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'certificates.k8s.io',
  'coordination.k8s.io',
  'discovery.k8s.io',
  'events.k8s.io',
  'flowcontrol.apiserver.k8s.io',
  'metrics.k8s.io',
  'networking.k8s.io',
  'node.k8s.io',
  'rbac.authorization.k8s.io',
  'resource.k8s.io',
  'scheduling.k8s.io',
  'storage.k8s.io',
]);

export class Columns {
  readonly #clock: Clock;
  readonly #cluster: Pick<KubeCluster, 'table' | 'get'>;
  readonly #ttlMs: number;
  readonly #known = new Map<string, Known>();

  constructor(
    clock: Clock,
    cluster: Pick<KubeCluster, 'table' | 'get'>,
    { kindsTtlMs }: { readonly kindsTtlMs: number },
  ) {
    this.#clock = clock;
    this.#cluster = cluster;
    this.#ttlMs = kindsTtlMs;
  }

  /**
   * What is known stays in use while the cluster is away. Throws what reading them throws.
   *
   * @param namespace where the kind may be listed if it may not be everywhere
   */
  async of(kind: Kind, namespace?: string): Promise<ToldColumns> {
    const known = this.#find(kind);
    known.namespace = namespace ?? known.namespace;
    const { failed } = known;
    const isFresh = failed !== undefined && this.#clock.monotonic() - failed.atMs < FAILED_MS;
    if (isFresh && failed.namespace === known.namespace) throw failed.cause;
    try {
      const columns = await known.kept.get(this.#ttlMs, true);
      known.failed = undefined;
      return columns;
    } catch (cause) {
      known.failed = { cause, atMs: this.#clock.monotonic(), namespace: known.namespace };
      throw cause;
    }
  }

  #find(kind: Kind): Known {
    const key = `${kind.group}/${kind.version}/${kind.resource}`;
    const found = this.#known.get(key) ?? this.#make(kind);
    this.#known.delete(key);
    this.#known.set(key, found);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_KINDS && oldest !== undefined) this.#known.delete(oldest);
    return found;
  }

  #make(kind: Kind): Known {
    const known: Known = {
      kept: new Kept(this.#clock, () => this.#read(kind, known.namespace)),
      namespace: undefined,
      failed: undefined,
    };
    return known;
  }

  async #read(kind: Kind, namespace: string | undefined): Promise<ToldColumns> {
    const [table, defined] = await Promise.all([this.#table(kind, namespace), this.#definition(kind)]);
    const given = table?.columns.slice(0, MAX_COLUMNS) ?? defined;
    const columns = given.map(({ name, type, format, description, priority }, index): ToldColumn => ({
      title: name.slice(0, TITLE_MAX),
      type,
      format: format.slice(0, TITLE_MAX),
      description: description.slice(0, TEXT_MAX),
      priority,
      path: isCustom(kind)
        ? pathAmong(defined, name, columnsBefore(given, index, name))
        : plainPath(kind, name),
    }));
    return { columns, table: table !== undefined };
  }

  /** One row is asked for: without any, nothing would be said of its cells either. */
  async #table(kind: Kind, namespace: string | undefined): Promise<KubeTable | undefined> {
    const options = { limit: 1, include: 'None' } as const;
    try {
      return await this.#cluster.table(kind, options);
    } catch (cause) {
      if (namespace === undefined || !(cause instanceof KubeError) || cause.kind !== 'kubeForbidden')
        throw cause;
      return this.#cluster.table({ ...kind, namespace }, options);
    }
  }

  /** None where the kind has no definition, or none that may be read: its columns have no paths then. */
  async #definition(kind: Kind): Promise<readonly DefinedColumn[]> {
    if (!isCustom(kind)) return [];
    try {
      return toDefined(await this.#cluster.get(DEFINITIONS, `${kind.resource}.${kind.group}`), kind.version);
    } catch (cause) {
      if (cause instanceof KubeError && !cause.temporary) return [];
      throw cause;
    }
  }
}

const DEFINITIONS = { group: 'apiextensions.k8s.io', version: 'v1', resource: 'customresourcedefinitions' };

interface DefinedColumn extends Omit<ToldColumn, 'title' | 'path'> {
  readonly name: string;
  readonly path: string;
}

function isCustom({ group }: Kind): boolean {
  return group.includes('.') && !OWN_GROUPS.has(group);
}

/** As tables have them: the name goes before, and where a definition has no columns the age behind. */
function toDefined({ value }: KubeObject, version: string): readonly DefinedColumn[] {
  const { spec } = value as { readonly spec?: { readonly versions?: unknown } };
  const versions = asList(spec?.versions);
  const found = versions.find((one) => one['name'] === version);
  const own = asList(found?.['additionalPrinterColumns']).slice(0, MAX_COLUMNS);
  const columns = own.map((one): DefinedColumn => ({
    name: asText(one['name']),
    type: asText(one['type']),
    format: asText(one['format']),
    description: asText(one['description']),
    priority: typeof one['priority'] === 'number' ? one['priority'] : 0,
    path: asText(one['jsonPath']).slice(0, PATH_MAX),
  }));
  const name: DefinedColumn = {
    name: 'Name',
    type: 'string',
    format: 'name',
    description: '',
    priority: 0,
    path: '.metadata.name',
  };
  const age: DefinedColumn = { ...name, name: 'Age', type: 'date', format: '', path: CREATED };
  return [name, ...(columns.length === 0 ? [age] : columns)];
}

/** The path of the time of creation, which windows have as `age`. */
export const CREATED = '.metadata.creationTimestamp';

/** Several columns may have one name: they stand in the same order on both sides. */
function pathAmong(defined: readonly DefinedColumn[], name: string, nth: number): string | undefined {
  const path = defined.filter((one) => one.name === name)[nth]?.path;
  return path === '' ? undefined : path;
}

function columnsBefore(all: readonly { readonly name: string }[], index: number, name: string): number {
  return all.slice(0, index).filter((one) => one.name === name).length;
}

function asList(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  const list = Array.isArray(value) ? (value as readonly unknown[]) : [];
  return list.filter((one) => typeof one === 'object' && one !== null) as Readonly<Record<string, unknown>>[];
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
