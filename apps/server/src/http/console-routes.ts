/**
 * The console's door: a one-time link or code, or an identity provider's word, becomes a session cookie, the cookie becomes connection tokens. Requests
 * that change something are refused from pages of other origins. What a session may do is decided where its principal is used, not here.
 */
import type { Clock, Logger } from '@trunkline/base';
import { isOrgId, CodedError } from '@trunkline/protocol';
import { addressBlock, createAttemptLimiter } from '@trunkline/transport';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ConsoleIdentity, Origin } from '../auth/console-accounts.js';
import { mayUseModule, noteKeyUse, outOfScope, presentedKey } from './api-routes.js';
import { toErrorAnswer } from './errors.js';
import { page } from './page.js';
import type { PeerFactsOf } from './peer.js';
import type { ApiKeyVerifier, ConsoleDoor, ConsoleLink, KeyUse, OidcDoor } from './ports.js';

export interface ConsoleRoutesDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly sessions: ConsoleDoor;
  readonly peerFacts: PeerFactsOf;
  /** Absent: the one-time link is the only way in. */
  readonly oidc?: OidcDoor | undefined;
  /** Whether an invitation's token can still be accepted; absent: there are none. */
  readonly isInvited?: ((token: string, address: string) => Promise<boolean>) | undefined;
  readonly apiKeys: ApiKeyVerifier;
  readonly onKeyUse: (use: KeyUse) => void;
  /** A fresh one-time link, instead of the one before. */
  readonly newLink: () => ConsoleLink;
}

/** Sign-ins at the provider that one address begins or ends in vain: so many at once, and so many again per minute. Each may cost the provider a request. */
const PROVIDER_ATTEMPTS = 100;

