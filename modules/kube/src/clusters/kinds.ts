/**
 * Which kinds of objects a cluster has, and the names of its namespaces, kept for a moment. A kind that is not among those known is looked for at once, since resource definitions come
 * and go; an answer that is late is shared by all who wait for it.
 */
import type { Clock } from '@trunkline/base';
import { KubeError, type Discovery, type KubeCluster, type ResourceInfo } from '@trunkline/kube-client';
import { Kept } from './kept.js';

export interface KindName {
  readonly group?: string;
  readonly version?: string;
  readonly resource: string;
}

export interface KindsOptions {
  readonly kindsTtlMs: number;
  readonly namespacesTtlMs: number;
}

/** A kind that was looked for in vain is not looked for again sooner. */
const LOOK_AGAIN_MS = 2_000;

export class Kinds {
  readonly #cluster: Pick<KubeCluster, 'discover' | 'list'>;
  readonly #kinds: Kept<Discovery>;
  readonly #namespaces: Kept<readonly string[]>;
  readonly #options: KindsOptions;

  constructor(clock: Clock, cluster: Pick<KubeCluster, 'discover' | 'list'>, options: KindsOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#kinds = new Kept(clock, () => this.#cluster.discover());
    this.#namespaces = new Kept(clock, () => this.#listNamespaces());
  }

  /**
   * Fails where nothing is known and the cluster does not answer; what is known stays in use while it does not. @param maxAgeMs less than `kindsTtlMs`, for whoever knows of a
   * change; whatever it says, the cluster is not asked again within two seconds
   */
  all(maxAgeMs = Infinity): Promise<Discovery> {
    const { kindsTtlMs } = this.#options;
    return this.#kinds.get(Math.min(kindsTtlMs, Math.max(maxAgeMs, LOOK_AGAIN_MS)), true);
  }

  /** Without a version the one that the server prefers. Throws `kubeNotFound`. */
  async resolve(wanted: KindName): Promise<ResourceInfo> {
    const found = find(await this.all(), wanted);
    if (found !== undefined) return found;
    const again = find(await this.#kinds.get(LOOK_AGAIN_MS, true), wanted);
    if (again !== undefined) return again;
    const { group = '', version, resource } = wanted;
    const place = [group, version].filter((part) => part !== undefined && part !== '').join('/');
    throw new KubeError(
      'kubeNotFound',
      `the cluster has no ${resource}${place === '' ? '' : ` in ${place}`}`,
    );
  }

  /** In order. What was read within `namespacesTtlMs`. */
  namespaces(): Promise<readonly string[]> {
    return this.#namespaces.get(this.#options.namespacesTtlMs, false);
  }

  async #listNamespaces(): Promise<readonly string[]> {
    const question = { group: '', version: 'v1', resource: 'namespaces' };
    const { items } = await this.#cluster.list(question, { maxObjects: 100_000 });
    return items.map(({ name }) => name).sort();
  }
}

function find(
  { resources }: Discovery,
  { group = '', version, resource }: KindName,
): ResourceInfo | undefined {
  const named = resources.filter((info) => info.group === group && info.resource === resource);
  if (version !== undefined) return named.find((info) => info.version === version);
  return named.find((info) => info.preferred) ?? named[0];
}
