/** Random credentials of the directory: made here, shown once, kept as digests. Randomness is the platform's own, never a seeded one. */
import { createHash, randomBytes } from 'node:crypto';

/** Lets scanners of repositories find a key that leaked. */
const KEY_PREFIX = 'tlk_';
const CHECK_LENGTH = 6;
const KEY = new RegExp(`^${KEY_PREFIX}[\\w-]{43}[0-9a-f]{${CHECK_LENGTH}}$`);

/** 256 random bits, and six digits that tell a mistyped or invented key without asking anybody. */
export function makeApiKey(): string {
  const body = `${KEY_PREFIX}${randomBytes(32).toString('base64url')}`;
  return body + checkOf(body);
}

/** Whether the text could be one of ours. */
export function isApiKey(text: string): boolean {
  return KEY.test(text) && checkOf(text.slice(0, -CHECK_LENGTH)) === text.slice(-CHECK_LENGTH);
}

/** 256 random bits, for links and cookies. */
export function makeToken(): string {
  return randomBytes(32).toString('base64url');
}

/** SHA-256 in hex: what is kept of a credential. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function checkOf(body: string): string {
  return digestOf(`${body}.check`).slice(0, CHECK_LENGTH);
}
