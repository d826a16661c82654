/**
 * `POST /api/<method>`: who calls (a key), in which org (the key's, or the one that a key of all orgs names), what (parameters against
 * the contract), and the answer. A key is checked before the body is read; every wrong key gets the same answer. `POST /api` takes the
 * commands of older server libraries, a line each.
 */
import type { Logger, Tracer } from '@trunkline/base';
import { apiAliases, apiBatch, apiMethods, apiUnavailable, type ApiMethod } from '@trunkline/contracts/api';
import type { Hub, Principal, Validator, ValidatorCompiler } from '@trunkline/hub';
import { CodedError, isOrgId } from '@trunkline/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { toApiError, type ApiCall, type ApiHandlers } from './api-methods.js';
import { HttpError, statusOfRefusal, toErrorAnswer } from './errors.js';
import { parseBody, toJson } from './json.js';
import { readLines, type LineCommand } from './line-commands.js';
import type { PeerFactsOf } from './peer.js';
import type { ApiKeyIdentity } from '../auth/api-keys.js';
import type { ApiKeyVerifier, KeyUse } from './ports.js';

export interface ApiRoutesDeps {
  readonly logger: Logger;
  readonly hub: Pick<Hub, 'forOrg'>;
  readonly apiKeys: ApiKeyVerifier;
  readonly validator: ValidatorCompiler;
  readonly handlers: ApiHandlers;
  readonly peerFacts: PeerFactsOf;
  /** Told of every call, for metrics: a known method or `batch`, and the outcome's code (0: fine). */
  readonly onCall: (method: ApiMethod | 'batch', code: number) => void;
  /** Told of each use of a key of all orgs. */
  readonly onKeyUse: (use: KeyUse) => void;
  /** Absent: no spans. */
  readonly tracer?: Tracer;
}

export interface ApiRoutesOptions {
  readonly batchMaxCommands: number;
  readonly maxDepth: number;
}

const ALLOWED = 'POST, OPTIONS';

/** A key and what it opens. */
interface KeyHolder extends Pick<ApiCall, 'org' | 'allOrgs' | 'principal'> {
  readonly holder: ApiKeyIdentity;
}

/** An authenticated request. */
interface Caller extends KeyHolder, ApiCall {
  /** W3C Trace Context of the caller. */
  readonly traceparent?: string;
}

type Outcome =
  { readonly result: object } | { readonly error: { readonly code: number; readonly message: string } };

