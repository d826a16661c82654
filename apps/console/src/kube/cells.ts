/** Cells of a window as people read them, and how wide their columns are. Pure. */
import type { WindowColumn, WindowRow } from '@trunkline/contracts/kube';
import { statusTone, type Tone } from './words.js';

export type Cell = WindowRow['cells'][number];

export interface ShownCell {
  readonly text: string;
  /** Of a status. */
  readonly tone?: Tone | undefined;
}

/** `now`: for ages, which tick. */
export function shownCell({ name, type }: WindowColumn, cell: Cell | undefined, now: number): ShownCell {
  if (cell === null || cell === undefined || cell === '') return { text: '—' };
  if (type === 'time') {
    const atMs = timeOf(cell);
    return { text: atMs === undefined ? String(cell) : ageOf(now - atMs) };
  }
  if (typeof cell === 'boolean') return { text: cell ? 'yes' : 'no' };
  const text = String(cell);
  return /^(status|phase|state|type)$/i.test(name) ? { text, tone: statusTone(text) } : { text };
}

/** Unix milliseconds, or text of a date. */
function timeOf(cell: Exclude<Cell, null>): number | undefined {
  const atMs = typeof cell === 'number' ? cell : Date.parse(String(cell));
  return Number.isFinite(atMs) ? atMs : undefined;
}

/** Short, as kubectl says it: 45s, 12m, 5h, 3d; two units while they matter. */
export function ageOf(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  return days < 730 ? `${days}d` : `${Math.floor(days / 365)}y`;
}

/** A track of the table's grid. */
export function trackOf({ name, type }: WindowColumn): string {
  if (name === 'name') return 'minmax(160px, 2.4fr)';
  if (name === 'namespace') return 'minmax(100px, 1fr)';
  if (name === 'node') return 'minmax(110px, 1.1fr)';
  if (type === 'number' || type === 'time' || type === 'boolean') return 'minmax(72px, 0.55fr)';
  return /^(ready|restarts|age)$/.test(name) ? 'minmax(72px, 0.55fr)' : 'minmax(96px, 1fr)';
}

/** `shop`, `web-1` of a row's id `<cluster>/<namespace>/<name>`; the namespace is empty where the kind has none. */
export function partsOf(id: string): { readonly namespace: string; readonly name: string } {
  const [, namespace = '', name = ''] = /^[^/]*\/([^/]*)\/(.*)$/.exec(id) ?? [];
  return { namespace, name };
}

/** How the console's addresses name an object. */
export function objectOf(id: string): string {
  const { namespace, name } = partsOf(id);
  return namespace === '' ? name : `${namespace}/${name}`;
}
