export type {
  Broker,
  BrokerFactory,
  BrokerHandler,
  HistoryFilter,
  HistoryOutcome,
  MapBroker,
  MapPublishOptions,
  MapPublishOutcome,
  MapStatePage,
  PresenceBroker,
  PresenceStats,
  PublishOptions,
  PublishOutcome,
  StreamBroker,
} from './broker.js';
export { createMemoryBroker, type MemoryBrokerDeps } from './memory.js';
export { MEMORY_BROKER_DEFAULTS, type MemoryBrokerOptions } from './options.js';
