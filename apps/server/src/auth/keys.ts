/**
 * Keys that verify tokens, each tied to the algorithms it may be used with before any token is seen. A secret serves HS* and nothing
 * else, a public key never HS*: swapping a token's `alg` therefore finds no key, and there is no key at all for `none`.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import type { JWK } from 'jose';

export const HMAC_ALGORITHMS = ['HS256', 'HS384', 'HS512'] as const;
export const PUBLIC_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'EdDSA'] as const;

export type HmacAlgorithm = (typeof HMAC_ALGORITHMS)[number];
export type PublicAlgorithm = (typeof PUBLIC_ALGORITHMS)[number];
export type TokenAlgorithm = HmacAlgorithm | PublicAlgorithm;

/** A secret shared with whoever signs, or the public key of whoever signs. */
export type TokenKeyOptions =
  | {
      /** UTF-8 text of at least 32 bytes (RFC 7518 section 3.2). */
      readonly secret: string;
      /** Accepts a shorter one; for tests with published tokens. Default false. */
      readonly allowShort?: boolean;
      /** Default: HS256, HS384 and HS512. */
      readonly algorithms?: readonly HmacAlgorithm[];
      /** Tokens that name a key id are verified with the key of that id, where there is one. */
      readonly kid?: string;
    }
  | {
      /** PEM, or a JSON Web Key as an object or as JSON text. RSA (2,048 bits and up), P-256, P-384 or Ed25519. */
      readonly publicKey: string | JWK;
      /** Default: all that fit the key. */
      readonly algorithms?: readonly PublicAlgorithm[];
      readonly kid?: string;
    };

/** A key, ready to verify. */
export interface VerifyKey {
  readonly kid: string | undefined;
  readonly algorithms: ReadonlySet<string>;
  readonly key: KeyObject | Uint8Array;
}

export const MIN_SECRET_BYTES = 32;

/** Throws a RangeError that names the entry at fault (`keys[0].secret …`) and never shows it. */
export function readKeys(field: string, keys: readonly TokenKeyOptions[]): readonly VerifyKey[] {
  return keys.map((options, index) => readKey(`${field}[${index}]`, options));
}

function readKey(field: string, options: TokenKeyOptions): VerifyKey {
  if ('secret' in options) return readSecret(field, options);
  const { key, fitting } = readPublicKey(`${field}.publicKey`, options.publicKey);
  return { kid: options.kid, algorithms: choose(`${field}.algorithms`, options.algorithms, fitting), key };
}

function readSecret(field: string, options: Extract<TokenKeyOptions, { secret: string }>): VerifyKey {
  const key = new TextEncoder().encode(options.secret);
  if (key.length < MIN_SECRET_BYTES && options.allowShort !== true)
    throw new RangeError(`${field}.secret must have at least ${MIN_SECRET_BYTES} bytes`);
  return {
    kid: options.kid,
    algorithms: choose(`${field}.algorithms`, options.algorithms, HMAC_ALGORITHMS),
    key,
  };
}

/** The subset of `fitting` that was asked for. */
function choose(
  field: string,
  wanted: readonly string[] | undefined,
  fitting: readonly string[],
): ReadonlySet<string> {
  for (const algorithm of wanted ?? []) {
    if (!fitting.includes(algorithm))
      throw new RangeError(`${field} must be among ${fitting.join(', ')}, got ${algorithm}`);
  }
  return new Set(wanted ?? fitting);
}

/** A public key and the algorithms it fits. Throws a RangeError for private keys and for kinds that are not supported. */
export function readPublicKey(
  field: string,
  source: string | JWK,
): { readonly key: KeyObject; readonly fitting: readonly PublicAlgorithm[] } {
  const key = parsePublicKey(field, source);
  const fitting = algorithmsOf(key);
  if (fitting.length === 0) {
    throw new RangeError(`${field} must be an RSA key of 2048 bits or more, P-256, P-384 or Ed25519`);
  }
  return { key, fitting };
}

function parsePublicKey(field: string, source: string | JWK): KeyObject {
  const isPem = typeof source === 'string' && !source.trimStart().startsWith('{');
  if (isPem && source.includes('PRIVATE KEY'))
    throw new RangeError(`${field} must be a public key, not a private one`);
  try {
    if (isPem) return createPublicKey(source);
    const jwk = typeof source === 'string' ? (JSON.parse(source) as JWK) : source;
    if ('d' in jwk || jwk.kty === 'oct') throw new RangeError('private or symmetric');
    return createPublicKey({ key: jwk as Record<string, unknown>, format: 'jwk' });
  } catch {
    throw new RangeError(`${field} must be a public key as PEM or JSON Web Key`);
  }
}

function algorithmsOf(key: KeyObject): readonly PublicAlgorithm[] {
  const details = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return (details.modulusLength ?? 0) >= 2048 ? ['RS256', 'RS384', 'RS512'] : [];
    case 'ec':
      return details.namedCurve === 'prime256v1'
        ? ['ES256']
        : details.namedCurve === 'secp384r1'
          ? ['ES384']
          : [];
    case 'ed25519':
      return ['EdDSA'];
    default:
      return [];
  }
}
