/**
 * The directory as the server sees it: opened before the hub, because credentials are checked against it; handed to the module for its methods. It owns
 * its tables, its memories and its timers; the store is the caller's.
 */
import {
  DisposeStack,
  every,
  type Clock,
  type Disposable,
  type Logger,
  type Random,
  type Timer,
} from '@trunkline/base';
import type { Committing, Reading, Store } from '@trunkline/store';
import { CodedError } from '@trunkline/protocol';
import { auditStatement, readAudit, sweepAudit } from './audit.js';
import { Commits, type StoreAccess } from './commits.js';
import { Invitations } from './invitations.js';
import { KeyCache } from './key-cache.js';
import { Keys } from './keys.js';
import { Members } from './members.js';
import { resolveDirectoryOptions, type DirectoryOptions } from './options.js';
import { Orgs } from './orgs.js';
import { Secrets } from './secrets.js';
import { Sessions } from './sessions.js';
import { SignIn } from './sign-in.js';
import type { Actor, AuditEntry } from './types.js';
import { Users } from './users.js';
import { Watch } from './watch.js';

export interface DirectoryDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** With `DIRECTORY_MIGRATIONS` applied when it opens. */
  readonly store: StoreAccess;
  /** 32 bytes each; the first one seals. */
  readonly secretsKeys: readonly Uint8Array[];
  /** See `SecretsDeps.keepKeys`. */
  readonly keepSecretsKeys?: ((keys: readonly Uint8Array[]) => Promise<void>) | undefined;
}

export interface Directory extends Disposable {
  readonly orgs: Orgs;
  readonly users: Users;
  readonly members: Members;
  readonly keys: Keys;
  readonly keyCache: KeyCache;
  readonly secrets: Secrets;
  readonly invitations: Invitations;
  readonly sessions: Sessions;
  readonly signIn: SignIn;
  readonly watch: Watch;
  readonly commits: Commits;
  /**
   * Checks the keys of secrets and reads who is kept out; from then on both are looked at regularly. Done by the first use where nobody called it. Fails
   * with 1200; where the store does not answer it is tried again later.
   */
  start(): Promise<void>;
  /** A record of what changed nothing in the tables, such as an operator entering an org. */
  note(actor: Actor, entry: AuditEntry): Promise<void>;
  /** A use of a key of all orgs: written with the others, one record per key, org and method. Never waits. */
  noteUse(use: KeyUse): void;
  audit: (org: string, filter: Parameters<typeof readAudit>[2]) => ReturnType<typeof readAudit>;
}

export interface KeyUse {
  readonly key: string;
  readonly org: string;
  readonly method: string;
  readonly requestId: string;
  readonly address: string;
}

/** Kinds of uses of one key that are held between two writings; more are counted under one. */
const MAX_USES_PER_KEY = 100;
/** The method, and in the installation's log, under which the rest is counted. */
const OTHER_USES = '*';
const SWEEP_MS = 60_000;

