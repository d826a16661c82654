/** A cluster for the console's browser tests: a simulated API server behind a path that can be broken, with pods that change all the time, and a server that knows it. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSystemClock, createSystemRandom, silentLogger } from '@trunkline/base';
import { createKubeSim, type KubeSim, type ObjectDraft } from '@trunkline/kube-sim';
import { createCertificateAuthority, type FaultProxy, type Kit, type TestServer } from '@trunkline/testkit';

const RBAC = 'rbac.authorization.k8s.io';
/** 100 changes in a second, where the machine keeps up. */
const TURN_MS = 100;
const CHANGES = 10;

export interface KubeBed {
  readonly sim: KubeSim;
  /** Between the server and cluster `mine`, in which each user's own credential counts. Cluster `prod`, which is shared, is reached without it. */
  readonly path: FaultProxy;
  readonly server: TestServer;
  /** Of the user `ada`, signed by the authority that the cluster trusts; and a key of somebody else. */
  readonly certificate: { readonly key: string; readonly cert: string };
  readonly foreignKey: string;
  /** A kubeconfig of cluster `mine`. */
  kubeconfig(user: object): string;
  /** Changes that pod: it was begun anew so many times. */
  restart(number: number, times: number): void;
  /** Takes or gives back what `ada` may see. */
  letIn(allowed: boolean): void;
}

/** Name of the pod with that number; they are in this order by name. */
export function podName(number: number): string {
  return `pod-${String(number).padStart(4, '0')}`;
}

export async function startKubeBed(kit: Kit, pods: number): Promise<KubeBed> {
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-console-kube-'));
  kit.defer(() => rm(folder, { recursive: true, force: true }));
  const authority = await createCertificateAuthority(folder);
  const own = await authority.sign('server', '/CN=server', 'IP:127.0.0.1');
  const read = (path: string): Promise<string> => readFile(path, 'utf8');
  const sim = createKubeSim(
    { clock: createSystemClock(), random: createSystemRandom(), logger: silentLogger },
    { tls: { key: await read(own.key), cert: await read(own.cert), clientCa: authority.ca } },
  );
  kit.defer(() => sim.dispose());
  await sim.start();
  const type = sim.cluster.registry.require('pods');
  for (let number = 0; number < pods; number++) sim.cluster.put(type, podDraft(number, 0));
  const restart = (number: number, times: number): void => {
    const there = sim.cluster.get(type, 'default', podName(number))?.object;
    const { status } = podDraft(number, times);
    if (there !== undefined) sim.cluster.put(type, { ...there, ...(status && { status }) });
  };
  let changed = 0;
  const timer = setInterval(() => {
    // Every pod in turn; neighbours in a list do not change one after the other.
    for (let each = 0; each < CHANGES; each++, changed++)
      restart((changed * 7_919) % pods, Math.floor(changed / pods) + 1);
  }, TURN_MS);
  kit.defer(() => clearInterval(timer));
  const path = await kit.proxy({ port: Number(new URL(sim.url).port) });
  const configOf = (server: string, user: object): string =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'there',
          cluster: {
            server,
            'certificate-authority-data': Buffer.from(authority.ca).toString('base64'),
          },
        },
      ],
      users: [{ name: 'me', user }],
      contexts: [{ name: 'there', context: { cluster: 'there', user: 'me' } }],
      'current-context': 'there',
    });
  const kubeconfig = (user: object): string => configOf(`https://127.0.0.1:${path.port}`, user);
  const token = { token: sim.issueToken() };
  await writeFile(join(folder, 'prod'), configOf(sim.url, token));
  await writeFile(join(folder, 'mine'), kubeconfig(token));
  const server = await kit.server({
    config: {
      development: true,
      log: { level: 'warn' },
      // Credentials that users leave are kept there; a server is ready once it is open.
      store: { open: 'start' },
      kube: {
        clusters: [
          { id: 'prod', kubeconfig: join(folder, 'prod'), mode: 'shared' },
          { id: 'mine', kubeconfig: join(folder, 'mine'), mode: 'own' },
        ],
      },
    },
  });
  const bindings = sim.cluster.registry.require('clusterrolebindings', RBAC);
  const letIn = (allowed: boolean): void => {
    if (!allowed) return void sim.cluster.remove(bindings, '', 'ada');
    sim.cluster.put(bindings, {
      metadata: { name: 'ada' },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'User', apiGroup: RBAC, name: 'ada' }],
    });
  };
  letIn(true);
  const certificate = await authority.sign('ada', '/CN=ada');
  const foreignKey = await read((await authority.sign('bob', '/CN=bob')).key);
  return { sim, path, server, certificate, foreignKey, kubeconfig, restart, letIn };
}

function podDraft(number: number, restarts: number): ObjectDraft {
  return {
    metadata: {
      name: podName(number),
      namespace: 'default',
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'web', controller: true },
      ],
    },
    spec: { nodeName: `node-${number % 12}`, containers: [{ name: 'web', image: 'web:1' }] },
    status: {
      phase: 'Running',
      containerStatuses: [
        { name: 'web', ready: true, restartCount: restarts, state: { running: { startedAt: null } } },
      ],
    },
  };
}
