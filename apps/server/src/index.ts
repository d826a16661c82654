export {
  createServer,
  type ModuleServices,
  type ServerContext,
  type StartedServer,
  type TrunklineServer,
} from './compose.js';
export { VERSION } from './version.js';
export {
  ConfigError,
  configCheck,
  formatProblem,
  loadConfig,
  type ConfigInput,
  type ResolvedConfig,
} from './config/load.js';
export type { ConfigProblem } from './config/layer.js';
export type { Config } from './config/schema.js';
export { configShow, type ShownValue } from './config/show.js';
export { ListenError } from './listening.js';
export { runServer, EXIT, type ProcessPort } from './main.js';
export { mintToken, type MintOptions, type SigningKey, type TokenClaims } from './auth/mint.js';
export {
  MODULE_MIGRATIONS,
  openStoreOffline,
  restoreStore,
  STORE_IN_USE,
  storeOwners,
} from './store/offline.js';
export { mayHaveStore, storeDirectory } from './store/open.js';
