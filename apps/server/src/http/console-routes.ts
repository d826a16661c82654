/**
 * The console's door: a one-time link or code becomes a session cookie, the cookie becomes connection tokens. Requests that change
 * something are refused from pages of other origins. What a session may do is decided where its principal is used, not here.
 */
import type { Principal } from '@trunkline/hub';
import { CodedError } from '@trunkline/protocol';
import { parse as parseCookies, serialize as serializeCookie } from 'cookie';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { page } from './page.js';
import type { PeerFactsOf } from './peer.js';
import type { ConsoleSessions } from './ports.js';

export interface ConsoleRoutesDeps {
  readonly sessions: ConsoleSessions;
  readonly peerFacts: PeerFactsOf;
}

export interface ConsoleRoutesOptions {
  readonly sessionTtlMs: number;
}

export function registerConsoleRoutes(app: FastifyInstance, { sessions, peerFacts }: ConsoleRoutesDeps, options: ConsoleRoutesOptions): void {
  const redeem = (request: FastifyRequest, reply: FastifyReply, code: unknown): Principal | undefined => {
    const session = typeof code === 'string' && code !== '' ? sessions.redeem(code) : undefined;
    if (session) setCookie(request, reply, session.id, options.sessionTtlMs);
    return session?.principal;
  };

  const setCookie = (request: FastifyRequest, reply: FastifyReply, id: string, ttlMs: number): void => {
    const { secure } = peerFacts(request);
    const cookie = serializeCookie(cookieName(secure), id, { path: '/', httpOnly: true, sameSite: 'lax', secure, maxAge: Math.floor(ttlMs / 1_000) });
    void reply.header('set-cookie', cookie);
  };

  const signedIn = (request: FastifyRequest): Principal => {
    const principal = readSession(request, sessions, peerFacts);
    if (!principal) throw new CodedError('unauthorized');
    return principal;
  };

  void app.register(async (scope) => {
    scope.addHook('onRequest', async (request, reply) => {
      void reply.header('cache-control', 'no-store');
      if (request.method !== 'GET' && !peerFacts(request).sameOrigin) throw new CodedError('permissionDenied', 'the request comes from a page of another origin');
    });

    scope.get<{ Querystring: { code?: unknown } }>('/console/login', (request, reply) => {
      if (redeem(request, reply, request.query.code)) return reply.redirect('/', 303);
      return reply.code(403).type('text/html; charset=utf-8').send(EXPIRED_LINK);
    });

    scope.post<{ Body: unknown }>('/console/login', async (request, reply) => {
      const principal = redeem(request, reply, (request.body as { readonly code?: unknown } | null | undefined)?.code);
      if (!principal) throw new CodedError('unauthorized', 'the code is wrong, used or too old');
      return describe(principal);
    });

    scope.get('/console/session', async (request) => describe(signedIn(request)));

    scope.post('/console/token', async (request) => ({ token: await sessions.mintToken(signedIn(request)) }));

    scope.post('/console/logout', async (request, reply) => {
      const id = sessionId(request, peerFacts);
      if (id !== undefined) sessions.end(id);
      setCookie(request, reply, '', 0);
      return reply.code(204).send();
    });
  });
}

/** The principal of a request's cookie; undefined where there is none or its session is over. */
export function readSession(request: FastifyRequest, sessions: ConsoleSessions, peerFacts: PeerFactsOf): Principal | undefined {
  const id = sessionId(request, peerFacts);
  return id === undefined ? undefined : sessions.find(id);
}

function sessionId(request: FastifyRequest, peerFacts: PeerFactsOf): string | undefined {
  const id = parseCookies(request.headers.cookie ?? '')[cookieName(peerFacts(request).secure)];
  return id === '' ? undefined : id;
}

/** The prefix makes browsers insist on Secure, no Domain and Path=/ (RFC 6265bis section 4.1.3.2); it cannot be had without TLS. */
function cookieName(secure: boolean): string {
  return secure ? '__Host-trunkline' : 'trunkline-session';
}

function describe({ user, org, roles }: Principal): object {
  return { user, org, roles };
}

const EXPIRED_LINK = page('This link does not work any more', '<p>A link into the console works once, and for a short time. Start the server again, or ask for a new link.</p>');
