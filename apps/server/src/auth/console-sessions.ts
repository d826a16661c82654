/**
 * Sign-in to the console: a one-time link, printed where only the operator reads, or another proof of who somebody is, is exchanged for a cookie, and the
 * cookie for short-lived connection tokens. Who that is and where sessions are kept is the accounts' matter. It knows no HTTP library: cookies go
 * in and out as header values.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { mergeOptions, requireNumber, type Clock, type Logger } from '@trunkline/base';
import type { Principal, Role } from '@trunkline/hub';
import { CodedError, isOrgId } from '@trunkline/protocol';
import { addressBlock, createAttemptLimiter } from '@trunkline/transport';
import { parse, serialize } from 'cookie';
import type { InternalIssuer } from './authenticator.js';
import {
  createMemoryAccounts,
  type ConsoleAccounts,
  type ConsoleGrant,
  type ConsoleIdentity,
  type ConsoleOrg,
  type EndedSession,
  type Origin,
  type Proof,
} from './console-accounts.js';
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

export type { ConsoleIdentity, EndedSession } from './console-accounts.js';

export interface ConsoleToken {
  readonly token: string;
  /** Unix milliseconds. */
  readonly expiresAtMs: number;
}

export interface ConsoleSessions {
  /** A fresh code for the link, 43 characters of base64url. The one before stops working. */
  createLinkCode(): string;
  /** The `Set-Cookie` value of a new session. The code is used up. Throws `unauthorized` (101), `tooManyRequests` (111). */
  signIn(code: string, origin: Origin): Promise<string>;
  /** The same for somebody whose identity was proved otherwise. */
  signInAs(user: string, origin: Origin): Promise<string>;
  /**
   * Who the request's `Cookie` header belongs to, in `org` or in the one that comes first. Throws `notFound` (1004) for an org that is not there and one
   * that is not the user's.
   */
  verify(
    cookieHeader: string | undefined,
    org?: string,
    origin?: Origin,
  ): Promise<ConsoleIdentity | undefined>;
  /** Orgs that the session may switch to. Throws `unauthorized` (101). */
  orgs(cookieHeader: string | undefined, origin?: Origin): Promise<readonly ConsoleOrg[]>;
  /**
   * A connection token for that session, in `org` or in the one that comes first. Throws `unauthorized` (101); `notFound` (1004) for an org that is not
   * there and one that is not the user's. It counts only while the session lives.
   */
  issueToken(cookieHeader: string | undefined, org?: string, origin?: Origin): Promise<ConsoleToken>;
  /** Ends the session, if there is one. The `Set-Cookie` value that removes the cookie. */
  signOut(cookieHeader: string | undefined, origin?: Origin): Promise<string>;
  /** For the authenticator: what signs those tokens. */
  readonly issuer: InternalIssuer;
}

/** What an administrator's inspector may do to every channel of the org: look. Modules' own rules still apply. */
const INSPECTOR = [{ channels: ['*'], match: 'wildcard', allow: ['sub', 'prs', 'hst'] }];

const NOWHERE: Origin = { address: '', requestId: '' };

export interface ConsoleSessionsDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default: in memory, with the one identity of the options. */
  readonly accounts?: ConsoleAccounts;
  /** 32 bytes each for connection tokens; the first one signs. Default: made anew, so that tokens end with the process. */
  readonly secrets?: readonly Uint8Array[];
  /** For the accounts in memory: told of a session that somebody ended. */
  readonly onEnd?: (session: EndedSession) => void;
}

