/** A hash of a request that does not depend on the order of its fields. */
import { createHash } from 'node:crypto';

export function fingerprint(request: unknown): string {
  return createHash('sha256').update(canonical(request)).digest('base64url');
}

/** JSON with sorted fields; what JSON leaves out is left out; bytes by their content. */
function canonical(value: unknown): string {
  if (value instanceof Uint8Array) return `bytes:${Buffer.from(value).toString('base64')}`;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object' || value === null)
    return (JSON.stringify(value) as string | undefined) ?? 'undefined';
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const fields = Object.entries(value as Record<string, unknown>)
    .filter(([, field]) => field !== undefined && typeof field !== 'function')
    .sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(',')}}`;
}
