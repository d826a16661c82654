/**
 * The front door: upgrade requests of HTTP servers in, open transports to the hub out. Every request ends in one of three ways, as its
 * endpoint decides: handed to the hub, refused with a plain HTTP answer, or accepted only to be told why and closed. Before an
 * endpoint is asked, the address's rate, the number of sockets and the drain are checked. Who may connect is the endpoint's affair.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock, Disposable, Logger } from '@trunkline/base';
import type { Endpoint, Hub, OpenDecision, OpenRequest } from '@trunkline/hub';
import { closeOf } from '@trunkline/protocol';
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws';
import { createAttemptLimiter } from './attempt-limiter.js';
import { BatchFramer, frameOf } from './frames.js';
import { refusal, sendAnswer, type Answer } from './http-answer.js';
import { toOpenRequest } from './open-request.js';
import { askEndpoint } from './opening.js';
import { resolveWebSocketServerOptions, type WebSocketServerOptions } from './options.js';
import { createOriginRule } from './origin.js';
import { addressBlock, createPeerResolver } from './peer-address.js';
import { route, splitTarget } from './route.js';
import { sendClose, WebSocketTransport } from './websocket-transport.js';

export interface WebSocketServerDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly hub: Pick<Hub, 'accept' | 'endpoints' | 'draining'>;
}

export interface WebSocketEntrance extends Disposable {
  /** Takes over the `upgrade` events of `server`, all of them: a path without endpoint is answered 404. Several servers may be attached. */
  attach(server: Server): void;
  /** Sockets held now, opening ones included. */
  readonly connections: number;
  /** Detaches and drops every socket still open. A graceful end is the hub's `drain`, called before. */
  dispose(): void;
}

type Accept = Extract<OpenDecision, { kind: 'accept' }>;
type AcceptThenClose = Extract<OpenDecision, { kind: 'acceptThenClose' }>;

/** Frame limit of a peer that is only told why it is closed: room for its own control frames. */
const FAREWELL_MAX_BYTES = 125;

/** An upgrade request on its way through the door. */
interface Visit {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What the peer sent behind the request. */
  readonly head: Buffer;
}

