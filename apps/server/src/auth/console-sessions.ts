/**
 * Sign-in to the console without accounts: a one-time link, printed where only the operator reads, is exchanged for a cookie, and the
 * cookie for short-lived connection tokens. Everything is in memory and ends with the process. It knows no HTTP library: cookies go in
 * and out as header values.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { mergeOptions, requireNumber, type Clock, type Logger } from '@trunkline/base';
import type { Role } from '@trunkline/hub';
import { CodedError, isOrgId } from '@trunkline/protocol';
import { addressBlock, createAttemptLimiter } from '@trunkline/transport';
import { parse, serialize } from 'cookie';
import type { InternalIssuer } from './authenticator.js';
import { mintToken } from './mint.js';

export interface ConsoleSessionsOptions {
  /** Who a signed-in console is. */
  readonly user: string;
  readonly org: string;
  readonly roles: readonly Role[];
  /** Whether the console is served over TLS: the cookie is then bound to it and named `__Host-trunkline`, else `trunkline`. */
  readonly secure: boolean;
  /** Life of a link. Default 900,000 (15 min). */
  readonly linkTtlMs: number;
  /** Life of a session, counted from sign-in. Default 43,200,000 (12 h). */
  readonly sessionTtlMs: number;
  /** Sessions at once; the oldest ends first. Default 1,000. */
  readonly maxSessions: number;
  /** Life of a connection token, never beyond its session's. Default 600,000 (10 min). */
  readonly tokenTtlMs: number;
  /** Sign-in attempts per address: so many at once, and so many again per minute. Default 10. */
  readonly attemptsPerMinute: number;
}

export const CONSOLE_SESSIONS_DEFAULTS: ConsoleSessionsOptions = {
  user: 'console',
  org: 'default',
  roles: ['admin', 'operator'],
  secure: false,
  linkTtlMs: 15 * 60_000,
  sessionTtlMs: 12 * 3_600_000,
  maxSessions: 1_000,
  tokenTtlMs: 10 * 60_000,
  attemptsPerMinute: 10,
};

export const CONSOLE_ISSUER = 'trunkline-console';

export interface ConsoleIdentity {
  readonly user: string;
  readonly org: string;
  readonly roles: readonly Role[];
}

export interface ConsoleToken {
  readonly token: string;
  /** Unix milliseconds. */
  readonly expiresAtMs: number;
}

export interface ConsoleSessions {
  /** A fresh code for the link, 43 characters of base64url. The one before stops working. */
  createLinkCode(): string;
  /** The `Set-Cookie` value of a new session. The code is used up. Throws `unauthorized` (101), `tooManyRequests` (111). */
  signIn(code: string, remoteAddress: string): string;
  /** Who the request's `Cookie` header belongs to. */
  verify(cookieHeader: string | undefined): ConsoleIdentity | undefined;
  /** A connection token for that session. Throws `unauthorized` (101). It outlives a sign-out by at most `tokenTtlMs`. */
  issueToken(cookieHeader: string | undefined): Promise<ConsoleToken>;
  /** Ends the session, if there is one. The `Set-Cookie` value that removes the cookie. */
  signOut(cookieHeader: string | undefined): string;
  /** For the authenticator: what signs those tokens. Made anew with each process. */
  readonly issuer: InternalIssuer;
}

/** What an administrator's inspector may do to every channel of the org: look. Modules' own rules still apply. */
const INSPECTOR = [{ channels: ['*'], match: 'wildcard', allow: ['sub', 'prs', 'hst'] }];

