/**
 * The native wire: its JSON and Protobuf codecs over WebSocket, HTTP streaming and SSE (JSON only), as endpoints with the hub's own link
 * profile. What tells the codecs apart is what the public clients send: the sub-protocol or `cf_protocol`, and the content type.
 */
import type { Codec } from '@trunkline/protocol';
import type { HubOptions } from '../options.js';
import type { Endpoint, LinkProfile, OpenDecision, OpenRequest } from '../ports/endpoint.js';

export const NATIVE_WEBSOCKET_PATH = '/connection/websocket';
export const NATIVE_HTTP_STREAM_PATH = '/connection/http_stream';
export const NATIVE_SSE_PATH = '/connection/sse';

const DEADLINE_MS = 1_000;
const BINARY_TYPE = 'application/octet-stream';

export interface NativeCodecs {
  readonly json: Codec;
  readonly protobuf: Codec;
}

export function nativeProfile(options: HubOptions): LinkProfile {
  return {
    ping: {
      kind: options.pingIntervalMs > 0 ? 'frame' : 'none',
      intervalMs: options.pingIntervalMs,
      pongTimeoutMs: options.pongTimeoutMs,
    },
    joinDocuments: true,
    maxFrameBytes: options.limits.maxFrameBytes,
    maxCommandsPerFrame: options.limits.maxCommandsPerFrame,
    maxDepth: options.limits.maxDepth,
    outboxMaxMessages: options.outboxMaxMessages,
    outboxMaxBytes: options.outboxMaxBytes,
    firstCommandTimeoutMs: options.firstCommandTimeoutMs,
  };
}

/** Closes travel as disconnect pushes there, whose codes begin at 3000: a frame that is too large (1009) is a bad request, to stay away. */
export function nativeHttpProfile(options: HubOptions): LinkProfile {
  return { ...nativeProfile(options), closeCodes: new Map([[1009, 3501]]) };
}

/** All of them refuse browsers of foreign origins with 403. */
export function createNativeEndpoints(codecs: NativeCodecs, options: HubOptions): Endpoint[] {
  const profile = nativeProfile(options);
  const httpProfile = nativeHttpProfile(options);
  return [
    {
      id: 'native-websocket',
      method: 'GET',
      path: NATIVE_WEBSOCKET_PATH,
      transport: 'websocket',
      deadlineMs: DEADLINE_MS,
      open: sameOrigin((request) => openWebSocket(codecs, profile, request)),
    },
    {
      id: 'native-http-stream',
      method: 'POST',
      path: NATIVE_HTTP_STREAM_PATH,
      transport: 'http_stream',
      deadlineMs: DEADLINE_MS,
      open: sameOrigin((request) => ({
        kind: 'accept',
        codec: isBinary(request) ? codecs.protobuf : codecs.json,
        profile: httpProfile,
      })),
    },
    {
      id: 'native-sse',
      method: 'GET',
      path: NATIVE_SSE_PATH,
      transport: 'sse',
      deadlineMs: DEADLINE_MS,
      open: sameOrigin((request) => {
        const firstFrame = request.query.get('cf_connect') ?? '';
        return firstFrame === ''
          ? { kind: 'refuse', status: 400, body: 'cf_connect must hold the first commands' }
          : { kind: 'accept', codec: codecs.json, profile: httpProfile, firstFrame };
      }),
    },
  ];
}

function openWebSocket(codecs: NativeCodecs, profile: LinkProfile, request: OpenRequest): OpenDecision {
  const { subprotocols, query } = request;
  const offers = (name: string): boolean => subprotocols.includes(name);
  // An offered sub-protocol must be answered with itself, so it goes before the query.
  if (offers('centrifuge-protobuf'))
    return { kind: 'accept', codec: codecs.protobuf, profile, subprotocol: 'centrifuge-protobuf' };
  if (offers('centrifuge-json'))
    return { kind: 'accept', codec: codecs.json, profile, subprotocol: 'centrifuge-json' };
  const codec = query.get('cf_protocol') === 'protobuf' ? codecs.protobuf : codecs.json;
  return { kind: 'accept', codec, profile };
}

/** The content type speaks for the body; where there is none, what is accepted speaks for both. */
function isBinary({ headers }: OpenRequest): boolean {
  const type = headers['content-type'] ?? headers['accept'] ?? '';
  return type.split(';')[0]?.trim().toLowerCase() === BINARY_TYPE;
}

function sameOrigin(open: (request: OpenRequest) => OpenDecision): Endpoint['open'] {
  return (request) =>
    request.originAllowed ? open(request) : { kind: 'refuse', status: 403, body: 'origin not allowed' };
}