export function registerApiRoutes(
  app: FastifyInstance,
  deps: ApiRoutesDeps,
  options: ApiRoutesOptions,
): void {
  const { logger, handlers, validator, onCall, tracer } = deps;
  const validators = new Map(
    (Object.keys(apiMethods) as ApiMethod[]).map((method) => [
      method,
      validator(toSchema(apiMethods[method].params)),
    ]),
  );
  const validateBatch = validator(toSchema(apiBatch.params));
  const callers = new WeakMap<FastifyRequest, Caller>();

  void app.register(async (scope) => {
    // Whatever the content type says, a body is JSON here: command-line tools and old libraries rarely say so.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => {
      try {
        done(
          null,
          request.routeOptions.url === '/api'
            ? readLines(body as Buffer, options)
            : parseBody(body as Buffer, options.maxDepth),
        );
      } catch (error) {
        done(error as Error);
      }
    });

    scope.addHook('onRequest', async (request, reply) => {
      if (request.method === 'OPTIONS') return;
      const { traceparent } = request.headers;
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort(new Error('the request is over')));
      callers.set(request, {
        ...(await identify(request, deps)),
        requestId: request.id,
        remoteAddress: deps.peerFacts(request).address,
        signal: gone.signal,
        ...(typeof traceparent === 'string' ? { traceparent } : {}),
      });
      if (request.method === 'POST') requirePlainBody(request);
      else void reply.header('allow', ALLOWED);
    });

    scope.post<{ Params: { method: string } }>('/api/:method', async (request, reply) => {
      const caller = callerOf(request);
      const body = request.body ?? {};
      const name = request.params.method;
      const method = methodOf(name);
      noteKeyUse(request, { holder: caller.holder, org: caller.org.org }, method ?? name, deps);
      if (name === 'batch') return send(reply, await runBatch(caller, body));
      if (!method) throw noMethod();
      const outcome = await run(caller, method, body);
      const fitting = wantsStatus(request) || !mayCall(caller.holder, method);
      if ('error' in outcome) void reply.code(statusOfRefusal(outcome.error.code, fitting));
      return send(reply, outcome);
    });

    scope.post('/api', async (request, reply) => {
      const caller = callerOf(request);
      noteKeyUse(request, { holder: caller.holder, org: caller.org.org }, 'commands', deps);
      const replies: string[] = [];
      for (const command of (request.body ?? []) as readonly LineCommand[])
        replies.push(toJson(await runLine(caller, command)));
      return reply.type('application/json; charset=utf-8').send(replies.join('\n'));
    });

    scope.route<{ Params: { method: string } }>({
      method: ['GET', 'PUT', 'PATCH', 'DELETE'],
      url: '/api/:method',
      handler: ({ params: { method } }) => {
        if (method !== 'batch' && !methodOf(method)) throw noMethod();
        throw new HttpError(405, 'badRequest', 'API methods are called with POST');
      },
    });

    scope.options('/api/:method', (_request, reply) => reply.code(204).header('allow', ALLOWED).send());
  });

  function callerOf(request: FastifyRequest): Caller {
    const caller = callers.get(request);
    if (!caller) throw new CodedError('unauthorized');
    return caller;
  }

  /** Checks the parameters and calls; what is wrong becomes an error of the outcome, `where` says where in the request. */
  async function run(call: Caller, method: ApiMethod, given: unknown, where = ''): Promise<Outcome> {
    const params = withoutNulls(given);
    const problem = (validators.get(method) as Validator)(params);
    const refusal = !mayCall(call.holder, method)
      ? outOfScope(method)
      : !mayCallModule(call.holder, method, params)
        ? outOfScope('directory')
        : problem === undefined
          ? undefined
          : new CodedError('badRequest', `${where}${problem}`);
    if (!refusal) return attempt(call, method, params);
    onCall(method, refusal.code);
    return { error: toApiError(refusal) };
  }

  async function attempt(call: Caller, method: ApiMethod, params: unknown): Promise<Outcome> {
    const span = tracer?.start(`api ${method}`, { 'trunkline.org': call.org.org }, call.traceparent);
    try {
      requireAvailable(method, params);
      const handle = handlers[method] as (call: ApiCall, params: unknown) => Promise<object>;
      const result = await handle(call, params);
      onCall(method, 0);
      return { result };
    } catch (error) {
      if (!(error instanceof CodedError))
        logger.error(
          { err: error, method, requestId: call.requestId, org: call.org.org },
          'API method failed',
        );
      const refused = toApiError(error);
      onCall(method, refused.code);
      span?.fail(refused.code, refused.message);
      return { error: refused };
    } finally {
      span?.end();
    }
  }

  async function runBatch(caller: Caller, body: unknown): Promise<{ readonly replies: readonly object[] }> {
    const problem = validateBatch(body);
    if (problem !== undefined) throw new CodedError('badRequest', problem);
    const { commands, parallel = false } = body as z.output<typeof apiBatch.params>;
    if (commands.length > options.batchMaxCommands)
      throw new CodedError('limitExceeded', `commands: at most ${options.batchMaxCommands} in one batch`);
    onCall('batch', 0);
    const runOne = async (command: Readonly<Record<string, unknown>>, index: number): Promise<object> => {
      try {
        const { name, method, params } = readCommand(command, `commands[${index}]`);
        const outcome = await run(caller, method, params, `commands[${index}].${name}: `);
        return 'error' in outcome ? outcome : { [name]: outcome.result };
      } catch (error) {
        return { error: toApiError(error) };
      }
    };
    if (parallel) return { replies: await Promise.all(commands.map(runOne)) };
    const replies: object[] = [];
    for (const [index, command] of commands.entries()) replies.push(await runOne(command, index));
    return { replies };
  }

  async function runLine(caller: Caller, { id, method: name, params }: LineCommand): Promise<object> {
    const method = methodOf(name);
    const outcome = method ? await run(caller, method, params) : { error: toApiError(noMethod()) };
    return { id, ...outcome };
  }
}

/** A key that opens every org leaves a line, and a record, for each use; other keys none. */
export function noteKeyUse(
  request: FastifyRequest,
  { holder, org }: { readonly holder: ApiKeyIdentity; readonly org: string },
  method: string,
  { logger, peerFacts, onKeyUse }: Pick<ApiRoutesDeps, 'logger' | 'peerFacts' | 'onKeyUse'>,
): void {
  if (holder.org !== '*') return;
  const { address } = peerFacts(request);
  const { name: key } = holder;
  const requestId = request.id;
  logger.info(
    { audit: 'apiKeyOfAllOrgs', key, org, method, requestId, remoteAddress: address },
    'key of all orgs used',
  );
  onKeyUse({ key, org, method, requestId, address });
}

/** The answer to anything thrown, for the application's error handler. */
export function sendError(
  reply: FastifyReply,
  error: unknown,
  logger: Logger,
  bodyMaxBytes?: number,
): FastifyReply {
  const { status, body } = toErrorAnswer(error, logger, reply.request.id, bodyMaxBytes);
  return reply.code(status).type('application/json; charset=utf-8').send(JSON.stringify(body));
}

/** The key of a request: `X-API-Key`, or `Authorization: apikey …`. */
export function presentedKey(request: FastifyRequest): string | undefined {
  const header = request.headers['x-api-key'];
  if (typeof header === 'string' && header !== '') return header;
  return /^apikey\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
}

