/**
 * Bundles the list code of a checkout of the foreign console as it is: everything that its lists, its multiplexer and its streams import inside `lib/k8s`. What lies around them (sign-in,
 * settings, the store, the address of the server) are stand-ins of a few lines, and so are the two globals that reach the network, which each tab brings itself.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { rolldown } from 'rolldown';

const API = 'frontend/src/lib/k8s/api';
/** Packages that are installed here anyway. */
const EXTERNAL = /^(react|react-dom|@tanstack\/react-query)($|\/)/;
/** Packages of which the list code calls nothing but what its stand-in has. */
const SPARED = /^(json-patch|lodash|react-jwt|semver)($|\/)/;
const STAND_IN = '\0stand-in';
const NETWORK = '\0network';

/** All that the list code imports from elsewhere in its console, in whatever file a version has it. */
const standIn = (multiplexed) => `
const tab = globalThis.foreignTabs.get(new URL(import.meta.url).searchParams.get('tab'));
export const getAppUrl = () => tab.server + '/';
export const getToken = () => tab.token;
export const setToken = () => undefined;
export const logout = () => undefined;
export const getCluster = () => null;
export const isDebugVerbose = () => false;
export const isBackstage = () => false;
export const addBackstageAuthHeaders = (headers) => headers;
export const getHeadlampAPIHeaders = () => ({});
export const getHeadlampWebSocketProtocol = () => tab.backendProtocol;
export const getUserIdFromLocalStorage = () => 'a-user-id';
export const findKubeconfigByClusterName = async () => tab.kubeconfig;
export const storeStatelessClusterKubeconfig = async () => undefined;
export const deleteClusterKubeconfig = async () => undefined;
export const loadClusterSettings = () => ({});
export const hasAllowedNamespacesRestriction = () => false;
export const getWebsocketMultiplexerEnabled = () => ${multiplexed};
export const decodeToken = () => ({});
export const omit = (from, ...keys) => Object.fromEntries(Object.entries(from).filter(([key]) => !keys.flat().includes(key)));
export class KubeObject {}
export default Object.assign(omit.bind(null), { getAppUrl, loadClusterSettings, isDebugVerbose, omit, getState: () => ({ config: { clusters: {} } }) });
`;

const network = `
const tab = globalThis.foreignTabs.get(new URL(import.meta.url).searchParams.get('tab'));
export const WebSocket = tab.WebSocket;
export const fetch = tab.fetch;
`;

/** Whether that version has lists of its own (hooks), a multiplexer, and where its streams are. */
export function featuresOf(checkout) {
  const at = (file) => join(checkout, API, file);
  const lists = existsSync(at('v2/useKubeObjectList.ts')) ? at('v2/useKubeObjectList.ts') : undefined;
  const manager = [at('v2/multiplexer.ts'), at('v2/webSocket.ts')].find(
    (file) => existsSync(file) && readFileSync(file, 'utf8').includes('WebSocketManager = {'),
  );
  const streams = [at('v1/streamingApi.ts'), join(checkout, 'frontend/src/lib/k8s/apiProxy.ts')].find(
    existsSync,
  );
  if (streams === undefined) throw new Error(`${checkout} has no ${API} and no apiProxy.ts`);
  return { lists, manager, streams, objects: lists && at('v2/hooks.ts') };
}

/** Writes the bundle; the files of the checkout that are in it. */
export async function bundle(checkout, { multiplexed, file }) {
  const { lists, manager, streams, objects } = featuresOf(checkout);
  const entry = [
    lists === undefined ? '' : `export { useKubeObjectList } from ${JSON.stringify(lists)};`,
    objects === undefined ? '' : `export { useKubeObject } from ${JSON.stringify(objects)};`,
    manager === undefined ? '' : `export { WebSocketManager } from ${JSON.stringify(manager)};`,
    `export { streamResultsForCluster, stream } from ${JSON.stringify(streams)};`,
  ].join('\n');
  const inside = join(checkout, 'frontend/src/lib/k8s') + sep;
  const taken = new Set();
  const build = await rolldown({
    input: 'entry',
    platform: 'browser',
    plugins: [
      {
        name: 'surroundings',
        resolveId: {
          order: 'pre',
          async handler(id, importer) {
            if (id === 'entry') return '\0entry';
            if (id === STAND_IN || id === NETWORK) return id;
            if (SPARED.test(id)) return STAND_IN;
            if (EXTERNAL.test(id)) return { id: import.meta.resolve(id), external: true };
            const found = await this.resolve(id, importer, { skipSelf: true });
            return found?.id.startsWith(inside) && !/KubeObject\.tsx?$/.test(found.id) ? found : STAND_IN;
          },
        },
        load(id) {
          if (id === '\0entry') return entry;
          if (id === STAND_IN) return standIn(multiplexed);
          if (id === NETWORK) return network;
          taken.add(relative(checkout, id));
          return null;
        },
      },
    ],
    transform: {
      inject: { WebSocket: [NETWORK, 'WebSocket'], fetch: [NETWORK, 'fetch'] },
      define: {
        'import.meta.env': '{}',
        'import.meta.env.REACT_APP_ENABLE_WEBSOCKET_MULTIPLEXER': `"${multiplexed}"`,
      },
    },
    onLog: (level, log, handle) => {
      if (level === 'warn' && log.code !== 'IMPORT_IS_UNDEFINED') handle(level, log);
    },
  });
  await build.write({ file, format: 'esm', codeSplitting: false });
  await build.close();
  return [...taken].sort();
}
