export { createSystemClock, every, sleep, type Clock, type Timer } from './clock.js';
export { createSeededRandom, createSystemRandom, randomInt, type Random } from './random.js';
export { randomId, randomUuid } from './ids.js';
export { Backoff, type BackoffOptions } from './backoff.js';
export { BoundedQueue, type QueueBounds } from './bounded-queue.js';
export { DisposeStack, type Disposable } from './disposable.js';
export { silentLogger, type LogFields, type Logger } from './logger.js';
export { mergeOptions, requireNumber } from './options.js';
export type { Span, SpanAttributes, Tracer } from './tracer.js';
