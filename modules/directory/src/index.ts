/**
 * The directory module: who may act here, as records in the store. It owns the methods behind the console's pages and the command line, and the channel
 * on which an org's administrators see changes. Checking credentials is the server's business: it opens the directory first and asks it.
 */
import { defineModule } from '@trunkline/hub';
import { closeOf } from '@trunkline/protocol';
import { CHANGES, DIRECTORY_NAMESPACE, mayUseChannel } from './access.js';
import type { Directory } from './directory.js';
import { createRoutes } from './routes.js';

export { createDirectory, type Directory, type DirectoryDeps, type KeyUse } from './directory.js';
export { DIRECTORY_DEFAULTS, type DirectoryOptions } from './options.js';
export { DIRECTORY_MIGRATIONS } from './migrations.js';
export { makeSecretsKey, SECRETS_KEY_BYTES } from './keyring.js';
export { CONSOLE_IDENTITY, type ProviderIdentity } from './sign-in.js';
export { digestOf } from './tokens.js';
export type { StoreAccess } from './commits.js';
export { SYSTEM, type Actor, type Grant } from './types.js';
export type { StoredKey } from './keys.js';
export type { Session } from './sessions.js';

export interface DirectoryModuleOptions {
  /** Open. The caller disposes it after the hub. */
  readonly directory: Directory;
}

/** What connections are told whose rights or session ended: whoever may still come in fetches another token and is back at once. */
const OVER = closeOf('stateInvalidated', 'rights changed');

/** Answers the methods, and ends connections of whoever lost rights. Needs a hub with a store: its channel is durable. */
export const directoryModule = defineModule<DirectoryModuleOptions>({
  id: 'directory',
  start(context, { directory }) {
    const { users, orgs, sessions, commits, watch } = directory;
    const failed = (cause: unknown): void =>
      context.logger.warn({ cause: String(cause) }, 'connections could not be ended');
    const end = (org: string, user: string): void => {
      context.forOrg(org).disconnect({ user }, OVER).catch(failed);
    };
    /** Wherever it may have connections, on whatever node. */
    const endSessions = async (
      user: string,
      ended: readonly string[],
      isInAllOrgs: boolean,
    ): Promise<void> => {
      const [found, mine] = await Promise.all([users.find(user), users.orgsOf(user)]);
      const places = new Set([...context.orgs(), ...mine.map(({ org }) => org)]);
      if (isInAllOrgs || found?.operator === true) for await (const org of orgs.ids()) places.add(org);
      for (const org of places) await context.forOrg(org).disconnect({ user, sessions: ended }, OVER);
    };
    const unlisten = commits.listen(({ org, kind, id, action }) => {
      if (kind === 'member' && action !== 'created') end(org, id);
    });
    const unwatch = watch.listen((user, of) => {
      for (const org of of) end(org, user);
    });
    const unended = sessions.listen((...told) => void endSessions(...told).catch(failed));
    const { rpc, http } = createRoutes({ directory, context });
    return {
      namespaces: [
        {
          options: {
            name: DIRECTORY_NAMESPACE,
            class: 'durable',
            forceRecovery: true,
            allowSubscribe: ['admin', 'operator'],
            allowHistory: ['admin', 'operator'],
            channelPattern: CHANGES.slice(DIRECTORY_NAMESPACE.length + 1),
          },
          authorise: mayUseChannel,
        },
      ],
      rpc,
      routes: http,
      dispose: () => {
        unlisten();
        unwatch();
        unended();
      },
    };
  },
});
