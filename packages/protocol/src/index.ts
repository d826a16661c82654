export * from './model.js';
export {
  CLOSE_CODES,
  CodedError,
  closeOf,
  ERROR_CODES,
  UNSUBSCRIBE_CODES,
  type Close,
  type CloseName,
  type CodeEntry,
  type ErrorData,
  type ErrorName,
  type Retry,
  type UnsubscribeName,
} from './codes.js';
export {
  channelKey,
  isChannelName,
  isOrgId,
  namespaceOf,
  splitChannelKey,
  type ChannelKey,
} from './channel.js';
export {
  BinaryEncoded,
  Encoded,
  type Codec,
  type Decoded,
  type DecodeLimits,
  type Refused,
} from './codec.js';
export { DEFAULT_PROTOCOL_LIMITS, type ProtocolLimits } from './limits.js';
export { fromUtf8, utf8 } from './bytes.js';
export { applyDelta, type ApplyOptions } from './fossil.js';
export { createDelta } from './fossil-create.js';
export { matchesFilter } from './tags-filter.js';
export { createJsonCodec } from './json/codec.js';
