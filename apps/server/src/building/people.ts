/** Who may come in, and where they are kept: the store, the directory in it, the console's doors, keys of the HTTP API, and the authenticator of connections. */
import { resolve } from 'node:path';
import { randomId, type Clock, type DisposeStack, type Logger, type Random } from '@trunkline/base';
import type { Authenticator } from '@trunkline/hub';
import type { Directory } from '@trunkline/module-directory';
import type { StoreDeps } from '@trunkline/store';
import { createApiKeys, type ApiKeyOptions } from '../auth/api-keys.js';
import { createTokenAuthenticator } from '../auth/authenticator.js';
import type { ConsoleSessions, EndedSession } from '../auth/console-sessions.js';
import { toAuthenticatorOptions } from '../config/auth-options.js';
import type { ResolvedConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { keepDevKey } from '../dev-state.js';
import { withoutDisabled, withStoredKeys } from '../directory/credentials.js';
import { openDoor } from '../directory/door.js';
import { createGuesses, type Guesses } from '../directory/guesses.js';
import { openOidcDoor } from '../directory/oidc-door.js';
import { openServerDirectory } from '../directory/open.js';
import type { ApiKeyVerifier } from '../http/ports.js';
import { mayHaveStore, openConfiguredStore } from '../store/open.js';
import { ServerStore } from '../store/server-store.js';
import { DEV_ISSUER, devOrg } from './development.js';

export interface PeopleDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Takes what is to be closed, last built first. */
  readonly stack: DisposeStack;
  /** For tests: stands between the store and its sessions. */
  readonly interceptStore?: NonNullable<StoreDeps['intercept']> | undefined;
  /** Told of a session in memory that ended. */
  readonly onSessionEnd: (session: EndedSession) => void;
  /** Where browsers reach the server; known once it listens. */
  readonly publicUrl: () => string;
  /** Whether browsers reach the console over TLS. */
  readonly secure: boolean;
}

export interface People {
  /** Absent where the configuration allows none. */
  readonly store: ServerStore | undefined;
  /** Absent without a store. */
  readonly directory: Directory | undefined;
  readonly guesses: Guesses;
  /** Absent where the console is off. */
  readonly sessions: ConsoleSessions | undefined;
  readonly oidc: Awaited<ReturnType<typeof openOidcDoor>> | undefined;
  readonly apiKeys: ApiKeyVerifier;
  readonly authenticator: Authenticator;
  /** Of a development server: its key, which signs the token for the command line too. */
  readonly devKey: string | undefined;
}

/** Characters of the key that a development server makes once. */
const DEV_KEY_LENGTH = 43;

/** Nothing is read from the store yet. */
export async function openPeople(deps: PeopleDeps, config: ResolvedConfig): Promise<People> {
  const { clock, random, logger, stack, publicUrl, secure } = deps;
  const { values } = config;
  const store = openStoreOf(deps, config);
  const directory = store && openServerDirectory({ clock, random, logger, store }, config);
  if (directory) stack.use(directory);
  const guesses = createGuesses({ clock });
  const isOpening = (): boolean => store?.health.state === 'opening';
  const sessions = values.console.enabled
    ? openDoor({ clock, logger, directory, guesses, isOpening, onEnd: deps.onSessionEnd }, values, secure)
    : undefined;
  const oidc = directory && (await openOidcDoor({ clock, logger, directory, publicUrl }, values, secure));
  const devKey = values.development
    ? keepDevKey(resolve(config.cwd, values.dataDir), () => randomId(random, DEV_KEY_LENGTH))
    : undefined;
  const configured = createApiKeys([...values.api.keys.map(withoutAbsent), ...devKeys(values, devKey)]);
  const devIssuer =
    devKey === undefined ? [] : [{ issuer: DEV_ISSUER, secret: new TextEncoder().encode(devKey) }];
  const tokens = createTokenAuthenticator(
    { clock, logger, internalIssuers: [...(sessions ? [sessions.issuer] : []), ...devIssuer] },
    toAuthenticatorOptions(values),
  );
  return {
    store,
    directory,
    guesses,
    sessions,
    oidc,
    apiKeys: directory ? withStoredKeys(configured, directory, guesses) : configured,
    authenticator: directory ? withoutDisabled(tokens, directory) : tokens,
    devKey,
  };
}

function openStoreOf(
  { clock, random, logger, stack, interceptStore }: PeopleDeps,
  config: ResolvedConfig,
): ServerStore | undefined {
  const { values } = config;
  if (!mayHaveStore(values)) return undefined;
  const storeDeps = { clock, random, logger, ...(interceptStore ? { intercept: interceptStore } : {}) };
  return stack.use(
    new ServerStore(
      { clock, random, logger, open: () => openConfiguredStore(storeDeps, config) },
      { deadlineMs: values.store.deadline },
    ),
  );
}

function devKeys(values: Config, key: string | undefined): readonly ApiKeyOptions[] {
  return key === undefined ? [] : [{ key, org: devOrg(values), name: 'development' }];
}

function withoutAbsent({ key, sha256, ...rest }: Config['api']['keys'][number]): ApiKeyOptions {
  return { ...rest, ...(key === undefined ? {} : { key }), ...(sha256 === undefined ? {} : { sha256 }) };
}
