/**
 * What every way in has in common: who is at the door (address, origin), whether anybody may enter now (attempts of the address,
 * connections held, drain), which endpoint is meant, and asking it in time. It answers with values and writes nothing: how an answer is
 * told differs between an upgrade and a plain request.
 */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Clock, Logger } from '@trunkline/base';
import type { Endpoint, Hub, OpenDecision, OpenRequest } from '@trunkline/hub';
import { createAttemptLimiter } from './attempt-limiter.js';
import { refusal, type Answer } from './http-answer.js';
import { toOpenRequest } from './open-request.js';
import { askEndpoint, type Closing } from './opening.js';
import type { EntranceOptions } from './options.js';
import { createOriginRule } from './origin.js';
import { addressBlock, createPeerResolver } from './peer-address.js';
import { route, splitTarget } from './route.js';

export interface DoorDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly hub: Pick<Hub, 'endpoints' | 'draining'>;
}

/** Who asks. */
export interface Visitor {
  readonly address: string;
  readonly originAllowed: boolean;
}

export type Found =
  | { readonly kind: 'found'; readonly endpoint: Endpoint; readonly open: OpenRequest }
  | { readonly kind: 'refused'; readonly answer: Answer };

export type Decided =
  | { readonly kind: 'decided'; readonly decision: OpenDecision }
  | { readonly kind: 'refused'; readonly answer: Answer }
  /** Nobody is there any more. */
  | { readonly kind: 'gone' };

export interface Door {
  /** `quiet`: browsers may leave the origin out of such a request (spec STREAM-8). */
  judge(request: IncomingMessage, quiet: boolean): Visitor;
  /** Counts an attempt; the answer where the visitor may not enter now. */
  turnAway(visitor: Visitor): Answer | undefined;
  /** Counts an attempt of an address alone; false where it has none left. */
  attempt(visitor: Visitor): boolean;
  /** It was none: what was named is there. */
  forgive(visitor: Visitor): void;
  /** The endpoint of a request among those of the given transports. */
  find(request: IncomingMessage, visitor: Visitor, websocket: boolean): Found;
  /** Asks the endpoint; a refusal where it fails, is late, or the node began to drain. */
  ask(endpoint: Endpoint, open: OpenRequest, peer: Closing): Promise<Decided>;
  /** Counts a peer as a connection until it closes. */
  hold(peer: Held): void;
  readonly connections: number;
  /** Drops every peer that is held. */
  dispose(): void;
}

export interface Held extends Closing {
  destroy(): unknown;
}

/** Throws a RangeError that names a bad option. */
export function createDoor(deps: DoorDeps, options: EntranceOptions): Door {
  const { clock, logger, hub } = deps;
  const peerOf = createPeerResolver(options.trustedProxies);
  const originAllowed = createOriginRule(options.allowedOrigins, options.loopbackOriginOnly);
  const limiter = createAttemptLimiter(deps, {
    perSecond: options.attemptsPerSecond,
    burst: options.attemptsBurst,
    maxKeys: options.attemptsMaxAddresses,
  });
  const retryAfter = { 'retry-after': String(options.retryAfterSeconds) };
  const held = new Set<Held>();

  const attempt = ({ address }: Visitor): boolean => limiter.take(addressBlock(address));
  const unavailable = (): Answer => refusal(503, 'shuttingDown', 'this node is draining', retryAfter);
  function release(this: Held): void {
    held.delete(this);
  }

  return {
    judge({ socket, headers }, quiet) {
      const peer = peerOf(socket.remoteAddress, headers);
      const secure = (socket as Partial<TLSSocket>).encrypted === true || peer.forwardedProto === 'https';
      const site = headers['sec-fetch-site'];
      return {
        address: peer.address,
        originAllowed: originAllowed({
          origin: headers.origin,
          host: headers.host,
          secure,
          ...(quiet ? { quiet: { site: typeof site === 'string' ? site : undefined } } : {}),
        }),
      };
    },
    attempt,
    forgive: ({ address }) => limiter.giveBack(addressBlock(address)),
    turnAway(visitor) {
      if (!attempt(visitor))
        return refusal(429, 'tooManyRequests', 'connection attempts of this address', { 'retry-after': '1' });
      if (hub.draining) return unavailable();
      if (held.size >= options.maxConnections)
        return refusal(503, 'limitExceeded', 'connections of this node', retryAfter);
      return undefined;
    },
    find(request, { address, originAllowed }, websocket) {
      const { path, query } = splitTarget(request.url ?? '/');
      const endpoints = hub.endpoints().filter((one) => (one.transport === 'websocket') === websocket);
      const found = route(endpoints, request.method ?? 'GET', path);
      switch (found.kind) {
        case 'notFound':
          return { kind: 'refused', answer: refusal(404, 'notFound', 'no endpoint at this path') };
        case 'badPath':
          return {
            kind: 'refused',
            answer: refusal(400, 'badRequest', 'the path holds a malformed percent-encoding'),
          };
        case 'wrongMethod':
          return {
            kind: 'refused',
            answer: refusal(405, 'methodNotFound', 'HTTP method', { allow: found.allow }),
          };
        case 'found': {
          const facts = { path, query, params: found.params, remoteAddress: address, originAllowed };
          return { kind: 'found', endpoint: found.endpoint, open: toOpenRequest(request, facts) };
        }
      }
    },
    async ask(endpoint, open, peer) {
      const outcome = await askEndpoint(clock, endpoint, open, peer);
      switch (outcome.kind) {
        case 'gone':
          return outcome;
        case 'late':
          logger.warn(
            { endpoint: endpoint.id, deadlineMs: endpoint.deadlineMs },
            'endpoint did not answer in time',
          );
          return {
            kind: 'refused',
            answer: refusal(503, 'callTimeout', 'opening the connection', retryAfter),
          };
        case 'failed':
          logger.error({ endpoint: endpoint.id, err: outcome.cause }, 'endpoint failed');
          return { kind: 'refused', answer: refusal(500, 'internal', 'opening the connection') };
        case 'decided':
          return hub.draining ? { kind: 'refused', answer: unavailable() } : outcome;
      }
    },
    hold(peer) {
      held.add(peer);
      peer.once('close', release);
    },
    get connections() {
      return held.size;
    },
    dispose() {
      for (const peer of held) peer.destroy();
    },
  };
}
