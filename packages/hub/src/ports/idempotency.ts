/**
 * Commands that happen once: what a method wants committed, and the port that commits it together with the key of the call. The hub carries
 * statements from a module to the store without reading them; their shape is the store's own.
 */
import type { ChannelKey, ClientInfo, Payload, Position, Tags } from '@trunkline/protocol';
import type { DurablePublication } from './durable-log.js';

/** As much as the hub knows of a statement of the store. */
export interface EffectStatement {
  readonly sql: string;
  readonly parameters?: readonly unknown[];
}

/** A publication of a durable channel of the caller's org. */
export interface EffectPublication {
  readonly channel: string;
  readonly data: Payload;
  readonly tags?: Tags;
  readonly info?: ClientInfo;
}

/** What is committed in one transaction: all of it or nothing. */
export interface Effect {
  readonly statements?: readonly EffectStatement[];
  /** Numbered by the same transaction and delivered after it. */
  readonly publications?: readonly EffectPublication[];
  /** Statements made of the results of `statements`, in the same transaction. Synchronous and pure; what it throws rolls everything back. */
  readonly finish?: (results: readonly unknown[]) => readonly EffectStatement[];
}

/** Where a publication went. */
export type Published = Position & { readonly channel: string };

/** An effect with names turned into keys, and what the call answers. */
export interface EffectRequest {
  readonly statements: readonly EffectStatement[];
  readonly publications: readonly (DurablePublication & {
    readonly key: ChannelKey;
    readonly channel: string;
  })[];
  readonly finish?: (results: readonly unknown[]) => readonly EffectStatement[];
  /** JSON. Stored with the effect. */
  readonly toResult: (results: readonly unknown[]) => unknown;
  /** Publications that show the effect and were made elsewhere. */
  readonly published: readonly Published[];
}

export interface EffectOutcome {
  readonly result: unknown;
  /** Of the publications of the effect, in their order. */
  readonly published: readonly Published[];
  /** True when the effect took place earlier and this is its stored result. */
  readonly repeated: boolean;
}

/** Which call it is. Keys of another org, user or method mean nothing to each other; anonymous users of an org are one user. */
export interface KeyedCall {
  readonly org: string;
  readonly user: string;
  readonly method: string;
  /** 1 to 255 characters. */
  readonly key: string;
  readonly params: unknown;
  /** Where the caller numbers its calls: effects of one line of the user take place with growing numbers, whichever node commits them. */
  readonly turn?: { readonly line: string; readonly seq: number };
}

export interface CommandStore {
  /** Commits an effect that has no key. */
  commit(request: EffectRequest): Promise<EffectOutcome>;
  /**
   * Commits once per key for as long as keys are kept. `prepare` is called only where no result is stored; repeats that come meanwhile wait for it. A
   * failure stores nothing: the next call tries again. Fails with 1006 (same key, other params), 1007 (the call under way takes too long), and with
   * temporary codes where nothing can be said; with 1009 where a
   * higher number of the call's line took effect.
   */
  once(call: KeyedCall, prepare: () => Promise<EffectRequest>): Promise<EffectOutcome>;
}
