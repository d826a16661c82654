export { createHub, type Hub, type HubDeps, type Link, type OpenLine } from './hub.js';
export type { DrainOptions } from './router/drain.js';
export { MAP_DEFAULTS, NAMESPACE_DEFAULTS } from './channels/namespaces.js';
export { HUB_DEFAULTS, resolveHubOptions, type HubOptions } from './options.js';
export { surveyConnections } from './nodes/connections.js';
export {
  spreadList,
  type ListDefinition,
  type ListPart,
  type PageRequest,
  type SpreadList,
  type SpreadPage,
} from './nodes/spread-list.js';
export {
  firstWithin,
  missing,
  surveyChannels,
  surveyEvents,
  surveyNodes,
  surveyOrgNodes,
  type NodeOrgFacts,
  type Spread,
} from './nodes/surveys.js';
export * from './ports/index.js';
export { nativeProfile } from './router/native-endpoint.js';
