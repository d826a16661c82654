export { createHub, type DrainOptions, type Hub, type HubDeps, type Link } from './hub.js';
export { MAP_DEFAULTS, NAMESPACE_DEFAULTS } from './channels/namespaces.js';
export { HUB_DEFAULTS, resolveHubOptions, type HubOptions } from './options.js';
export * from './ports/index.js';
export { nativeProfile } from './router/native-endpoint.js';
