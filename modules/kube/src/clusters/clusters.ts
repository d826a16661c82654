/**
 * The clusters that this node knows and the ways to them, opened when they are first used. A way is one identity: the connection's own, or a credential that a user left. Nothing here
 * decides who may use which.
 */
import type { Disposable } from '@trunkline/base';
import { KUBE_MODULE_CODES } from '@trunkline/contracts/kube';
import { givenCredential, type GivenCredential, type KubeConnection } from '@trunkline/kube-client';
import { CodedError } from '@trunkline/protocol';
import type { ClusterOptions, KubeTuning } from '../options.js';
import type { Identity } from '../ports.js';
import { Reach } from './reach.js';
import { Way, type WayDeps } from './way.js';

/** One answer for a cluster that is not there and one that the org may not see. */
export function noCluster(): CodedError {
  return new CodedError(KUBE_MODULE_CODES.kubeClusterUnknown);
}

export class Clusters implements Disposable {
  readonly #deps: WayDeps;
  readonly #tuning: KubeTuning;
  readonly #byId = new Map<string, OpenCluster>();
  readonly #ending = new Set<Promise<void>>();

  constructor(deps: WayDeps, tuning: KubeTuning) {
    this.#deps = deps;
    this.#tuning = tuning;
  }

  /** Throws a RangeError for an id that is none or is taken. */
  add(options: ClusterOptions): void {
    const { id, mode } = options;
    if (!/^[\w.@-]{1,64}$/.test(id)) throw new RangeError(`clusters: id '${id.slice(0, 80)}' is none`);
    if (this.#byId.has(id)) throw new RangeError(`clusters: id '${id}' is taken`);
    if (!['shared', 'impersonate', 'own'].includes(mode))
      throw new RangeError(`clusters: mode of '${id}' must be shared, impersonate or own`);
    this.#byId.set(id, new OpenCluster(this.#deps, this.#tuning, options));
  }

  /** Ends everything that is read from it; resolves when its connections are closed. False: there is none. */
  async remove(id: string): Promise<boolean> {
    const found = this.#byId.get(id);
    if (found === undefined) return false;
    this.#byId.delete(id);
    const ending = found.dispose().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
    await ending;
    return true;
  }

  find(id: string): OpenCluster | undefined {
    return this.#byId.get(id);
  }

  /** Throws `kubeClusterUnknown`. */
  get(id: string): OpenCluster {
    const found = this.#byId.get(id);
    if (found === undefined) throw noCluster();
    return found;
  }

  /** By id. */
  all(): readonly OpenCluster[] {
    return [...this.#byId.values()].sort((left, right) => (left.id < right.id ? -1 : 1));
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#byId.keys()].map((id) => this.remove(id)));
    await Promise.all(this.#ending);
  }
}

export class OpenCluster {
  readonly id: string;
  readonly options: ClusterOptions;
  readonly reach: Reach;
  readonly #deps: WayDeps;
  readonly #tuning: KubeTuning;
  readonly #credentials = new Map<string, Way>();
  readonly #ending = new Set<Promise<void>>();
  #connection: KubeConnection | undefined;
  #server: Way | undefined;

  constructor(deps: WayDeps, tuning: KubeTuning, options: ClusterOptions) {
    this.id = options.id;
    this.options = options;
    this.#deps = deps;
    this.#tuning = tuning;
    const { clock, random } = deps;
    const isRead = (): boolean => this.ways().some(({ way }) => way.readers > 0);
    // Watches have long deadlines: a server that does not answer has not gone quiet, it is away.
    const onSilence = (sinceMs: number): void => {
      for (const { way } of this.ways()) way.cluster.suspect(sinceMs);
    };
    this.reach = new Reach(
      { clock, random, cluster: () => this.server().cluster, isRead, onSilence },
      tuning,
    );
  }

  get connection(): KubeConnection {
    return (this.#connection ??= this.options.open());
  }

  /** The way of the connection's own identity. Throws what opening it throws. */
  server(): Way {
    return (this.#server ??= new Way(this.#deps, this.#tuning, this.connection, this.options.client));
  }

  /** The way of a credential, made where there is none yet. Of the connection, only where the cluster is counts. */
  withCredential(id: string, credential: GivenCredential): Way {
    const found = this.#credentials.get(id);
    if (found !== undefined) return this.#use(id, found);
    this.#makeRoom();
    const { impersonate: _, ...place } = this.connection;
    const connection = { ...place, credentials: givenCredential(credential) };
    return this.#use(id, new Way(this.#deps, this.#tuning, connection, this.options.client));
  }

  /** Throws `kubeClusterUnknown` for a credential that went. */
  way(identity: Identity): Way {
    if (identity.kind === 'server') return this.server();
    const found = this.#credentials.get(identity.id);
    if (found === undefined) throw noCluster();
    return found;
  }

  /** Those that were opened. */
  ways(): readonly { readonly credential?: string; readonly way: Way }[] {
    return [
      ...(this.#server === undefined ? [] : [{ way: this.#server }]),
      ...[...this.#credentials].map(([credential, way]) => ({ credential, way })),
    ];
  }

  /** Ends what runs on a credential. */
  async forget(credential: string): Promise<void> {
    const way = this.#credentials.get(credential);
    if (way === undefined) return;
    this.#credentials.delete(credential);
    await this.#end(way, new CodedError(KUBE_MODULE_CODES.kubeCredentialMissing));
  }

  async dispose(): Promise<void> {
    this.reach.dispose();
    const ways = this.ways();
    this.#credentials.clear();
    for (const { way } of ways) void this.#end(way, noCluster());
    await Promise.all(this.#ending);
  }

  /** To the end of the row. */
  #use(id: string, way: Way): Way {
    this.#credentials.delete(id);
    this.#credentials.set(id, way);
    return way;
  }

  #makeRoom(): void {
    if (this.#credentials.size < this.#tuning.maxCredentials) return;
    for (const [id, { readers }] of this.#credentials)
      if (readers === 0) return void this.forget(id).catch(() => undefined);
    throw new CodedError('limitExceeded', 'maxCredentials');
  }

  #end(way: Way, cause: CodedError): Promise<void> {
    const ending: Promise<void> = way
      .dispose(cause)
      .catch((failure: unknown) =>
        this.#deps.logger.warn(
          { cluster: this.id, cause: String(failure) },
          'a way to a cluster ended badly',
        ),
      )
      .finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
    return ending;
  }
}
