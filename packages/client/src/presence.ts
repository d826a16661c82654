/**
 * Presence of a channel as a store: the full list after each (re)subscribe, joins and leaves in between. Joins and leaves are not recovered after
 * a lost connection, so every new start fetches the list again.
 */
import { Backoff, type Timer } from '@trunkline/base';
import type { Continuity } from './continuity-view.js';
import { equalJson } from './equal.js';
import { toCodedError } from './errors.js';
import {
  applyEvent,
  applyList,
  beginFetch,
  NOBODY,
  type Members,
  type PresenceState,
} from './presence-merge.js';
import { Listeners, type Batch, type Readable } from './store.js';
import { StreamSubscription } from './stream.js';
import type { ClientInfo, WireOptions } from './reader.js';
import type { WireDeps } from './wire.js';
import type { Wires } from './wires.js';

export interface PresenceOptions extends WireOptions {
  /** False opens nothing. Default true. */
  readonly enabled?: boolean;
}

export interface PresenceSnapshot {
  /** By client id; the same object until somebody came or went. */
  readonly members: Members;
  /** `recovering` until the first list is here, also where the channel itself is live. */
  readonly continuity: Continuity;
}

/** Tries to fetch a list; after that it is for the next (re)subscribe to try again. */
const FETCH_ATTEMPTS = 5;

export class PresenceStore implements Readable<PresenceSnapshot> {
  readonly channel: string;
  readonly #deps: WireDeps;
  readonly #batch: Batch;
  readonly #listeners: Listeners;
  readonly #backoff: Backoff;
  readonly #stream: StreamSubscription<unknown>;
  #state: PresenceState = NOBODY;
  #snapshot: PresenceSnapshot;
  #loadingSinceMs: number | undefined;
  #failed: { readonly code: number; readonly reason: string } | undefined;
  #fetch = 0;
  #retry: Timer | undefined;

  constructor(deps: WireDeps, wires: Wires, batch: Batch, channel: string, options: PresenceOptions) {
    const { clock, random, report, minDelayMs, maxDelayMs } = deps.options;
    this.channel = channel;
    this.#deps = deps;
    this.#batch = batch;
    this.#listeners = new Listeners(report);
    this.#backoff = new Backoff(random, { minDelayMs, maxDelayMs });
    this.#loadingSinceMs = clock.now();
    this.#snapshot = {
      members: NOBODY.members,
      continuity: { kind: 'recovering', sinceMs: this.#loadingSinceMs },
    };
    this.#stream = new StreamSubscription<unknown>(deps, wires, channel, {
      ...options,
      onJoin: (info) => this.#event('join', info),
      onLeave: (info) => this.#event('leave', info),
      // Lost publications say nothing about who is here.
      onReset: () => undefined,
      onSubscribed: () => this.#start(),
    });
    this.#stream.state.subscribe(this.#touch);
    this.#touch();
  }

  readonly get = (): PresenceSnapshot => this.#snapshot;
  readonly subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener);

  close(): void {
    this.#fetch++;
    this.#retry?.cancel();
    this.#stream.close();
  }

  #event(kind: 'join' | 'leave', info: ClientInfo): void {
    this.#state = applyEvent(this.#state, { kind, info });
    this.#touch();
  }

  #start(): void {
    this.#backoff.reset();
    this.#failed = undefined;
    this.#loadingSinceMs ??= this.#deps.options.clock.now();
    this.#ask();
  }

  #ask(): void {
    const fetch = ++this.#fetch;
    this.#retry?.cancel();
    this.#state = beginFetch(this.#state);
    this.#deps.connection.centrifuge.presence(this.channel).then(
      ({ clients }) => fetch === this.#fetch && this.#settle(Object.values(clients)),
      (cause: unknown) => fetch === this.#fetch && this.#refused(cause),
    );
  }

  #settle(list: readonly ClientInfo[]): void {
    if (this.#state.overflowed) return this.#askLater();
    this.#state = applyList(this.#state, list, equalJson);
    this.#loadingSinceMs = undefined;
    this.#touch();
  }

  #refused(cause: unknown): void {
    const error = toCodedError(cause, `presence of ${this.channel}`);
    this.#deps.options.report(error, { where: 'subscription', channel: this.channel });
    if (error.retry === 'afterBackoff' && this.#backoff.attempts < FETCH_ATTEMPTS) return this.#askLater();
    this.#failed = { code: error.code, reason: error.message };
    this.#touch();
  }

  #askLater(): void {
    this.#retry = this.#deps.options.clock.setTimeout(() => this.#ask(), this.#backoff.next());
  }

  readonly #touch = (): void => this.#batch.add(this.#flush);

  readonly #flush = (): void => {
    const continuity = this.#continuity();
    if (this.#state.members === this.#snapshot.members && equalJson(continuity, this.#snapshot.continuity))
      return;
    this.#snapshot = { members: this.#state.members, continuity };
    this.#listeners.notify();
  };

  #continuity(): Continuity {
    const own = this.#stream.state.get();
    if (own.kind !== 'live') return own;
    if (this.#failed !== undefined) return { kind: 'failed', ...this.#failed };
    return this.#loadingSinceMs === undefined ? own : { kind: 'recovering', sinceMs: this.#loadingSinceMs };
  }
}
