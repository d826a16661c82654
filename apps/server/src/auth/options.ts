/** What an operator says about credentials. Resolved once, at the door; keys themselves are read in `keys.ts`. */
import { mergeOptions, requireNumber } from '@trunkline/base';
import { isOrgId } from '@trunkline/protocol';
import type { TokenKeyOptions } from './keys.js';

export interface TokenAuthenticatorOptions {
  /** Keys that may sign connection tokens, at most 32. Default none: no token of the outside is accepted. */
  readonly keys: readonly TokenKeyOptions[];
  /** Address of a JSON Web Key Set (RFC 7517) whose public keys may sign too; '': none. */
  readonly jwksUrl: string;
  /** How long a fetched key set is used without asking again. Default 600,000. */
  readonly jwksCacheTtlMs: number;
  /** How long it is still used, after that, while it cannot be fetched. Default 3,600,000. */
  readonly jwksMaxStaleMs: number;
  /** Least time between two fetches, whatever key ids tokens name. Default 10,000. */
  readonly jwksMinRefreshMs: number;
  /** Time for one fetch. Default 5,000. */
  readonly jwksTimeoutMs: number;
  /** Bytes of a key set. Default 256 KiB. */
  readonly jwksMaxBytes: number;
  /** Keys for channel tokens. Default none: those for connection tokens, unless `channelJwksUrl` is given. */
  readonly channelKeys: readonly TokenKeyOptions[];
  /** Key set for channel tokens; '': none. */
  readonly channelJwksUrl: string;
  /** Accepted values of `iss`; none: not checked. */
  readonly issuers: readonly string[];
  /** Accepted values of `aud`, one of which a token must name; none: not checked. */
  readonly audiences: readonly string[];
  /** Seconds by which clocks may differ, for `exp` and `nbf`. Default 0. */
  readonly clockToleranceSeconds: number;
  /** Length of a token. Default 16 KiB. */
  readonly maxTokenBytes: number;
  /** The org of credentials that name none; '': such credentials are refused. */
  readonly defaultOrg: string;
  /** Whether a client without a token is let in, as user `''` of `defaultOrg`. Default false. */
  readonly allowAnonymous: boolean;
}

export const TOKEN_AUTHENTICATOR_DEFAULTS: TokenAuthenticatorOptions = {
  keys: [],
  jwksUrl: '',
  jwksCacheTtlMs: 600_000,
  jwksMaxStaleMs: 3_600_000,
  jwksMinRefreshMs: 10_000,
  jwksTimeoutMs: 5_000,
  jwksMaxBytes: 256 * 1024,
  channelKeys: [],
  channelJwksUrl: '',
  issuers: [],
  audiences: [],
  clockToleranceSeconds: 0,
  maxTokenBytes: 16 * 1024,
  defaultOrg: '',
  allowAnonymous: false,
};

/** Merges defaults and checks; throws a RangeError that names the field. */
export function resolveTokenAuthenticatorOptions(
  given: Partial<TokenAuthenticatorOptions> | undefined,
): TokenAuthenticatorOptions {
  const options = mergeOptions(TOKEN_AUTHENTICATOR_DEFAULTS, given);
  for (const [field, value] of Object.entries(options)) {
    if (typeof value === 'number') requireNumber(field, value, 0);
  }
  for (const field of ['keys', 'channelKeys'] as const) {
    if (options[field].length > 32) throw new RangeError(`${field} must hold at most 32 keys`);
  }
  for (const field of ['jwksUrl', 'channelJwksUrl'] as const) requireWebAddress(field, options[field]);
  if (options.defaultOrg !== '' && !isOrgId(options.defaultOrg))
    throw new RangeError('defaultOrg must be an org id');
  if (options.allowAnonymous && options.defaultOrg === '')
    throw new RangeError('allowAnonymous needs defaultOrg');
  return options;
}

function requireWebAddress(field: string, value: string): void {
  if (value === '') return;
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) {
    throw new RangeError(`${field} must be an http or https address`);
  }
}
