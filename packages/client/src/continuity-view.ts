/** What a reader shows about its continuity, derived from the machine's track and what surrounds it. Pure. */
import type { Missing, Reset, Track } from './continuity.js';

/**
 * What an application shows. `live`: connected, subscribed, the source flows, nothing is missing. `recovering`: on the way (back) there.
 * `stale`: what is shown may be old since `sinceMs` (Unix ms). `reset`: a part is missing; the state must be taken again. `failed`: will not
 * come back by itself.
 */
export type Continuity =
  | { readonly kind: 'live' }
  | { readonly kind: 'recovering'; readonly sinceMs: number }
  | ({ readonly kind: 'reset' } & Reset)
  | { readonly kind: 'stale'; readonly sinceMs: number; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string; readonly code: number };

/** What besides the track decides. */
export interface Surroundings {
  /** A reset that was reported and not yet answered with new state or an acknowledgement. */
  readonly reset: Reset | undefined;
  /** State is being loaded for the first time since then. */
  readonly loadingSinceMs: number | undefined;
  /** The loss is old enough to say so. */
  readonly stale: boolean;
  /** The connection was closed by the application, or gave up. */
  readonly connection:
    | { readonly kind: 'open' }
    | { readonly kind: 'closed'; readonly sinceMs: number }
    | { readonly kind: 'failed'; readonly code: number; readonly reason: string };
}

export function continuityOf(
  track: Track,
  { reset, loadingSinceMs, stale, connection }: Surroundings,
): Continuity {
  const { phase, source } = track;
  if (phase.kind === 'ended') return { kind: 'failed', code: phase.code, reason: phase.reason };
  if (connection.kind === 'failed') return connection;
  if (connection.kind === 'closed')
    return {
      kind: 'stale',
      sinceMs: phase.kind === 'lost' ? phase.sinceMs : connection.sinceMs,
      reason: 'disconnected',
    };
  if (phase.kind !== 'subscribed') {
    if (!stale) return { kind: 'recovering', sinceMs: phase.sinceMs };
    return {
      kind: 'stale',
      sinceMs: phase.sinceMs,
      reason: phase.kind === 'lost' ? phase.reason : 'not subscribed yet',
    };
  }
  if (reset !== undefined) return { kind: 'reset', ...reset };
  if (source.state !== 'live')
    return {
      kind: 'stale',
      sinceMs: source.sinceMs,
      reason: source.reason === '' ? `source ${source.state}` : source.reason,
    };
  return loadingSinceMs === undefined ? { kind: 'live' } : { kind: 'recovering', sinceMs: loadingSinceMs };
}

/** Equal by value, so that listeners hear of real changes only. */
export function sameContinuity(left: Continuity, right: Continuity): boolean {
  if (left.kind !== right.kind) return false;
  const before = left as { readonly [field: string]: unknown; readonly missing?: Missing };
  const after = right as { readonly [field: string]: unknown; readonly missing?: Missing };
  return (
    before['sinceMs'] === after['sinceMs'] &&
    before['reason'] === after['reason'] &&
    before['code'] === after['code'] &&
    before.missing?.epoch === after.missing?.epoch &&
    before.missing?.from === after.missing?.from &&
    before.missing?.to === after.missing?.to
  );
}
