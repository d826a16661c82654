/**
 * The directory's tables. Text that is a key compares by code points on every server. Lists and numbers that are only read whole are JSON. Rows of an
 * org go with it; what an installation did stays in the audit log.
 */
import type { MigrationSet } from '@trunkline/store';

export const DIRECTORY_MIGRATIONS: MigrationSet = {
  owner: 'directory',
  migrations: [
    {
      name: '001-people',
      phase: 'expand',
      statements: [
        `CREATE TABLE directory_orgs (
           id text COLLATE "C" PRIMARY KEY,
           name text NOT NULL,
           clusters jsonb NOT NULL DEFAULT '[]',
           kubernetes jsonb NOT NULL DEFAULT '[]',
           quotas jsonb NOT NULL DEFAULT '{}',
           created_ms bigint NOT NULL,
           updated_ms bigint NOT NULL
         )`,
        // `operator_source`: who made the user an operator; what the identity provider gave it takes away again.
        `CREATE TABLE directory_users (
           id text COLLATE "C" PRIMARY KEY,
           issuer text COLLATE "C" NOT NULL,
           subject text COLLATE "C" NOT NULL,
           email text,
           name text NOT NULL,
           operator boolean NOT NULL DEFAULT false,
           operator_source text NOT NULL DEFAULT 'directory',
           disabled boolean NOT NULL DEFAULT false,
           created_ms bigint NOT NULL,
           updated_ms bigint NOT NULL,
           last_seen_ms bigint
         )`,
        `CREATE UNIQUE INDEX directory_users_identity ON directory_users (issuer, subject)`,
        `CREATE INDEX directory_users_disabled ON directory_users (id) WHERE disabled`,
        `CREATE INDEX directory_users_operators ON directory_users (id) WHERE operator`,
        `CREATE TABLE directory_memberships (
           org text COLLATE "C" NOT NULL REFERENCES directory_orgs ON DELETE CASCADE,
           user_id text COLLATE "C" NOT NULL REFERENCES directory_users ON DELETE CASCADE,
           roles jsonb NOT NULL,
           source text NOT NULL,
           created_ms bigint NOT NULL,
           updated_ms bigint NOT NULL,
           PRIMARY KEY (org, user_id)
         )`,
        `CREATE INDEX directory_memberships_user ON directory_memberships (user_id, org)`,
        `CREATE TABLE directory_groups (
           org text COLLATE "C" NOT NULL REFERENCES directory_orgs ON DELETE CASCADE,
           name text COLLATE "C" NOT NULL,
           updated_ms bigint NOT NULL,
           PRIMARY KEY (org, name)
         )`,
        `CREATE TABLE directory_group_members (
           org text COLLATE "C" NOT NULL,
           group_name text COLLATE "C" NOT NULL,
           user_id text COLLATE "C" NOT NULL,
           PRIMARY KEY (org, group_name, user_id),
           FOREIGN KEY (org, group_name) REFERENCES directory_groups ON DELETE CASCADE,
           FOREIGN KEY (org, user_id) REFERENCES directory_memberships ON DELETE CASCADE
         )`,
        `CREATE INDEX directory_group_members_user ON directory_group_members (org, user_id)`,
      ],
    },
    {
      name: '002-credentials',
      phase: 'expand',
      statements: [
        // `digest`: SHA-256 of the key, in hex. A key of all orgs has the org `*`, which is no row of directory_orgs.
        `CREATE TABLE directory_api_keys (
           id text COLLATE "C" PRIMARY KEY,
           org text COLLATE "C" NOT NULL,
           digest text COLLATE "C" NOT NULL,
           name text COLLATE "C" NOT NULL,
           scopes jsonb NOT NULL,
           created_ms bigint NOT NULL,
           created_by text NOT NULL,
           expires_ms bigint,
           last_used_ms bigint,
           revoked_ms bigint
         )`,
        `CREATE UNIQUE INDEX directory_api_keys_digest ON directory_api_keys (digest)`,
        `CREATE UNIQUE INDEX directory_api_keys_name ON directory_api_keys (org, name) WHERE revoked_ms IS NULL`,
        `CREATE INDEX directory_api_keys_newest ON directory_api_keys (org, created_ms, id)`,
        `CREATE TABLE directory_invitations (
           id text COLLATE "C" PRIMARY KEY,
           org text COLLATE "C" NOT NULL REFERENCES directory_orgs ON DELETE CASCADE,
           email text COLLATE "C" NOT NULL,
           roles jsonb NOT NULL,
           digest text COLLATE "C" NOT NULL,
           invited_by text NOT NULL,
           created_ms bigint NOT NULL,
           expires_ms bigint NOT NULL,
           accepted_ms bigint
         )`,
        `CREATE UNIQUE INDEX directory_invitations_digest ON directory_invitations (digest)`,
        `CREATE UNIQUE INDEX directory_invitations_open ON directory_invitations (org, email) WHERE accepted_ms IS NULL`,
        `CREATE INDEX directory_invitations_email ON directory_invitations (email) WHERE accepted_ms IS NULL`,
        `CREATE INDEX directory_invitations_expiry ON directory_invitations (expires_ms) WHERE accepted_ms IS NULL`,
        // `digest`: SHA-256 of the cookie, in hex.
        `CREATE TABLE directory_sessions (
           digest text COLLATE "C" PRIMARY KEY,
           id text COLLATE "C" NOT NULL,
           user_id text COLLATE "C" NOT NULL REFERENCES directory_users ON DELETE CASCADE,
           door text NOT NULL,
           address text NOT NULL,
           created_ms bigint NOT NULL,
           expires_ms bigint NOT NULL,
           last_seen_ms bigint NOT NULL
         )`,
        `CREATE UNIQUE INDEX directory_sessions_id ON directory_sessions (id)`,
        `CREATE INDEX directory_sessions_user ON directory_sessions (user_id, created_ms)`,
        `CREATE INDEX directory_sessions_expiry ON directory_sessions (expires_ms)`,
      ],
    },
    {
      name: '003-secrets',
      phase: 'expand',
      statements: [
        `CREATE TABLE directory_secrets (
           org text COLLATE "C" NOT NULL REFERENCES directory_orgs ON DELETE CASCADE,
           name text COLLATE "C" NOT NULL,
           key_id text COLLATE "C" NOT NULL,
           sealed bytea NOT NULL,
           created_ms bigint NOT NULL,
           updated_ms bigint NOT NULL,
           updated_by text NOT NULL,
           PRIMARY KEY (org, name)
         )`,
        `CREATE INDEX directory_secrets_key ON directory_secrets (key_id)`,
        `CREATE TABLE directory_secret_keys (
           key_id text COLLATE "C" PRIMARY KEY,
           since_ms bigint NOT NULL
         )`,
      ],
    },
    {
      name: '004-audit',
      phase: 'expand',
      statements: [
        `CREATE TABLE directory_audit (
           id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
           org text COLLATE "C" NOT NULL,
           at_ms bigint NOT NULL,
           actor text NOT NULL,
           action text COLLATE "C" NOT NULL,
           target text NOT NULL,
           request_id text NOT NULL,
           address text NOT NULL,
           details jsonb NOT NULL
         )`,
        `CREATE INDEX directory_audit_org ON directory_audit (org, id)`,
        `CREATE INDEX directory_audit_age ON directory_audit (at_ms)`,
      ],
    },
  ],
};
