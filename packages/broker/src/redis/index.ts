/** The broker on Redis. Loaded only where it is configured. */
export { createRedisBroker, type RedisBrokerDeps } from './redis-broker.js';
export { REDIS_BROKER_DEFAULTS, type RedisBrokerOptions } from './options.js';
