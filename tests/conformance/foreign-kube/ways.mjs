/** The client's ways to keep a list, each opened, asked for its error, and brought back after its network was cut as its users would. */
import { wait } from '@trunkline/testkit';
import { PODS } from './checks.mjs';

/** How the client keeps lists, by the switch in its settings; and the older way, which plug-ins still take. */
const HOOK = {
  open: async (tab, { cluster, namespace, query }) =>
    tab.list({ cluster, query, namespaces: namespace === undefined ? [] : [namespace] }),
  errorOf: (list) => list.error() ?? undefined,
};
export const WAYS = {
  multiplexed: {
    ...HOOK,
    kind: 'multiplexed',
    multiplexed: true,
    /** It opens its socket again when something else is asked for. */
    comesBack: async (tab, list, asked) => {
      await HOOK.open(tab, { ...asked, namespace: 'elsewhere' });
      return list;
    },
  },
  'per list': {
    ...HOOK,
    kind: 'per list',
    multiplexed: false,
    /** A version in its address: with each list that it takes for new it opens another socket. */
    reopens: true,
    /** It never does by itself: the page is left and opened again. */
    comesBack: async (tab, list, asked) => {
      list.unmount();
      await wait(200);
      return HOOK.open(tab, asked);
    },
  },
  stream: {
    kind: 'stream',
    multiplexed: false,
    open: (tab, { cluster, namespace, query }) =>
      tab.stream({
        cluster,
        query,
        path: namespace === undefined ? PODS : `/api/v1/namespaces/${namespace}/pods`,
      }),
    errorOf: (list) => list.errors()[0],
    /** By itself, after three seconds. */
    comesBack: async (tab, list) => list,
  },
};
