/** The API server of the run as a simulation, with every fault that the scenarios know. What it does it does at once; the scenarios wait all the same, for a real one. */
import { startTestKubeSim } from '@trunkline/kube-sim/testing';
import { clock } from '@trunkline/testkit';

const RBAC = 'rbac.authorization.k8s.io';

export async function startSimulated(kit) {
  const sim = kit.use(await startTestKubeSim(clock));
  const { cluster, faults } = sim;
  const pods = cluster.registry.types().find(({ resource }) => resource === 'pods');
  const namespaces = cluster.registry.require('namespaces', '');
  const maps = cluster.registry.require('configmaps', '');
  const roles = cluster.registry.require('roles', RBAC);
  const bindings = cluster.registry.require('rolebindings', RBAC);
  const remove = (name, namespace = 'default') => cluster.remove(pods, namespace, name);
  return {
    kubeconfig: sim.kubeconfig(sim.issueToken()),
    largest: 1_500_000,
    put(name, value = '', { namespace = 'default', labels = {} } = {}) {
      cluster.put(pods, {
        metadata: { name, namespace, labels, annotations: { value } },
        spec: { containers: [{ name: 'main' }] },
      });
    },
    remove,
    version: () => String(cluster.version),
    list: () => [...cluster.collection(pods).values()].map(({ object }) => object),
    clear() {
      for (const { object } of [...cluster.collection(pods).values()])
        remove(object.metadata.name, object.metadata.namespace);
      for (let count = 0; count < 500; count++)
        cluster.put(maps, {
          metadata: { name: 'clock', namespace: 'default' },
          data: { count: String(count) },
        });
    },
    grant(user, namespace) {
      cluster.put(namespaces, { metadata: { name: namespace } });
      const name = `${user}-reads`;
      const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] }];
      cluster.put(roles, { metadata: { name, namespace }, rules });
      cluster.put(bindings, {
        metadata: { name, namespace },
        subjects: [{ kind: 'User', name: user, apiGroup: RBAC }],
        roleRef: { kind: 'Role', name, apiGroup: RBAC },
      });
    },
    counts: () => {
      const { watchesOpened, lists } = sim.stats();
      return { watches: watchesOpened, lists };
    },
    breaks: {
      'an orderly end': () => faults.endWatches(),
      'a cut': () => faults.cutWatches(),
      'a version that is forgotten': () => faults.expireWatches(),
      'a cut in the middle of an event': () => faults.truncateWatches(),
    },
    cannot: {},
    compact: () => faults.compact(),
    die: () => faults.die(600_000),
    revive: () => faults.revive(),
  };
}
