/**
 * Keys of the server HTTP API. Only their SHA-256 digests are kept; a key is random, so a plain digest is as good as it is fast. A key
 * belongs to one org, or to all (`*`), in which case the request names the org. What scopes mean is up to whoever binds the routes.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { isOrgId } from '@trunkline/protocol';

export interface ApiKeyOptions {
  /** The key itself, at least 16 characters; or its digest. Exactly one of both. */
  readonly key?: string;
  /** SHA-256 of the key, 64 hexadecimal digits. */
  readonly sha256?: string;
  readonly org: string;
  /** For logs and audits; unique. */
  readonly name: string;
  /** API method names; default `['*']`, everything. */
  readonly scopes?: readonly string[];
}

export interface ApiKeyIdentity {
  /** `*`: every org; the request must name one. */
  readonly org: string;
  readonly name: string;
  readonly scopes: readonly string[];
}

export interface ApiKeys {
  /** The value of `X-API-Key`, or of `Authorization` with the scheme `apikey`. Undefined for a missing or wrong key. */
  verify(headerValue: string | undefined): ApiKeyIdentity | undefined;
}

interface Entry {
  readonly digest: Buffer;
  readonly identity: ApiKeyIdentity;
}

/** Throws a RangeError that names the entry at fault and never shows the key. */
export function createApiKeys(keys: readonly ApiKeyOptions[]): ApiKeys {
  const entries = keys.map((options, index) => toEntry(options, `apiKeys[${index}]`));
  requireUnique(entries);
  return {
    verify(headerValue) {
      const key = headerValue === undefined ? '' : keyOf(headerValue);
      if (key === '') return undefined;
      const digest = digestOf(key);
      let found: ApiKeyIdentity | undefined;
      // Every entry is compared, so that time tells nothing about which one fits.
      for (const entry of entries) if (timingSafeEqual(entry.digest, digest)) found = entry.identity;
      return found;
    },
  };
}

/** The key in a header value, with or without the scheme. */
export function keyOf(headerValue: string): string {
  const value = headerValue.trim();
  return /^apikey\s+(.+)$/i.exec(value)?.[1] ?? value;
}

function toEntry({ key, sha256, org, name, scopes = ['*'] }: ApiKeyOptions, field: string): Entry {
  if (name === '') throw new RangeError(`${field}.name must not be empty`);
  if (org !== '*' && !isOrgId(org)) throw new RangeError(`${field}.org must be an org id or *`);
  if ((key === undefined) === (sha256 === undefined))
    throw new RangeError(`${field} must have either key or sha256`);
  if (key !== undefined && key.length < 16)
    throw new RangeError(`${field}.key must have at least 16 characters`);
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(sha256))
    throw new RangeError(`${field}.sha256 must be 64 hexadecimal digits`);
  return {
    digest: key === undefined ? Buffer.from(sha256 ?? '', 'hex') : digestOf(key),
    identity: { org, name, scopes },
  };
}

function requireUnique(entries: readonly Entry[]): void {
  const names = new Set<string>();
  const digests = new Set<string>();
  for (const [index, { digest, identity }] of entries.entries()) {
    if (names.has(identity.name)) throw new RangeError(`apiKeys[${index}].name is used twice`);
    if (digests.has(digest.toString('hex')))
      throw new RangeError(`apiKeys[${index}] holds the key of an earlier entry`);
    names.add(identity.name);
    digests.add(digest.toString('hex'));
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
