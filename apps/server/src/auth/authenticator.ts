/**
 * The hub's Authenticator: tokens of host applications and identity providers, tokens of this server's own console, and anonymous
 * clients where configured. It joins a verifier (is this token genuine) with the claims (what does it say) and keeps no state.
 */
import type { Clock, Logger } from '@trunkline/base';
import type { Authenticator, Principal } from '@trunkline/hub';
import { CodedError, ERROR_CODES } from '@trunkline/protocol';
import { decodeJwt } from 'jose';
import { toChannelGrant, toPrincipal } from './claims.js';
import { createJwks, type Jwks } from './jwks.js';
import { readKeys, type TokenKeyOptions } from './keys.js';
import { resolveTokenAuthenticatorOptions, type TokenAuthenticatorOptions } from './options.js';
import { createTokenVerifier, type TokenVerifier } from './verifier.js';

/** An issuer inside this process: its tokens are HS256 under its own key, and no other key vouches for its name. */
export interface InternalIssuer {
  readonly issuer: string;
  /** Signs. */
  readonly secret: Uint8Array;
  /** What other nodes may sign with meanwhile. Default none. */
  readonly others?: readonly Uint8Array[];
  /**
   * Asked about every token of it, at connect and at refresh: who its holder is by now. Throws `tokenExpired` (109) where what the token says is no
   * longer so. Default: the token's word.
   */
  readonly confirm?: (principal: Principal, claims: Readonly<Record<string, unknown>>) => Promise<Principal>;
}

export interface TokenAuthenticatorDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** For key sets; default the platform's. */
  readonly fetch?: typeof fetch;
  /** E.g. the console's. Default none. */
  readonly internalIssuers?: readonly InternalIssuer[];
}

/** Throws a RangeError that names a bad option or key. Nothing is fetched before a token needs it. */
export function createTokenAuthenticator(
  deps: TokenAuthenticatorDeps,
  given?: Partial<TokenAuthenticatorOptions>,
): Authenticator {
  const options = resolveTokenAuthenticatorOptions(given);
  const internal = new Map(
    (deps.internalIssuers ?? []).map((one) => [
      one.issuer,
      { verifier: internalVerifier(deps, options, one), confirm: one.confirm },
    ]),
  );
  const connections = outsideVerifier(deps, options, 'keys', options.jwksUrl);
  const separate = options.channelKeys.length > 0 || options.channelJwksUrl !== '';
  const channels = separate
    ? outsideVerifier(deps, options, 'channelKeys', options.channelJwksUrl)
    : connections;

  const issuerOf = (token: string) =>
    internal.get(token.length > options.maxTokenBytes ? '' : unverifiedIssuer(token));

  const identify = async (token: string): Promise<Principal> => {
    const own = issuerOf(token);
    const claims = await (own?.verifier ?? connections).verify(token);
    const principal = toPrincipal(claims, options);
    return own?.confirm ? own.confirm(principal, claims) : principal;
  };

  const anonymous = (): Principal => {
    if (!options.allowAnonymous) throw new CodedError('unauthorized', 'token is missing');
    return { user: '', org: options.defaultOrg, roles: [], groups: [], caps: [], channels: [] };
  };

  return {
    async authenticate({ token }) {
      return { principal: token === '' ? anonymous() : await identify(token) };
    },

    async refresh(token, current) {
      if (token === '') throw new CodedError('unauthorized', 'token is missing');
      const next = await identify(token);
      if (next.user !== current.user) throw new CodedError('unauthorized', 'claim sub is another user');
      if (next.org !== current.org) throw new CodedError('unauthorized', 'claim org is another org');
      return next;
    },

    async verifyChannelToken(token, principal) {
      if (token === '') throw new CodedError('unauthorized', 'channel token is missing');
      const verifier = issuerOf(token)?.verifier ?? channels;
      return toChannelGrant(await verifier.verify(token), principal, options);
    },
  };
}

function internalVerifier(
  deps: TokenAuthenticatorDeps,
  options: TokenAuthenticatorOptions,
  { issuer, secret, others = [] }: InternalIssuer,
): TokenVerifier {
  const keys = [secret, ...others].map((key) => ({ kid: undefined, algorithms: new Set(['HS256']), key }));
  const { maxTokenBytes } = options;
  const verifier = createTokenVerifier(deps, {
    keys,
    issuers: [issuer],
    audiences: [],
    clockToleranceSeconds: 0,
    maxTokenBytes,
  });
  return {
    // A token of an earlier process may be under another key. It was right once: 109 makes its holder fetch another.
    verify: (token) =>
      verifier.verify(token).catch((cause: unknown) => {
        throw cause instanceof CodedError && cause.code === ERROR_CODES.unauthorized.code
          ? new CodedError('tokenExpired', 'signed with a key that is not in use', { cause })
          : cause;
      }),
  };
}

function outsideVerifier(
  deps: TokenAuthenticatorDeps,
  options: TokenAuthenticatorOptions,
  field: 'keys' | 'channelKeys',
  jwksUrl: string,
): TokenVerifier {
  const keys = readKeys(field, options[field] satisfies readonly TokenKeyOptions[]);
  const jwks = jwksUrl === '' ? undefined : keySet(deps, options, jwksUrl);
  return createTokenVerifier({ clock: deps.clock, ...(jwks ? { jwks } : {}) }, { ...options, keys });
}

function keySet(deps: TokenAuthenticatorDeps, options: TokenAuthenticatorOptions, url: string): Jwks {
  return createJwks(
    { clock: deps.clock, logger: deps.logger, fetch: deps.fetch ?? fetch },
    {
      url,
      cacheTtlMs: options.jwksCacheTtlMs,
      maxStaleMs: options.jwksMaxStaleMs,
      minRefreshMs: options.jwksMinRefreshMs,
      timeoutMs: options.jwksTimeoutMs,
      maxBytes: options.jwksMaxBytes,
    },
  );
}

/** Only chooses which keys are tried; '' where there is none to read. */
function unverifiedIssuer(token: string): string {
  try {
    const { iss } = decodeJwt(token);
    return typeof iss === 'string' ? iss : '';
  } catch {
    return '';
  }
}
