/** What the HTTP application is given: the hub, and who may do what. `compose.ts` builds it; tests build it of doubles. */
import type { Clock, Logger, Random, Tracer } from '@trunkline/base';
import type { Authenticator, Hub, ValidatorCompiler } from '@trunkline/hub';
import type { Entrance } from '@trunkline/transport';
import type { Registry } from 'prom-client';
import type { ApiKeys } from '../auth/api-keys.js';
import type { Origin } from '../auth/console-accounts.js';
import type { ConsoleSessions } from '../auth/console-sessions.js';
import type { ServerStore } from '../store/server-store.js';

/** Keys of the HTTP API. */
export interface ApiKeyVerifier {
  /** As `ApiKeys.verify`; rejects with a temporary error where nobody can say, and where too many wrong ones came from `address`. */
  verify(
    headerValue: string | undefined,
    address?: string,
  ): ReturnType<ApiKeys['verify']> | Promise<ReturnType<ApiKeys['verify']>>;
}

/** The console's sign-in; cookies go in and out as header values. */
export type ConsoleDoor = Pick<
  ConsoleSessions,
  'signIn' | 'signInAs' | 'verify' | 'orgs' | 'issueToken' | 'signOut'
>;

/** Signs in once. */
export interface ConsoleLink {
  readonly link: string;
  /** Unix milliseconds. */
  readonly expiresMs: number;
}

/** Sign-in with an identity provider: where to send a browser, and what its answer means. */
export interface OidcDoor {
  /** Shown on the way in. */
  readonly name: string;
  /** Where the browser goes, and the cookie that remembers the attempt. Throws 1205. */
  begin(): Promise<{ readonly url: string; readonly cookie: string }>;
  /** Who came back, as a user. Throws 1202 to 1205. `url` is the whole address that was asked for. */
  complete(
    url: URL,
    cookieHeader: string | undefined,
    origin: Origin,
  ): Promise<{ readonly user: string; readonly cookie: string }>;
  /** Where a browser ends its session with the provider too; absent where the provider has no such place, or cannot be asked. */
  logoutUrl(): Promise<string | undefined>;
}

/** A use of an API key that opens every org. */
export interface KeyUse extends Origin {
  readonly key: string;
  readonly org: string;
  readonly method: string;
}

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
  /** A fresh one-time link into the console; absent: `sessions` makes none for others. */
  readonly newLink?: () => ConsoleLink;
  /** Sign-in with an identity provider; absent: there is none. */
  readonly oidc?: OidcDoor;
  /** Whether an invitation's token can still be accepted; absent: there are none. */
  readonly isInvited?: (token: string, address: string) => Promise<boolean>;
  /** Told of each use of a key of all orgs, for the audit log. Never waits. */
  readonly onKeyUse?: (use: KeyUse) => void;
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
  /** Anonymous requests of browsers count only under a loopback name: what a development server needs. Default false. */
  readonly loopbackOriginOnly?: boolean;
  /** Where the built console lies. */
  readonly consoleDir: string;
  readonly metricsToken?: string;
  /** PEM texts. */
  readonly tls?: { readonly cert: string; readonly key: string };
}
