/**
 * Facts about the other side of a request, by the same rules as for upgrades: forwarded headers count only behind configured proxies,
 * and a page of another origin may not use a browser's cookies.
 */
import type { TLSSocket } from 'node:tls';
import type { OpenRequest } from '@trunkline/hub';
import { createOriginRule, createPeerResolver } from '@trunkline/transport';
import type { FastifyRequest } from 'fastify';

export interface PeerFacts {
  readonly address: string;
  /** Whether the browser speaks TLS, to this server or to a trusted proxy. */
  readonly secure: boolean;
  /** Whether the request comes from a page of this server, or from no page at all. */
  readonly sameOrigin: boolean;
  /** The same for requests that need no credential: a page under a name that was made to point here counts as foreign where only this machine is served. */
  readonly trustedPage: boolean;
}

export type PeerFactsOf = (request: FastifyRequest) => PeerFacts;

export function createPeerFacts(trustedProxies: readonly string[], loopbackOriginOnly = false): PeerFactsOf {
  const peerOf = createPeerResolver(trustedProxies);
  const isOwn = createOriginRule([]);
  const isTrusted = createOriginRule([], loopbackOriginOnly);
  return ({ raw, headers }) => {
    const peer = peerOf(raw.socket.remoteAddress, headers);
    const secure = (raw.socket as Partial<TLSSocket>).encrypted === true || peer.forwardedProto === 'https';
    const site = headers['sec-fetch-site'];
    const named = { origin: headers.origin, host: headers.host, secure };
    const sameSite = site === undefined || site === 'same-origin' || site === 'none';
    return {
      address: peer.address,
      secure,
      sameOrigin: sameSite && isOwn(named),
      trustedPage: isTrusted({ ...named, quiet: { site: typeof site === 'string' ? site : undefined } }),
    };
  };
}

/** An ordinary request in the form authenticators know. */
export function toOpenRequest(request: FastifyRequest, facts: PeerFacts): OpenRequest {
  const at = request.url.indexOf('?');
  return {
    method: request.method,
    path: at < 0 ? request.url : request.url.slice(0, at),
    params: {},
    query: new URLSearchParams(at < 0 ? '' : request.url.slice(at + 1)),
    headers: Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(', ') : (value ?? ''),
      ]),
    ),
    remoteAddress: facts.address,
    originAllowed: facts.sameOrigin,
    subprotocols: [],
  };
}
