/**
 * One subscription's side of delivery: what this reader was handed, and what happens when it cannot keep up. The states are a union;
 * each holds only what is legal in it. `offer` is the hot path: called for every publication and every reader.
 *
 *   buffering   before the subscribe reply left; bounded
 *   flowing     publications go to the outbox
 *   conflating  outbox full, outcome `latest`: the newest per key waits
 *   gapping     outbox full, outcome `gap`: dropped, the range waits to be reported
 *   cut         outbox full, outcome `recover`: told to subscribe again (2500); nothing more is handed over
 *   ended       unsubscribed or closed
 */
import {
  matchesFilter,
  UNSUBSCRIBE_CODES,
  type Encoded,
  type FilterNode,
  type OverflowOutcome,
  type Position,
  type Publication,
  type Push,
  type UnsubscribeName,
} from '@trunkline/protocol';
import type { Connection } from '../connection/connection.js';
import type { Counters } from '../connection/counters.js';
import type { Holding } from './holding.js';

export interface DeliveryOptions {
  readonly subId: string;
  readonly channel: string;
  /** The channel's outcome, already `recover` for a reader that cannot be told of a gap. */
  readonly outcome: OverflowOutcome | 'close';
  /** Whether the reader understands gap pushes, and pushes about its source. */
  readonly tellsGaps: boolean;
  readonly tellsSource: boolean;
  /** Losing continuity ends the connection, not the subscription alone (spec SESS-8). */
  readonly endsConnection: boolean;
  /** Whether it is sent joins and leaves. */
  readonly joinLeave: boolean;
  readonly filter?: FilterNode;
  /** Publications kept while buffering, and keys kept while conflating. */
  readonly bufferMax: number;
  /** Present where the subscription has deltas. */
  readonly holding?: Holding;
}

/** What the owner of a subscription learns of its delivery. */
export type DeliveryReport =
  /** Told to subscribe again (or, not live yet, dropped): the owner forgets the subscription. */
  | { readonly kind: 'cut'; readonly wasLive: boolean; readonly code: number; readonly reason: string }
  /** The outbox was full, and `dropped` of the offsets `from` to `to` were not handed over. */
  | {
      readonly kind: 'overflow';
      readonly outcome: OverflowOutcome | 'close';
      readonly from: number;
      readonly to: number;
      readonly dropped: number;
    };

interface Offered {
  readonly publication: Publication;
  readonly document: Encoded;
}

type State =
  | { readonly kind: 'buffering'; items: Offered[]; bytes: number; overflowed: boolean }
  | { readonly kind: 'flowing' }
  | {
      readonly kind: 'conflating';
      readonly latest: Map<string, Offered>;
      bytes: number;
      /** First offset that waits, and the episode's. */
      readonly from: number;
      readonly since: number;
      readonly droppedBefore: number;
    }
  | { readonly kind: 'gapping'; from: number; to: number; readonly droppedBefore: number }
  | { readonly kind: 'cut' }
  | { readonly kind: 'ended' };

/** What a reader buffers or conflates may come to this many full outboxes; beyond it only a fresh start helps. */
const HELD_OUTBOXES = 8;

const FLOWING: State = { kind: 'flowing' };
const CUT: State = { kind: 'cut' };
const ENDED: State = { kind: 'ended' };

export class Delivery {
  readonly connection: Connection;
  readonly options: DeliveryOptions;
  readonly #counters: Counters;
  readonly #report: (report: DeliveryReport) => void;
  #state: State = { kind: 'buffering', items: [], bytes: 0, overflowed: false };
  #source: Push | undefined;
  #waiters: (Position & { readonly run: () => void })[] = [];
  /** The last offset offered and not refused by the filter. */
  #offset = 0;
  /** First offset the filter held back since the last hand-over; 0: none. */
  #filteredFrom = 0;
  #epoch = '';
  /** Publications dropped or conflated for this reader. */
  dropped = 0;
  /** Place in the channel's list of readers, kept by the channel. */
  slot = -1;