/** Who acts where a key is used: an administrator of its org, an operator with a key of all orgs. */
function principalOf({ name }: ApiKeyIdentity, org: string, allOrgs: boolean): Principal {
  return {
    user: `apikey:${name}`,
    org,
    roles: allOrgs ? ['admin', 'operator'] : ['admin'],
    groups: [],
    caps: [],
    channels: [],
  };
}

/** Throws `unauthorized` without detail for a missing and for a wrong key alike. */
export async function identify(
  request: FastifyRequest,
  { apiKeys, hub, peerFacts }: Pick<ApiRoutesDeps, 'apiKeys' | 'hub' | 'peerFacts'>,
): Promise<KeyHolder> {
  const key = presentedKey(request);
  const holder = key === undefined ? undefined : await apiKeys.verify(key, peerFacts(request).address);
  if (!holder) throw new CodedError('unauthorized');
  const named = request.headers['x-org'];
  if (holder.org !== '*') {
    if (named !== undefined && named !== holder.org)
      throw new CodedError('permissionDenied', 'X-Org names another org than the key');
    return {
      holder,
      allOrgs: false,
      org: hub.forOrg(holder.org),
      principal: principalOf(holder, holder.org, false),
    };
  }
  if (typeof named !== 'string' || named === '')
    throw new CodedError(
      'badRequest',
      'X-Org is required: this key is for all orgs, so the header must name one',
    );
  if (!isOrgId(named))
    throw new CodedError(
      'badRequest',
      'X-Org must be an org id (1 to 64 characters of a-z, A-Z, 0-9, ., _ and -)',
    );
  return { holder, allOrgs: true, org: hub.forOrg(named), principal: principalOf(holder, named, true) };
}

function mayCall({ scopes }: ApiKeyIdentity, method: ApiMethod): boolean {
  return scopes.includes('*') || scopes.includes(method);
}

/** A key that may make keys could give itself everything: `rpc` alone does not open the directory. */
function mayCallModule(holder: ApiKeyIdentity, method: ApiMethod, params: unknown): boolean {
  if (method !== 'rpc') return true;
  const name = (params as { readonly method?: unknown } | null | undefined)?.method;
  return typeof name !== 'string' || !name.startsWith('directory.') || mayUseModule(holder, 'directory');
}

/** Whether the key's scopes name the module, or everything. */
export function mayUseModule({ scopes }: ApiKeyIdentity, module: string): boolean {
  return scopes.includes('*') || scopes.includes(module);
}

function readCommand(
  command: Readonly<Record<string, unknown>>,
  where: string,
): { readonly name: string; readonly method: ApiMethod; readonly params: unknown } {
  const [name, ...more] = Object.keys(command);
  if (name === undefined || more.length > 0)
    throw new CodedError('badRequest', `${where} must hold exactly one method`);
  const method = methodOf(name);
  if (!method) throw noMethod(`${where}: `);
  return { name, method, params: command[name] };
}

/** The method of a name or of an alias. */
function methodOf(name: string): ApiMethod | undefined {
  if (Object.hasOwn(apiMethods, name)) return name as ApiMethod;
  return Object.hasOwn(apiAliases, name) ? apiAliases[name] : undefined;
}

function noMethod(where = ''): CodedError {
  return new CodedError('methodNotFound', `${where}there is no API method of this name`);
}

export function outOfScope(method: string): CodedError {
  return new CodedError('permissionDenied', `the key's scopes do not name ${method}`);
}

/** Compressed bodies would pass the size limit small and unfold behind it. */
function requirePlainBody({ headers }: FastifyRequest): void {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.trim() !== '' && encoding.trim().toLowerCase() !== 'identity')
    throw new HttpError(415, 'badRequest', 'content-encoding must be identity: send the body uncompressed');
}

/** Refusals answered with the status of their code, for callers who ask. The name is the one that server libraries send. */
function wantsStatus({ headers }: FastifyRequest): boolean {
  return headers['x-centrifugo-error-mode'] === 'transport';
}

/** `null` is not given, except as data. */
function withoutNulls(params: unknown): unknown {
  if (typeof params !== 'object' || params === null || Array.isArray(params)) return params;
  const entries = Object.entries(params);
  if (entries.every(([name, value]) => value !== null || name === 'data')) return params;
  return Object.fromEntries(entries.filter(([name, value]) => value !== null || name === 'data'));
}

/** Throws `notAvailable` for a field that asks for what this server does not do. */
function requireAvailable(method: ApiMethod, params: unknown): void {
  const fields = params as Readonly<Record<string, unknown>>;
  for (const field of apiUnavailable[method] ?? []) {
    if (Object.hasOwn(fields, field) && isGiven(fields[field]))
      throw new CodedError('notAvailable', `${field} is not supported`);
  }
}

/** Libraries send zero values for what their caller left out. */
function isGiven(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return value !== undefined && value !== null && value !== '' && value !== 0 && value !== false;
}

function toSchema(schema: z.ZodType): object {
  return z.toJSONSchema(schema, { io: 'input' });
}

function send(reply: FastifyReply, body: object): FastifyReply {
  return reply.type('application/json; charset=utf-8').send(toJson(body));
}
