/**
 * Continuity of one channel, as a pure state machine: what a reader may be handed, what it must be told first, and when the subscription
 * has to be taken again from the last good position. It knows offsets and epochs only; sockets, timers and handlers are `wire.ts`.
 * The promise it keeps (spec CLIENT-1): between two offsets that are not neighbours there is always a reset or a gap report.
 *
 *   opening ─ subscribed ─▶ subscribed ─ subscribing, or a jump ─▶ lost ─ subscribed ─▶ subscribed
 *   ended (refused, or unsubscribed for good) is left by `subscribing` only
 */
import type { OverflowOutcome, Position, SourceState } from '@trunkline/protocol';

/**
 * Why an application must take its state again: the position cannot be recovered; the channel began a new epoch; the channel keeps no
 * position; the server dropped publications (`overflow`, `conflated`); offsets jumped without a word; the server voided all state; a message
 * could not be decoded or applied; more arrived while state was loading than may be buffered.
 */
export type ResetReason =
  | 'unrecoverable'
  | 'epoch'
  | 'unpositioned'
  | 'overflow'
  | 'conflated'
  | 'jump'
  | 'invalidated'
  | 'undecodable'
  | 'buffer';

/** A loss in the middle of a subscription that goes on, as opposed to one found when it was taken again. */
export function isHole(reason: ResetReason): boolean {
  return ['jump', 'overflow', 'conflated', 'undecodable'].includes(reason);
}

/** Offsets `from` to `to` (inclusive) that were not handed over. */
export interface Missing {
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
}

/** `missing` is absent where the range cannot be known. */
export interface Reset {
  readonly reason: ResetReason;
  readonly missing?: Missing;
}

export type Phase =
  | { readonly kind: 'opening'; readonly sinceMs: number }
  | { readonly kind: 'subscribed' }
  | { readonly kind: 'lost'; readonly sinceMs: number; readonly reason: string }
  | { readonly kind: 'ended'; readonly code: number; readonly reason: string };

export interface Track {
  readonly phase: Phase;
  /** The last place known to be complete; undefined where the channel numbers nothing, or nothing was ever subscribed. */
  readonly position: Position | undefined;
  /** Nothing was handed over yet, so nothing can be missed. */
  readonly fresh: boolean;
  readonly recoverable: boolean;
  /** The end of what the last subscribe reply recovered, where the server told it; holes up to here are judged by `options`, not as live jumps. */
  readonly recoveredTo: number;
  /** The next publication is the first that the last subscribe reply recovered. */
  readonly recovering: boolean;
  readonly outcome: OverflowOutcome;
  readonly source: SourceState;
  /** Gap reports that arrived while not subscribed; they may explain holes in what is recovered. */
  readonly reported: readonly GapReport[];
  /** The server voided everything it had sent; only fresh state helps. */
  readonly invalidated: boolean;
  /** Resubscriptions for unexplained jumps since the last publication was handed over. */
  readonly jumps: number;
  readonly options: TrackOptions;
}

export interface TrackOptions {
  /** The subscription filters, so recovered publications have holes that are no loss. */
  readonly filtered: boolean;
  /** Live jumps cannot be told from filtered publications: the server does not report gaps. */
  readonly unexplained: boolean;
  /** Recovery returns the newest publication only. */
  readonly cache: boolean;
}

export interface GapReport extends Missing {
  readonly reason: 'overflow' | 'conflated' | 'filtered';
}

export type TrackEvent =
  | {
      readonly kind: 'subscribing';
      readonly nowMs: number;
      readonly reason: string;
      readonly invalidated: boolean;
    }
  | {
      readonly kind: 'subscribed';
      readonly position: Position | undefined;
      readonly recoverable: boolean;
      readonly wasRecovering: boolean;
      readonly recovered: boolean;
      readonly hasPublications: boolean;
      readonly outcome: OverflowOutcome;
      readonly source: SourceState;
      readonly unexplained: boolean;
    }
  | { readonly kind: 'publication'; readonly offset: number; readonly nowMs: number }
  /** A publication that came and cannot be read; 0: it had no number. */
  | { readonly kind: 'undecodable'; readonly offset: number; readonly nowMs: number }
  | ({ readonly kind: 'gap'; readonly nowMs: number } & GapReport)
  | { readonly kind: 'source'; readonly source: SourceState }
  | { readonly kind: 'ended'; readonly code: number; readonly reason: string };

/** In order. A publication without `deliver` is dropped: already handed over, or of a subscription that is over. */
export type Effect =
  | { readonly kind: 'deliver' }
  | { readonly kind: 'gap'; readonly missing: Missing }
  | ({ readonly kind: 'reset' } & Reset)
  | { readonly kind: 'resubscribe' };

export interface Step {
  readonly track: Track;
  readonly effects: readonly Effect[];
}

