/**
 * Routes of modules, bound under their own paths. A caller is recognised by the console's cookie, a bearer token or an API key, in this
 * order of presence; a module sees a principal and typed parts of the request, never HTTP. Streams are written as they come.
 */
import { Readable } from 'node:stream';
import type {
  Authenticator,
  Principal,
  RawBody,
  RouteDescriptor,
  Validator,
  ValidatorCompiler,
} from '@trunkline/hub';
import { CodedError } from '@trunkline/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import {
  identify,
  mayUseModule,
  noteKeyUse,
  outOfScope,
  presentedKey,
  sendError,
  type ApiRoutesDeps,
} from './api-routes.js';
import { parseBody, toJson } from './json.js';
import { toOpenRequest } from './peer.js';

export interface ModuleRoutesDeps extends Pick<
  ApiRoutesDeps,
  'apiKeys' | 'hub' | 'logger' | 'peerFacts' | 'onKeyUse'
> {
  readonly validator: ValidatorCompiler;
  readonly authenticator: Pick<Authenticator, 'authenticate'>;
  /** Who the console's cookie belongs to. */
  readonly sessionOf: (
    request: FastifyRequest,
  ) => Promise<
    (Pick<Principal, 'user' | 'org' | 'roles'> & Partial<Pick<Principal, 'groups' | 'session'>>) | undefined
  >;
}

interface Parts {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
}

export function registerModuleRoutes(
  app: FastifyInstance,
  routes: readonly RouteDescriptor[],
  deps: ModuleRoutesDeps,
  options: { readonly maxDepth: number },
): void {
  if (routes.length === 0) return;
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
      try {
        done(null, parseBody(body as string, options.maxDepth));
      } catch (error) {
        done(error as Error);
      }
    });
    for (const route of routes) {
      if (route.rawBody === undefined) bind(scope, route, deps);
      else await registerRaw(scope, route, route.rawBody, deps);
    }
  });
}

/** In a scope of its own: what kinds of body are taken, and how long they may be, is said by the route. */
async function registerRaw(
  scope: FastifyInstance,
  route: RouteDescriptor,
  { types, maxBytes }: RawBody,
  deps: ModuleRoutesDeps,
): Promise<void> {
  await scope.register(async (own) => {
    own.removeAllContentTypeParsers();
    own.addContentTypeParser(
      [...types],
      { parseAs: 'buffer', bodyLimit: maxBytes },
      (_request, body: Buffer, done) => done(null, body.length === 0 ? undefined : body),
    );
    own.setErrorHandler((error, _request, reply) => sendError(reply, error, deps.logger, maxBytes));
    bind(own, route, deps);
  });
}

function bind(scope: FastifyInstance, route: RouteDescriptor, deps: ModuleRoutesDeps): void {
  const compiled = (['params', 'query', 'body'] as const).flatMap((part) => {
    const schema = part === 'body' && route.rawBody !== undefined ? undefined : route[part];
    return schema === undefined ? [] : [[part, deps.validator(schema)] as const];
  });
  // The rest of a path has no name there.
  const [fixed = '', rest] = route.path.split('/*');
  scope.route({
    method: route.method,
    url: rest === undefined ? fixed : `${fixed}/*`,
    handler: async (request, reply) => {
      const principal = await principalOf(request, route, deps);
      const { query } = request as unknown as Parts;
      const params = rest === undefined ? (request as unknown as Parts).params : withRest(request, rest);
      check(compiled, { params, query, body: request.body });
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort(new Error('the request is over')));
      const response = await route.handle({
        principal,
        params,
        query,
        target: request.url,
        headers: anonymousHeaders(request),
        body: request.body,
        requestId: request.id,
        remoteAddress: deps.peerFacts(request).address,
        signal: gone.signal,
      });
      void reply.code(response.status).headers({ ...response.headers });
      if (response.stream) return reply.send(Readable.from(response.stream));
      return response.body === undefined ? reply.send() : sendJson(reply, response.body);
    },
  });
}

function check(
  compiled: readonly (readonly ['params' | 'query' | 'body', Validator])[],
  given: Readonly<Record<'params' | 'query' | 'body', unknown>>,
): void {
  for (const [part, validate] of compiled) {
    const problem = validate(given[part]);
    if (problem !== undefined)
      throw new CodedError('badRequest', part === 'body' ? problem : `${part}: ${problem}`);
  }
}

/** Throws `unauthorized` where nobody is recognised. A cookie counts only for pages of this server. */
async function principalOf(
  request: FastifyRequest,
  { anonymous = false, path, scope = path.split('/')[1] ?? '' }: RouteDescriptor,
  deps: ModuleRoutesDeps,
): Promise<Principal> {
  const session = await deps.sessionOf(request);
  if (session) {
    if (request.method !== 'GET' && !deps.peerFacts(request).sameOrigin)
      throw new CodedError('permissionDenied', 'the request comes from a page of another origin');
    return { ...NOTHING_MORE, ...session };
  }
  const isAnonymous =
    anonymous &&
    request.headers.authorization === undefined &&
    presentedKey(request) === undefined &&
    deps.peerFacts(request).trustedPage;
  const token = isAnonymous ? '' : /^bearer\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (token !== undefined) {
    const open = toOpenRequest(request, deps.peerFacts(request));
    return (await deps.authenticator.authenticate({ token, name: 'http', version: '', request: open }))
      .principal;
  }
  if (presentedKey(request) === undefined) throw new CodedError('unauthorized');
  const { holder, principal } = await identify(request, deps);
  if (!mayUseModule(holder, scope)) throw outOfScope(scope);
  noteKeyUse(request, { holder, org: principal.org }, request.routeOptions.url ?? '', deps);
  return principal;
}

/** The rest of the path under its own name, as many segments before it as the route has, none of it decoded. */
function withRest(request: FastifyRequest, name: string): Readonly<Record<string, string>> {
  const { '*': _, ...params } = (request as unknown as Parts).params;
  const fixed = (request.routeOptions.url ?? '').split('/').length - 1;
  const path = request.url.split('?')[0] ?? '';
  return { ...params, [name]: path.split('/').slice(fixed).join('/') };
}

/** What says who asks is the server's business. */
const CREDENTIALS = new Set(['authorization', 'proxy-authorization', 'cookie', 'x-api-key']);

function anonymousHeaders({ headers }: FastifyRequest): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || CREDENTIALS.has(name)
        ? []
        : [[name, Array.isArray(value) ? value.join(', ') : value] as const],
    ),
  );
}

const NOTHING_MORE = { groups: [], caps: [], channels: [] } as const;

function sendJson(reply: FastifyReply, body: unknown): FastifyReply {
  if (!reply.hasHeader('content-type')) void reply.type('application/json; charset=utf-8');
  return reply.send(toJson(body));
}
