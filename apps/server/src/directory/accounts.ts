/**
 * The console's accounts in the directory. The one-time link vouches for the first operator; sessions are rows, and survive the process. While the store
 * does not answer the link still signs in, into memory: whoever reads the server's output is the one to repair it.
 */
import type { Clock, Logger } from '@trunkline/base';
import { SYSTEM, type Actor, type Directory } from '@trunkline/module-directory';
import { CodedError } from '@trunkline/protocol';
import { STORE_CODES } from '@trunkline/store';
import type { Guesses } from './guesses.js';
import {
  createMemoryAccounts,
  type ConsoleAccounts,
  type ConsoleGrant,
  type EndedSession,
  type Origin,
} from '../auth/console-accounts.js';

export interface DirectoryAccountsDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly directory: Directory;
  /** Cookies that anybody makes up are asked about only so often. */
  readonly guesses: Guesses;
  /** Whether the store is being opened for the first time. Default: it is not. */
  readonly isOpening?: () => boolean;
  /** Told of the end of sessions in memory; those in the store are the module's matter. */
  readonly onEnd?: (session: EndedSession) => void;
}

export interface DirectoryAccountsOptions {
  /** The org that the link leads to; made where it is not there. */
  readonly org: string;
  /** Who the link vouches for while the store does not answer. */
  readonly user: string;
  readonly sessionTtlMs: number;
}

/** A first database takes longer to make than the store's deadline. */
const OPENING_MS = 30_000;
/** Sessions in memory. */
const MAX_GUESTS = 100;

const TROUBLE: readonly number[] = [
  STORE_CODES.storeUnavailable.code,
  STORE_CODES.storeTimeout.code,
  STORE_CODES.storeOverloaded.code,
  STORE_CODES.storeUnusable.code,
  STORE_CODES.storeFull.code,
  STORE_CODES.outcomeUnknown.code,
];

export function createDirectoryAccounts(
  { clock, logger, directory, guesses, isOpening = () => false, onEnd }: DirectoryAccountsDeps,
  { org: home, user: guest, sessionTtlMs }: DirectoryAccountsOptions,
): ConsoleAccounts {
  const identity: ConsoleGrant = { user: guest, org: home, roles: ['admin', 'operator'] };
  const memory = createMemoryAccounts(
    { clock, ...(onEnd && { onEnd }) },
    { identity, sessionTtlMs, maxSessions: MAX_GUESTS },
  );
  const { sessions, users, orgs, signIn, commits } = directory;
  /** Entries into orgs without a membership that are in the audit log already, by session and org. */
  const entered = new Set<string>();
  const actorOf = (user: string, origin: Origin, org = ''): Actor => ({ user, org, roles: [], ...origin });

  const openInDirectory = async (digest: string, user: string, door: 'link' | 'oidc', origin: Origin) =>
    sessions.open(actorOf(user, origin), digest, door, sessionTtlMs);

  const signInByLink = async (origin: Origin) => {
    await orgs.ensure({ ...SYSTEM, ...origin }, home);
    return signIn.withLink(origin, home);
  };

  /** Goes on while the store is being opened; each attempt waits for its deadline. */
  const whenOpen = async <T>(attempt: () => Promise<T>): Promise<T> => {
    const startedMs = clock.monotonic();
    for (;;) {
      try {
        return await attempt();
      } catch (cause) {
        if (!isTrouble(cause) || !isOpening() || clock.monotonic() - startedMs > OPENING_MS) throw cause;
      }
    }
  };

  const findSession = (digest: string, { address }: Origin): ReturnType<typeof sessions.find> =>
    sessions.isKnown(digest) ? sessions.find(digest) : guesses.of(address, () => sessions.find(digest));

  /** Questions under way about what a session may do; those that a change overtook are asked again. */
  const asking = new Set<{ readonly session: string; readonly org: string; isStale: boolean }>();
  commits.listen(({ kind, org }) => {
    for (const question of asking) if (kind === 'user' || question.org === org) question.isStale = true;
  });
  sessions.listen((_user, ended) => {
    for (const question of asking) if (ended.includes(question.session)) question.isStale = true;
  });

  /**
   * What was read before a change and is answered after it would let a connection in that the change has just closed the others of. Undefined, which makes
   * the client come back with another token, where changes do not let up.
   */
  const rightsOf = async (session: string, org: string): Promise<ConsoleGrant | undefined> => {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const question = { session, org, isStale: false };
      asking.add(question);
      try {
        const user = await sessions.userOf(session);
        const grant = user === undefined ? undefined : await users.grantOf(user, org);
        if (!question.isStale) return grant;
      } finally {
        asking.delete(question);
      }
    }
    return undefined;
  };

  /** The user's orgs, the one of the link first. */
  const orgsOf = async (user: string) => {
    const mine = await users.orgsOf(user);
    return [...mine].sort((left, right) => Number(right.org === home) - Number(left.org === home));
  };

  /** An operator may look into every org; that is noted once per session. */
  const noteEntry = async (session: string, user: string, org: string, origin: Origin): Promise<void> => {
    const entry = `${session} ${org}`;
    if (entered.has(entry)) return;
    if (entered.size >= MAX_ENTERED) entered.clear();
    await directory.note(actorOf(user, origin, org), { org, action: 'operator.entered', target: org });
    entered.add(entry);
  };

  return {
    async open(digest, proof, origin) {
      if (proof.door === 'oidc') return openInDirectory(digest, proof.user, proof.door, origin);
      try {
        const user = await whenOpen(() => signInByLink(origin));
        await openInDirectory(digest, user.id, proof.door, origin);
      } catch (cause) {
        if (!isTrouble(cause)) throw cause;
        logger.warn(
          { cause: String(cause) },
          'the store does not answer: a console session is kept in memory',
        );
        await memory.open(digest, proof, origin);
      }
    },

    async find(digest, origin) {
      const kept = await memory.find(digest, origin);
      if (kept) return kept;
      const session = await findSession(digest, origin);
      return session && { id: session.id, user: session.user, remainingMs: session.expiresMs - clock.now() };
    },

    async close(digest, origin) {
      if (await memory.find(digest, origin)) return memory.close(digest, origin);
      const session = await findSession(digest, origin);
      if (session) await sessions.close(actorOf(session.user, origin), digest);
    },

    async identity(digest, wanted, origin) {
      const kept = await memory.identity(digest, wanted, origin);
      if (kept) return kept;
      const session = await sessions.find(digest);
      if (!session) return undefined;
      const org = wanted ?? (await orgsOf(session.user))[0]?.org ?? home;
      const found = await users.grantOf(session.user, org);
      if (!found) return undefined;
      const { member, ...grant } = found;
      if (!member) await noteEntry(session.id, session.user, org, origin);
      return { ...grant, session: session.id };
    },

    async orgs(digest) {
      const kept = await memory.orgs(digest);
      if (kept.length > 0) return kept;
      const session = await sessions.find(digest);
      if (!session) return [];
      return (await orgsOf(session.user)).map(({ org, orgName, roles }) => ({ org, name: orgName, roles }));
    },

    async confirm(session, org) {
      const kept = await memory.confirm(session, org);
      if (kept) return kept;
      try {
        return await rightsOf(session, org);
      } catch (cause) {
        if (!isTrouble(cause)) throw cause;
        // The token was signed for some minutes; for that long its word goes on counting.
        return 'unknown';
      }
    },
  };
}

function isTrouble(cause: unknown): boolean {
  return cause instanceof CodedError && TROUBLE.includes(cause.code);
}

const MAX_ENTERED = 10_000;
const MAX_ATTEMPTS = 5;
