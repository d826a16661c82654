/** The store's own tables. Text that is a key compares by code points (`COLLATE "C"`) on every server, whatever its locale. */
import type { MigrationSet } from './types.js';

/** Parts of the outbox; one process dispatches a part at a time. */
export const LANES = 16;

export const STORE_MIGRATIONS: MigrationSet = {
  owner: 'store',
  migrations: [
    {
      name: '001-channels',
      phase: 'expand',
      statements: [
        // `floor`: history up to it was cleared. `last_ms`: never goes back, so that age follows offsets.
        `CREATE TABLE store_channels (
           org text COLLATE "C" NOT NULL,
           channel text COLLATE "C" NOT NULL,
           epoch text NOT NULL,
           top bigint NOT NULL,
           floor bigint NOT NULL DEFAULT 0,
           size integer NOT NULL,
           ttl_ms bigint NOT NULL,
           last_ms bigint NOT NULL,
           PRIMARY KEY (org, channel)
         ) WITH (fillfactor = 70)`,
        // Exactly one of `data` (JSON text) and `bytes` is there. `tags` and `info` are JSON text.
        `CREATE TABLE store_publications (
           org text COLLATE "C" NOT NULL,
           channel text COLLATE "C" NOT NULL,
           "offset" bigint NOT NULL,
           data text,
           bytes bytea,
           tags text,
           info text,
           time_ms bigint NOT NULL,
           PRIMARY KEY (org, channel, "offset")
         )`,
        `CREATE TABLE store_outbox (
           id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
           lane smallint NOT NULL,
           org text COLLATE "C" NOT NULL,
           channel text COLLATE "C" NOT NULL,
           "offset" bigint NOT NULL
         )`,
        `CREATE INDEX store_outbox_channel ON store_outbox (org, channel, "offset")`,
        `CREATE TABLE store_lanes (
           lane smallint PRIMARY KEY,
           owner text,
           until timestamptz NOT NULL DEFAULT '-infinity'
         ) WITH (fillfactor = 50)`,
        `INSERT INTO store_lanes (lane) SELECT generate_series(0, ${LANES - 1})`,
      ],
    },
    {
      name: '002-idempotency',
      phase: 'expand',
      statements: [
        `CREATE TABLE store_idempotency (
           org text COLLATE "C" NOT NULL,
           principal text COLLATE "C" NOT NULL,
           method text COLLATE "C" NOT NULL,
           key text COLLATE "C" NOT NULL,
           hash text NOT NULL,
           result text,
           created_ms bigint NOT NULL,
           PRIMARY KEY (org, principal, method, key)
         )`,
        `CREATE INDEX store_idempotency_created ON store_idempotency (created_ms)`,
      ],
    },
    {
      name: '003-sequences',
      phase: 'expand',
      statements: [
        // The highest number that took effect in a line of calls. Rewritten with every call of the line.
        `CREATE TABLE store_sequences (
           org text COLLATE "C" NOT NULL,
           principal text COLLATE "C" NOT NULL,
           line text COLLATE "C" NOT NULL,
           seq bigint NOT NULL,
           used_ms bigint NOT NULL,
           PRIMARY KEY (org, principal, line)
         ) WITH (fillfactor = 70)`,
        `CREATE INDEX store_sequences_used ON store_sequences (used_ms)`,
      ],
    },
  ],
};
