/** Key material and shorthands for the tests of this room. Keys are made once per test file. */
import { generateKeyPairSync, type KeyObject, type KeyPairKeyObjectResult } from 'node:crypto';
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
  const { publicKey, privateKey } = generate(kind);
  return {
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }) as string,
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    privateKey,
    publicJwk: publicKey.export({ format: 'jwk' }) as Record<string, unknown>,
  };
}

function generate(kind: 'rsa' | 'p256' | 'p384' | 'ed25519'): KeyPairKeyObjectResult {
  switch (kind) {
    case 'rsa':
      return generateKeyPairSync('rsa', { modulusLength: 2048 });
    case 'p256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    case 'p384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' });
    case 'ed25519':
      return generateKeyPairSync('ed25519');
  }
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