/** Throws a RangeError that names a bad option. */
export function createWebSocketServer(
  deps: WebSocketServerDeps,
  given?: Partial<WebSocketServerOptions>,
): WebSocketEntrance {
  const { clock, logger, hub } = deps;
  const options = resolveWebSocketServerOptions(given);
  const peerOf = createPeerResolver(options.trustedProxies);
  const originAllowed = createOriginRule(options.allowedOrigins, options.loopbackOriginOnly);
  const limiter = createAttemptLimiter(deps, {
    perSecond: options.attemptsPerSecond,
    burst: options.attemptsBurst,
    maxKeys: options.attemptsMaxAddresses,
  });
  const transportDeps = { clock, logger, framer: new BatchFramer(options) };
  const retryAfter = { 'retry-after': String(options.retryAfterSeconds) };
  const sockets = new Set<Duplex>();
  const servers = new Set<Server>();

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', ignore); // 'close' follows and is what counts
    const visit = { request, socket, head };
    const answer = enter(visit);
    if (answer) refuse(visit, answer);
  };

  /** Everything that needs no waiting; an answer where the visit ends here. */
  const enter = (visit: Visit): Answer | undefined => {
    const { request, socket } = visit;
    const peer = peerOf((socket as Partial<TLSSocket>).remoteAddress, request.headers);
    if (!limiter.take(addressBlock(peer.address))) {
      return refusal(429, 'tooManyRequests', 'connection attempts of this address', { 'retry-after': '1' });
    }
    if (hub.draining) return refusal(503, 'shuttingDown', 'this node is draining', retryAfter);
    if (sockets.size >= options.maxConnections)
      return refusal(503, 'limitExceeded', 'connections of this node', retryAfter);
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
      return refusal(400, 'badRequest', 'the Upgrade header must be websocket');
    }
    const { path, query } = splitTarget(request.url ?? '/');
    const found = route(hub.endpoints(), request.method ?? 'GET', path);
    switch (found.kind) {
      case 'notFound':
        return refusal(404, 'notFound', 'no endpoint at this path');
      case 'badPath':
        return refusal(400, 'badRequest', 'the path holds a malformed percent-encoding');
      case 'wrongMethod':
        return refusal(405, 'methodNotFound', 'HTTP method', { allow: found.allow });
      case 'found': {
        const secure = (socket as Partial<TLSSocket>).encrypted === true || peer.forwardedProto === 'https';
        const { origin, host } = request.headers;
        const facts = {
          path,
          query,
          params: found.params,
          remoteAddress: peer.address,
          originAllowed: originAllowed({ origin, host, secure }),
        };
        hold(socket);
        void open(visit, found.endpoint, toOpenRequest(request, facts));
        return undefined;
      }
    }
  };

  const open = async (visit: Visit, endpoint: Endpoint, request: OpenRequest): Promise<void> => {
    const outcome = await askEndpoint(clock, endpoint, request, visit.socket);
    switch (outcome.kind) {
      case 'gone':
        return;
      case 'late':
        logger.warn(
          { endpoint: endpoint.id, deadlineMs: endpoint.deadlineMs },
          'endpoint did not answer in time',
        );
        return refuse(visit, refusal(503, 'callTimeout', 'opening the connection', retryAfter));
      case 'failed':
        logger.error({ endpoint: endpoint.id, err: outcome.cause }, 'endpoint failed');
        return refuse(visit, refusal(500, 'internal', 'opening the connection'));
      case 'decided':
        try {
          return carryOut(visit, outcome.decision, request);
        } catch (cause) {
          logger.error(
            { endpoint: endpoint.id, err: cause },
            'decision of an endpoint could not be carried out',
          );
          visit.socket.destroy();
        }
    }
  };

  const carryOut = (visit: Visit, decision: OpenDecision, request: OpenRequest): void => {
    if (hub.draining) return refuse(visit, refusal(503, 'shuttingDown', 'this node is draining', retryAfter));
    switch (decision.kind) {
      case 'refuse':
        return refuse(visit, decision);
      case 'accept':
        return shake(visit, decision.profile.maxFrameBytes, selected(decision, request), (ws) =>
          handOver(ws, visit.socket, decision, request),
        );
      case 'acceptThenClose':
        return shake(visit, FAREWELL_MAX_BYTES, selected(decision, request), (ws) =>
          tellAndClose(ws, visit.socket, decision),
        );
    }
  };

  /** The sub-protocol to answer with. Selecting one that was not offered would break the handshake, so that is not done. */
  const selected = (decision: Accept | AcceptThenClose, request: OpenRequest): string | undefined => {
    const { subprotocol } = decision;
    if (subprotocol === undefined || request.subprotocols.includes(subprotocol)) return subprotocol;
    logger.warn({ path: request.path, subprotocol }, 'endpoint selected a sub-protocol that was not offered');
    return undefined;
  };

  /** The opening handshake (RFC 6455 section 4.2). A malformed one is answered by `ws` with 400; `onOpen` is then not called. */
  const shake = (
    visit: Visit,
    maxPayload: number,
    subprotocol: string | undefined,
    onOpen: (ws: WebSocket) => void,
  ): void => {
    // In this mode a WebSocketServer holds no state but its options, which here differ from one connection to the next.
    const settings: ServerOptions & { readonly closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      // For `ws`, 0 and what exceeds 31 bits mean no limit.
      maxPayload: Math.min(Math.max(1, maxPayload), 0x7fff_ffff),
      // For handshakes that the peer begins; `ws` measures these itself.
      closeTimeout: options.closeTimeoutMs,
      handleProtocols: () => subprotocol ?? false,
    };
    new WebSocketServer(settings).handleUpgrade(visit.request, visit.socket, visit.head, onOpen);
  };

  const handOver = (ws: WebSocket, socket: Duplex, decision: Accept, request: OpenRequest): void => {
    const { codec, profile, principal, plan } = decision;
    const wire = { codec, joinDocuments: profile.joinDocuments };
    const transport = new WebSocketTransport(transportDeps, options, wire, ws, socket);
    try {
      transport.start(
        hub.accept(transport, {
          codec,
          profile,
          request,
          ...(principal === undefined ? {} : { principal }),
          ...(plan === undefined ? {} : { plan }),
        }),
      );
    } catch (cause) {
      logger.error({ err: cause, path: request.path }, 'hub did not accept a connection');
      const { code, reason } = closeOf('serverError');
      tellAndClose(ws, socket, { kind: 'acceptThenClose', frames: [], binary: false, code, reason });
    }
  };

  const tellAndClose = (
    ws: WebSocket,
    socket: Duplex,
    { frames, binary, code, reason }: AcceptThenClose,
  ): void => {
    ws.on('error', ignore); // nobody listens to this peer any more
    socket.cork();
    for (const frame of frames) socket.write(frameOf(frame, binary));
    sendClose(ws, { code, reason });
    socket.uncork();
    const timer = clock.setTimeout(() => ws.terminate(), options.closeTimeoutMs);
    ws.once('close', () => timer.cancel());
  };

  const refuse = (visit: Visit, answer: Answer): void =>
    sendAnswer(clock, visit.socket, answer, options.closeTimeoutMs);

  const hold = (socket: Duplex): void => {
    sockets.add(socket);
    socket.once('close', release);
  };
  function release(this: Duplex): void {
    sockets.delete(this);
  }

  return {
    attach(server) {
      if (servers.has(server)) return;
      servers.add(server);
      server.on('upgrade', onUpgrade);
    },
    get connections() {
      return sockets.size;
    },
    dispose() {
      for (const server of servers) server.off('upgrade', onUpgrade);
      servers.clear();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function ignore(): void {}
