export { createAttemptLimiter, type AttemptLimiter, type AttemptLimiterOptions } from './attempt-limiter.js';
export { addressBlock, createPeerResolver, type Peer, type PeerResolver } from './peer-address.js';
export { createOriginRule, type OriginQuestion, type OriginRule } from './origin.js';
export {
  resolveWebSocketServerOptions,
  WEBSOCKET_SERVER_DEFAULTS,
  type WebSocketServerOptions,
} from './options.js';
export {
  createWebSocketServer,
  type WebSocketEntrance,
  type WebSocketServerDeps,
} from './websocket-server.js';
