/** Credentials to principals. Implemented in `apps/server` (JWT, console sessions, anonymous where configured). */
import type { Payload } from '@trunkline/protocol';
import type { OpenRequest } from './endpoint.js';
import type { Principal } from './principal.js';

export interface ConnectCredentials {
  readonly token: string;
  readonly data?: Payload;
  readonly name: string;
  readonly version: string;
  readonly request: OpenRequest;
}

export interface Authenticated {
  readonly principal: Principal;
  /** Sent to the client in the connect reply. */
  readonly data?: Payload;
}

/** What a verified channel token says. */
export interface ChannelGrant {
  readonly channel: string;
  readonly user: string;
  readonly info?: Payload;
  readonly expiresAtMs?: number;
}

/**
 * Throws `CodedError`: `unauthorized` (101) where a credential is missing or wrong, `tokenExpired` (109) where it was right once.
 * A wrong credential closes the connection with 3500 at connect; a wrong channel token is answered 103.
 */
export interface Authenticator {
  authenticate(credentials: ConnectCredentials): Promise<Authenticated>;
  /** A refreshed token must speak of the same user and org. */
  refresh(token: string, current: Principal): Promise<Principal>;
  verifyChannelToken(token: string, principal: Principal): Promise<ChannelGrant>;
}