/** Tries to have an unexplained jump recovered before it is reported as a loss. */
export const MAX_JUMPS = 3;
/** Gap reports remembered while not subscribed. */
export const MAX_REPORTED = 64;

const NONE: readonly Effect[] = [];
const DELIVER: readonly Effect[] = [{ kind: 'deliver' }];
const SUBSCRIBED: Phase = { kind: 'subscribed' };

/** `since`: a position the application already holds state for; what follows it must not be missed. */
export function openTrack(nowMs: number, options: TrackOptions, since?: Position): Track {
  return {
    phase: { kind: 'opening', sinceMs: nowMs },
    position: since,
    fresh: since === undefined,
    recoverable: false,
    recoveredTo: 0,
    recovering: false,
    outcome: 'recover',
    source: { state: 'live' },
    reported: [],
    invalidated: false,
    jumps: 0,
    options,
  };
}

export function step(track: Track, event: TrackEvent): Step {
  switch (event.kind) {
    case 'publication':
      return publication(track, event.offset, event.nowMs);
    case 'undecodable':
      return undecodable(track, event.offset, event.nowMs);
    case 'gap':
      return gap(track, event);
    case 'source':
      return { track: { ...track, source: event.source }, effects: NONE };
    case 'subscribing':
      return {
        track: subscribing(
          event.invalidated ? { ...track, invalidated: true } : track,
          event.nowMs,
          event.reason,
        ),
        effects: NONE,
      };
    case 'subscribed':
      return subscribed(track, event);
    case 'ended':
      return {
        track: { ...track, phase: { kind: 'ended', code: event.code, reason: event.reason }, reported: [] },
        effects: NONE,
      };
  }
}

function subscribing(track: Track, nowMs: number, reason: string): Track {
  // Already on the way back: the moment it was lost stays.
  if (track.phase.kind === 'lost' || track.phase.kind === 'opening') return track;
  const phase: Phase = track.fresh
    ? { kind: 'opening', sinceMs: nowMs }
    : { kind: 'lost', sinceMs: nowMs, reason };
  return { ...track, phase, reported: [] };
}

function subscribed(track: Track, event: TrackEvent & { kind: 'subscribed' }): Step {
  const { position: top } = event;
  const held = track.position;
  const next: Track = {
    ...track,
    phase: SUBSCRIBED,
    fresh: false,
    recoverable: event.recoverable,
    outcome: event.outcome,
    source: event.source,
    options: { ...track.options, unexplained: event.unexplained },
    recoveredTo: 0,
    recovering: false,
    invalidated: false,
  };
  if (track.fresh) return { track: { ...next, position: top, reported: [], jumps: 0 }, effects: NONE };
  // A top behind what is held: acknowledged publications were lost where they are kept, and their offsets will be given again.
  const continues = held && top && sameEpoch(held, top) && held.offset <= top.offset;
  if (event.recovered && !track.invalidated && continues) {
    return {
      track: {
        ...next,
        position: { epoch: top.epoch, offset: held.offset },
        recoveredTo: top.offset,
        recovering: event.hasPublications,
      },
      effects: NONE,
    };
  }
  // Of a cache the newest publication follows all the same, and is what the application begins with.
  const newest = track.options.cache && event.recovered && event.hasPublications;
  const position = newest && top && top.offset > 0 ? { epoch: top.epoch, offset: top.offset - 1 } : top;
  const replaced: Track = { ...next, position, reported: [], jumps: 0 };
  // Nobody asked to recover, and nothing was published meanwhile: nothing is missing.
  if (
    !event.wasRecovering &&
    !track.invalidated &&
    held &&
    top &&
    held.epoch === top.epoch &&
    held.offset === top.offset
  )
    return { track: replaced, effects: NONE };
  return { track: replaced, effects: [{ kind: 'reset', ...lossBetween(track, top) }] };
}

function lossBetween({ position: held, invalidated }: Track, top: Position | undefined): Reset {
  if (invalidated) return { reason: 'invalidated' };
  if (held === undefined || top === undefined) return { reason: 'unpositioned' };
  if (!sameEpoch(held, top)) return { reason: 'epoch' };
  if (top.offset <= held.offset) return { reason: 'unrecoverable' };
  return { reason: 'unrecoverable', missing: { epoch: top.epoch, from: held.offset + 1, to: top.offset } };
}

function publication(track: Track, offset: number, nowMs: number): Step {
  const { phase, position } = track;
  if (phase.kind !== 'subscribed') return { track, effects: NONE };
  // Numbered nothing: history is off, or this one was kept out of it.
  if (offset === 0) return { track, effects: DELIVER };
  if (position === undefined)
    return { track: { ...track, position: { epoch: '', offset } }, effects: DELIVER };
  if (offset <= position.offset) return { track, effects: NONE };
  if (offset === position.offset + 1) return deliverAt(track, offset, DELIVER);
  return jump(track, position, offset, nowMs);
}

