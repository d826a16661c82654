/**
 * The walk of one request: who is it, as whom do they act, is there a fault for it, may they, what answers it. The single place where
 * a thrown error becomes an answer.
 */
import { ServerResponse, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { sleep, type Logger } from '@trunkline/base';
import { describeDenial, impersonate } from '../access/impersonation.js';
import {
  badRequest,
  forbidden,
  internalError,
  noSuchResource,
  qualifiedName,
  StatusError,
} from '../model/status.js';
import type { RequestEffect, RequestFaults } from '../request-faults.js';
import { parseFieldSelector } from '../query/field-selector.js';
import { discoverAggregated } from './aggregated-discovery.js';
import { Answer } from './answer.js';
import { discover } from './discovery.js';
import type { Exchange, Services } from './exchange.js';
import { attributesOf, parseRequest, type RequestInfo, type ResourceRequest } from './request-info.js';
import { findReview, routeObject, routeReview } from './routes.js';
import type { User } from '../access/user.js';

const MASTERS = 'system:masters';

export class Pipeline {
  readonly #services: Services;
  readonly #faults: RequestFaults;
  readonly #logger: Logger;

  constructor(services: Services, faults: RequestFaults, logger: Logger) {
    this.#services = services;
    this.#faults = faults;
    this.#logger = logger;
  }

  /** Never rejects. */
  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    upgrade?: Exchange['upgrade'],
  ): Promise<void> {
    const { counters } = this.#services;
    // Filled in as the walk goes on, so that refusals are counted under what is known by then.
    const label = { verb: (request.method ?? '').toLowerCase(), resource: '', user: '' };
    const answer = new Answer(
      response,
      (code) => counters.answered({ ...label, code }),
      (bytes) => counters.wrote(label.verb, label.resource, bytes),
    );
    try {
      await this.#walk(request, answer, upgrade, label);
    } catch (error) {
      if (!(error instanceof StatusError))
        this.#logger.error({ error, method: request.method, url: request.url }, 'request failed');
      const refusal = error instanceof StatusError ? error : internalError('an unexpected error');
      // What was not read of a body must not be taken for the next request.
      if (!request.complete) response.setHeader('Connection', 'close');
      answer.refuse(refusal);
    }
  }

  async #walk(
    request: IncomingMessage,
    answer: Answer,
    upgrade: Exchange['upgrade'],
    label: { verb: string; resource: string; user: string },
  ): Promise<void> {
    const { authenticator, rbac, cluster, options } = this.#services;
    const { path, query } = readUrl(request.url ?? '/', options.pathPrefix);
    const info = parseRequest(request.method ?? '', path, query);
    label.verb = info.verb;
    const type =
      info.kind === 'resource' ? cluster.registry.find(info.group, info.version, info.resource) : undefined;
    const review = info.kind === 'resource' ? findReview(info) : undefined;
    const known = type ?? review;
    if (known !== undefined && info.kind === 'resource')
      label.resource =
        info.subresource === '' ? qualifiedName(known) : `${known.resource}/${info.subresource}`.slice(0, 64);
    const user = impersonate(authenticator.authenticate(request), request.rawHeaders, rbac);
    label.user = user.name;
    const effect = this.#faults.take(info, user.name);
    if (effect !== undefined && (await this.#strike(effect, answer))) return;
    this.#authorise(info, user, type === undefined ? '' : fieldName(info, query, type));
    // A WebSocket begins as a GET, and does what else takes a POST.
    if (isStreamed(info)) this.#authorise({ ...info, verb: 'create' }, user, '');
    if (info.kind === 'path') {
      this.#discover(path, request, answer);
      return;
    }
    if (review !== undefined)
      await routeReview({ request, answer, info, query, user, upgrade }, review, this.#services);
    else if (type === undefined) throw noSuchResource();
    else if (upgrade !== undefined && info.verb !== 'watch' && !isStreamed(info))
      throw badRequest('only watches and streams of pods are served over WebSocket');
    else await routeObject({ request, answer, info, type, query, user, upgrade }, this.#services);
  }

  #discover(path: string, request: IncomingMessage, answer: Answer): void {
    if (request.method !== 'GET') throw noSuchResource();
    const { registry } = this.#services.cluster;
    const aggregated = discoverAggregated(path, request.headers.accept, registry);
    if (aggregated !== undefined) {
      answer.text(200, `${JSON.stringify(aggregated.body)}\n`, { 'Content-Type': aggregated.contentType });
      return;
    }
    const found = discover(path, registry, this.#services.options.version);
    if (typeof found === 'string') answer.text(200, found, { 'Content-Type': 'text/plain' });
    else answer.json(200, found);
  }

  #authorise(info: RequestInfo, user: User, name: string): void {
    const attributes = attributesOf(info, name);
    const hasRoles = !this.#faults.rolesUnread || user.groups.includes(MASTERS);
    if (hasRoles && this.#services.rbac.decide(user, attributes).allowed) return;
    const subject = info.kind === 'resource' ? info : { group: '', resource: '' };
    const why = describeDenial(user, attributes);
    if (info.kind === 'path') throw new StatusError(403, 'Forbidden', `forbidden: ${why}`, {});
    throw forbidden(subject, info.name, why);
  }

  /** True when the request is done for. */
  async #strike(effect: RequestEffect, answer: Answer): Promise<boolean> {
    switch (effect.kind) {
      case 'status':
        throw faultStatus(effect);
      case 'delay':
        await sleep(this.#services.clock, effect.delayMs);
        return answer.over;
      case 'truncate':
        answer.cutAfterBytes = effect.afterBytes;
        return false;
      case 'cut':
        answer.cut();
        return true;
      case 'hang':
        return true;
    }
  }
}

/** Programs and ports of pods. */
function isStreamed(info: RequestInfo): info is ResourceRequest {
  return (
    info.kind === 'resource' &&
    info.group === '' &&
    info.resource === 'pods' &&
    /^(exec|attach|portforward)$/.test(info.subresource)
  );
}

/** For upgrade requests: an answer on the bare socket, for refusals. */
export function responseOn(request: IncomingMessage, socket: Duplex): ServerResponse {
  const response = new ServerResponse(request);
  response.assignSocket(socket as Parameters<ServerResponse['assignSocket']>[0]);
  response.shouldKeepAlive = false;
  response.on('finish', () => socket.end());
  return response;
}

function readUrl(url: string, prefix: string): { path: string; query: URLSearchParams } {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  if (prefix !== '' && path !== prefix && !path.startsWith(`${prefix}/`)) throw noSuchResource();
  return {
    path: path.slice(prefix.length) || '/',
    query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
  };
}

/** A list or watch narrowed to one name is judged like a request for that object. */
function fieldName(info: RequestInfo, query: URLSearchParams, type: Exchange['type']): string {
  const selector = query.get('fieldSelector') ?? '';
  if (selector === '' || info.kind === 'path') return '';
  return parseFieldSelector(selector, type)?.name ?? '';
}

const REASONS: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

function faultStatus({
  code,
  message,
  retryAfterSeconds,
}: Extract<RequestEffect, { kind: 'status' }>): StatusError {
  const later = retryAfterSeconds ?? (code === 429 || code === 503 ? 1 : undefined);
  const details = later === undefined ? {} : { retryAfterSeconds: later };
  const said =
    message ?? (code === 429 ? 'Too many requests, please try again later.' : `simulated fault ${code}`);
  return new StatusError(code, REASONS[code] ?? 'Unknown', said, details);
}
