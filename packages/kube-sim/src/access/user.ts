/** Who a request comes from, and how that is found out: bearer token, client certificate, or nobody. */
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { Clock } from '@trunkline/base';
import { unauthorized } from '../model/status.js';

export interface User {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };
export const AUTHENTICATED = 'system:authenticated';
export const MASTERS = 'system:masters';

/** Bearer protocols carry the token of a WebSocket; they are never selected. */
const BEARER_PROTOCOL = 'base64url.bearer.authorization.k8s.io.';

/** Beyond it the oldest token is forgotten: only asking for tokens without end gets there. */
const MAX_TOKENS = 10_000;

export class Authenticator {
  readonly #clock: Clock;
  readonly #anonymous: boolean;
  readonly #tokens = new Map<string, { readonly user: User; readonly untilMs: number }>();

  constructor(clock: Clock, anonymous: boolean) {
    this.#clock = clock;
    this.#anonymous = anonymous;
  }

  /** From now on the token stands for that user, for `ttlMs` (default: for good). */
  setToken(token: string, user: User, ttlMs = Infinity): void {
    this.#tokens.set(token, { user: withAuthenticated(user), untilMs: this.#clock.monotonic() + ttlMs });
    const [oldest] = this.#tokens.keys();
    if (this.#tokens.size > MAX_TOKENS && oldest !== undefined) this.#tokens.delete(oldest);
  }

  /** Requests with the token are answered 401 from now on. */
  revokeToken(token: string): void {
    this.#tokens.delete(token);
  }

  userOf(token: string): User | undefined {
    const found = this.#tokens.get(token);
    if (found === undefined || found.untilMs > this.#clock.monotonic()) return found?.user;
    this.#tokens.delete(token);
    return undefined;
  }

  /** Throws 401 for a credential that is not known, and for none at all where anonymous requests are off. */
  authenticate(request: IncomingMessage): User {
    const token = bearerToken(request);
    if (token !== undefined) {
      const user = this.userOf(token);
      if (user === undefined) throw unauthorized();
      return user;
    }
    const certified = certificateUser(request);
    if (certified !== undefined) return certified;
    if (!this.#anonymous) throw unauthorized();
    return ANONYMOUS;
  }
}

export function withAuthenticated(user: User): User {
  return user.groups.includes(AUTHENTICATED) ? user : { ...user, groups: [...user.groups, AUTHENTICATED] };
}

/** What a service account's token stands for. */
export function serviceAccountUser(namespace: string, name: string): User {
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: serviceAccountGroups(namespace),
  };
}

export function serviceAccountGroups(namespace: string): readonly string[] {
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, AUTHENTICATED];
}

function bearerToken(request: IncomingMessage): string | undefined {
  const { authorization } = request.headers;
  if (authorization !== undefined) {
    const match = /^bearer\s+(\S+)\s*$/i.exec(authorization);
    if (match?.[1] !== undefined) return match[1];
  }
  const offered = offeredProtocols(request);
  const bearer = offered.find((protocol) => protocol.startsWith(BEARER_PROTOCOL));
  if (bearer === undefined) return undefined;
  // A client that offers nothing else could not be answered.
  if (offered.length < 2) throw unauthorized();
  return Buffer.from(bearer.slice(BEARER_PROTOCOL.length), 'base64url').toString('utf8');
}

/** Sub-protocols that the client offers, without those that carry credentials. */
export function applicationProtocols(request: IncomingMessage): string[] {
  return offeredProtocols(request).filter((protocol) => !protocol.startsWith(BEARER_PROTOCOL));
}

function offeredProtocols(request: IncomingMessage): string[] {
  const offered = request.headers['sec-websocket-protocol'];
  return offered === undefined ? [] : offered.split(',').map((protocol) => protocol.trim());
}

/** Common name and organisations of a client certificate that the CA signed. Throws 401 for one that somebody else signed. */
function certificateUser(request: IncomingMessage): User | undefined {
  const { socket } = request;
  if (!(socket instanceof TLSSocket)) return undefined;
  const subject = socket.getPeerCertificate().subject as { CN?: unknown; O?: unknown } | undefined;
  // A certificate of a CA that is not ours is a wrong credential, not an absent one.
  if (subject !== undefined && !socket.authorized) throw unauthorized();
  if (typeof subject?.CN !== 'string') return undefined;
  const groups = (Array.isArray(subject.O) ? subject.O : [subject.O]).filter(
    (group) => typeof group === 'string',
  );
  return withAuthenticated({ name: subject.CN, groups });
}
