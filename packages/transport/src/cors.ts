/** What pages of other origins may see and do (Fetch standard, CORS protocol): everything where the origin is allowed, nothing otherwise. */
import type { IncomingMessage } from 'node:http';

/** How long a browser may remember a preflight. */
const MAX_AGE_SECONDS = 600;

/** Headers for an answer to an origin that was judged. With `credentials`, requests with cookies may be answered too. */
export function corsHeaders(
  { headers: { origin } }: IncomingMessage,
  allowed: boolean,
  credentials: boolean,
): Readonly<Record<string, string>> {
  if (origin === undefined) return { vary: 'origin' };
  return {
    vary: 'origin',
    ...(allowed ? { 'access-control-allow-origin': origin } : {}),
    ...(allowed && credentials ? { 'access-control-allow-credentials': 'true' } : {}),
  };
}

/** Further headers for the answer to a preflight of an allowed origin: any header may be sent, since none is trusted. */
export function preflightHeaders(
  { headers }: IncomingMessage,
  methods: string,
): Readonly<Record<string, string>> {
  const asked = headers['access-control-request-headers'] ?? '';
  return {
    'access-control-allow-methods': methods,
    ...(/^[\w\-, ]{1,1000}$/.test(asked) ? { 'access-control-allow-headers': asked } : {}),
    'access-control-max-age': String(MAX_AGE_SECONDS),
  };
}
