/**
 * The client's side of `docs/spec/extensions.md`: what is offered, what was granted, and the shapes that arrive inside connect data,
 * subscribe data and message pushes. Pure parsing of untrusted input: a malformed part is treated as absent, never thrown about.
 */
import type { OverflowOutcome, SourceState } from '@trunkline/protocol';

export const EXTENSIONS = ['gap', 'source', 'drain', 'call', 'rpc'] as const;
export type Extension = (typeof EXTENSIONS)[number];

export const OFFER_HEADER = 'trunkline-extensions';

export interface Grants {
  readonly extensions: ReadonlySet<Extension>;
  /** What the authenticator answered, if anything. */
  readonly data: unknown;
}

export interface Announced {
  readonly outcome: OverflowOutcome;
  readonly source: SourceState;
  /** The module's data, if any. */
  readonly data: unknown;
}

export interface GapNotice {
  readonly kind: 'gap';
  readonly channel: string;
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
  readonly reason: 'overflow' | 'conflated' | 'filtered';
}

export type Notice =
  | GapNotice
  | { readonly kind: 'source'; readonly channel: string; readonly source: SourceState }
  | { readonly kind: 'drain'; readonly withinMs: number }
  | { readonly kind: 'call'; readonly id: string; readonly method: string; readonly data: unknown };

type Fields = Readonly<Record<string, unknown>>;

const LIVE: SourceState = { state: 'live' };

/** [EXT-2] Data without our envelope belongs to the application whole. */
export function parseConnectData(data: unknown): Grants {
  const envelope = fields(fields(data)?.['tl']);
  if (envelope === undefined) return { extensions: new Set(), data };
  const granted = Array.isArray(envelope['extensions']) ? envelope['extensions'] : [];
  return {
    extensions: new Set(EXTENSIONS.filter((name) => granted.includes(name))),
    data: fields(data)?.['data'],
  };
}

/** [EXT-3] Without the envelope the source counts as live: nobody said otherwise. */
export function parseSubscribeData(data: unknown): Announced {
  const envelope = fields(fields(data)?.['tl']);
  if (envelope === undefined) return { outcome: 'recover', source: LIVE, data };
  const outcome = envelope['outcome'];
  return {
    outcome: outcome === 'latest' || outcome === 'gap' ? outcome : 'recover',
    source: parseSource(fields(envelope['source'])),
    data: fields(data)?.['data'],
  };
}

/** [EXT-4] Undefined: not one of ours, the message belongs to the application. */
export function parseNotice(data: unknown): Notice | undefined {
  const envelope = fields(fields(data)?.['tl']);
  if (envelope === undefined) return undefined;
  return (
    parseGap(fields(envelope['gap'])) ??
    parseSourceNotice(fields(envelope['source'])) ??
    parseDrain(fields(envelope['drain'])) ??
    parseCall(fields(envelope['call']))
  );
}

function parseGap(gap: Fields | undefined): Notice | undefined {
  if (gap === undefined) return undefined;
  const { channel, epoch, from, to, reason } = gap;
  if (
    typeof channel !== 'string' ||
    typeof epoch !== 'string' ||
    !isOffset(from) ||
    !isOffset(to) ||
    to < from
  )
    return undefined;
  // An unknown reason is read as the worst one: a loss.
  return {
    kind: 'gap',
    channel,
    epoch,
    from,
    to,
    reason: reason === 'filtered' || reason === 'conflated' ? reason : 'overflow',
  };
}

function parseSourceNotice(source: Fields | undefined): Notice | undefined {
  const channel = source?.['channel'];
  return typeof channel === 'string' ? { kind: 'source', channel, source: parseSource(source) } : undefined;
}

function parseDrain(drain: Fields | undefined): Notice | undefined {
  if (drain === undefined) return undefined;
  const withinMs = drain['withinMs'];
  return { kind: 'drain', withinMs: typeof withinMs === 'number' && withinMs > 0 ? withinMs : 0 };
}

function parseCall(call: Fields | undefined): Notice | undefined {
  const id = call?.['id'];
  const method = call?.['method'];
  return typeof id === 'string' && typeof method === 'string'
    ? { kind: 'call', id, method, data: call?.['data'] }
    : undefined;
}

function parseSource(source: Fields | undefined): SourceState {
  const state = source?.['state'];
  if (state !== 'recovering' && state !== 'failed') return LIVE;
  const sinceMs = source?.['sinceMs'];
  const reason = source?.['reason'];
  return {
    state,
    sinceMs: typeof sinceMs === 'number' ? sinceMs : 0,
    reason: typeof reason === 'string' ? reason : '',
  };
}

function isOffset(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function fields(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}
