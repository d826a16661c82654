/**
 * The console's door: a one-time link or code becomes a session cookie, the cookie becomes connection tokens. Requests that change
 * something are refused from pages of other origins. What a session may do is decided where its principal is used, not here.
 */
import { CodedError } from '@trunkline/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { page } from './page.js';
import type { PeerFactsOf } from './peer.js';
import type { ConsoleDoor } from './ports.js';

export interface ConsoleRoutesDeps {
  readonly sessions: ConsoleDoor;
  readonly peerFacts: PeerFactsOf;
}

export function registerConsoleRoutes(
  app: FastifyInstance,
  { sessions, peerFacts }: ConsoleRoutesDeps,
): void {
  /** The `Set-Cookie` value of a new session, and who it belongs to. Throws `unauthorized` and `tooManyRequests`. */
  const signIn = (
    request: FastifyRequest,
    code: unknown,
  ): { readonly cookie: string; readonly identity: object | undefined } => {
    if (typeof code !== 'string' || code === '') throw new CodedError('badRequest', 'code is required');
    const cookie = sessions.signIn(code, peerFacts(request).address);
    return { cookie, identity: sessions.verify(cookie.split(';')[0]) };
  };

  void app.register(async (scope) => {
    scope.addHook('onRequest', async (request, reply) => {
      void reply.header('cache-control', 'no-store');
      if (request.method !== 'GET' && !peerFacts(request).sameOrigin)
        throw new CodedError('permissionDenied', 'the request comes from a page of another origin');
    });

    scope.get<{ Querystring: { code?: unknown } }>('/console/login', (request, reply) => {
      try {
        return reply.header('set-cookie', signIn(request, request.query.code).cookie).redirect('/', 303);
      } catch (error) {
        if (!(error instanceof CodedError)) throw error;
        return reply.code(403).type('text/html; charset=utf-8').send(EXPIRED_LINK);
      }
    });

    scope.post<{ Body: unknown }>('/console/login', async (request, reply) => {
      const { cookie, identity } = signIn(
        request,
        (request.body as { readonly code?: unknown } | null | undefined)?.code,
      );
      void reply.header('set-cookie', cookie);
      return identity;
    });

    scope.get('/console/session', async (request) => {
      const identity = sessions.verify(request.headers.cookie);
      if (!identity) throw new CodedError('unauthorized', 'not signed in');
      return identity;
    });

    scope.post('/console/token', (request) => sessions.issueToken(request.headers.cookie));

    scope.post('/console/logout', (request, reply) =>
      reply.header('set-cookie', sessions.signOut(request.headers.cookie)).code(204).send(),
    );
  });
}

const EXPIRED_LINK = page(
  'This link does not work any more',
  '<p>A link into the console works once, and for a short time. Start the server again, or ask for a new link.</p>',
);
