/**
 * The directory module: who may act here, as records in the store. It owns the methods behind the console's pages and the command line, and the channel
 * on which an org's administrators see changes. Checking credentials is the server's business: it opens the directory first and asks it.
 */
import { defineModule } from '@trunkline/hub';
import { closeOf, type Position } from '@trunkline/protocol';
import { CHANGES, DIRECTORY_NAMESPACE, mayUseChannel } from './access.js';
import type { Directory } from './directory.js';
import { createRoutes } from './routes.js';

export { openDirectory, type Directory, type DirectoryDeps, type KeyUse } from './directory.js';
export { DIRECTORY_DEFAULTS, type DirectoryOptions } from './options.js';
export { DIRECTORY_MIGRATIONS } from './migrations.js';
export { makeSecretsKey, SECRETS_KEY_BYTES } from './keyring.js';
export { CONSOLE_IDENTITY, type ProviderIdentity } from './sign-in.js';
export { digestOf } from './tokens.js';
export { SYSTEM, type Actor, type Grant } from './types.js';
export type { StoredKey } from './keys.js';
export type { Session } from './sessions.js';

/** Changes kept for readers that come back. */
const HISTORY_SIZE = 200;
const HISTORY_TTL_MS = 600_000;

export interface DirectoryModuleOptions {
  /** Open. The caller disposes it after the hub. */
  readonly directory: Directory;
}

/** Publishes what was committed, ends connections of whoever lost the right to them, and answers the methods. */
export const directoryModule = defineModule<DirectoryModuleOptions>({
  id: 'directory',
  start(context, { directory }) {
    const { logger, clock } = context;
    /** The last publication of each org that had one lately, in order. */
    const publishing = new Map<string, Promise<Position | undefined>>();

    const end = (org: string, user: string): void => {
      // A user who may still come in fetches another token and is back at once; one who may not is refused then.
      context
        .forOrg(org)
        .disconnect({ user }, closeOf('stateInvalidated', 'rights changed'))
        .catch((cause: unknown) =>
          logger.warn({ org, cause: String(cause) }, 'connections could not be ended'),
        );
    };
    const unlisten = directory.commits.listen(({ org, ...change }) => {
      const data = JSON.stringify({ ...change, atMs: clock.now() });
      const published = (publishing.get(org) ?? Promise.resolve(undefined)).then(async () => {
        const { position } = await context.forOrg(org).publish(CHANGES, data);
        return position;
      });
      const settled = published.catch((cause: unknown) => {
        logger.warn({ org, cause: String(cause) }, 'a change of the directory was not published');
        return undefined;
      });
      publishing.set(org, settled);
      void settled.finally(() => {
        if (publishing.get(org) === settled) publishing.delete(org);
      });
      if (change.kind === 'member') end(org, change.id);
    });
    const unwatch = directory.watch.listen((user, orgs) => {
      for (const org of orgs) end(org, user);
    });
    const { rpc, http } = createRoutes({
      directory,
      context,
      published: (org) => publishing.get(org) ?? Promise.resolve(undefined),
    });
    return {
      namespaces: [
        {
          options: {
            name: DIRECTORY_NAMESPACE,
            historySize: HISTORY_SIZE,
            historyTtlMs: HISTORY_TTL_MS,
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
      },
    };
  },
});
