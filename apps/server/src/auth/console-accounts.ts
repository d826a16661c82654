/**
 * Who signs in at the console, and which sessions there are: a port, and the version in memory, with one identity that the one-time link vouches for. It
 * knows digests of cookies, never cookies.
 */
import type { Clock } from '@trunkline/base';
import type { Role } from '@trunkline/hub';

export interface ConsoleIdentity {
  readonly user: string;
  readonly org: string;
  readonly roles: readonly Role[];
  readonly groups?: readonly string[];
}

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
  readonly user: string;
  /** Milliseconds that are left. */
  readonly remainingMs: number;
}

export interface ConsoleAccounts {
  /** Opens a session for whoever the proof vouches for. */
  open(digest: string, proof: Proof, origin: Origin): Promise<void>;
  find(digest: string): Promise<ConsoleSession | undefined>;
  /** Ends the session, if there is one. */
  close(digest: string, origin: Origin): Promise<void>;
  /** What the session's user may do in the org, or, absent, in the one that comes first. Undefined where nothing. */
  identity(digest: string, org: string | undefined, origin: Origin): Promise<ConsoleIdentity | undefined>;
  orgs(digest: string): Promise<readonly ConsoleOrg[]>;
}

export interface MemoryAccountsOptions {
  readonly identity: ConsoleIdentity;
  readonly sessionTtlMs: number;
  /** The oldest ends first. */
  readonly maxSessions: number;
}

/** Ends with the process. */
export function createMemoryAccounts(
  clock: Clock,
  { identity, sessionTtlMs, maxSessions }: MemoryAccountsOptions,
): ConsoleAccounts {
  /** End of each session by digest, oldest first. */
  const sessions = new Map<string, number>();
  const untilMs = (digest: string): number | undefined => {
    const until = sessions.get(digest);
    if (until !== undefined && until <= clock.monotonic()) sessions.delete(digest);
    return sessions.get(digest);
  };
  return {
    async open(digest) {
      for (const [key, until] of sessions) {
        if (until > clock.monotonic() && sessions.size < maxSessions) break;
        sessions.delete(key);
      }
      sessions.set(digest, clock.monotonic() + sessionTtlMs);
    },
    async find(digest) {
      const until = untilMs(digest);
      return until === undefined
        ? undefined
        : { user: identity.user, remainingMs: until - clock.monotonic() };
    },
    async close(digest) {
      sessions.delete(digest);
    },
    async identity(digest, org) {
      return untilMs(digest) !== undefined && (org === undefined || org === identity.org)
        ? identity
        : undefined;
    },
    async orgs(digest) {
      return untilMs(digest) === undefined
        ? []
        : [{ org: identity.org, name: identity.org, roles: identity.roles }];
    },
  };
}
