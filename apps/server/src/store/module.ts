/** The store as operators reach it over HTTP: how it is, and a copy of the embedded database while it runs. Files are named here, never by a request. */
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { randomId, type Clock, type Random } from '@trunkline/base';
import { defineModule, type Module, type Principal } from '@trunkline/hub';
import { CodedError } from '@trunkline/protocol';
import type { ServerStore } from './server-store.js';

export interface StoreModuleDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: ServerStore;
  /** Where backups are put; made when there is one. */
  readonly backupDirectory: string;
}

/** Of a whole database. */
const BACKUP_DEADLINE_MS = 600_000;

export function storeModule({ clock, random, store, backupDirectory }: StoreModuleDeps): Module {
  return defineModule<void>({
    id: 'store',
    start: () => ({
      routes: [
        {
          method: 'GET',
          path: '/store/status',
          summary: 'Whether the store answers, and what it did since it was opened. For operators.',
          handle: ({ principal }) => {
            requireOperator(principal);
            return { status: 200, body: store.health };
          },
        },
        {
          method: 'POST',
          path: '/store/backup',
          summary:
            'Writes a copy of the embedded database, as of now, into a new file on the server and names it. For operators.',
          handle: async ({ principal }) => {
            requireOperator(principal);
            await mkdir(backupDirectory, { recursive: true, mode: 0o700 });
            const time = new Date(clock.now()).toISOString().replace(/[:.]/g, '-');
            const path = join(backupDirectory, `${time}-${randomId(random, 6)}.tar.gz`);
            await store.use('read', (opened) => opened.backup(path), BACKUP_DEADLINE_MS);
            return { status: 200, body: { path, bytes: (await stat(path)).size } };
          },
        },
      ],
    }),
  })();
}

function requireOperator({ roles }: Principal): void {
  if (!roles.includes('operator')) throw new CodedError('permissionDenied');
}
