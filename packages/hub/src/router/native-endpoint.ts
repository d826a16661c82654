/** The native wire: the JSON codec over WebSocket, as one endpoint with the hub's own link profile. */
import type { Codec } from '@trunkline/protocol';
import type { HubOptions } from '../options.js';
import type { Endpoint, LinkProfile } from '../ports/endpoint.js';

export const NATIVE_WEBSOCKET_PATH = '/connection/websocket';

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

/** Browsers of foreign origins are refused with 403; a client that offers only sub-protocols this wire lacks gets 400. */
export function createNativeEndpoint(codec: Codec, options: HubOptions): Endpoint {
  const profile = nativeProfile(options);
  return {
    id: 'native-websocket',
    method: 'GET',
    path: NATIVE_WEBSOCKET_PATH,
    transport: 'websocket',
    deadlineMs: 1_000,
    open: (request) => {
      if (!request.originAllowed) return { kind: 'refuse', status: 403, body: 'origin not allowed' };
      if (
        request.subprotocols.includes('centrifuge-protobuf') ||
        request.query.get('cf_protocol') === 'protobuf'
      ) {
        return { kind: 'refuse', status: 400, body: 'only the JSON protocol is served here' };
      }
      const json = request.subprotocols.includes('centrifuge-json');
      return { kind: 'accept', codec, profile, ...(json ? { subprotocol: 'centrifuge-json' } : {}) };
    },
  };
}
