/**
 * Which org a token acts in, and another token of a development server for another org: whoever may read the file that such a server leaves holds its
 * key, and may sign as it does.
 */
import { createHmac } from 'node:crypto';
import type { Clock } from '@trunkline/base';

const LIFE_SECONDS = 300;

/** Undefined where the token names none, or is no token: the server says what is wrong with it. */
export function orgOf(token: string): string | undefined {
  const { org } = claimsOf(token);
  return typeof org === 'string' ? org : undefined;
}

/** The same claims in another org, for as long as a command takes (5 min). */
export function signAsDevelopment(clock: Clock, key: string, token: string, org: string): string {
  const nowSeconds = Math.floor(clock.now() / 1_000);
  const claims = { ...claimsOf(token), org, iat: nowSeconds, exp: nowSeconds + LIFE_SECONDS };
  const body = [{ alg: 'HS256', typ: 'JWT' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${body}.${createHmac('sha256', key).update(body).digest('base64url')}`;
}

function claimsOf(token: string): Readonly<Record<string, unknown>> {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    return typeof claims === 'object' && claims !== null ? (claims as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
