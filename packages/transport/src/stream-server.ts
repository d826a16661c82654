/**
 * Plain requests in, open streams to the hub out, and the upstream requests that belong to them. The head of a stream is sent once its
 * endpoint accepted and the first frame is whole; what went wrong before is a plain HTTP answer, what goes wrong after travels in the
 * stream. Who may enter at all is the door's affair, who may connect the endpoint's.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { randomId, type Clock, type Logger, type Random, type Timer } from '@trunkline/base';
import type { Endpoint, Hub, OpenDecision, OpenRequest } from '@trunkline/hub';
import { closeOf } from '@trunkline/protocol';
import { readBody, type Body, type BodyWatch } from './body.js';
import { corsHeaders, preflightHeaders } from './cors.js';
import type { Door, Visitor } from './door.js';
import { PEEK_BYTES, peekSession, readEmulationRequest } from './emulation-request.js';
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
  readonly hub: Pick<Hub, 'accept' | 'endpoints' | 'nodeId' | 'draining'>;
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
/** Bytes of an upstream request kept while nobody is known to whom it belongs. */
const STRANGER_MAX_BYTES = 64 * 1024;
/** A comment (SSE), or an empty line (lines). */
const SSE_PING = ':\n\n';

const HANDED_OVER: Answer = { status: 204, body: '' };

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
    let early: { readonly transport: StreamTransport; readonly place: Place } | undefined;
    let session: string | undefined;
    let peekable = true;
    const watch: BodyWatch = (soFar) => {
      if (early) return early.place.arriving(soFar.length);
      if (session === undefined && peekable) {
        session = peekSession(soFar, binary);
        peekable = soFar.length < PEEK_BYTES;
        const transport = sessions.get(session ?? '');
        if (transport) {
          early = { transport, place: transport.upstream.place() };
          return early.place.arriving(soFar.length);
        }
      }
      return soFar.length <= STRANGER_MAX_BYTES;
    };
    const limits = { maxBytes: options.upstreamBodyMaxBytes, timeoutMs: options.bodyTimeoutMs };
    const body = await readBody(clock, request, limits, watch);
    if (body.kind !== 'whole') {
      void early?.place.settle(undefined);
      const large = incomplete(visit, body);
      if (body.kind !== 'tooLarge') return large;
      if (early === undefined) return session === undefined ? large : unknownSession(visitor);
      if (early.transport.closing) return HANDED_OVER;
      const { code, reason } = closeOf('badRequest', 'frame too large');
      early.transport.close(code, reason);
      return large;
    }
    const asked = readEmulationRequest(body.bytes, binary);
    const here = asked?.node === '' || asked?.node === hub.nodeId;
    const transport = here ? sessions.get(asked.session) : undefined;
    if (early && early.transport !== transport) void early.place.settle(undefined);
    if (asked === undefined) return refusal(400, 'badRequest', 'the body must hold session, node and data');
    if (transport === undefined) return unknownSession(visitor);
    const place = early?.transport === transport ? early.place : transport.upstream.place();
    const taken = await place.settle(asked.data);
    if (asked.data.length > transport.maxFrameBytes) return refusal(413, 'limitExceeded', 'bytes of a frame');
    return taken || transport.closing
      ? HANDED_OVER
      : refusal(404, 'notFound', 'no such session on this node');
  };

  /** Guesses count as attempts. */
  const unknownSession = (visitor: Visitor): Answer =>
    door.attempt(visitor)
      ? refusal(404, 'notFound', 'no such session on this node')
      : refusal(429, 'tooManyRequests', 'connection attempts of this address', { 'retry-after': '1' });

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
