/**
 * Plain requests in, open streams to the hub out, and the upstream requests that belong to them. The head of a stream is sent once its
 * endpoint accepted and the first frame is whole; what went wrong before is a plain HTTP answer, what goes wrong after travels in the
 * stream. Who may enter at all is the door's affair, who may connect the endpoint's.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { randomId, type Clock, type Logger, type Random, type Timer } from '@trunkline/base';
import type { Endpoint, Hub, Nodes, OpenDecision, OpenRequest } from '@trunkline/hub';
import { closeOf } from '@trunkline/protocol';
import { readBody, type Body, type BodyWatch } from './body.js';
import { corsHeaders, preflightHeaders } from './cors.js';
import type { Door, Visitor } from './door.js';
import { PEEK_BYTES, peekNode, peekSession, readEmulationRequest } from './emulation-request.js';
import {
  answerUpstream,
  Forwarding,
  STRANGER_MAX_BYTES,
  type ForeignSession,
  type ForwardPlace,
  type Handed,
} from './forwarding.js';
import { events, lines, type BatchFramer } from './frames.js';
import { answerRequest, refusal, type Answer } from './http-answer.js';
import type { EntranceOptions } from './options.js';
import { matchPath, splitTarget } from './route.js';
import { StreamTransport } from './stream-transport.js';
import type { Place } from './upstream.js';

export interface StreamServerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly hub: Pick<Hub, 'accept' | 'endpoints' | 'nodeId' | 'draining'> & {
    readonly nodes: Pick<Nodes, 'id' | 'ask' | 'isLive' | 'register'>;
  };
  readonly door: Door;
  readonly framer: BatchFramer;
}

export interface StreamServer {
  /** Whether the request is for an endpoint of an HTTP transport, or is an upstream frame of one. */
  serves(request: IncomingMessage): boolean;
  serve(request: IncomingMessage, response: ServerResponse): void;
  dispose(): void;
}

type Accept = Extract<OpenDecision, { kind: 'accept' }>;
type AcceptThenClose = Extract<OpenDecision, { kind: 'acceptThenClose' }>;

/** 190 bits. */
const SESSION_LENGTH = 32;
/** Silence after which the operating system asks whether the peer is still there, where it answers no ping. */
const TCP_KEEP_ALIVE_MS = 30_000;
const BINARY_TYPE = 'application/octet-stream';
/** A comment (SSE), or an empty line (lines). */
const SSE_PING = ':\n\n';

const HANDED_OVER: Answer = { status: 204, body: '' };

/** Where the frames of a session go, and a place on the way there. */
type Early =
  | { readonly transport: StreamTransport; readonly place: Place }
  | { readonly transport?: never; readonly foreign: ForeignSession; readonly place: ForwardPlace };

interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly visitor: Visitor;
}

