/** The store between hub and database as a server has it, for whoever puts one together from parts: simulations. */
export { createCommandStore } from './store/commands.js';
export { createDurableLog } from './store/durable-log.js';
export { ServerStore, type ServerStoreDeps, type ServerStoreOptions } from './store/server-store.js';