/** Nothing is read yet: a store that is opened when it is needed stays closed until then. */
export function createDirectory(deps: DirectoryDeps, given?: Partial<DirectoryOptions>): Directory {
  const options = resolveDirectoryOptions(given);
  const { clock, random, logger } = deps;
  const stack = new DisposeStack();

  /** The store that was checked. */
  let checked: Store | undefined;
  const checking = new Map<Store, Promise<void>>();
  const check = async (opened: Store): Promise<void> => {
    if (checked === opened) return;
    const running = checking.get(opened) ?? secrets.check(opened).finally(() => checking.delete(opened));
    checking.set(opened, running);
    await running;
    if (checked === opened) return;
    checked = opened;
    begin();
  };
  const access: StoreAccess = {
    read: (statement) => access.use('read', (opened) => opened.read(statement)),
    use: (kind, work) =>
      deps.store.use(kind, async (opened) => {
        await check(opened);
        return work(opened);
      }),
  };
  const store: Committing & Reading = {
    read: access.read,
    commit: (unit) => access.use('commit', (opened) => opened.commit(unit)),
  };

  const commits = new Commits({ clock, store: access });
  const parts = { clock, random, store, commits };
  const secrets = new Secrets({ ...parts, keys: deps.secretsKeys, keepKeys: deps.keepSecretsKeys });
  const sessions = new Sessions(parts);
  const orgs = new Orgs(parts);
  const users = new Users({ ...parts, sessions });
  const keys = new Keys(parts);
  const invitations = new Invitations(parts);
  const keyCache = new KeyCache({ clock, logger, find: (digest) => keys.byDigest(digest) }, options);
  const watch = stack.use(new Watch({ clock, logger, orgs, users }, options.maxHeld));
  const unlisten = commits.listen(({ kind, id, action }) => {
    if (kind === 'key') keyCache.forget(id);
    if (kind === 'org' && action === 'removed') keyCache.forgetOrg(id);
    if (kind === 'user') sessions.forget();
    if (kind === 'user' || kind === 'member' || kind === 'org') void watch.refresh();
  });
  stack.defer(unlisten);

  /** By key, then by org and method. Keys of all orgs are few: operators make them. */
  let uses = new Map<string, Map<string, KeyUse & { readonly count: number }>>();
  const idOf = ({ org, method }: KeyUse): string => `${org} ${method}`;
  const addUse = (use: KeyUse, count: number): void => {
    // Whoever has such a key may name any org: what is held is bounded for each key, so that one does not hide what another did.
    const ofKey = uses.get(use.key) ?? new Map<string, KeyUse & { readonly count: number }>();
    uses.set(use.key, ofKey);
    const isRoom = ofKey.has(idOf(use)) || ofKey.size < MAX_USES_PER_KEY;
    const counted = isRoom ? use : { ...use, org: '', method: OTHER_USES };
    ofKey.set(idOf(counted), { ...counted, count: (ofKey.get(idOf(counted))?.count ?? 0) + count });
  };
  const writeLastUses = async (): Promise<void> => {
    const lastUses = keyCache.takeUses();
    if (lastUses.size > 0) await keys.noteUses(lastUses);
  };
  const writeUses = async (): Promise<void> => {
    const kinds = [...uses.values()].flatMap((ofKey) => [...ofKey.values()]);
    uses = new Map();
    if (kinds.length === 0) return;
    const statements = kinds.map(({ key, org, method, requestId, address, count }) =>
      auditStatement({ user: `apikey:${key}`, org, roles: [], requestId, address }, clock.now(), {
        org,
        action: 'key.used',
        target: method,
        details: { count },
      }),
    );
    try {
      await store.commit({ statements });
    } catch (cause) {
      // Counted on: a store that is away for a while hides nothing.
      for (const { count, ...use } of kinds) addUse(use, count);
      throw cause;
    }
  };
  const quietly = (what: string, run: () => Promise<unknown>): Promise<unknown> =>
    run().catch((cause: unknown) => logger.warn({ cause: String(cause) }, `${what} failed`));
  const flush = async (): Promise<void> => {
    await quietly('writing the last uses of keys', writeLastUses);
    await quietly('writing the uses of keys of all orgs', writeUses);
  };
  stack.defer(async () => {
    if (checked) await flush();
  });
  let timers: readonly Timer[] = [];
  stack.defer(() => timers.forEach((timer) => timer.cancel()));
  let begun = false;
  const begin = (): void => {
    if (begun) return;
    begun = true;
    void watch.refresh();
    timers = [
      every(clock, options.flushMs, () => void flush()),
      every(clock, SWEEP_MS, () => {
        void quietly('sweeping the audit log', () => sweepAudit(store, clock, options));
        void quietly('sweeping sessions', () => sessions.sweep());
        void quietly('sweeping invitations', () => invitations.sweep());
      }),
      every(clock, options.refreshMs, () => void watch.refresh()),
    ];
  };

  return {
    orgs,
    users,
    members: new Members(parts),
    keys,
    keyCache,
    secrets,
    invitations,
    sessions,
    signIn: new SignIn({ ...parts, users, invitations, sessions }),
    watch,
    commits,
    start: async () => {
      try {
        await access.use('read', () => watch.refresh());
      } catch (cause) {
        // A store that is away, or too busy for now, is no reason not to start.
        if (!(cause instanceof CodedError && cause.temporary)) throw cause;
        // Found by the next use; meanwhile nobody is known to be kept out.
        logger.warn({ cause: String(cause) }, 'the directory cannot be read yet');
      }
    },
    note: async (actor, entry) =>
      void (await store.commit({ statements: [auditStatement(actor, clock.now(), entry)] })),
    noteUse: (use) => addUse(use, 1),
    audit: (org, filter) => readAudit(store, org, filter),
    dispose: () => stack.dispose(),
  };
}
