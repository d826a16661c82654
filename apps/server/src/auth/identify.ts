/**
 * Who opens a connection of a wire that has no connect command: by the token that was presented, else by the console's cookie, else as the anonymous user where there is one. Whether the
 * request comes from a page that may use cookies, the endpoint has judged before.
 */
import type { Authenticator, OpenRequest, Principal } from '@trunkline/hub';
import type { ConsoleSessions } from './console-sessions.js';

export interface IdentifyDeps {
  readonly authenticator: Pick<Authenticator, 'authenticate'>;
  /** Absent: the console is off. */
  readonly sessions?: Pick<ConsoleSessions, 'verify'> | undefined;
}

/** Throws `unauthorized` (101) and `tokenExpired` (109). A token that is wrong is refused, whatever cookie comes with it. */
export function createIdentify({
  authenticator,
  sessions,
}: IdentifyDeps): (request: OpenRequest, token: string) => Promise<Principal> {
  return async (request, token) => {
    const { cookie } = request.headers;
    if (token === '' && cookie !== undefined) {
      const origin = { address: request.remoteAddress, requestId: '' };
      const session = await sessions?.verify(cookie, undefined, origin);
      if (session) return { groups: [], caps: [], channels: [], ...session };
    }
    return (await authenticator.authenticate({ token, name: 'wire', version: '', request })).principal;
  };
}
