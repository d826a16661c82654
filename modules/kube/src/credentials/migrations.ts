/** Where credentials of users are kept: sealed, one for each user of an org and cluster. */
import type { MigrationSet } from '@trunkline/store';

export const KUBE_MIGRATIONS: MigrationSet = {
  owner: 'kube',
  migrations: [
    {
      name: '001-credentials',
      phase: 'expand',
      statements: [
        // `id`: another one each time that a credential is replaced, so that what was read with the old one is told apart.
        `CREATE TABLE kube_credentials (
           org text COLLATE "C" NOT NULL,
           user_id text COLLATE "C" NOT NULL,
           cluster text COLLATE "C" NOT NULL,
           id text COLLATE "C" NOT NULL,
           kind text NOT NULL,
           key_id text NOT NULL,
           sealed bytea NOT NULL,
           updated_ms bigint NOT NULL,
           PRIMARY KEY (org, user_id, cluster)
         )`,
      ],
    },
  ],
};