export function registerConsoleRoutes(app: FastifyInstance, deps: ConsoleRoutesDeps): void {
  const { clock, logger, sessions, peerFacts, oidc, isInvited, apiKeys, newLink } = deps;
  const originOf = (request: FastifyRequest): Origin => ({
    address: peerFacts(request).address,
    requestId: request.id,
  });

  /** The `Set-Cookie` value of a new session, and who it belongs to. Throws `unauthorized` and `tooManyRequests`. */
  const signIn = async (
    request: FastifyRequest,
    code: unknown,
  ): Promise<{ readonly cookie: string; readonly identity: ConsoleIdentity | undefined }> => {
    if (typeof code !== 'string' || code === '') throw new CodedError('badRequest', 'code is required');
    const cookie = await sessions.signIn(code, originOf(request));
    return { cookie, identity: await sessions.verify(cookie.split(';')[0], undefined, originOf(request)) };
  };

  void app.register(async (scope) => {
    scope.addHook('onRequest', async (request, reply) => {
      void reply.header('cache-control', 'no-store');
      if (request.method !== 'GET' && !peerFacts(request).sameOrigin)
        throw new CodedError('permissionDenied', 'the request comes from a page of another origin');
    });

    scope.get<{ Querystring: { code?: unknown } }>('/console/login', async (request, reply) => {
      try {
        const { cookie } = await signIn(request, request.query.code);
        return reply.header('set-cookie', cookie).redirect('/', 303);
      } catch (error) {
        if (!(error instanceof CodedError)) throw error;
        return reply.code(403).type('text/html; charset=utf-8').send(EXPIRED_LINK);
      }
    });

    scope.post<{ Body: unknown }>('/console/login', async (request, reply) => {
      const { cookie, identity } = await signIn(
        request,
        (request.body as { readonly code?: unknown } | null | undefined)?.code,
      );
      void reply.header('set-cookie', cookie);
      return identity;
    });

    scope.post('/console/link', async (request) => {
      const holder = await apiKeys.verify(presentedKey(request), peerFacts(request).address);
      if (!holder) throw new CodedError('unauthorized');
      if (holder.org !== '*') throw new CodedError('permissionDenied', 'a key of all orgs is required');
      if (!mayUseModule(holder, 'directory')) throw outOfScope('directory');
      noteKeyUse(request, { holder, org: '' }, 'console.link', deps);
      return newLink();
    });

    scope.get('/console/ways', () => ({ link: true, ...(oidc ? { oidc: { name: oidc.name } } : {}) }));

    scope.get('/console/session', async (request) => {
      const identity = await sessions.verify(request.headers.cookie, undefined, originOf(request));
      if (!identity) throw new CodedError('unauthorized', 'not signed in');
      return identity;
    });

    scope.get('/console/orgs', async (request) => ({
      orgs: await sessions.orgs(request.headers.cookie, originOf(request)),
    }));

    scope.post<{ Querystring: { org?: unknown } }>('/console/token', async (request) => {
      const { org } = request.query;
      if (org !== undefined && !(typeof org === 'string' && isOrgId(org)))
        throw new CodedError('badRequest', 'org must be an org id');
      return sessions.issueToken(request.headers.cookie, org, originOf(request));
    });

    scope.post('/console/logout', async (request, reply) => {
      const cookie = await sessions.signOut(request.headers.cookie, originOf(request));
      const logoutUrl = await oidc?.logoutUrl();
      void reply.header('set-cookie', cookie);
      return logoutUrl === undefined ? reply.code(204).send() : { logoutUrl };
    });

    scope.get<{ Querystring: { token?: unknown } }>('/console/invitation', async (request, reply) => {
      const { token } = request.query;
      const { address } = peerFacts(request);
      if (oidc && typeof token === 'string' && (await isInvited?.(token, address)) === true)
        return reply.redirect('/console/oidc/login', 303);
      return reply.code(404).type('text/html; charset=utf-8').send(EXPIRED_INVITATION);
    });

    if (oidc) registerOidcRoutes(scope, oidc);
  });

  function registerOidcRoutes(scope: FastifyInstance, door: OidcDoor): void {
    const limiter = createAttemptLimiter(
      { clock },
      { perSecond: PROVIDER_ATTEMPTS / 60, burst: PROVIDER_ATTEMPTS, maxKeys: 10_000 },
    );
    const blockOf = (request: FastifyRequest): string => addressBlock(peerFacts(request).address);
    const takeAttempt = (request: FastifyRequest): void => {
      if (!limiter.take(blockOf(request)))
        throw new CodedError('tooManyRequests', 'sign-in attempts of this address');
    };

    scope.get('/console/oidc/login', async (request, reply) => {
      try {
        takeAttempt(request);
        const { url, cookie } = await door.begin();
        return reply.header('set-cookie', cookie).redirect(url, 303);
      } catch (error) {
        return sendProblem(request, reply, error);
      }
    });

    scope.get('/console/oidc/callback', async (request, reply) => {
      try {
        takeAttempt(request);
        // Only the query is looked at; where this server lives is configured.
        const url = new URL(request.url, 'http://callback.invalid');
        const { user, cookie } = await door.complete(url, request.headers.cookie, originOf(request));
        const session = await sessions.signInAs(user, originOf(request));
        // Beginning and end of a sign-in that took place.
        for (let back = 0; back < 2; back++) limiter.giveBack(blockOf(request));
        return reply.header('set-cookie', [session, cookie]).redirect('/', 303);
      } catch (error) {
        return sendProblem(request, reply, error);
      }
    });
  }

  /** A page, since a browser shows it. */
  function sendProblem(request: FastifyRequest, reply: FastifyReply, error: unknown): FastifyReply {
    const { status, body } = toErrorAnswer(error, logger, request.id);
    const { code, message } = body.error;
    logger.warn(
      { code, requestId: request.id, cause: error instanceof Error ? String(error.cause) : undefined },
      'sign-in with the identity provider failed',
    );
    return reply
      .code(status)
      .type('text/html; charset=utf-8')
      .send(
        page(
          'Sign-in failed',
          `<p>${escape(message)} (${code}).</p><p>Request ${escape(request.id)}</p><p><a href="/console/oidc/login">Try again</a></p>`,
        ),
      );
  }
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (found) => `&#${found.charCodeAt(0)};`);
}

const EXPIRED_LINK = page(
  'This link does not work any more',
  '<p>A link into the console works once, and for a short time. Start the server again, or ask for a new link.</p>',
);

const EXPIRED_INVITATION = page(
  'This invitation does not work any more',
  '<p>It was accepted, taken back, or is too old. Ask for another one.</p>',
);
