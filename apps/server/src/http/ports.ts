/** What the HTTP application is given: the hub, and who may do what. `compose.ts` builds it; tests build it of doubles. */
import type { Clock, Logger, Random, Tracer } from '@trunkline/base';
import type { Authenticator, Hub, ValidatorCompiler } from '@trunkline/hub';
import type { Entrance } from '@trunkline/transport';
import type { Registry } from 'prom-client';
import type { ApiKeys } from '../auth/api-keys.js';
import type { ConsoleSessions } from '../auth/console-sessions.js';
import type { ServerStore } from '../store/server-store.js';

/** Keys of the HTTP API. */
export type ApiKeyVerifier = Pick<ApiKeys, 'verify'>;

/** The console's sign-in; cookies go in and out as header values. */
export type ConsoleDoor = Pick<ConsoleSessions, 'signIn' | 'verify' | 'issueToken' | 'signOut'>;

export interface HttpDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly hub: Hub;
  readonly validator: ValidatorCompiler;
  readonly apiKeys: ApiKeyVerifier;
  readonly authenticator: Pick<Authenticator, 'authenticate'>;
  /** Absent: the console is off. */
  readonly sessions?: ConsoleDoor;
  /** Requests that become connections of the hub, or belong to one; absent: none do. */
  readonly entrance?: Pick<Entrance, 'serves' | 'serve'>;
  /** Absent: there is none. */
  readonly store?: Pick<ServerStore, 'health'>;
  /** Absent: no `/metrics`. */
  readonly metrics?: Registry;
  /** Absent: no spans. */
  readonly tracer?: Tracer;
}

export interface HttpOptions {
  readonly version: string;
  readonly nodeName: string;
  readonly bodyMaxBytes: number;
  readonly batchMaxCommands: number;
  readonly maxDepth: number;
  readonly trustedProxies: readonly string[];
  /** Where the built console lies. */
  readonly consoleDir: string;
  readonly metricsToken?: string;
  /** PEM texts. */
  readonly tls?: { readonly cert: string; readonly key: string };
}