/** Throws a RangeError that names a bad option. */
export function createConsoleSessions(
  deps: ConsoleSessionsDeps,
  given?: Partial<ConsoleSessionsOptions>,
): ConsoleSessions {
  const { clock, logger } = deps;
  const options = resolve(given);
  const cookieName = options.secure ? '__Host-trunkline' : 'trunkline';
  const { user, org, roles, sessionTtlMs, maxSessions } = options;
  const accounts =
    deps.accounts ??
    createMemoryAccounts(deps, { identity: { user, org, roles }, sessionTtlMs, maxSessions });
  const [secret = new Uint8Array(randomBytes(32)), ...others] = deps.secrets ?? [];
  const issuer: InternalIssuer = {
    issuer: CONSOLE_ISSUER,
    secret,
    others,
    confirm: async (principal, { sid }) => {
      const found = typeof sid === 'string' ? await accounts.confirm(sid, principal.org) : undefined;
      if (typeof sid !== 'string' || !found) throw new CodedError('tokenExpired', 'the session is over');
      if (found !== 'unknown' && !isSame(found, principal))
        throw new CodedError('tokenExpired', 'rights changed');
      return { ...principal, session: sid };
    },
  };
  const limiter = createAttemptLimiter(deps, {
    perSecond: options.attemptsPerMinute / 60,
    burst: options.attemptsPerMinute,
    maxKeys: 10_000,
  });
  /** Digests only: neither a code nor a cookie can be read out of memory dumps or compared by timing. */
  let link: { readonly digest: Buffer; readonly untilMs: number } | undefined;

  const toCookie = (value: string, maxAgeSeconds: number): string =>
    serialize(cookieName, value, {
      path: '/',
      httpOnly: true,
      sameSite: 'strict',
      secure: options.secure,
      maxAge: maxAgeSeconds,
    });

  const digestIn = (cookieHeader: string | undefined): string | undefined => {
    const id = cookieHeader === undefined ? undefined : parse(cookieHeader)[cookieName];
    // What is no cookie of ours is nobody's, and asked about nowhere.
    return id === undefined || !CODE.test(id) ? undefined : digestOf(id).toString('hex');
  };

  const openSession = async (proof: Proof, origin: Origin): Promise<string> => {
    const id = randomCode();
    await accounts.open(digestOf(id).toString('hex'), proof, origin);
    logger.info({ remoteAddress: origin.address, door: proof.door }, 'console sign-in');
    return toCookie(id, Math.floor(options.sessionTtlMs / 1_000));
  };

  return {
    issuer,

    createLinkCode() {
      const code = randomCode();
      link = { digest: digestOf(code), untilMs: clock.monotonic() + options.linkTtlMs };
      return code;
    },

    async signIn(code, origin) {
      if (!limiter.take(addressBlock(origin.address))) {
        throw new CodedError('tooManyRequests', 'sign-in attempts of this address');
      }
      const given = digestOf(code);
      const fits =
        link !== undefined && timingSafeEqual(link.digest, given) && link.untilMs > clock.monotonic();
      if (!fits) {
        logger.warn({ remoteAddress: origin.address }, 'console sign-in refused');
        throw new CodedError('unauthorized', 'the link is wrong, used or too old');
      }
      // Used up before anything is waited for: two requests at once are one sign-in.
      link = undefined;
      return openSession({ door: 'link' }, origin);
    },

    signInAs: (identified, origin) => openSession({ door: 'oidc', user: identified }, origin),

    async verify(cookieHeader, wanted, origin = NOWHERE) {
      const digest = digestIn(cookieHeader);
      const session = digest === undefined ? undefined : await accounts.find(digest, origin);
      if (digest === undefined || !session) return undefined;
      const identity = await accounts.identity(digest, wanted, origin);
      if (!identity && wanted !== undefined) throw new CodedError('notFound', 'org');
      return identity;
    },

    async orgs(cookieHeader, origin = NOWHERE) {
      const digest = digestIn(cookieHeader);
      if (digest === undefined || !(await accounts.find(digest, origin)))
        throw new CodedError('unauthorized', 'not signed in');
      return accounts.orgs(digest);
    },

    async issueToken(cookieHeader, wanted, origin = NOWHERE) {
      const digest = digestIn(cookieHeader);
      const session = digest === undefined ? undefined : await accounts.find(digest, origin);
      if (digest === undefined || !session) throw new CodedError('unauthorized', 'not signed in');
      const identity = await accounts.identity(digest, wanted, origin);
      if (!identity) throw new CodedError('notFound', 'org');
      const ttlSeconds = Math.max(1, Math.ceil(Math.min(options.tokenTtlMs, session.remainingMs) / 1_000));
      const key = { algorithm: 'HS256', secret: issuer.secret } as const;
      const { user: sub, session: sid, ...rest } = identity;
      const claims = { sub, sid, ...rest, ...(identity.roles.includes('admin') ? { caps: INSPECTOR } : {}) };
      const token = await mintToken({ clock, key, issuer: CONSOLE_ISSUER }, claims, ttlSeconds);
      return { token, expiresAtMs: (Math.floor(clock.now() / 1_000) + ttlSeconds) * 1_000 };
    },

    async signOut(cookieHeader, origin = NOWHERE) {
      const digest = digestIn(cookieHeader);
      if (digest !== undefined) await accounts.close(digest, origin);
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

/** Whether a token says of its holder what is so. */
function isSame(grant: ConsoleGrant, principal: Principal): boolean {
  const text = ({ user, roles, groups = [] }: ConsoleGrant): string =>
    JSON.stringify([user, [...roles].sort(), [...groups].sort()]);
  return text(grant) === text(principal);
}

/** What `randomCode` makes. */
const CODE = /^[\w-]{43}$/;

/** 256 bits. */
function randomCode(): string {
  return randomBytes(32).toString('base64url');
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
