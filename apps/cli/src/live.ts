/**
 * What `tail`, `rpc` and `kube` need of a live connection, in words of their own, so that they can be tried without one. `live-client.ts`
 * implements it with the client SDK. Events of one channel arrive in the order of the wire.
 */
import type { FilterNode, Position, Tags } from '@trunkline/protocol';
import type { LiveKube } from './kube/ports.js';
import type { Settings } from './settings.js';

export interface LivePublication {
  readonly data: unknown;
  /** 0: the channel numbers nothing. */
  readonly offset: number;
  readonly tags?: Tags | undefined;
  readonly key?: string | undefined;
  readonly removed?: boolean | undefined;
}

export interface Missing {
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
}

/** Continuity of a channel as it is shown: see the client SDK for the exact meaning. */
export interface LiveState {
  readonly kind: 'recovering' | 'live' | 'stale' | 'failed' | 'reset';
  readonly reason?: string | undefined;
  /** Of `failed`. */
  readonly code?: number | undefined;
}

export interface LiveHandlers {
  state(state: LiveState): void;
  publication(publication: LivePublication, epoch: string): void;
  /** A part that will not come, known by its offsets. */
  gap(missing: Missing): void;
  /** Continuity was lost; `missing` where the range is known. What follows begins anew; after a new epoch, with what its history holds. */
  reset(reason: string, missing: Missing | undefined): void;
  /** A map's complete state, once; changes follow as publications. */
  snapshot(entries: readonly LivePublication[]): void;
}

export interface FollowOptions {
  readonly map: boolean;
  /** Everything after this position first. */
  readonly since?: Position | undefined;
  /** Only publications whose tags match; the server filters. */
  readonly filter?: FilterNode | undefined;
}

export interface LiveConnection {
  /** Calls `handlers` until the connection is closed. Subscribing again after a loss is the implementation's business. */
  follow(channel: string, options: FollowOptions, handlers: LiveHandlers): void;
  /** The newest `limit` retained publications, oldest first, and the position after them. Throws `CliError`. */
  history(
    channel: string,
    limit: number,
  ): Promise<{ readonly publications: readonly LivePublication[]; readonly position: Position }>;
  /** Throws `CliError`. */
  rpc(method: string, params: unknown): Promise<unknown>;
  /** Lists of Kubernetes clusters, kept up to date. */
  readonly kube: LiveKube;
  close(): void;
  /** Rejects with a `CliError` when the server sent the connection away for good, or refused every channel that is followed. */
  readonly failed: Promise<never>;
}

/** Resolves once connected; throws `CliError` where the first attempt fails. Later losses are repaired without end. `lookAgain`: the settings as they would be found now. */
export type Connect = (settings: Settings, lookAgain: () => Settings) => Promise<LiveConnection>;
