/**
 * Who opened a connection of a foreign wire: the credential as its clients bring it, handed to whoever knows what it is worth. Browsers cannot set headers on a WebSocket, hence the
 * query and the sub-protocol.
 */
import type { OpenRequest, Principal } from '@trunkline/hub';

/**
 * The principal of a request: of the token where one was brought (''), else of the request's cookie, else the anonymous one where the server knows one. Throws `unauthorized` and
 * `tokenExpired`.
 */
export type Identify = (request: OpenRequest, token: string) => Promise<Principal>;

const BEARER_PROTOCOL = 'base64url.bearer.authorization.k8s.io.';

/** The first of header, sub-protocol and `?token=`; '' where there is none. What does not decode is handed over as it is, to be refused. */
export function presentedToken({ headers, subprotocols, query }: OpenRequest): string {
  const header = /^bearer +(\S+)$/i.exec(headers['authorization'] ?? '')?.[1];
  if (header !== undefined) return header;
  const offered = subprotocols.find((protocol) => protocol.startsWith(BEARER_PROTOCOL));
  if (offered !== undefined) {
    const encoded = offered.slice(BEARER_PROTOCOL.length);
    const token = Buffer.from(encoded, 'base64url').toString();
    return /^[\x21-\x7e]+$/.test(token) ? token : encoded;
  }
  return query.get('token') ?? '';
}
