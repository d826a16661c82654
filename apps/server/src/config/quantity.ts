/**
 * Durations and sizes as people write them. Configuration says `300s` or `64KiB`; inside, a duration is a number of milliseconds and
 * a size a number of bytes. `unlimited` is Infinity where a field allows it. Both directions live here so that what `config show`
 * prints can be pasted back.
 */
const DURATION_UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE_UNITS = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

/** Milliseconds of `300s`, `5m`, `250ms`, `1h`, `30d`, `1.5s`, or of a plain number; undefined for anything else. */
export function parseDuration(given: string | number): number | undefined {
  return parseQuantity(given, DURATION_UNITS);
}

/** Bytes of `1MiB`, `64KiB`, `1MB`, `512B`, or of a plain number; undefined for anything else. */
export function parseSize(given: string | number): number | undefined {
  return parseQuantity(given, SIZE_UNITS);
}

export function formatDuration(ms: number): string {
  return formatQuantity(ms, DURATION_UNITS, 'ms');
}

export function formatSize(bytes: number): string {
  return formatQuantity(bytes, SIZE_UNITS, 'B');
}

function parseQuantity(given: string | number, units: Readonly<Record<string, number>>): number | undefined {
  if (typeof given === 'number') return Number.isFinite(given) && given >= 0 ? Math.round(given) : undefined;
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(given.trim());
  if (!match) return undefined;
  const unit = match[2] === '' ? 1 : Object.hasOwn(units, match[2] ?? '') ? units[match[2] ?? ''] : undefined;
  return unit === undefined ? undefined : Math.round(Number(match[1]) * unit);
}

/** The largest unit that divides `value`, so that nothing is rounded away. */
function formatQuantity(value: number, units: Readonly<Record<string, number>>, smallest: string): string {
  if (value === Infinity) return 'unlimited';
  let best: readonly [string, number] = [smallest, 1];
  for (const [name, factor] of Object.entries(units)) {
    if (value !== 0 && value % factor === 0 && factor > best[1]) best = [name, factor];
  }
  return `${value / best[1]}${best[0]}`;
}
