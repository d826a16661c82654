/**
 * `POST /api/<method>`: who calls (a key), in which org (the key's, or the one that a key of all orgs names), what (parameters against
 * the contract), and the answer. A key is checked before the body is read; every wrong key gets the same answer.
 */
import type { Logger } from '@trunkline/base';
import { apiBatch, apiMethods, type ApiMethod } from '@trunkline/contracts/api';
import type { Hub, Validator, ValidatorCompiler } from '@trunkline/hub';
import { CodedError, isOrgId } from '@trunkline/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { toApiError, type ApiCall, type ApiHandlers } from './api-methods.js';
import { toErrorAnswer } from './errors.js';
import { parseBody, toJson } from './json.js';
import type { PeerFactsOf } from './peer.js';
import type { ApiKeyIdentity } from '../auth/api-keys.js';
import type { ApiKeyVerifier } from './ports.js';

export interface ApiRoutesDeps {
  readonly logger: Logger;
  readonly hub: Pick<Hub, 'forOrg'>;
  readonly apiKeys: ApiKeyVerifier;
  readonly validator: ValidatorCompiler;
  readonly handlers: ApiHandlers;
  readonly peerFacts: PeerFactsOf;
  /** Told of every call, for metrics: a known method or `batch`, and the outcome's code (0: fine). */
  readonly onCall: (method: ApiMethod | 'batch', code: number) => void;
}

export interface ApiRoutesOptions {
  readonly batchMaxCommands: number;
  readonly maxDepth: number;
}

/** An authenticated request. */
interface Caller extends ApiCall {
  readonly holder: ApiKeyIdentity;
}

type Outcome =
  { readonly result: object } | { readonly error: { readonly code: number; readonly message: string } };

export function registerApiRoutes(
  app: FastifyInstance,
  deps: ApiRoutesDeps,
  options: ApiRoutesOptions,
): void {
  const { logger, handlers, validator, onCall } = deps;
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
    scope.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
      try {
        done(null, parseBody(body as string, options.maxDepth));
      } catch (error) {
        done(error as Error);
      }
    });

    scope.addHook('onRequest', async (request) => {
      callers.set(request, identify(request, deps));
    });

    scope.post<{ Params: { method: string } }>('/api/:method', async (request, reply) => {
      const caller = callers.get(request);
      if (!caller) throw new CodedError('unauthorized');
      const { method } = request.params;
      audit(request, caller, method);
      if (method === 'batch')
        return send(reply, { ...(await runBatch(caller, request.body ?? {}, request.id)) });
      if (!isMethod(method)) throw new CodedError('methodNotFound', `there is no API method of this name`);
      const outcome = await run(caller, method, request.body ?? {}, request.id);
      return send(reply, outcome);
    });
  });

  /** Parameters that do not fit are thrown (400); what the method refuses is an ordinary answer, as on the wire. */
  async function run(call: Caller, method: ApiMethod, params: unknown, requestId: string): Promise<Outcome> {
    const problem = (validators.get(method) as Validator)(params);
    if (problem !== undefined) {
      onCall(method, 107);
      throw new CodedError('badRequest', problem);
    }
    return attempt(call, method, params, requestId);
  }

  async function attempt(
    call: Caller,
    method: ApiMethod,
    params: unknown,
    requestId: string,
  ): Promise<Outcome> {
    try {
      if (!mayCall(call.holder, method))
        throw new CodedError('permissionDenied', `the key's scopes do not name ${method}`);
      const handle = handlers[method] as (call: ApiCall, params: unknown) => Promise<object>;
      const result = await handle(call, params);
      onCall(method, 0);
      return { result };
    } catch (error) {
      if (!(error instanceof CodedError))
        logger.error({ err: error, method, requestId, org: call.org.org }, 'API method failed');
      const refused = toApiError(error);
      onCall(method, refused.code);
      return { error: refused };
    }
  }

  async function runBatch(
    caller: Caller,
    body: unknown,
    requestId: string,
  ): Promise<{ readonly replies: readonly object[] }> {
    const problem = validateBatch(body);
    if (problem !== undefined) throw new CodedError('badRequest', problem);
    const { commands, parallel = false } = body as z.output<typeof apiBatch.params>;
    if (commands.length > options.batchMaxCommands)
      throw new CodedError('limitExceeded', `commands: at most ${options.batchMaxCommands} in one batch`);
    onCall('batch', 0);
    const runOne = async (command: Readonly<Record<string, unknown>>, index: number): Promise<object> => {
      try {
        const { method, params } = readCommand(command, `commands[${index}]`);
        const misfit = (validators.get(method) as Validator)(params);
        if (misfit !== undefined)
          throw new CodedError('badRequest', `commands[${index}].${method}: ${misfit}`);
        const outcome = await attempt(caller, method, params, requestId);
        return 'error' in outcome ? outcome : { [method]: outcome.result };
      } catch (error) {
        return { error: toApiError(error) };
      }
    };
    if (parallel) return { replies: await Promise.all(commands.map(runOne)) };
    const replies: object[] = [];
    for (const [index, command] of commands.entries()) replies.push(await runOne(command, index));
    return { replies };
  }

  /** A key that opens every org leaves a line for each use. */
  function audit(request: FastifyRequest, { holder, allOrgs, org }: Caller, method: string): void {
    if (!allOrgs) return;
    const fields = {
      audit: 'apiKeyOfAllOrgs',
      key: holder.name,
      org: org.org,
      method,
      requestId: request.id,
      remoteAddress: deps.peerFacts(request).address,
    };
    logger.info(fields, 'key of all orgs used');
  }
}

