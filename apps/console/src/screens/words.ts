/** Options of a namespace in a few words; shared by the screens that show them. */
import { formatTtl, plural } from '../format.js';

const SLOW_READERS: Readonly<Record<string, string>> = {
  recover: 'cut off, recover by position',
  latest: 'keep the newest per key',
  gap: 'skip, and tell the range',
};

export function slowReaderWords(overflow: string): string {
  return SLOW_READERS[overflow] ?? overflow;
}

export interface HistoryOptions {
  readonly class: string;
  readonly type: string;
  /** Null: unlimited. */
  readonly historySize: number | null;
  readonly historyTtlMs: number | null;
}

export function historyWords({ class: kind, type, historySize, historyTtlMs }: HistoryOptions): string {
  if (type !== 'stream') return 'the entries';
  if (kind === 'local') return 'the module’s newest';
  if (kind === 'durable') return 'kept in the store';
  if (historySize === 0) return 'none';
  return `${historySize === null ? 'all' : plural(historySize, 'publication')}, ${formatTtl(historyTtlMs)}`;
}

/** Whether there is a past to ask for. */
export function keepsHistory({ class: kind, type, historySize }: HistoryOptions): boolean {
  return type === 'stream' && (kind !== 'live' || historySize !== 0);
}
