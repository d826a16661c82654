/**
 * Compact JWTs (RFC 7519, 7515) to verified claims: find the key, check the signature, then issuer, audience and times. It knows no
 * principal; what the claims mean is `claims.ts`. The header is used to choose among configured keys and for nothing else: keys or
 * addresses that a token brings itself are never looked at.
 */
import type { Clock } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import { decodeProtectedHeader, errors, jwtVerify, type JWTPayload } from 'jose';
import type { Jwks } from './jwks.js';
import { HMAC_ALGORITHMS, PUBLIC_ALGORITHMS, type VerifyKey } from './keys.js';

export interface VerifierOptions {
  readonly keys: readonly VerifyKey[];
  /** None: not checked. */
  readonly issuers: readonly string[];
  readonly audiences: readonly string[];
  readonly clockToleranceSeconds: number;
  readonly maxTokenBytes: number;
}

export interface TokenVerifier {
  /** Throws `unauthorized` (101), `tokenExpired` (109), or `sourceUnavailable` (1000) where the key set cannot be had. */
  verify(token: string): Promise<JWTPayload>;
}

export function createTokenVerifier(
  deps: { readonly clock: Clock; readonly jwks?: Jwks },
  options: VerifierOptions,
): TokenVerifier {
  const { issuers, audiences, clockToleranceSeconds } = options;

  /** Undefined where this key did not sign the token. */
  const tryKey = async (
    token: string,
    algorithm: string,
    { key }: VerifyKey,
  ): Promise<JWTPayload | undefined> => {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [algorithm],
        clockTolerance: clockToleranceSeconds,
        currentDate: new Date(deps.clock.now()),
        ...(issuers.length > 0 ? { issuer: [...issuers] } : {}),
        ...(audiences.length > 0 ? { audience: [...audiences] } : {}),
      });
      return payload;
    } catch (cause) {
      if (cause instanceof errors.JWSSignatureVerificationFailed) return undefined;
      throw toCodedError(cause);
    }
  };

  const tryKeys = async (
    token: string,
    algorithm: string,
    keys: readonly VerifyKey[],
  ): Promise<JWTPayload | undefined> => {
    for (const key of keys) {
      const payload = await tryKey(token, algorithm, key);
      if (payload) return payload;
    }
    return undefined;
  };

  return {
    async verify(token) {
      if (token.length > options.maxTokenBytes)
        throw refused(`token is longer than ${options.maxTokenBytes} bytes`);
      const { alg, kid } = readHeader(token);
      const known = await tryKeys(token, alg, choose(options.keys, alg, kid));
      if (known) return known;
      if (deps.jwks && isPublic(alg)) {
        const fetched = await tryKeys(token, alg, await deps.jwks.find(alg, kid));
        if (fetched) return fetched;
      }
      throw refused('token signature');
    },
  };
}

function refused(detail: string, cause?: unknown): CodedError {
  return new CodedError('unauthorized', detail, cause === undefined ? undefined : { cause });
}

function readHeader(token: string): { readonly alg: string; readonly kid: string | undefined } {
  const { alg, kid } = parseHeader(token);
  if (typeof alg !== 'string' || !(isPublic(alg) || (HMAC_ALGORITHMS as readonly string[]).includes(alg))) {
    throw refused('token algorithm');
  }
  if (kid !== undefined && typeof kid !== 'string') throw refused('token key id');
  return { alg, kid };
}

function parseHeader(token: string): { readonly alg?: unknown; readonly kid?: unknown } {
  try {
    return decodeProtectedHeader(token);
  } catch (cause) {
    throw refused('token is not a signed JWT', cause);
  }
}

function isPublic(algorithm: string): boolean {
  return (PUBLIC_ALGORITHMS as readonly string[]).includes(algorithm);
}

/** Keys for the algorithm: those with the token's key id where there are any, else those without one; all where the token names none. */
function choose(
  keys: readonly VerifyKey[],
  algorithm: string,
  kid: string | undefined,
): readonly VerifyKey[] {
  const fitting = keys.filter((one) => one.algorithms.has(algorithm));
  if (kid === undefined) return fitting;
  const named = fitting.filter((one) => one.kid === kid);
  return named.length > 0 ? named : fitting.filter((one) => one.kid === undefined);
}

function toCodedError(cause: unknown): CodedError {
  if (cause instanceof errors.JWTExpired) return new CodedError('tokenExpired', undefined, { cause });
  if (cause instanceof errors.JWTClaimValidationFailed) {
    const missing = cause.reason === 'missing';
    return refused(
      `claim ${cause.claim} ${missing ? 'is missing' : cause.claim === 'nbf' ? 'is not reached' : 'does not fit'}`,
      cause,
    );
  }
  if (cause instanceof errors.JOSEError) return refused('token is malformed', cause);
  return refused('token could not be verified', cause);
}