function jump(track: Track, position: Position, offset: number, nowMs: number): Step {
  const explained = explain(track, position.offset + 1, offset - 1);
  if (explained) return deliverAt(track, offset, [...explained, ...DELIVER]);
  const { filtered, unexplained, cache } = track.options;
  const missing: Missing = { epoch: position.epoch, from: position.offset + 1, to: offset - 1 };
  // Holes of a filter: inside what was recovered, between its last item and its end, or anywhere where the server reports none.
  const covered = filtered && (unexplained || position.offset < track.recoveredTo);
  if (covered && (unexplained || offset <= track.recoveredTo + 1)) return deliverAt(track, offset, DELIVER);
  if (covered)
    return jump(
      { ...track, position: { ...position, offset: track.recoveredTo } },
      { ...position, offset: track.recoveredTo },
      offset,
      nowMs,
    );
  if (cache && track.recovering) return deliverAt(track, offset, [{ kind: 'gap', missing }, ...DELIVER]);
  return lose(track, missing, nowMs, (settled) => deliverAt(settled, offset, DELIVER));
}

/** A hole nobody explained: recovered by subscribing again where that can work, else reported; `go` continues behind the hole. */
function lose(track: Track, missing: Missing, nowMs: number, go: (track: Track) => Step): Step {
  if (track.recoverable && track.jumps < MAX_JUMPS) {
    const phase: Phase = { kind: 'lost', sinceMs: nowMs, reason: 'gap' };
    return {
      track: { ...track, phase, jumps: track.jumps + 1, reported: [] },
      effects: [{ kind: 'resubscribe' }],
    };
  }
  const after = go({ ...track, position: { epoch: missing.epoch, offset: missing.to } });
  return { track: after.track, effects: [{ kind: 'reset', reason: 'jump', missing }, ...after.effects] };
}

/** As if it had been lost on the way. */
function undecodable(track: Track, offset: number, nowMs: number): Step {
  const { phase, position } = track;
  if (phase.kind !== 'subscribed') return { track, effects: NONE };
  if (position === undefined || offset === 0)
    return { track, effects: [{ kind: 'reset', reason: 'undecodable' }] };
  if (offset <= position.offset) return { track, effects: NONE };
  const missing: Missing = { epoch: position.epoch, from: position.offset + 1, to: offset };
  return lose(track, missing, nowMs, (settled) => ({ track: settled, effects: NONE }));
}

function deliverAt(track: Track, offset: number, effects: readonly Effect[]): Step {
  return {
    track: {
      ...track,
      position: { epoch: track.position?.epoch ?? '', offset },
      jumps: 0,
      recovering: false,
    },
    effects,
  };
}

/** What the remembered gap reports say about a hole, or undefined where they leave a part of it open. */
function explain(track: Track, from: number, to: number): Effect[] | undefined {
  const effects: Effect[] = [];
  let next = from;
  for (const report of track.reported) {
    if (report.from > next || report.to < next || report.epoch !== track.position?.epoch) continue;
    effects.push(...effectsOf(track, { ...report, from: next, to: Math.min(report.to, to) }));
    next = report.to + 1;
    if (next > to) return effects;
  }
  return undefined;
}

function gap(track: Track, report: GapReport & { readonly nowMs: number }): Step {
  const { phase, position } = track;
  const { epoch, from, to, reason } = report;
  if (phase.kind !== 'subscribed') {
    return {
      track: { ...track, reported: [...track.reported, { epoch, from, to, reason }].slice(-MAX_REPORTED) },
      effects: NONE,
    };
  }
  if (position === undefined || position.epoch !== epoch || to <= position.offset)
    return { track, effects: NONE };
  const expected = Math.max(position.offset, track.options.filtered ? track.recoveredTo : 0) + 1;
  const advance = (settled: Track): Step => ({
    track: { ...settled, position: { epoch, offset: to }, jumps: 0 },
    effects: effectsOf(settled, {
      epoch,
      from: Math.max(from, (settled.position?.offset ?? 0) + 1),
      to,
      reason,
    }),
  });
  if (from > expected && !track.options.unexplained)
    return lose(track, { epoch, from: expected, to: from - 1 }, report.nowMs, advance);
  return advance(track);
}

/** A filtered range is no loss; a conflated one keeps the newest values where the channel promises so; anything else is one. */
function effectsOf(track: Track, { reason, epoch, from, to }: GapReport): Effect[] {
  const missing: Missing = { epoch, from, to };
  if (reason === 'filtered') return [];
  if (reason === 'conflated' && track.outcome === 'latest') return [{ kind: 'gap', missing }];
  return [{ kind: 'reset', reason, missing }];
}

function sameEpoch(held: Position, top: Position): boolean {
  // An empty epoch at offset 0 is "from the very start, whatever it is now".
  return held.epoch === top.epoch || (held.epoch === '' && held.offset === 0);
}
