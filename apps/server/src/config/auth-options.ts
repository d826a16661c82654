/** From readable names to the authenticator's: keys of either kind, lists, '' for what is absent. */
import type { JWK } from 'jose';
import type { HmacAlgorithm, PublicAlgorithm, TokenKeyOptions } from '../auth/keys.js';
import type { TokenAuthenticatorOptions } from '../auth/options.js';
import type { Config } from './schema.js';

type KeyConfig = Config['auth']['keys'][number];

export function toAuthenticatorOptions({ auth }: Config): Partial<TokenAuthenticatorOptions> {
  return {
    keys: auth.keys.map(toTokenKey),
    jwksUrl: auth.jwksUrl ?? '',
    channelKeys: auth.channelTokens.keys.map(toTokenKey),
    channelJwksUrl: auth.channelTokens.jwksUrl ?? '',
    issuers: auth.issuer,
    audiences: auth.audience,
    clockToleranceSeconds: auth.clockTolerance / 1_000,
    defaultOrg: auth.defaultOrg ?? '',
    allowAnonymous: auth.allowAnonymous,
  };
}

/** The configuration's rules have seen to it that the parts fit one another. */
export function toTokenKey({ alg, kid, secret, allowShort, publicKey, jwk }: KeyConfig): TokenKeyOptions {
  const id = kid === undefined ? {} : { kid };
  if (secret !== undefined)
    return { secret, algorithms: [alg as HmacAlgorithm], ...(allowShort ? { allowShort } : {}), ...id };
  return { publicKey: publicKey ?? (jwk as JWK), algorithms: [alg as PublicAlgorithm], ...id };
}
