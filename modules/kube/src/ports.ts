/**
 * What the parts of this module know of one another: where upstream objects come from, and who may see them. Lists, windows, logs, the proxy and the foreign wires
 * stand on these two ports alone, so that sharing and rights are decided in one place.
 */
import type {
  KubeCluster,
  KubeQuestion,
  ReflectorLease,
  ReflectorListener,
  ResourceInfo,
} from '@trunkline/kube-client';
import type { Principal } from '@trunkline/hub';
import type { Disposable } from '@trunkline/base';
import type { ToldColumns } from './clusters/columns.js';
import type { Fault } from './clusters/doubt.js';

/** In whose name a cluster is asked. `server`: the connection's own identity. `credential`: one that a user left, by its id. */
export type Identity = { readonly kind: 'server' } | { readonly kind: 'credential'; readonly id: string };

/** A cluster as one viewer stands towards it. Made by `Access.enter`; good for one command, not to be kept. */
export interface ViewedCluster {
  readonly id: string;
  /** Whose upstream connections carry what this viewer reads. */
  readonly upstream: Identity;
  /** The cluster in the viewer's own name, for requests that concern them alone (reviews, the proxy, logs). */
  readonly own: KubeCluster;
  /** The namespaces that the viewer's org is confined to; undefined: none is closed. */
  readonly confinedTo: readonly string[] | undefined;
  /** What may be asked for besides reading, by the rights of the viewer. */
  readonly allows: Allowed;
}

/** What an operator allows through this node besides reading. */
export interface Allowed {
  /** Requests that change something. */
  readonly writes: boolean;
  /** Programs in containers, and ports of pods: exec, attach, port-forward. */
  readonly exec: boolean;
}

/** What somebody did to a cluster, or in one of its containers, through this node. */
export interface Deed {
  readonly principal: Principal;
  /** What it is called in the audit log. */
  readonly action: 'kube.written' | 'kube.entered';
  readonly cluster: string;
  /** The path of the API, without its query. */
  readonly path: string;
  /** The verb of Kubernetes: `create`, `patch`, `exec` and so on. */
  readonly verb: string;
  /** Of the request; '' where there is none. */
  readonly requestId: string;
  /** Of the browser or program; '' where it is not known. */
  readonly address: string;
  /** Never a secret: no bodies. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Resolves when the record is kept. What cannot be recorded is not done. */
export type Audit = (deed: Deed) => Promise<void>;

/** What a viewer may see of a question. */
export type Sight =
  /** All of it. `recheckMs`: for how long that is known. */
  | { readonly kind: 'all'; readonly recheckMs: number }
  /** Only in these namespaces; `reason`: why not everywhere. */
  | {
      readonly kind: 'namespaces';
      readonly namespaces: readonly string[];
      readonly reason: string;
      readonly recheckMs: number;
    };

export interface Access {
  /** Throws `kubeClusterUnknown` for a cluster that is not there or that the org may not see, in the same words, and `kubeCredentialMissing`. */
  enter(principal: Principal, cluster: string): Promise<ViewedCluster>;
  /**
   * Whether the viewer may list and watch it. An answer is at most 4 s old. Throws `kubeForbidden` with the API server's words where nothing of it may be seen, and
   * a temporary error (retry word `afterBackoff`) where that could not be found out.
   * @param newcomer true for whoever is about to be shown it for the first time: only what the API server has said within those 4 s counts for them. Without it, what was said last is
   * repeated for as long as nobody can be asked, and nothing new is shown meanwhile.
   */
  sight(principal: Principal, cluster: string, question: KubeQuestion, newcomer?: boolean): Promise<Sight>;
  /** The same for one verb on one object or subresource (`get` on `pods/log`, say); `newcomer` as there. */
  may(
    principal: Principal,
    cluster: string,
    ask: {
      readonly verb: string;
      readonly group: string;
      readonly resource: string;
      readonly subresource?: string;
      readonly namespace?: string;
      readonly name?: string;
    },
    newcomer?: boolean,
  ): Promise<{ readonly recheckMs: number }>;
}

/** Told whether rights can be asked about over the way that an identity has. */
export interface DoubtListener {
  /** Since when, and why, nobody can be asked; undefined: they can, and all who stayed were. */
  onDoubt(fault: Fault | undefined): void;
  /** The cluster or the credential went. Nothing is told afterwards. */
  onLost(cause: unknown): void;
}

export interface Upstreams {
  /** One reflector per cluster, identity and question, whoever reads. Throws `limitExceeded`, and `kubeClusterUnknown` for a cluster or credential that went. */
  lease(
    cluster: string,
    identity: Identity,
    question: KubeQuestion,
    listener: ReflectorListener,
  ): ReflectorLease;
  /**
   * For readers of something else than a reflector, who must be shown nothing new while rights cannot be asked about (see `Hold`). Told at once, and of each change. Throws
   * `kubeClusterUnknown` for a cluster or credential that went.
   */
  doubt(cluster: string, identity: Identity, listener: DoubtListener): Disposable;
  /** Group, version and names of a kind; without a version the one that the cluster prefers. Kept for a while. Throws `kubeNotFound`. */
  resolve(
    cluster: string,
    identity: Identity,
    kind: { readonly group?: string; readonly version?: string; readonly resource: string },
  ): Promise<ResourceInfo>;
  /**
   * The columns in which the cluster shows a kind; `namespace`: where it may be listed, if not everywhere. Kept for a while, for all who share the identity: they say nothing of any
   * object, but whoever is told of them must be allowed to list the kind. Throws what the cluster answers, and a temporary error where it does not.
   */
  columns(
    cluster: string,
    identity: Identity,
    kind: Pick<ResourceInfo, 'group' | 'version' | 'resource'>,
    namespace?: string,
  ): Promise<ToldColumns>;
}
