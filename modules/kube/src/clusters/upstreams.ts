/** The port by which lists, windows, the proxy and the wires reach reflectors; see `ports.ts`. */
import type { Upstreams } from '../ports.js';
import type { Clusters } from './clusters.js';

export function createUpstreams(clusters: Clusters): Upstreams {
  return {
    lease: (cluster, identity, question, listener) => {
      const found = clusters.get(cluster);
      found.reach.touch();
      return found.way(identity).lease(question, listener);
    },
    doubt: (cluster, identity, listener) => clusters.get(cluster).way(identity).listen(listener),
    resolve: async (cluster, identity, kind) => clusters.get(cluster).way(identity).kinds.resolve(kind),
    columns: async (cluster, identity, kind, namespace) =>
      clusters.get(cluster).way(identity).columns.of(kind, namespace),
  };
}
