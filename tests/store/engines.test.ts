/** The contract suite of the store on both engines: PGlite in a worker, and a real PostgreSQL server. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storeContract, TEMPLATE_DIRECTORY, type StoreFixture } from '@trunkline/store/testing';
import { startPostgres } from '@trunkline/testkit';

async function embeddedFixture(): Promise<StoreFixture> {
  const parent = await mkdtemp(join(tmpdir(), 'trunkline-stores-'));
  let next = 0;
  return {
    database: () =>
      Promise.resolve({
        kind: 'embedded',
        directory: join(parent, String(next++)),
        templateDirectory: TEMPLATE_DIRECTORY,
      }),
    dispose: () => rm(parent, { recursive: true, force: true }),
  };
}

async function postgresFixture(): Promise<StoreFixture> {
  const server = await startPostgres();
  let next = 0;
  return {
    database: async () => ({ kind: 'postgres', url: await server.createDatabase(`store${next++}`) }),
    dispose: async () => server.dispose(),
  };
}

storeContract('embedded', embeddedFixture);
storeContract('PostgreSQL', postgresFixture);
