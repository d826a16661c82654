/** The directory of a configuration: whether there is one, where its keys are, and whether it is to be read with the start. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Clock, Logger, Random } from '@trunkline/base';
import { createDirectory, type Directory, type StoreAccess } from '@trunkline/module-directory';
import { ConfigError, type ResolvedConfig } from '../config/load.js';
import { storeDirectory } from '../store/open.js';
import { readSecretsKeys, type SecretsKeys } from './secrets-keys.js';

export interface ServerDirectoryDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly store: StoreAccess;
}

/**
 * Reads nothing yet. Undefined where no key of secrets can be kept and nothing says that the directory is wanted. Throws `ConfigError` for a wrong
 * key, and where the directory is wanted and its key cannot be kept.
 */
export function openServerDirectory(
  deps: ServerDirectoryDeps,
  config: ResolvedConfig,
): Directory | undefined {
  const { values, cwd } = config;
  let secrets: SecretsKeys;
  try {
    secrets = readSecretsKeys(values.secrets.key, resolve(cwd, values.dataDir));
  } catch (cause) {
    if (values.secrets.key !== undefined || isWanted(config) || !(cause instanceof ConfigError)) throw cause;
    deps.logger.warn(
      { cause: cause.message },
      'orgs, users and keys cannot be kept: there is no place for the key of secrets',
    );
    return undefined;
  }
  const { auditRetention, auditMaxRecords, keyCache, refresh } = values.directory;
  return createDirectory(
    {
      ...deps,
      secretsKeys: secrets.keys,
      // Nodes that share a database share its keys: one alone cannot change them for the others.
      keepSecretsKeys: values.store.url === undefined ? secrets.keep : undefined,
    },
    {
      auditRetentionMs: auditRetention,
      auditMaxRecords,
      keyCacheMs: keyCache,
      refreshMs: refresh,
    },
  );
}

/** Whether the directory was used before, or is configured: then it is read with the start, and what is wrong with it is said there. */
export function isWanted(config: ResolvedConfig): boolean {
  const { auth, store } = config.values;
  return (
    store.url !== undefined ||
    auth.oidc.issuer !== undefined ||
    existsSync(join(storeDirectory(config), 'pg'))
  );
}