  constructor(
    connection: Connection,
    counters: Counters,
    options: DeliveryOptions,
    report: (report: DeliveryReport) => void,
  ) {
    this.connection = connection;
    this.options = options;
    this.#counters = counters;
    this.#report = report;
  }

  get position(): Position {
    return { epoch: this.#epoch, offset: this.#offset };
  }

  get kind(): 'flowing' | 'cut' | 'conflating' | 'gapping' {
    const { kind } = this.#state;
    return kind === 'conflating' || kind === 'gapping' || kind === 'cut' ? kind : 'flowing';
  }

  get active(): boolean {
    return this.#state.kind !== 'ended' && this.#state.kind !== 'cut';
  }

  /** Present where the subscription has deltas. */
  get holding(): Holding | undefined {
    return this.options.holding;
  }

  get flowing(): boolean {
    return this.#state === FLOWING;
  }

  get buffering(): boolean {
    return this.#state.kind === 'buffering';
  }

  /** True when more was published while this reader was being subscribed than may be buffered: it must start again. */
  get bufferOverflowed(): boolean {
    return this.#state.kind === 'buffering' && this.#state.overflowed;
  }

  /**
   * Takes what was buffered beyond `after` (for a map's live reply), filtered, with the last offset of all; buffering goes on. Undefined
   * where an offset is missing.
   */
  takeBuffered(
    after: number,
  ): { readonly publications: Publication[]; readonly lastOffset: number } | undefined {
    if (this.#state.kind !== 'buffering') return { publications: [], lastOffset: after };
    const publications = this.#state.items
      .map((item) => item.publication)
      .filter(({ offset }) => offset === 0 || offset > after);
    this.#state.items = [];
    this.#state.bytes = 0;
    let lastOffset = after;
    for (const { offset } of publications) {
      if (offset > lastOffset + 1) return undefined;
      if (offset > 0) lastOffset = offset;
    }
    return { publications: publications.filter((publication) => this.passes(publication)), lastOffset };
  }

  /** The subscribe reply is in the outbox: what was buffered beyond `position` follows it, then everything live. */
  begin(position: Position): void {
    if (this.#state.kind !== 'buffering') return;
    const { items, overflowed } = this.#state;
    this.#epoch = position.epoch;
    this.#offset = position.offset;
    this.#state = FLOWING;
    if (overflowed) {
      // It was still within bounds when the position was read; what came until the reply was queued is lost.
      this.cut('more was published while subscribing than may be buffered');
      return;
    }
    for (const { publication, document } of items) {
      // The channel's first delivery was compared with nothing yet: this reader knows where it should have continued.
      if (position.epoch !== '' && publication.offset > this.#offset + 1) {
        this.cut('a publication was missed while subscribing');
        return;
      }
      if (this.offer(publication, document)) this.options.holding?.handed(publication);
    }
    this.#settleWaiters();
  }

  /**
   * Hands a publication over, or deals with overflow. Duplicates (offset at or below the last) are dropped. True: it is in the outbox, and the
   * caller tells `holding`.
   */
  offer(publication: Publication, document: Encoded): boolean {
    const state = this.#state;
    const { offset } = publication;
    switch (state.kind) {
      case 'flowing': {
        if (offset !== 0 && offset <= this.#offset) return false;
        if (this.options.filter !== undefined && !this.#admit(publication)) return false;
        if (this.connection.enqueue(document)) {
          if (offset !== 0) this.#offset = offset;
          this.#counters.deliveries++;
          if (this.#waiters.length > 0) this.#settleWaiters();
          return true;
        }
        this.#overflow(publication, document);
        return false;
      }
      case 'buffering':
        state.bytes += document.bytes.length;
        if (state.items.length >= this.options.bufferMax || state.bytes > this.#maxHeldBytes) {
          state.items = [];
          state.overflowed = true;
        }
        if (!state.overflowed) state.items.push({ publication, document });
        return false;
      case 'conflating':
        if (this.options.filter !== undefined && !this.passes(publication)) {
          // Explained with what passes next, behind what waits.
          if (offset !== 0) {
            if (this.#filteredFrom === 0) this.#filteredFrom = offset;
            this.#offset = offset;
          }
          this.options.holding?.skipped(publication);
          return false;
        }
        this.#filteredFrom = 0;
        if (state.latest.has(publication.key ?? '')) this.dropped++;
        state.bytes +=
          document.bytes.length - (state.latest.get(publication.key ?? '')?.document.bytes.length ?? 0);
        // Delete first: the map's order is the order of the newest writes, which is the order in which they go out.
        state.latest.delete(publication.key ?? '');
        if (state.latest.size >= this.options.bufferMax || state.bytes > this.#maxHeldBytes) {
          // More than may wait: only a fresh state helps this reader.
          this.cut('overflow: more waits than may');
          return false;
        }
        state.latest.set(publication.key ?? '', { publication, document });
        if (offset !== 0) this.#offset = offset;
        return false;
      case 'gapping':
        this.dropped++;
        this.options.holding?.skipped(publication);
        if (offset !== 0) {
          if (state.from === 0) state.from = offset;
          state.to = offset;
          this.#offset = offset;
        }
        return false;
      case 'cut':
      case 'ended':
        return false;
    }
  }

  /** The outbox is empty again: conflated publications or the gap report go out. */
  catchUp(): void {
    const state = this.#state;
    if (state.kind === 'gapping') {
      this.#leaveBehind(FLOWING);
      if (state.from > 0) this.#gap(state.from, state.to, 'overflow');
      this.#settleWaiters();
      this.#sendSource();
    } else if (state.kind === 'conflating') {
      const waiting = [...state.latest.values()];
      let next = state.from;
      for (const { publication, document } of waiting) {
        const { offset } = publication;
        if (offset > next && next > 0) this.#gap(next, offset - 1, 'conflated');
        if (!this.connection.enqueue(document)) {
          // Still too slow for even the newest values: keep conflating what is left.
          const left = new Map(
            waiting
              .slice(waiting.findIndex((item) => item.publication === publication))
              .map((item) => [item.publication.key ?? '', item]),
          );
          this.#state = {
            kind: 'conflating',
            latest: left,
            bytes: [...left.values()].reduce((sum, item) => sum + item.document.bytes.length, 0),
            from: offset,
            since: state.since,
            droppedBefore: state.droppedBefore,
          };
          return;
        }
        this.#counters.deliveries++;
        this.options.holding?.handed(publication);
        if (offset > 0) next = offset + 1;
      }
      // The last gap report may have been one too many for the connection.
      if (this.#state !== state) return;
      this.#leaveBehind(FLOWING);
      this.#settleWaiters();
      this.#sendSource();
    }
  }

  /** Queues a push of this subscription in order with its publications (dropped when the subscription is over). */
  push(push: Push): void {
    if (!this.active || this.buffering) return;
    if (push.kind === 'source' && this.#behind) {
      this.#source = push;
      return;
    }
    const document = this.connection.codec.encodePush(push);
    if (document) this.connection.control(document);
  }

  /** Runs `run` once this reader was handed what is at that position, or never will be; while it is being subscribed, not before its reply. */
  whenReached({ epoch, offset }: Position, run: () => void): void {
    this.#waiters.push({ epoch, offset, run });
    this.#settleWaiters();
    // A peer that goes on asking while it reads nothing is not waited for without end.
    if (this.#waiters.length > this.options.bufferMax) this.cut('overflow: more replies wait than may');
  }

  /** Continuity is lost, for a `reason` in words: the reader must subscribe again (2500, or another code from 2500 on). */
  cut(reason: string, name: UnsubscribeName = 'insufficientState'): void {
    if (!this.active) return;
    const { code, message } = UNSUBSCRIBE_CODES[name];
    const told = !this.buffering;
    this.#leaveBehind(CUT);
    if (told && !this.options.endsConnection) {
      const { subId, channel } = this.options;
      const document = this.connection.codec.encodePush({
        kind: 'unsubscribed',
        subId,
        channel,
        code,
        reason: message,
      });
      if (document) this.connection.control(document);
    }
    this.#settleWaiters();
    this.#report({ kind: 'cut', wasLive: told, code, reason });
  }

  end(): void {
    this.#leaveBehind(ENDED);
    this.#settleWaiters();
  }

  // ------------------------------------------------------------ inside

  /** Bytes of publications that wait outside the outbox. */
  get #maxHeldBytes(): number {
    return HELD_OUTBOXES * this.connection.profile.outboxMaxBytes;
  }

  /** Ends a time of falling behind, and reports it where something was lost. */
  #leaveBehind(next: State): void {
    const state = this.#state;
    this.#state = next;
    if (state.kind !== 'gapping' && state.kind !== 'conflating') return;
    const dropped = this.dropped - state.droppedBefore;
    if (dropped === 0) return;
    const [from, to] = state.kind === 'gapping' ? [state.from, state.to] : [state.since, this.#offset];
    this.#report({
      kind: 'overflow',
      outcome: state.kind === 'gapping' ? 'gap' : 'latest',
      from,
      to,
      dropped,
    });
  }

  /** Whether offsets were counted that the reader has not been handed or told of. */
  get #behind(): boolean {
    return this.#state.kind === 'conflating' || this.#state.kind === 'gapping';
  }

  /** What the source said while publications before it still waited: its last word. */
  #sendSource(): void {
    const push = this.#source;
    this.#source = undefined;
    if (push) this.push(push);
  }

  /** Whether the reader's filter lets a publication through. */
  passes(publication: Publication): boolean {
    return this.options.filter === undefined || matchesFilter(this.options.filter, publication.tags ?? {});
  }

  /** Filtered offsets are explained once, before the next publication that passes. */
  #admit(publication: Publication): boolean {
    if (this.passes(publication)) {
      if (this.#filteredFrom !== 0 && publication.offset > this.#filteredFrom)
        this.#gap(this.#filteredFrom, publication.offset - 1, 'filtered');
      this.#filteredFrom = 0;
      return true;
    }
    this.options.holding?.skipped(publication);
    if (publication.offset !== 0) {
      if (this.#filteredFrom === 0) this.#filteredFrom = publication.offset;
      this.#offset = publication.offset;
      this.#settleWaiters();
    }
    return false;
  }

  #overflow(publication: Publication, document: Encoded): void {
    const { outcome } = this.options;
    const { offset } = publication;
    this.#counters.overflows[outcome]++;
    switch (outcome) {
      case 'recover':
        this.dropped++;
        this.#report({ kind: 'overflow', outcome, from: offset, to: offset, dropped: 1 });
        this.cut('overflow');
        return;
      case 'latest':
        this.#state = {
          kind: 'conflating',
          latest: new Map([[publication.key ?? '', { publication, document }]]),
          bytes: document.bytes.length,
          from: offset,
          since: offset,
          droppedBefore: this.dropped,
        };
        if (offset !== 0) this.#offset = offset;
        return;
      case 'gap':
        this.#state = { kind: 'gapping', from: offset, to: offset, droppedBefore: this.dropped };
        this.dropped++;
        this.options.holding?.skipped(publication);
        if (offset !== 0) this.#offset = offset;
        return;
      case 'close':
        this.#report({ kind: 'overflow', outcome, from: offset, to: offset, dropped: 1 });
        this.#state = ENDED;
        this.connection.abort({ code: 3008, reason: 'slow' });
        return;
    }
  }

  #gap(from: number, to: number, reason: 'overflow' | 'conflated' | 'filtered'): void {
    if (!this.options.tellsGaps) return;
    const { subId, channel } = this.options;
    const document = this.connection.codec.encodePush({
      kind: 'gap',
      subId,
      channel,
      epoch: this.#epoch,
      from,
      to,
      reason,
    });
    if (document) this.connection.control(document);
  }

  #settleWaiters(): void {
    if (this.#waiters.length === 0 || this.buffering) return;
    const due = this.#waiters.filter(
      ({ epoch, offset }) =>
        !this.active ||
        (offset <= this.#offset && !this.#behind) ||
        (this.#epoch !== '' && epoch !== this.#epoch),
    );
    if (due.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => !due.includes(waiter));
    for (const waiter of due) waiter.run();
  }
}
