export { createAttemptLimiter, type AttemptLimiter, type AttemptLimiterOptions } from './attempt-limiter.js';
export { addressBlock, createPeerResolver, type Peer, type PeerResolver } from './peer-address.js';
export { createOriginRule, type OriginQuestion, type OriginRule } from './origin.js';
export { ENTRANCE_DEFAULTS, resolveEntranceOptions, type EntranceOptions } from './options.js';
export { createEntrance, type Entrance, type EntranceDeps } from './entrance.js';
export { createUniSseEndpoint, uniSse, type UniSseOptions } from './uni/uni-sse.js';
