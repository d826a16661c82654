/**
 * Who signs in at the console, and which sessions there are: a port, and the version in memory, with one identity that the one-time link vouches for. It
 * knows digests of cookies, never cookies.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '@trunkline/base';
import type { Role } from '@trunkline/hub';

export interface ConsoleIdentity {
  readonly user: string;
  readonly org: string;
  readonly roles: readonly Role[];
  readonly groups?: readonly string[];
  /** The session that it was asked of. */
  readonly session: string;
}

/** What somebody may do in an org, whichever session asks. */
export type ConsoleGrant = Omit<ConsoleIdentity, 'session'>;

/** An org that somebody may switch to. */
export interface ConsoleOrg {
  readonly org: string;
  readonly name: string;
  readonly roles: readonly Role[];
}

/** Where a request comes from, for records. */
export interface Origin {
  readonly address: string;
  readonly requestId: string;
}

/** What vouches for whoever signs in: the one-time link, or a user that was identified otherwise. */
export type Proof = { readonly door: 'link' } | { readonly door: 'oidc'; readonly user: string };

export interface ConsoleSession {
  readonly id: string;
  readonly user: string;
  /** Milliseconds that are left. */
  readonly remainingMs: number;
}

export interface ConsoleAccounts {
  /** Opens a session for whoever the proof vouches for. */
  open(digest: string, proof: Proof, origin: Origin): Promise<void>;
  /** Throws `tooManyRequests` (111) where too many digests of nothing came from the same address. */
  find(digest: string, origin: Origin): Promise<ConsoleSession | undefined>;
  /** Ends the session, if there is one. */
  close(digest: string, origin: Origin): Promise<void>;
  /** What the session's user may do in the org, or, absent, in the one that comes first. Undefined where nothing. */
  identity(digest: string, org: string | undefined, origin: Origin): Promise<ConsoleIdentity | undefined>;
  orgs(digest: string): Promise<readonly ConsoleOrg[]>;
  /**
   * What the user of a session may do in the org now, asked without any memory. Undefined where the session is over, and where the user may do nothing
   * there; `unknown` where nobody can say for the moment.
   */
  confirm(session: string, org: string): Promise<ConsoleGrant | 'unknown' | undefined>;
}

export interface MemoryAccountsOptions {
  readonly identity: ConsoleGrant;
  readonly sessionTtlMs: number;
  /** The oldest ends first. */
  readonly maxSessions: number;
}

export interface MemoryAccountsDeps {
  readonly clock: Clock;
  /** Told of a session that somebody ended: its connections are to end too. Must not throw. */
  readonly onEnd?: (session: EndedSession) => void;
}

export interface EndedSession {
  readonly id: string;
  readonly user: string;
  readonly org: string;
}

interface Entry {
  readonly id: string;
  /** By the monotonic clock. */
  readonly untilMs: number;
}

/** Ends with the process. */
export function createMemoryAccounts(
  { clock, onEnd = () => undefined }: MemoryAccountsDeps,
  { identity, sessionTtlMs, maxSessions }: MemoryAccountsOptions,
): ConsoleAccounts {
  /** By digest, oldest first. */
  const sessions = new Map<string, Entry>();
  const live = (digest: string): Entry | undefined => {
    const entry = sessions.get(digest);
    if (entry && entry.untilMs <= clock.monotonic()) sessions.delete(digest);
    return sessions.get(digest);
  };
  return {
    async open(digest) {
      for (const [key, { untilMs }] of sessions) {
        if (untilMs > clock.monotonic() && sessions.size < maxSessions) break;
        sessions.delete(key);
      }
      sessions.set(digest, { id: idOf(digest), untilMs: clock.monotonic() + sessionTtlMs });
    },
    async find(digest) {
      const entry = live(digest);
      return entry && { id: entry.id, user: identity.user, remainingMs: entry.untilMs - clock.monotonic() };
    },
    async close(digest) {
      const entry = live(digest);
      if (sessions.delete(digest) && entry) onEnd({ id: entry.id, user: identity.user, org: identity.org });
    },
    async identity(digest, org) {
      const entry = live(digest);
      return entry && (org === undefined || org === identity.org)
        ? { ...identity, session: entry.id }
        : undefined;
    },
    async orgs(digest) {
      return live(digest) === undefined
        ? []
        : [{ org: identity.org, name: identity.org, roles: identity.roles }];
    },
    async confirm(session, org) {
      const known = [...sessions.keys()].some((digest) => live(digest)?.id === session);
      return known && org === identity.org ? identity : undefined;
    },
  };
}

/** Goes into tokens, which pages can read: says nothing about the cookie. */
function idOf(digest: string): string {
  return `mem_${createHash('sha256').update(digest).digest('base64url').slice(0, 16)}`;
}
