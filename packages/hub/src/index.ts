export { createHub, type DrainOptions, type Hub, type HubDeps, type Link } from './hub.js';
export { HUB_DEFAULTS, resolveHubOptions, type HubOptions } from './options.js';
export * from './ports/index.js';
