/** Signing tokens: for the CLI, for the console's own connections, and for tests. What is signed has passed the checks a server would make. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { Clock } from '@trunkline/base';
import { SignJWT } from 'jose';
import { toChannelGrant, toPrincipal } from './claims.js';
import { MIN_SECRET_BYTES, type HmacAlgorithm, type PublicAlgorithm } from './keys.js';

export type SigningKey =
  | { readonly algorithm: HmacAlgorithm; readonly secret: string | Uint8Array; readonly kid?: string }
  /** PEM (PKCS #8), or a JSON Web Key as JSON text. */
  | { readonly algorithm: PublicAlgorithm; readonly privateKey: string | KeyObject; readonly kid?: string };

export interface MintOptions {
  readonly clock: Clock;
  readonly key: SigningKey;
  readonly issuer?: string;
  readonly audience?: string;
}

/** Claims as documented in `docs/spec/auth.md`. With `channel` it is a channel token. Others are signed as given. */
export interface TokenClaims {
  readonly sub?: string;
  readonly org?: string;
  readonly orgs?: readonly string[];
  readonly roles?: readonly string[];
  readonly groups?: readonly string[];
  readonly info?: unknown;
  readonly caps?: readonly unknown[];
  readonly channels?: readonly string[];
  readonly channel?: string;
  readonly jti?: string;
  /** Seconds since 1970. */
  readonly nbf?: number;
  readonly [claim: string]: unknown;
}

/**
 * A token that expires `ttlSeconds` from now; `Infinity`: never. Throws `unauthorized` (101) naming a claim that no server would accept
 * (a missing `org` is left to the server's default), RangeError for the lifetime or the key.
 */
export async function mintToken(
  options: MintOptions,
  claims: TokenClaims,
  ttlSeconds: number,
): Promise<string> {
  if (!(ttlSeconds > 0)) throw new RangeError('ttlSeconds must be more than 0');
  requireUsable(claims);
  const { key, clock, issuer, audience } = options;
  const now = Math.floor(clock.now() / 1_000);
  const token = new SignJWT({ ...claims })
    .setProtectedHeader({
      typ: 'JWT',
      alg: key.algorithm,
      ...(key.kid === undefined ? {} : { kid: key.kid }),
    })
    .setIssuedAt(now);
  if (ttlSeconds !== Infinity) token.setExpirationTime(now + Math.ceil(ttlSeconds));
  if (issuer !== undefined) token.setIssuer(issuer);
  if (audience !== undefined) token.setAudience(audience);
  return token.sign(toSigningKey(key));
}

function requireUsable(claims: TokenClaims): void {
  const rules = { defaultOrg: claims.orgs?.[0] ?? 'default' };
  if (claims.channel === undefined) {
    toPrincipal(claims, rules);
    return;
  }
  const self = {
    user: claims.sub ?? '',
    org: claims.org ?? rules.defaultOrg,
    roles: [],
    groups: [],
    caps: [],
    channels: [],
  };
  toChannelGrant(claims, self, rules);
}

function toSigningKey(key: SigningKey): KeyObject | Uint8Array {
  if ('secret' in key) {
    const secret = typeof key.secret === 'string' ? new TextEncoder().encode(key.secret) : key.secret;
    if (secret.length < MIN_SECRET_BYTES)
      throw new RangeError(`secret must have at least ${MIN_SECRET_BYTES} bytes`);
    return secret;
  }
  if (typeof key.privateKey !== 'string') return key.privateKey;
  try {
    return key.privateKey.trimStart().startsWith('{')
      ? createPrivateKey({ key: JSON.parse(key.privateKey) as Record<string, unknown>, format: 'jwk' })
      : createPrivateKey(key.privateKey);
  } catch {
    throw new RangeError('privateKey must be a private key as PEM or JSON Web Key');
  }
}
