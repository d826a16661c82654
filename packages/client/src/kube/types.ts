/**
 * What the live lists, objects, windows and logs of this folder have in common: what is asked for, over which client, and the words in which they say how
 * current they are. Nothing here runs.
 */
import type { RpcParams, RpcResultOf } from '@trunkline/contracts';
import type { KubeContract } from '@trunkline/contracts/kube';
import type { CodedError } from '@trunkline/protocol';
import type { ConnectionState } from '../connection.js';
import type { History, HistoryRequest } from '../core-client.js';
import type { MapOptions, MapSubscription } from '../map.js';
import type { Readable } from '../store.js';
import type { StreamOptions } from '../stream-options.js';
import type { StreamSubscription } from '../stream.js';

/** An object as its cluster keeps it, or the wanted fields of it. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: KubeMetadata;
  readonly [field: string]: unknown;
}

export interface KubeMetadata {
  readonly name: string;
  readonly namespace?: string;
  /** Another one after the object was deleted and created again. */
  readonly uid: string;
  readonly resourceVersion?: string;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** What of a client is used here: every `Client` is one, whatever its contracts. */
export interface LiveClient {
  readonly state: Readable<ConnectionState>;
  map(channel: string, options?: MapOptions<unknown>): MapSubscription<unknown>;
  stream<S>(channel: string, options: StreamOptions<unknown, S>): StreamSubscription<unknown, S>;
  rpc(method: string, params: unknown): Promise<unknown>;
  history(channel: string, request?: HistoryRequest): Promise<History<unknown>>;
  now(): number;
  schedule(flush: () => void): void;
  dispose(): void;
}

export type OpenParams = RpcParams<KubeContract, 'kube.open'>;
export type OpenAnswer = RpcResultOf<KubeContract, 'kube.open'>;
export type WindowParams = RpcParams<KubeContract, 'kube.window'>;
export type WindowAnswer = RpcResultOf<KubeContract, 'kube.window'>;
export type WindowState = RpcResultOf<KubeContract, 'kube.windowState'>;
export type LogParams = RpcParams<KubeContract, 'kube.log'>;
export type LogAnswer = RpcResultOf<KubeContract, 'kube.log'>;

/** Which kind of object. The core group is `''` (default); without a version the one that the cluster prefers. */
export interface Kind {
  readonly group?: string;
  readonly version?: string;
  /** In the plural, as in the API's paths: `pods`. */
  readonly resource: string;
}

export interface Selectors {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** A cluster, and which of its namespaces; without any, all that the viewer may see. */
export interface Place {
  readonly cluster: string;
  readonly namespaces?: readonly string[];
}

/** Where an object that is being mapped comes from. */
export interface Origin {
  readonly cluster: string;
  /** `namespace/name`, or `name` for a kind without namespaces. */
  readonly key: string;
}

/**
 * `loading`: nothing was shown yet, of one of the lists at least; where that takes because something is wrong, `reason` says what · `live`: complete and current · `recovering`: on the
 * way back, since a moment · `stale`: what is shown may be old since `sinceMs` · `partial`: some lists are live, others failed · `failed`: nothing can be shown or kept current.
 */
export type LiveState = 'loading' | 'live' | 'recovering' | 'stale' | 'partial' | 'failed';

/** How current something is. */
export interface Health {
  readonly state: LiveState;
  /** Unix milliseconds since when it is not live; undefined while it is, and where it is not known. */
  readonly sinceMs: number | undefined;
  /** In words, for people. */
  readonly reason: string | undefined;
  /** The refusal behind it, with its code. */
  readonly error: CodedError | undefined;
}

/** One of the lists behind a view. */
export interface ListHealth extends Health {
  readonly cluster: string;
  /** Undefined: all namespaces, or a kind without. */
  readonly namespace: string | undefined;
  /** Objects of this list. */
  readonly total: number;
}
