/** The door of the offline queue: commands that are kept until they took effect. */
export { createOfflineQueue, OfflineQueue, type AddOptions, type QueuedCommand } from './offline/queue.js';
export type { OfflineQueueOptions } from './offline/options.js';
export type { QueueState, WaitsFor } from './offline/mirror.js';
export type { Change, EntryError, EntryStatus, QueueEntry, QueueMeta } from './offline/entry.js';
export { resultOf, type Outcome } from './offline/outcome.js';
export type { QueueNews, QueueStore } from './offline/store.js';
export { memoryStore } from './offline/memory-store.js';
export { indexedDbStore, type IndexedDbStoreOptions } from './offline/indexed-db-store.js';
