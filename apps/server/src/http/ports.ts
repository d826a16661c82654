/** What the HTTP application is given: the hub, and who may do what. `compose.ts` builds it; tests build it of doubles. */
import type { Clock, Logger, Random } from '@trunkline/base';
import type { Authenticator, Hub, Principal, ValidatorCompiler } from '@trunkline/hub';
import type { Registry } from 'prom-client';

/** A key of the HTTP API, recognised. */
export interface ApiKeyHolder {
  /** For logs. */
  readonly name: string;
  /** An org id, or `*` for all. */
  readonly org: string;
}

export interface ApiKeyVerifier {
  /** Undefined for a key that is not one. Takes the same time for every wrong key. */
  verify(key: string): ApiKeyHolder | undefined;
}

/** Sessions of people in the console. The id is the secret that the cookie carries. */
export interface ConsoleSessions {
  /** Trades a one-time code for a session; undefined where the code is wrong, used or too old. */
  redeem(code: string): { readonly id: string; readonly principal: Principal } | undefined;
  /** Undefined where the session is over. */
  find(id: string): Principal | undefined;
  end(id: string): void;
  /** A short-lived connection token for the session's principal. */
  mintToken(principal: Principal): Promise<string>;
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
  readonly sessions?: ConsoleSessions;
  /** Absent: no `/metrics`. */
  readonly metrics?: Registry;
}

export interface HttpOptions {
  readonly version: string;
  readonly nodeName: string;
  readonly bodyMaxBytes: number;
  readonly batchMaxCommands: number;
  readonly maxDepth: number;
  readonly trustedProxies: readonly string[];
  /** Life of the session cookie. */
  readonly sessionTtlMs: number;
  /** Where the built console lies. */
  readonly consoleDir: string;
  readonly metricsToken?: string;
  /** PEM texts. */
  readonly tls?: { readonly cert: string; readonly key: string };
}
