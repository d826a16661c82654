/**
 * One channel's subscription on the wire, shared by all its readers. It feeds what the transport package surfaces to the continuity machine
 * and carries out what the machine answers, in order. Readers implement `WireReader`; reference counting is `wires.ts`.
 */
import type {
  Centrifuge,
  DeltaStats,
  FilterNode as TransportFilter,
  MapEntry,
  MapSubscription,
  MapUpdateContext,
  PublicationContext,
  SubscribedContext,
  Subscription,
} from 'centrifuge';
import { Backoff, type Timer } from '@trunkline/base';
import type { OverflowOutcome, Position, SourceState } from '@trunkline/protocol';
import type { Connection } from './connection.js';
import { continuityOf, type Continuity } from './continuity-view.js';
import {
  isHole,
  openTrack,
  step,
  type Effect,
  type Reset,
  type Track,
  type TrackEvent,
} from './continuity.js';
import { definedOnly } from './defined.js';
import { BROKEN, keepTexts, netDeltas } from './deltas.js';
import { localError, toCodedError } from './errors.js';
import { parseSubscribeData, type GapNotice } from './extensions.js';
import type { ResolvedOptions } from './options.js';
import { rawPublication, type RawPublication, type WireReader, type WireSetup } from './reader.js';

export interface WireDeps {
  readonly connection: Connection;
  readonly options: ResolvedOptions;
}

const STATE_INVALIDATED = 2502;
const ALREADY_SUBSCRIBED = 105;

export class Wire {
  readonly channel: string;
  readonly readers = new Set<WireReader>();
  readonly #deps: WireDeps;
  readonly #backoff: Backoff;
  #setup: WireSetup;
  #track: Track;
  #sub: Subscription | MapSubscription | undefined;
  #announced: unknown;
  /** A gap report moved the position on; the transport package would go back to where it was before. */
  #ahead = false;
  #stale = false;
  #staleTimer: Timer | undefined;
  #retry: Timer | undefined;

