/**
 * The HTTP side of a node, in one place: what every request gets (id, security headers, one error shape), then the routes. It owns the
 * HTTP server; upgrades and requests that become connections are handed to the entrance.
 */
import type { IncomingMessage } from 'node:http';
import { randomId } from '@trunkline/base';
import { CodedError, isOrgId } from '@trunkline/protocol';
import Fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
} from 'fastify';
import { createApiHandlers } from './api-methods.js';
import { registerApiRoutes, sendError, type ApiRoutesDeps } from './api-routes.js';
import { registerConsoleFiles, type ConsolePages } from './console-files.js';
import { registerConsoleRoutes } from './console-routes.js';
import { registerDocsRoutes } from './docs-routes.js';
import { registerModuleRoutes, type ModuleRoutesDeps } from './module-routes.js';
import { registerNodeRoutes } from './node-routes.js';
import { createPeerFacts, type PeerFactsOf } from './peer.js';
import type { HttpDeps, HttpOptions } from './ports.js';
import { contentSecurityPolicy, securityHeaders } from './security.js';

/** A request must be complete within this: more is a peer that holds a socket for nothing. */
const REQUEST_TIMEOUT_MS = 30_000;
const MAX_PARAM_LENGTH = 255;

/** Who the console's cookie belongs to, in the org that `X-Org` names, or in the one that comes first. */
function sessionOf(sessions: HttpDeps['sessions'], peerFacts: PeerFactsOf): ModuleRoutesDeps['sessionOf'] {
  return async (request) => {
    const { 'x-org': org, cookie } = request.headers;
    if (!sessions || cookie === undefined) return undefined;
    if (org !== undefined && !(typeof org === 'string' && isOrgId(org)))
      throw new CodedError('badRequest', 'X-Org must be an org id');
    const origin = { address: peerFacts(request).address, requestId: request.id };
    return sessions.verify(cookie, org, origin);
  };
}

function noLink(): never {
  throw new CodedError('notAvailable', 'links into the console');
}

/** Not listening yet. Routes of modules are those the hub has now. Closing ends idle keep-alive connections at once. */
export async function createHttpApp(
  deps: HttpDeps & { readonly onApiCall?: ApiRoutesDeps['onCall'] },
  options: HttpOptions,
): Promise<FastifyInstance> {
  const { hub, logger, sessions } = deps;
  const requestId = (given: string | string[] | undefined): string =>
    typeof given === 'string' && /^[\w.:-]{1,64}$/.test(given) ? given : randomId(deps.random, 16);
  const settings = {
    logger: false as const,
    bodyLimit: options.bodyMaxBytes,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle' as const,
    // Its own answer while closing has another shape than ours.
    return503OnClosing: false,
    genReqId: (request: IncomingMessage) => requestId(request.headers['x-request-id']),
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH, ignoreTrailingSlash: true },
    // Requests that never reach a route (malformed paths) get the same shape.
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      void reply.header('x-request-id', request.id);
      sendError(reply, new CodedError('badRequest', error.message), logger);
    },
  };
  // Fastify's types tell the two kinds of server apart; the routes below do not.
  const app = Fastify({
    ...settings,
    ...(options.tls ? { https: options.tls } : {}),
  } as FastifyServerOptions);
  const peerFacts = createPeerFacts(options.trustedProxies, options.loopbackOriginOnly);
  const onKeyUse = deps.onKeyUse ?? (() => undefined);

  const headers = securityHeaders(options.tls !== undefined);
  const { entrance } = deps;
  // First of all: what becomes a connection is nobody else's, and its body is not parsed here.
  app.addHook('onRequest', (request, reply, done) => {
    if (!entrance?.serves(request.raw)) return done();
    for (const [name, value] of Object.entries(headers)) reply.raw.setHeader(name, value);
    reply.raw.setHeader('x-request-id', request.id);
    reply.hijack();
    entrance.serve(request.raw, reply.raw);
  });
  let closing = false;
  app.addHook('preClose', (done) => {
    closing = true;
    done();
  });
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers({
      ...headers,
      'content-security-policy': contentSecurityPolicy(request.headers.host),
      'x-request-id': request.id,
    });
    if (closing) throw new CodedError('shuttingDown');
  });
  app.setErrorHandler((error, _request, reply) => sendError(reply, error, logger, options.bodyMaxBytes));

  registerNodeRoutes(
    app,
    { hub, metrics: deps.metrics, store: deps.store },
    { metricsToken: options.metricsToken },
  );
  registerApiRoutes(
    app,
    {
      logger,
      hub,
      apiKeys: deps.apiKeys,
      validator: deps.validator,
      peerFacts,
      onCall: deps.onApiCall ?? (() => undefined),
      onKeyUse,
      ...(deps.tracer ? { tracer: deps.tracer } : {}),
      handlers: createApiHandlers({
        hub,
        version: options.version,
        nodeName: options.nodeName,
        maxChannels: options.batchMaxCommands,
      }),
    },
    options,
  );
  registerModuleRoutes(
    app,
    hub.routes(),
    { ...deps, peerFacts, onKeyUse, sessionOf: sessionOf(sessions, peerFacts) },
    options,
  );
  registerDocsRoutes(app, { hub }, { version: options.version, metrics: deps.metrics !== undefined });
  if (sessions) {
    const { oidc, isInvited, apiKeys, newLink = noLink } = deps;
    const { clock } = deps;
    const door = { clock, logger, sessions, peerFacts, oidc, isInvited, apiKeys, onKeyUse, newLink };
    registerConsoleRoutes(app, door);
  }
  const pages: ConsolePages = sessions ? registerConsoleFiles(app, options.consoleDir) : () => false;

  app.setNotFoundHandler((request, reply) => {
    if (pages(request, reply)) return reply;
    const path = request.url.split('?')[0];
    if (hub.endpoints().some((endpoint) => endpoint.path === path)) {
      void reply.code(426).headers({ upgrade: 'websocket', connection: 'Upgrade' });
      return reply.send({ error: { code: 107, message: 'bad request: this path speaks WebSocket' } });
    }
    return sendError(
      reply,
      new CodedError('notFound', `nothing answers ${request.method} at this path`),
      logger,
    );
  });
  return app;
}
