/** Kubernetes objects, ages and states of lists as people read them in a terminal. Pure. */
import type { FieldChange } from '@trunkline/contracts/kube-changes';
import { duration, oneLine } from '../format.js';
import type { Paint } from '../io.js';
import type { KubeHealth, KubeObject } from './ports.js';

/** `● live`, `● recovering since 3 s: watch ended`, `● stale since 12 s: ECONNREFUSED`. */
export function badge({ state, sinceMs, reason }: KubeHealth, now: number, paint: Paint): string {
  const colour = {
    loading: paint.yellow,
    live: paint.green,
    recovering: paint.yellow,
    stale: paint.red,
    partial: paint.red,
    failed: paint.red,
  }[state];
  const since = sinceMs === undefined || state === 'live' ? '' : ` since ${duration(now - sinceMs)}`;
  const why = reason === undefined || reason === '' || state === 'live' ? '' : `: ${oneLine(reason)}`;
  return `${colour(`● ${state}`)}${since}${why}`;
}

/** `shop/web-1`, or the name where the kind has no namespaces. */
export function keyOf({ metadata }: KubeObject): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}

/** 45s, 12m, 5h, 3d. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 3 * 3_600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 48 * 3_600 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

/** A cell of a window; times become ages. */
export function cellText(
  type: string,
  cell: string | number | boolean | null | undefined,
  now: number,
): string {
  if (cell === null || cell === undefined || cell === '') return '-';
  if (type !== 'time') return String(cell);
  const atMs = typeof cell === 'number' ? cell : Date.parse(String(cell));
  return Number.isNaN(atMs) ? String(cell) : age(now - atMs);
}

/** One change in a few words: `status.phase Pending → Running`. */
export function changeText({ path, before, after }: FieldChange): string {
  return `${path} ${glimpse(before)} → ${glimpse(after)}`;
}

const GLIMPSE = 40;

function glimpse(value: unknown): string {
  if (value === undefined) return '(none)';
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.length > GLIMPSE ? `${text.slice(0, GLIMPSE - 1)}…` : text;
}
