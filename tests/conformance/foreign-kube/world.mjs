/**
 * What the foreign client is run against: the real server with its sign-in, a breakable network in front of it, and an API server behind, simulated or real. One cluster is everybody's, one
 * asks for each user's rights, one does not answer.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kit, signToken } from '@trunkline/testkit';
import { startReal } from './real.mjs';
import { rowsOf } from './rows.mjs';
import { startSimulated } from './simulated.mjs';

const SECRET = 'signs tokens of the run with foreign clients';

export const SHARED = 'shared';
export const WALLED = 'walled';
export const DEAD = 'dead';

export async function startWorld({ isReal }) {
  const kit = new Kit();
  try {
    return await start(kit, isReal);
  } catch (cause) {
    await kit.dispose();
    throw cause;
  }
}

async function start(kit, isReal) {
  const directory = await mkdtemp(join(tmpdir(), 'trunkline-foreign-'));
  kit.use({ dispose: () => rm(directory, { recursive: true, force: true }) });
  const cluster = isReal ? await startReal(kit) : await startSimulated(kit);
  const config = async (name, content) => {
    await writeFile(join(directory, name), JSON.stringify(content));
    return join(directory, name);
  };
  const kubeconfig = await config('cluster.yaml', cluster.kubeconfig);
  const dead = await config('dead.yaml', withServer(cluster.kubeconfig, 'http://127.0.0.1:1'));
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
  return {
    /** Of pods: `put`, `remove`, `version`, `grant` (lets a user read those of a namespace), `counts`; faults: `breaks` of watches, `compact`, `die`, `revive`, and what it `cannot`. */
    ...cluster,
    server,
    network,
    tokenOf: (user) => signToken({ sub: user, org: 'acme' }, SECRET),
    /** What a new LIST shows, in the form of `rowsOf`. */
    fresh: async (sees = () => true) => rowsOf((await cluster.list()).filter(sees)),
    dispose: () => kit.dispose(),
  };
}

function withServer(kubeconfig, server) {
  const clusters = kubeconfig.clusters.map((one) => ({ name: one.name, cluster: { server } }));
  return { ...kubeconfig, clusters };
}
