/**
 * What the foreign client is run against: the real server with its sign-in, a breakable network in front of it, and a simulated API server behind. One cluster is everybody's, one asks for
 * each user's rights, one does not answer.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestKubeSim } from '@trunkline/kube-sim/testing';
import { clock, Kit, signToken } from '@trunkline/testkit';

const SECRET = 'signs tokens of the run with foreign clients';
const RBAC = 'rbac.authorization.k8s.io';

export const SHARED = 'shared';
export const WALLED = 'walled';
export const DEAD = 'dead';

export async function startWorld() {
  const kit = new Kit();
  const directory = await mkdtemp(join(tmpdir(), 'trunkline-foreign-'));
  kit.use({ dispose: () => rm(directory, { recursive: true, force: true }) });
  const sim = kit.use(await startTestKubeSim(clock));
  const config = async (name, content) => {
    await writeFile(join(directory, name), JSON.stringify(content));
    return join(directory, name);
  };
  const kubeconfig = await config('sim.yaml', sim.kubeconfig(sim.issueToken()));
  const dead = await config('dead.yaml', withServer(sim.kubeconfig('nobody'), 'http://127.0.0.1:1'));
  const server = await kit.server({
    config: {
      log: { level: 'warn' },
      auth: { keys: [{ alg: 'HS256', secret: SECRET }], defaultOrg: 'acme' },
      console: { org: 'acme' },
      kube: {
        clusters: [
          { id: SHARED, kubeconfig, mode: 'shared' },
          { id: WALLED, kubeconfig, mode: 'impersonate' },
          { id: DEAD, kubeconfig: dead, mode: 'shared' },
        ],
      },
    },
  });
  const network = await kit.proxy(server);
  const pods = sim.cluster.registry.types().find(({ resource }) => resource === 'pods');
  const namespaces = sim.cluster.registry.require('namespaces', '');
  const maps = sim.cluster.registry.require('configmaps', '');
  const roles = sim.cluster.registry.require('roles', RBAC);
  const bindings = sim.cluster.registry.require('rolebindings', RBAC);
  return {
    sim,
    server,
    network,
    tokenOf: (user) => signToken({ sub: user, org: 'acme' }, SECRET),
    put(name, value = '', { namespace = 'default', labels = {} } = {}) {
      sim.cluster.put(pods, {
        metadata: { name, namespace, labels, annotations: { value } },
        spec: { containers: [{ name: 'main' }] },
      });
    },
    remove: (name, namespace = 'default') => sim.cluster.remove(pods, namespace, name),
    version: () => String(sim.cluster.version),
    /** What a new LIST would show, in the form of `rowsOf`. */
    fresh: (sees = () => true) =>
      rowsOf([...sim.cluster.collection(pods).values()].map(({ object }) => object).filter(sees)),
    /** Nothing is left, and the cluster has moved on beyond all numbers that were made up for differences, as one does in which something always changes. */
    clear() {
      for (const { object } of [...sim.cluster.collection(pods).values()])
        sim.cluster.remove(pods, object.metadata.namespace, object.metadata.name);
      for (let count = 0; count < 500; count++)
        sim.cluster.put(maps, {
          metadata: { name: 'clock', namespace: 'default' },
          data: { count: String(count) },
        });
    },
    /** Lets that user read the pods of a namespace. */
    grant(user, namespace) {
      sim.cluster.put(namespaces, { metadata: { name: namespace } });
      const name = `${user}-reads`;
      const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] }];
      sim.cluster.put(roles, { metadata: { name, namespace }, rules });
      sim.cluster.put(bindings, {
        metadata: { name, namespace },
        subjects: [{ kind: 'User', name: user, apiGroup: RBAC }],
        roleRef: { kind: 'Role', name, apiGroup: RBAC },
      });
    },
    dispose: () => kit.dispose(),
  };
}

/** One line for each object: who it is, and what it says. Versions are left out: these wires may renumber. */
export function rowsOf(objects) {
  return objects
    .map(
      ({ metadata }) =>
        `${metadata.namespace}/${metadata.name} ${metadata.uid} ${(metadata.annotations?.value ?? '').length} ${(metadata.annotations?.value ?? '').slice(0, 40)}`,
    )
    .sort();
}

function withServer(kubeconfig, server) {
  const clusters = kubeconfig.clusters.map((one) => ({ ...one, cluster: { ...one.cluster, server } }));
  return { ...kubeconfig, clusters };
}