/** The answer to anything thrown, for the application's error handler. */
export function sendError(reply: FastifyReply, error: unknown, logger: Logger): FastifyReply {
  const { status, body } = toErrorAnswer(error, logger, reply.request.id);
  return reply.code(status).type('application/json; charset=utf-8').send(JSON.stringify(body));
}

/** The key of a request: `X-API-Key`, or `Authorization: apikey …`. */
export function presentedKey(request: FastifyRequest): string | undefined {
  const header = request.headers['x-api-key'];
  if (typeof header === 'string' && header !== '') return header;
  return /^apikey\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
}

/** Throws `unauthorized` without detail for a missing and for a wrong key alike. */
export function identify(
  request: FastifyRequest,
  { apiKeys, hub }: Pick<ApiRoutesDeps, 'apiKeys' | 'hub'>,
): Caller {
  const key = presentedKey(request);
  const holder = key === undefined ? undefined : apiKeys.verify(key);
  if (!holder) throw new CodedError('unauthorized');
  const named = request.headers['x-org'];
  if (holder.org !== '*') {
    if (named !== undefined && named !== holder.org)
      throw new CodedError('permissionDenied', 'X-Org names another org than the key');
    return { holder, allOrgs: false, org: hub.forOrg(holder.org) };
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
  return { holder, allOrgs: true, org: hub.forOrg(named) };
}

function mayCall({ scopes }: ApiKeyIdentity, method: ApiMethod): boolean {
  return scopes.includes('*') || scopes.includes(method);
}

function readCommand(
  command: Readonly<Record<string, unknown>>,
  where: string,
): { readonly method: ApiMethod; readonly params: unknown } {
  const [method, ...more] = Object.keys(command);
  if (method === undefined || more.length > 0)
    throw new CodedError('badRequest', `${where} must hold exactly one method`);
  if (!isMethod(method))
    throw new CodedError('methodNotFound', `${where}: there is no API method of this name`);
  return { method, params: command[method] };
}

function isMethod(name: string): name is ApiMethod {
  return Object.hasOwn(apiMethods, name);
}

function toSchema(schema: z.ZodType): object {
  return z.toJSONSchema(schema, { io: 'input' });
}

function send(reply: FastifyReply, body: object): FastifyReply {
  return reply.type('application/json; charset=utf-8').send(toJson(body));
}