/** Throws a RangeError that names a bad option. */
export function createConsoleSessions(
  deps: { readonly clock: Clock; readonly logger: Logger },
  given?: Partial<ConsoleSessionsOptions>,
): ConsoleSessions {
  const { clock, logger } = deps;
  const options = resolve(given);
  const cookieName = options.secure ? '__Host-trunkline' : 'trunkline';
  const identity: ConsoleIdentity = { user: options.user, org: options.org, roles: options.roles };
  const issuer: InternalIssuer = { issuer: CONSOLE_ISSUER, secret: randomBytes(32) };
  const limiter = createAttemptLimiter(deps, {
    perSecond: options.attemptsPerMinute / 60,
    burst: options.attemptsPerMinute,
    maxKeys: 10_000,
  });
  /** Digests only: neither a code nor a cookie can be read out of memory dumps or compared by timing. */
  let link: { readonly digest: Buffer; readonly untilMs: number } | undefined;
  /** End of each session by the digest of its id, oldest first. */
  const sessions = new Map<string, number>();

  const sessionOf = (
    cookieHeader: string | undefined,
  ): { readonly key: string; readonly untilMs: number } | undefined => {
    const id = cookieHeader === undefined ? undefined : parse(cookieHeader)[cookieName];
    if (id === undefined) return undefined;
    const key = digestOf(id).toString('base64');
    const untilMs = sessions.get(key);
    if (untilMs === undefined) return undefined;
    if (untilMs > clock.monotonic()) return { key, untilMs };
    sessions.delete(key);
    return undefined;
  };

  const openSession = (): string => {
    const id = randomCode();
    for (const [key, untilMs] of sessions) {
      if (untilMs > clock.monotonic() && sessions.size < options.maxSessions) break;
      sessions.delete(key);
    }
    sessions.set(digestOf(id).toString('base64'), clock.monotonic() + options.sessionTtlMs);
    return id;
  };

  const toCookie = (value: string, maxAgeSeconds: number): string =>
    serialize(cookieName, value, {
      path: '/',
      httpOnly: true,
      sameSite: 'strict',
      secure: options.secure,
      maxAge: maxAgeSeconds,
    });

  return {
    issuer,

    createLinkCode() {
      const code = randomCode();
      link = { digest: digestOf(code), untilMs: clock.monotonic() + options.linkTtlMs };
      return code;
    },

    signIn(code, remoteAddress) {
      if (!limiter.take(addressBlock(remoteAddress))) {
        throw new CodedError('tooManyRequests', 'sign-in attempts of this address');
      }
      const given = digestOf(code);
      const fits =
        link !== undefined && timingSafeEqual(link.digest, given) && link.untilMs > clock.monotonic();
      if (!fits) {
        logger.warn({ remoteAddress }, 'console sign-in refused');
        throw new CodedError('unauthorized', 'the link is wrong, used or too old');
      }
      link = undefined;
      logger.info({ remoteAddress, user: options.user }, 'console sign-in');
      return toCookie(openSession(), Math.floor(options.sessionTtlMs / 1_000));
    },

    verify: (cookieHeader) => (sessionOf(cookieHeader) ? identity : undefined),

    async issueToken(cookieHeader) {
      const session = sessionOf(cookieHeader);
      if (!session) throw new CodedError('unauthorized', 'not signed in');
      const ttlSeconds = Math.ceil(Math.min(options.tokenTtlMs, session.untilMs - clock.monotonic()) / 1_000);
      const key = { algorithm: 'HS256', secret: issuer.secret } as const;
      const { user: sub, org, roles } = identity;
      const claims = { sub, org, roles, ...(roles.includes('admin') ? { caps: INSPECTOR } : {}) };
      const token = await mintToken({ clock, key, issuer: CONSOLE_ISSUER }, claims, ttlSeconds);
      return { token, expiresAtMs: (Math.floor(clock.now() / 1_000) + ttlSeconds) * 1_000 };
    },

    signOut(cookieHeader) {
      const session = sessionOf(cookieHeader);
      if (session) sessions.delete(session.key);
      return toCookie('', 0);
    },
  };
}

function resolve(given: Partial<ConsoleSessionsOptions> | undefined): ConsoleSessionsOptions {
  const options = mergeOptions(CONSOLE_SESSIONS_DEFAULTS, given);
  for (const field of [
    'linkTtlMs',
    'sessionTtlMs',
    'maxSessions',
    'tokenTtlMs',
    'attemptsPerMinute',
  ] as const) {
    requireNumber(field, options[field], 1);
  }
  if (!isOrgId(options.org)) throw new RangeError('org must be an org id');
  return options;
}

/** 256 bits. */
function randomCode(): string {
  return randomBytes(32).toString('base64url');
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
