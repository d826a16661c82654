/** What the command needs of the server package, loaded only by the commands that need it: it brings a whole server along. */

export type Server = Pick<
  typeof import('@trunkline/server'),
  | 'runServer'
  | 'loadConfig'
  | 'configCheck'
  | 'configShow'
  | 'formatProblem'
  | 'mintToken'
  | 'openStoreOffline'
  | 'restoreStore'
  | 'storeOwners'
  | 'storeDirectory'
  | 'mayHaveStore'
  | 'MODULE_MIGRATIONS'
  | 'STORE_IN_USE'
>;

export type LoadServer = () => Promise<Server>;

export const loadServer: LoadServer = () => import('@trunkline/server');
