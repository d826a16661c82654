/** Key material and shorthands for the tests of this room. Keys are made once per test file. */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { ConnectCredentials, Principal } from '@trunkline/hub';
import { CodedError } from '@trunkline/protocol';
import { SignJWT, type JWTPayload } from 'jose';

export const SECRET = 'a-secret-for-tests-of-32-bytes-or-more';
export const OTHER_SECRET = 'another-secret-for-tests-of-32-bytes-too';

export interface KeyPair {
  readonly publicPem: string;
  readonly privatePem: string;
  readonly privateKey: KeyObject;
  readonly publicJwk: Record<string, unknown>;
}

export function makePair(kind: 'rsa' | 'p256' | 'p384' | 'ed25519'): KeyPair {
  const publicKeyEncoding = { type: 'spki', format: 'pem' } as const;
  const privateKeyEncoding = { type: 'pkcs8', format: 'pem' } as const;
  const encodings = { publicKeyEncoding, privateKeyEncoding };
  const pair =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048, ...encodings })
      : kind === 'ed25519'
        ? generateKeyPairSync('ed25519', encodings)
        : generateKeyPairSync('ec', { namedCurve: kind === 'p256' ? 'P-256' : 'P-384', ...encodings });
  const privateKey = createPrivateKey(pair.privateKey);
  const {
    d: _d,
    p: _p,
    q: _q,
    dp: _dp,
    dq: _dq,
    qi: _qi,
    ...publicJwk
  } = privateKey.export({ format: 'jwk' }) as Record<string, unknown>;
  return { publicPem: pair.publicKey, privatePem: pair.privateKey, privateKey, publicJwk };
}

/** Signs whatever it is given, also what the product would not. */
export function sign(
  payload: JWTPayload | Record<string, unknown>,
  key: string | Uint8Array | KeyObject = SECRET,
  header: { readonly alg: string; readonly kid?: string } = { alg: 'HS256' },
): Promise<string> {
  return new SignJWT(payload as JWTPayload)
    .setProtectedHeader(header)
    .sign(typeof key === 'string' ? new TextEncoder().encode(key) : key);
}

/** A token put together by hand, for what no library signs. */
export function forge(header: object, payload: object, signature = ''): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part(header)}.${part(payload)}.${signature}`;
}

export function credentials(token: string): ConnectCredentials {
  return {
    token,
    name: 'test',
    version: '1',
    request: {
      method: 'GET',
      path: '/',
      params: {},
      query: new URLSearchParams(),
      headers: {},
      remoteAddress: '127.0.0.1',
      originAllowed: true,
      subprotocols: [],
    },
  };
}

export function principal(given: Partial<Principal> = {}): Principal {
  return { user: 'u', org: 'acme', roles: [], groups: [], caps: [], channels: [], ...given };
}

/** Code and message of a refusal; fails where there was none. */
export async function refusal(
  run: () => unknown,
): Promise<{ readonly code: number; readonly message: string }> {
  try {
    await run();
  } catch (error) {
    if (error instanceof CodedError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('was not refused');
}
