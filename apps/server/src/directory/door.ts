/** The console's door of a configuration: with accounts in the directory where there is one, else in memory. */
import type { Clock, Logger } from '@trunkline/base';
import { CONSOLE_IDENTITY, type Directory } from '@trunkline/module-directory';
import type { EndedSession } from '../auth/console-accounts.js';
import { createConsoleSessions, type ConsoleSessions } from '../auth/console-sessions.js';
import type { Config } from '../config/schema.js';
import { createDirectoryAccounts } from './accounts.js';
import type { Guesses } from './guesses.js';

export interface DoorDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Absent: sessions end with the process. */
  readonly directory: Directory | undefined;
  readonly guesses: Guesses;
  /** Whether the store is being opened for the first time. */
  readonly isOpening: () => boolean;
  /** Told of the end of sessions in memory: their connections are to end too. */
  readonly onEnd: (session: EndedSession) => void;
}

/** `secure`: browsers reach the console over TLS. */
export function openDoor(deps: DoorDeps, { console: door, auth }: Config, secure: boolean): ConsoleSessions {
  const { directory, guesses, ...common } = deps;
  const options = {
    user: CONSOLE_IDENTITY,
    org: door.org ?? auth.defaultOrg ?? 'default',
    secure,
    linkTtlMs: door.linkTtl,
    sessionTtlMs: door.sessionTtl,
  };
  if (!directory) return createConsoleSessions(common, options);
  const accounts = createDirectoryAccounts({ ...common, directory, guesses }, options);
  return createConsoleSessions(
    { ...common, accounts, secrets: directory.secrets.derive('console tokens') },
    options,
  );
}
