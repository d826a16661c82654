/** Numbers as people read them. Fixed widths where numbers move, units that do not jump, no locale surprises. Pure. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 2 });

/** 1,234 up to 99,999; 123.45K beyond. */
export function formatCount(value: number): string {
  return Math.abs(value) < 100_000 ? whole.format(value) : compact.format(value);
}

/** Per second: one decimal below ten, none above. */
export function formatRate(value: number): string {
  return value > 0 && value < 10 ? value.toFixed(1) : formatCount(value);
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let scaled = bytes;
  let unit = 0;
  while (scaled >= 1024 && unit < units.length - 1) {
    scaled /= 1024;
    unit++;
  }
  return `${unit === 0 || scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1)} ${units[unit]}`;
}

/** A latency: 0.42 ms, 12.3 ms, 1.25 s. */
export function formatMs(ms: number): string {
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(2)} s`;
  return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(1)} ms`;
}

/** A length of time in its two largest units: 45 s, 3 min 20 s, 2 h 5 min, 4 d 1 h. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return join(minutes, 'min', seconds % 60, 's');
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return join(hours, 'h', minutes % 60, 'min');
  return join(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

/** A configured duration; what cannot pass JSON (Infinity) arrives as null and means no limit. */
export function formatTtl(ms: number | null): string {
  return ms === null || ms === 0 ? 'no limit' : formatDuration(ms);
}

/** 14:03:27.041 in the reader's zone. */
export function formatTime(ms: number): string {
  const at = new Date(ms);
  const part = (value: number, width = 2): string => String(value).padStart(width, '0');
  return `${part(at.getHours())}:${part(at.getMinutes())}:${part(at.getSeconds())}.${part(at.getMilliseconds(), 3)}`;
}

export function formatDateTime(ms: number): string {
  return new Date(ms).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
}

/** 21 Nov 2026, for lists; the time is said where one looks closer. */
export function formatDate(ms: number): string {
  return new Date(ms).toLocaleDateString('en-GB', { dateStyle: 'medium' });
}

/** One line of JSON for a list row; long data is cut, since a row shows a glimpse. */
export function formatGlimpse(data: unknown, limit = 400): string {
  const text = JSON.stringify(data) ?? 'undefined';
  return text.length > limit ? `${text.slice(0, limit)}…` : text;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

function join(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}
