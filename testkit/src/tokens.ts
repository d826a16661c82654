/** Credentials as a host application would mint them. */
import { generateKeyPair, SignJWT, type JWTPayload } from 'jose';

export type HmacAlg = 'HS256' | 'HS384' | 'HS512';

/** A connection or channel token over `claims`, unchanged (no `iat`, no `exp` unless given). Default HS256. */
export function signToken(claims: JWTPayload, secret: string, alg: HmacAlg = 'HS256'): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg, typ: 'JWT' }).sign(new TextEncoder().encode(secret));
}

/** A token that says `alg: none` and carries no signature. */
export function unsignedToken(claims: JWTPayload): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.`;
}

/** A token signed by a fresh key pair that nobody trusts. */
export async function strangerToken(claims: JWTPayload, alg: 'RS256' | 'ES256' | 'EdDSA'): Promise<string> {
  const { privateKey } = await generateKeyPair(alg);
  return new SignJWT(claims).setProtectedHeader({ alg, typ: 'JWT' }).sign(privateKey);
}
