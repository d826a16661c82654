/**
 * The hub's Authenticator: tokens of host applications and identity providers, tokens of this server's own console, and anonymous
 * clients where configured. It joins a verifier (is this token genuine) with the claims (what does it say) and keeps no state.
 */
import type { Clock, Logger } from '@trunkline/base';
import type { Authenticator, Principal } from '@trunkline/hub';
import { CodedError, ERROR_CODES } from '@trunkline/protocol';
import { decodeJwt, type JWTPayload } from 'jose';
import { toChannelGrant, toPrincipal } from './claims.js';
import { createJwks, type Jwks } from './jwks.js';
import { readKeys, type TokenKeyOptions } from './keys.js';
import { resolveTokenAuthenticatorOptions, type TokenAuthenticatorOptions } from './options.js';
import { createTokenVerifier, type TokenVerifier } from './verifier.js';

/** An issuer inside this process: its tokens are HS256 under its own key, and no other key vouches for its name. */
export interface InternalIssuer {
  readonly issuer: string;
  readonly secret: Uint8Array;
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
    (deps.internalIssuers ?? []).map((one) => [one.issuer, internalVerifier(deps, options, one)]),
  );
  const connections = outsideVerifier(deps, options, 'keys', options.jwksUrl);
  const separate = options.channelKeys.length > 0 || options.channelJwksUrl !== '';
  const channels = separate
    ? outsideVerifier(deps, options, 'channelKeys', options.channelJwksUrl)
    : connections;

  const verify = (token: string, outside: TokenVerifier): Promise<JWTPayload> =>
    (internal.get(token.length > options.maxTokenBytes ? '' : unverifiedIssuer(token)) ?? outside).verify(
      token,
    );

  const anonymous = (): Principal => {
    if (!options.allowAnonymous) throw new CodedError('unauthorized', 'token is missing');
    return { user: '', org: options.defaultOrg, roles: [], groups: [], caps: [], channels: [] };
  };

  return {
    async authenticate({ token }) {
      return {
        principal: token === '' ? anonymous() : toPrincipal(await verify(token, connections), options),
      };
    },

    async refresh(token, current) {
      if (token === '') throw new CodedError('unauthorized', 'token is missing');
      const next = toPrincipal(await verify(token, connections), options);
      if (next.user !== current.user) throw new CodedError('unauthorized', 'claim sub is another user');
      if (next.org !== current.org) throw new CodedError('unauthorized', 'claim org is another org');
      return next;
    },

    async verifyChannelToken(token, principal) {
      if (token === '') throw new CodedError('unauthorized', 'channel token is missing');
      return toChannelGrant(await verify(token, channels), principal, options);
    },
  };
}

function internalVerifier(
  deps: TokenAuthenticatorDeps,
  options: TokenAuthenticatorOptions,
  { issuer, secret }: InternalIssuer,
): TokenVerifier {
  const keys = [{ kid: undefined, algorithms: new Set(['HS256']), key: secret }];
  const { maxTokenBytes } = options;
  const verifier = createTokenVerifier(deps, {
    keys,
    issuers: [issuer],
    audiences: [],
    clockToleranceSeconds: 0,
    maxTokenBytes,
  });
  return {
    // The key lives as long as the process. A token of an earlier one was right once: 109 makes its holder fetch another.
    verify: (token) =>
      verifier.verify(token).catch((cause: unknown) => {
        throw cause instanceof CodedError && cause.code === ERROR_CODES.unauthorized.code
          ? new CodedError('tokenExpired', 'signed by an earlier process', { cause })
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