  constructor(deps: WireDeps, channel: string, setup: WireSetup) {
    const { clock, random, minDelayMs, maxDelayMs } = deps.options;
    this.#deps = deps;
    this.channel = channel;
    this.#setup = setup;
    this.#backoff = new Backoff(random, { minDelayMs, maxDelayMs });
    const filtered = setup.filter !== undefined;
    this.#track = openTrack(
      clock.now(),
      { filtered, unexplained: filtered, cache: setup.recovery === 'cache' },
      setup.since,
    );
    this.#watchStaleness();
    this.#open(setup.since);
  }

  get setup(): WireSetup {
    return this.#setup;
  }

  get live(): boolean {
    return this.#track.phase.kind === 'subscribed';
  }

  /** What the channel's module said at the last subscribe. */
  get announced(): unknown {
    return this.#announced;
  }

  get ended(): boolean {
    return this.#track.phase.kind === 'ended';
  }

  /** The last complete place; undefined where the channel numbers nothing. */
  get position(): Position | undefined {
    return this.#track.position;
  }

  get deltas(): DeltaStats | undefined {
    return this.#setup.delta && this.#sub?.deltaStats();
  }

  continuity(reset: Reset | undefined, loadingSinceMs: number | undefined): Continuity {
    const state = this.#deps.connection.state.get();
    const connection =
      state.kind === 'failed'
        ? state
        : state.kind === 'disconnected'
          ? ({ kind: 'closed', sinceMs: state.sinceMs } as const)
          : ({ kind: 'open' } as const);
    return continuityOf(this.#track, { reset, loadingSinceMs, stale: this.#stale, connection });
  }

  /** A reader wants joins and leaves too: the subscription is taken again from where it stands. */
  askForJoins(): void {
    if (this.#setup.joinLeave) return;
    this.#setup = { ...this.#setup, joinLeave: true };
    this.#take({
      kind: 'subscribing',
      nowMs: this.#deps.options.clock.now(),
      reason: 'join and leave wanted',
      invalidated: false,
    });
    this.#reopen();
  }

  /** After `ended`: tries once more, as a new reader expects. */
  restart(): void {
    if (this.ended) this.#sub?.subscribe();
  }

  gapNotice(notice: GapNotice): void {
    const before = this.#track.position;
    this.#take({ ...notice, kind: 'gap', nowMs: this.#deps.options.clock.now() });
    this.#ahead ||= this.#track.position !== before;
  }

  sourceNotice(source: SourceState): void {
    this.#take({ kind: 'source', source });
  }

  /** The connection's state changed. */
  connectionChanged(): void {
    for (const reader of this.readers) reader.changed();
  }

  dispose(): void {
    this.#staleTimer?.cancel();
    this.#retry?.cancel();
    this.#close();
    this.readers.clear();
  }

  // ------------------------------------------------------------ the transport package's side

  #open(since: Position | undefined): void {
    const { centrifuge } = this.#deps.connection;
    const { type, delta } = this.#setup;
    if (delta) netDeltas(centrifuge);
    const sub =
      type === 'map'
        ? centrifuge.newMapSubscription(this.channel, this.#shared())
        : centrifuge.newSubscription(this.channel, this.#streamOptions(since));
    this.#sub = sub;
    // Events of a subscription that was replaced are not ours any more.
    const current = (): boolean => this.#sub === sub;
    const events = sub as Subscription;
    events.on('subscribing', ({ code, reason }) => current() && this.#subscribing(code, reason));
    events.on('subscribed', (context) => current() && this.#subscribed(context));
    events.on('unsubscribed', ({ code, reason }) => current() && this.#unsubscribed(code, reason));
    events.on(
      'error',
      ({ error }) =>
        current() &&
        this.#deps.options.report(toCodedError(error, `subscribing to ${this.channel}`), {
          where: 'subscription',
          channel: this.channel,
        }),
    );
    events.on('join', ({ info }) => current() && this.#each((reader) => reader.join?.(info)));
    events.on('leave', ({ info }) => current() && this.#each((reader) => reader.leave?.(info)));
    if (type === 'map') {
      const map = sub as MapSubscription;
      if (delta) keepTexts(map);
      map.on('sync', ({ entries }) => current() && this.#sync(entries));
      map.on('update', (update) => current() && this.#publication(update, update));
    } else events.on('publication', (publication) => current() && this.#publication(publication));
    sub.subscribe();
  }

  #streamOptions(since: Position | undefined): Parameters<Centrifuge['newSubscription']>[1] {
    return {
      ...this.#shared(),
      positioned: true,
      recoverable: true,
      joinLeave: this.#setup.joinLeave,
      ...(since === undefined ? {} : { since }),
    };
  }

  #shared(): NonNullable<Parameters<Centrifuge['newMapSubscription']>[1]> {
    const { data, token, getToken, filter, pageSize, delta } = this.#setup;
    const { minDelayMs, maxDelayMs } = this.#deps.options;
    return definedOnly({
      minResubscribeDelay: minDelayMs,
      maxResubscribeDelay: maxDelayMs,
      data,
      delta,
      token,
      getToken: getToken && (() => getToken(this.channel)),
      tagsFilter: filter as TransportFilter | undefined,
      pageSize: this.#setup.type === 'map' ? pageSize : undefined,
    });
  }

  #close(): void {
    const sub = this.#sub;
    this.#sub = undefined;
    if (sub) this.#deps.connection.centrifuge.removeSubscription(sub as Subscription);
  }

  /** A stream continues from its last good position; a map takes its whole state again. */
  #reopen(): void {
    this.#close();
    this.#open(this.#setup.type === 'map' ? undefined : this.#track.position);
  }

  #reopenLater(): void {
    this.#retry?.cancel();
    this.#retry = this.#deps.options.clock.setTimeout(() => this.#reopen(), this.#backoff.next());
  }

  #subscribing(code: number, reason: string): void {
    this.#take({
      kind: 'subscribing',
      nowMs: this.#deps.options.clock.now(),
      reason,
      invalidated: code === STATE_INVALIDATED,
    });
    if (!this.#ahead || code === STATE_INVALIDATED || this.#setup.type === 'map') return;
    this.#ahead = false;
    this.#reopen();
  }

  #subscribed(context: SubscribedContext): void {
    const { outcome, source, data } = parseSubscribeData(context.data);
    this.#announced = data;
    this.#ahead = false;
    this.#take({ kind: 'subscribed', ...this.#resultOf(context, outcome, source) });
    this.#each((reader) => reader.subscribed());
  }

  #resultOf(
    context: SubscribedContext,
    outcome: OverflowOutcome,
    source: SourceState,
  ): Omit<TrackEvent & { kind: 'subscribed' }, 'kind'> {
    const { streamPosition, wasRecovering, recovered, hasRecoveredPublications: hasPublications } = context;
    // On a map everything but a recovery is followed by `sync`, the whole state: the machine need not recover jumps from a position.
    const recoverable = context.recoverable && this.#setup.type === 'stream';
    const unexplained = this.#setup.filter !== undefined && !this.#deps.connection.extensions.has('gap');
    return {
      position: streamPosition,
      recoverable,
      wasRecovering,
      recovered,
      hasPublications,
      outcome,
      source,
      unexplained,
    };
  }

  #unsubscribed(code: number, reason: string): void {
    if (code === ALREADY_SUBSCRIBED) {
      // Our unsubscribe of a moment ago is still being worked on.
      this.#subscribing(code, reason);
      this.#reopenLater();
      return;
    }
    this.#take({ kind: 'ended', code, reason });
    this.#deps.options.report(
      toCodedError({ code, message: reason }, `subscription to ${this.channel} ended`),
      { where: 'subscription', channel: this.channel },
    );
  }

  #sync(entries: readonly MapEntry[]): void {
    const all = entries.map((entry) => rawPublication(entry, entry));
    if (all.some(({ data }) => data === BROKEN)) return this.#broken(0);
    this.#each((reader) => reader.sync?.(all));
  }

  #publication(context: PublicationContext, map?: MapUpdateContext): void {
    const raw = rawPublication(context, map);
    if (raw.data === BROKEN) return this.#broken(raw.offset);
    if (raw.offset !== 0) this.#ahead = false;
    this.#take({ kind: 'publication', offset: raw.offset, nowMs: this.#deps.options.clock.now() }, raw);
  }

  /** A difference that does not fit what it was made from; whole values come with the next subscribe. */
  #broken(offset: number): void {
    const { options } = this.#deps;
    options.report(localError(100, 'a difference does not fit'), { where: 'decode', channel: this.channel });
    this.#take({ kind: 'undecodable', offset, nowMs: options.clock.now() });
  }

  // ------------------------------------------------------------ the machine's side

  #take(event: TrackEvent, publication?: RawPublication): void {
    const before = this.#track;
    const { track, effects } = step(before, event);
    this.#track = track;
    const moved = before.phase !== track.phase || before.source !== track.source;
    if (moved) this.#watchStaleness();
    for (const effect of effects) this.#carryOut(effect, publication);
    if (moved) this.#each((reader) => reader.changed());
  }

  #carryOut(effect: Effect, publication: RawPublication | undefined): void {
    switch (effect.kind) {
      case 'deliver':
        if (publication) this.#each((reader) => reader.publication(publication));
        return;
      case 'gap':
        return this.#each((reader) => reader.gap(effect.missing));
      case 'reset': {
        const { kind: _, ...reset } = effect;
        this.#each((reader) => reader.reset(reset));
        // Dropped or lost changes of a map come back with its whole state only.
        if (this.#setup.type === 'map' && isHole(reset.reason)) this.#reopenLater();
        return;
      }
      case 'resubscribe':
        return this.#reopen();
    }
  }

  #each(call: (reader: WireReader) => void): void {
    for (const reader of [...this.readers]) call(reader);
  }

  /** One timer from the moment of a loss; reaching `subscribed` or `ended` ends it. */
  #watchStaleness(): void {
    const { kind } = this.#track.phase;
    if (kind === 'lost' || kind === 'opening') {
      if (this.#staleTimer !== undefined) return;
      this.#staleTimer = this.#deps.options.clock.setTimeout(() => {
        this.#stale = true;
        this.#each((reader) => reader.changed());
      }, this.#deps.options.staleAfterMs);
      return;
    }
    this.#staleTimer?.cancel();
    this.#staleTimer = undefined;
    this.#stale = false;
  }
}