export function createStreamServer(deps: StreamServerDeps, options: EntranceOptions): StreamServer {
  const { clock, random, logger, hub, door } = deps;
  const sessions = new Map<string, StreamTransport>();
  const farewells = new Set<Timer>();
  const hasSessions = options.transports.includes('http_stream') || options.transports.includes('sse');
  const forwarding = new Forwarding(hub.nodes, options);
  const retryAfter = { 'retry-after': String(options.retryAfterSeconds) };
  const withCredentials = !options.allowedOrigins.includes('*');

  const endpointsAt = (path: string): readonly Endpoint[] =>
    hub.endpoints().filter((one) => one.transport !== 'websocket' && matchPath(one.path, path) !== undefined);

  // ------------------------------------------------------------ streams

  const enter = async (visit: Visit): Promise<Answer | undefined> => {
    const { request, response, visitor } = visit;
    const away = door.turnAway(visitor);
    if (away) return away;
    const found = door.find(request, visitor, false);
    if (found.kind === 'refused') return found.answer;
    door.hold(response);
    const decided = await door.ask(found.endpoint, found.open, response);
    if (decided.kind !== 'decided') return decided.kind === 'refused' ? decided.answer : undefined;
    try {
      return await carryOut(visit, found.endpoint, decided.decision, found.open);
    } catch (cause) {
      logger.error(
        { endpoint: found.endpoint.id, err: cause },
        'decision of an endpoint could not be carried out',
      );
      response.destroy();
      return undefined;
    }
  };

  const carryOut = async (
    visit: Visit,
    endpoint: Endpoint,
    decision: OpenDecision,
    open: OpenRequest,
  ): Promise<Answer | undefined> => {
    switch (decision.kind) {
      case 'refuse':
        return decision;
      case 'converse':
        throw new TypeError('an endpoint of an HTTP transport cannot converse');
      case 'acceptThenClose':
        tellAndEnd(visit, endpoint, decision);
        return undefined;
      case 'accept': {
        if (endpoint.method !== 'POST') {
          openStream(visit, endpoint, decision, open, decision.firstFrame);
          return undefined;
        }
        const body = await readBody(clock, visit.request, {
          maxBytes: decision.profile.maxFrameBytes,
          timeoutMs: options.bodyTimeoutMs,
        });
        if (body.kind !== 'whole') return incomplete(visit, body);
        if (hub.draining) return refusal(503, 'shuttingDown', 'this node is draining');
        openStream(visit, endpoint, decision, open, decision.firstFrame ?? body.bytes);
        return undefined;
      }
    }
  };

  /** What to answer to a body that did not come whole; the socket of one that is still coming is dropped soon. */
  const incomplete = ({ request, response }: Visit, body: Body): Answer | undefined => {
    if (body.kind === 'gone' || body.kind === 'whole') return undefined;
    const timer = clock.setTimeout(() => request.socket.destroy(), options.closeTimeoutMs);
    farewells.add(timer);
    const done = (): void => {
      timer.cancel();
      farewells.delete(timer);
    };
    request.once('end', done);
    response.once('close', () => {
      if (request.complete) done();
    });
    request.socket.once('close', done);
    return body.kind === 'late'
      ? refusal(408, 'callTimeout', 'the body did not arrive in time')
      : refusal(413, 'limitExceeded', 'bytes of the body');
  };

  const openStream = (
    { request, response }: Visit,
    endpoint: Endpoint,
    { codec, profile, principal, plan, writer }: Accept,
    open: OpenRequest,
    first: string | Uint8Array | undefined,
  ): void => {
    const session = endpoint.transport === 'uni_sse' ? undefined : randomId(random, SESSION_LENGTH);
    const isEvents = endpoint.transport !== 'http_stream';
    sendHead(request, response, endpoint, codec.binary);
    const transport = new StreamTransport(
      deps,
      options,
      {
        name: endpoint.transport,
        codec,
        framing: isEvents ? events(codec) : lines(codec),
        writer,
        session,
        maxFrameBytes: profile.maxFrameBytes,
        ping: isEvents ? SSE_PING : '\n',
      },
      response,
    );
    const handlers = hub.accept(transport, {
      codec,
      profile,
      request: open,
      ...(principal === undefined ? {} : { principal }),
      ...(plan === undefined ? {} : { plan }),
    });
    if (session !== undefined) {
      sessions.set(session, transport);
      response.once('close', () => forget(session, transport));
    }
    transport.start(handlers, first);
  };

  /** A session that this side ended is known a little longer: requests under way are not told that it never was. */
  const forget = (session: string, { closing }: StreamTransport): void => {
    if (!closing) {
      sessions.delete(session);
      return;
    }
    const timer = clock.setTimeout(() => {
      sessions.delete(session);
      farewells.delete(timer);
    }, options.closeTimeoutMs);
    farewells.add(timer);
  };

  const tellAndEnd = (
    { request, response }: Visit,
    endpoint: Endpoint,
    { frames, binary }: AcceptThenClose,
  ): void => {
    sendHead(request, response, endpoint, binary);
    for (const { bytes } of frames) {
      if (endpoint.transport !== 'http_stream') response.write('data: ');
      response.write(bytes);
      if (!binary) response.write(endpoint.transport === 'http_stream' ? '\n' : '\n\n');
    }
    response.end();
    const timer = clock.setTimeout(() => response.destroy(), options.closeTimeoutMs);
    response.once('close', () => timer.cancel());
  };

  // ------------------------------------------------------------ upstream

  const emulate = async (visit: Visit): Promise<Answer | undefined> => {
    const { request, visitor } = visit;
    if (request.method !== 'POST') return refusal(405, 'methodNotFound', 'HTTP method', { allow: 'POST' });
    if (!visitor.originAllowed) return refusal(403, 'permissionDenied', 'origin not allowed');
    const binary = isBinary(request);
    let early: Early | undefined;
    let session: string | undefined;
    let peekable = true;
    let crowded = false;
    const watch: BodyWatch = (soFar) => {
      if (early === undefined && peekable) {
        session ??= peekSession(soFar, binary);
        if (session !== undefined) early = earlyPlace(session, soFar, binary);
        peekable = early === undefined && soFar.length < PEEK_BYTES;
      }
      if (early === undefined) return soFar.length <= STRANGER_MAX_BYTES;
      crowded = !early.place.arriving(soFar.length);
      return !crowded;
    };
    const limits = { maxBytes: options.upstreamBodyMaxBytes, timeoutMs: options.bodyTimeoutMs };
    const body = await readBody(clock, request, limits, watch);
    if (body.kind !== 'whole') {
      void early?.place.settle(undefined);
      const large = incomplete(visit, body);
      if (body.kind !== 'tooLarge') return large;
      if (early === undefined) return session === undefined ? large : unknownSession(visitor);
      if (early.transport === undefined)
        return crowded ? tooManyFrames() : tooLargeElsewhere(early.foreign, visitor, large);
      if (early.transport.closing) return HANDED_OVER;
      closeForSize(early.transport);
      return large;
    }
    const asked = readEmulationRequest(body.bytes, binary);
    if (asked === undefined) {
      void early?.place.settle(undefined);
      return refusal(400, 'badRequest', 'the body must hold session, node and data');
    }
    if (asked.node !== '' && asked.node !== hub.nodeId) {
      const foreign = forwarding.find(asked.session, asked.node);
      const fits = early !== undefined && early.transport === undefined && early.foreign === foreign;
      if (early && !fits) void early.place.settle(undefined);
      if (foreign === undefined) return unknownSession(visitor);
      return handOn(foreign, fits ? (early?.place as ForwardPlace) : foreign.place(), asked.data, visitor);
    }
    const transport = sessions.get(asked.session);
    if (early && early.transport !== transport) void early.place.settle(undefined);
    if (transport === undefined) return unknownSession(visitor);
    const place = early?.transport === transport ? early.place : transport.upstream.place();
    switch (await handOver(transport, place, asked.data)) {
      case 'taken':
        return HANDED_OVER;
      case 'tooLarge':
        return refusal(413, 'limitExceeded', 'bytes of a frame');
      case 'unknown':
        return refusal(404, 'notFound', 'no such session');
    }
  };

  /** The place of a request whose body has only begun; undefined where it does not say yet where it belongs. */
  const earlyPlace = (session: string, soFar: Buffer, binary: boolean): Early | undefined => {
    const transport = sessions.get(session);
    if (transport) return { transport, place: transport.upstream.place() };
    const node = peekNode(soFar, binary);
    const foreign = node === undefined ? undefined : forwarding.find(session, node);
    return foreign && { foreign, place: foreign.place() };
  };

  const handOver = async (
    transport: StreamTransport,
    place: Place,
    frame: string | Uint8Array,
  ): Promise<Handed> => {
    const taken = await place.settle(frame);
    if (frame.length > transport.maxFrameBytes) return 'tooLarge';
    return taken || transport.closing ? 'taken' : 'unknown';
  };

  const closeForSize = (transport: StreamTransport): void => {
    const { code, reason } = closeOf('badRequest', 'frame too large');
    transport.close(code, reason);
  };

  /** To the node that holds the session. Naming one that nobody has proven counts as an attempt until it is there. */
  const handOn = async (
    foreign: ForeignSession,
    place: ForwardPlace,
    frame: string | Uint8Array,
    visitor: Visitor,
  ): Promise<Answer> => {
    const { proven } = foreign;
    if (!proven && !door.attempt(visitor)) {
      void place.settle(undefined);
      return tooManyAttempts();
    }
    const outcome = await place.settle(frame);
    if (!proven && outcome !== 'unknown') door.forgive(visitor);
    switch (outcome) {
      case 'taken':
        return HANDED_OVER;
      case 'unknown':
        return proven ? unknownSession(visitor) : refusal(404, 'notFound', 'no such session');
      case 'tooLarge':
        return refusal(413, 'limitExceeded', 'bytes of a frame');
      case 'silent':
        return refusal(503, 'callTimeout', 'the node of this session does not answer', retryAfter);
      case 'full':
        return tooManyFrames();
    }
  };

  const tooManyFrames = (): Answer => refusal(503, 'tooManyRequests', 'frames for other nodes', retryAfter);

  /** The body is larger than any frame may be: its session ends for it, as it would have here. */
  const tooLargeElsewhere = (
    foreign: ForeignSession,
    visitor: Visitor,
    large: Answer | undefined,
  ): Answer | undefined => {
    if (!foreign.proven && !door.attempt(visitor)) return tooManyAttempts();
    void foreign.overflow();
    return large;
  };

  /** Guesses count as attempts. */
  const unknownSession = (visitor: Visitor): Answer =>
    door.attempt(visitor) ? refusal(404, 'notFound', 'no such session') : tooManyAttempts();

  const tooManyAttempts = (): Answer =>
    refusal(429, 'tooManyRequests', 'connection attempts of this address', { 'retry-after': '1' });

  const answering = hub.nodes.register(
    answerUpstream(async (session, frame) => {
      const transport = sessions.get(session);
      if (transport === undefined) return 'unknown';
      if (frame !== undefined) return handOver(transport, transport.upstream.place(), frame);
      if (!transport.closing) closeForSize(transport);
      return 'tooLarge';
    }),
  );

  const preflight = ({ request, visitor }: Visit, methods: readonly string[]): Answer => {
    if (!visitor.originAllowed) return refusal(403, 'permissionDenied', 'origin not allowed');
    const headers = preflightHeaders(request, [...methods, 'OPTIONS'].join(', '));
    return { status: 204, headers, body: '' };
  };

  return {
    serves({ url = '/' }) {
      const { path } = splitTarget(url);
      return (hasSessions && path === options.emulationPath) || endpointsAt(path).length > 0;
    },
    serve(request, response) {
      response.on('error', ignore); // 'close' follows and is what counts
      request.on('error', ignore);
      const { method } = request;
      const visitor = door.judge(request, method === 'GET' || method === 'HEAD');
      for (const [name, value] of Object.entries(
        corsHeaders(request, visitor.originAllowed, withCredentials),
      ))
        response.setHeader(name, value);
      const visit = { request, response, visitor };
      const { path } = splitTarget(request.url ?? '/');
      const upstream = path === options.emulationPath;
      if (method === 'OPTIONS') {
        const methods = upstream ? ['POST'] : endpointsAt(path).map((one) => one.method);
        answerRequest(response, preflight(visit, methods));
        return;
      }
      void (upstream ? emulate(visit) : enter(visit)).then((answer) => {
        if (answer) answerRequest(response, answer);
      });
    },
    dispose() {
      for (const timer of farewells) timer.cancel();
      farewells.clear();
      sessions.clear();
      void answering.dispose();
    },
  };
}

/** The head of a stream: not to be stored, compressed or held back by anybody on the way. */
function sendHead(
  request: IncomingMessage,
  response: ServerResponse,
  { transport }: Endpoint,
  binary: boolean,
): void {
  const type =
    transport !== 'http_stream'
      ? 'text/event-stream; charset=utf-8'
      : binary
        ? BINARY_TYPE
        : 'application/x-ndjson; charset=utf-8';
  request.socket.setNoDelay(true);
  request.socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
  response.writeHead(200, {
    'content-type': type,
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
    'x-content-type-options': 'nosniff',
  });
  response.flushHeaders();
}

function isBinary({ headers }: IncomingMessage): boolean {
  return (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() === BINARY_TYPE;
}

function ignore(): void {}
