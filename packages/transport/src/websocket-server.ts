/**
 * Upgrade requests in, open WebSocket transports to the hub out. Every request ends in one of three ways, as its endpoint decides: handed
 * to the hub, refused with a plain HTTP answer, or accepted only to be told why and closed. Who may enter at all is the door's affair,
 * who may connect the endpoint's.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock, Logger } from '@trunkline/base';
import type { Hub, OpenDecision, OpenRequest, TransportHandlers } from '@trunkline/hub';
import { closeOf } from '@trunkline/protocol';
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws';
import type { Door } from './door.js';
import { joinedFrames, ownFrames, singleFrames, toFrame, type BatchFramer, type Framing } from './frames.js';
import { refusal, sendAnswer, type Answer } from './http-answer.js';
import type { EntranceOptions } from './options.js';
import { sendClose, WebSocketTransport } from './websocket-transport.js';

export interface WebSocketServerDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly hub: Pick<Hub, 'accept' | 'converse'>;
  readonly door: Door;
  readonly framer: BatchFramer;
}

export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

type Accept = Extract<OpenDecision, { kind: 'accept' }>;
type Converse = Extract<OpenDecision, { kind: 'converse' }>;
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

export function createUpgradeHandler(deps: WebSocketServerDeps, options: EntranceOptions): UpgradeHandler {
  const { clock, logger, hub, door } = deps;

  const enter = async (visit: Visit): Promise<Answer | undefined> => {
    const { request, socket } = visit;
    const visitor = door.judge(request, false);
    const away = door.turnAway(visitor);
    if (away) return away;
    if (request.headers.upgrade?.toLowerCase() !== 'websocket')
      return refusal(400, 'badRequest', 'the Upgrade header must be websocket');
    const found = door.find(request, visitor, true);
    if (found.kind === 'refused') return found.answer;
    door.hold(socket);
    const decided = await door.ask(found.endpoint, found.open, socket);
    if (decided.kind !== 'decided') return decided.kind === 'refused' ? decided.answer : undefined;
    try {
      return carryOut(visit, decided.decision, found.open);
    } catch (cause) {
      logger.error(
        { endpoint: found.endpoint.id, err: cause },
        'decision of an endpoint could not be carried out',
      );
      socket.destroy();
      return undefined;
    }
  };

  const carryOut = (visit: Visit, decision: OpenDecision, request: OpenRequest): Answer | undefined => {
    switch (decision.kind) {
      case 'refuse':
        return decision;
      case 'accept':
        shake(visit, decision.profile.maxFrameBytes, selected(decision, request), (ws) =>
          handOver(ws, visit.socket, decision, request),
        );
        return undefined;
      case 'converse':
        shake(visit, decision.profile.maxFrameBytes, selected(decision, request), (ws) =>
          lendLine(ws, visit.socket, decision, request),
        );
        return undefined;
      case 'acceptThenClose':
        shake(visit, FAREWELL_MAX_BYTES, selected(decision, request), (ws) =>
          tellAndClose(ws, visit.socket, decision),
        );
        return undefined;
    }
  };

  /** The sub-protocol to answer with. Selecting one that was not offered would break the handshake, so that is not done. */
  const selected = (
    decision: Accept | Converse | AcceptThenClose,
    request: OpenRequest,
  ): string | undefined => {
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
    const server = new WebSocketServer(settings);
    const offered = visit.request.headers['sec-websocket-protocol'];
    // Some clients send the header with nothing in it, others names with a slash (kubectl), which `ws` calls malformed.
    if (offered !== undefined && (offered.trim() === '' || offered.includes('/'))) {
      delete visit.request.headers['sec-websocket-protocol'];
      if (subprotocol !== undefined)
        server.on('headers', (headers) => headers.push(`Sec-WebSocket-Protocol: ${subprotocol}`));
    }
    server.handleUpgrade(visit.request, visit.socket, visit.head, onOpen);
  };

  const handOver = (ws: WebSocket, socket: Duplex, decision: Accept, request: OpenRequest): void => {
    const { codec, profile, principal, plan } = decision;
    const framing = profile.joinDocuments ? joinedFrames(codec) : singleFrames(codec);
    start(ws, socket, framing, request, (transport) =>
      hub.accept(transport, {
        codec,
        profile,
        request,
        ...(principal === undefined ? {} : { principal }),
        ...(plan === undefined ? {} : { plan }),
      }),
    );
  };

  const lendLine = (
    ws: WebSocket,
    socket: Duplex,
    { profile, principal, begin }: Converse,
    request: OpenRequest,
  ): void =>
    start(ws, socket, ownFrames, request, (transport) =>
      hub.converse(transport, { profile, request, principal, begin }),
    );

  const start = (
    ws: WebSocket,
    socket: Duplex,
    framing: Framing,
    request: OpenRequest,
    take: (transport: WebSocketTransport) => TransportHandlers,
  ): void => {
    const transport = new WebSocketTransport(deps, options, framing, ws, socket);
    try {
      transport.start(take(transport));
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
    for (const { bytes } of frames) socket.write(toFrame(bytes, binary));
    sendClose(ws, { code, reason });
    socket.uncork();
    const timer = clock.setTimeout(() => ws.terminate(), options.closeTimeoutMs);
    ws.once('close', () => timer.cancel());
  };

  return (request, socket, head) => {
    socket.on('error', ignore); // 'close' follows and is what counts
    void enter({ request, socket, head }).then((answer) => {
      if (answer) sendAnswer(clock, socket, answer, options.closeTimeoutMs);
    });
  };
}

function ignore(): void {}
