/** How current a list is, out of what is known of its channel, and how current many lists are together. Pure. */
import { CodedError } from '@trunkline/protocol';
import type { Continuity } from '../continuity-view.js';
import type { Health, ListHealth, LiveState } from './types.js';

/** The right to read a channel ended (`permissionRevoked`). */
export const REVOKED = 2101;

export const LIVE: Health = { state: 'live', sinceMs: undefined, reason: undefined, error: undefined };

/** What sources say of themselves as long as nothing is wrong. */
const NO_REASON = new Set(['loading', 'opening']);

/** Nothing was shown yet; `said`: why it takes, `error` where it was a refusal that may pass. */
export function loading(sinceMs: number | undefined, said?: string, error?: CodedError): Health {
  const reason = said === undefined || NO_REASON.has(said) ? undefined : said;
  return { state: 'loading', sinceMs, reason, error };
}

export function failed(error: CodedError, sinceMs: number | undefined): Health {
  return { state: 'failed', sinceMs, reason: error.message, error };
}

/** A refusal whose words and code came from elsewhere than a reply. */
export function refusal(code: number, reason: string): CodedError {
  return new CodedError({ code, message: reason, retry: 'never' });
}

/**
 * `before` is what was said last; times that are not known anew are kept from it. Nothing that was never shown is old or on its way back: it loads, for whatever reason it takes.
 */
export function healthOf(continuity: Continuity, shown: boolean, before: Health, nowMs: number): Health {
  const sinceMs = before.state === 'live' ? nowMs : (before.sinceMs ?? nowMs);
  switch (continuity.kind) {
    case 'live':
      return LIVE;
    case 'recovering':
      return shown
        ? { ...LIVE, state: 'recovering', sinceMs: continuity.sinceMs }
        : loading(continuity.sinceMs);
    case 'reset':
      return shown
        ? { ...LIVE, state: 'recovering', sinceMs, reason: continuity.reason }
        : loading(sinceMs, continuity.reason);
    case 'stale':
      return shown
        ? { ...LIVE, state: 'stale', sinceMs: continuity.sinceMs, reason: continuity.reason }
        : loading(continuity.sinceMs, continuity.reason);
    case 'failed':
      return before.error?.code === continuity.code && before.state === 'failed'
        ? before
        : failed(refusal(continuity.code, continuity.reason), sinceMs);
  }
}

/** What outweighs what, once at least one list is not failed. */
const WORST_FIRST: readonly LiveState[] = ['stale', 'recovering', 'loading', 'partial'];

/** One word for many: `failed` only where all are, `live` only where all are. `error` is the first one of any. */
export function together(parts: readonly Health[]): Health {
  const [first] = parts;
  if (first === undefined) return LIVE;
  // Parts may have more fields than these.
  if (parts.length === 1)
    return { state: first.state, sinceMs: first.sinceMs, reason: first.reason, error: first.error };
  const error = parts.find((part) => part.error !== undefined)?.error;
  const some = parts.some(({ state }) => state === 'failed');
  const worst = parts.every(({ state }) => state === 'failed')
    ? 'failed'
    : WORST_FIRST.find((state) => parts.some((part) => part.state === state));
  if (worst === undefined && !some) return LIVE;
  const behind = parts.filter(({ state }) => state === (worst ?? 'failed'));
  const times = behind.map(({ sinceMs }) => sinceMs).filter((time) => time !== undefined);
  return {
    state: worst ?? 'partial',
    sinceMs: times.length === 0 ? undefined : Math.min(...times),
    reason: behind.find(({ reason }) => reason !== undefined)?.reason,
    error,
  };
}

export function sameHealth(left: Health, right: Health): boolean {
  return (
    left.state === right.state &&
    left.sinceMs === right.sinceMs &&
    left.reason === right.reason &&
    left.error === right.error
  );
}

export function sameFields<T extends object>(left: T, right: T): boolean {
  const keys = Object.keys(left) as (keyof T)[];
  return keys.length === Object.keys(right).length && keys.every((key) => Object.is(left[key], right[key]));
}

/** `next`, with the objects of `before` wherever nothing changed; `before` itself where nothing did at all. */
export function keepLists<L extends ListHealth>(before: readonly L[], next: readonly L[]): readonly L[] {
  const kept = next.map((list, index) => {
    const held = before[index];
    return held !== undefined && (held === list || sameFields(held, list)) ? held : list;
  });
  return kept.length === before.length && kept.every((list, index) => list === before[index]) ? before : kept;
}
