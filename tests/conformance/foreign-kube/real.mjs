/**
 * The API server of the run as a real one (`npm run setup:kube`), reached by this server over a line of its own that breaks where the simulation would break: what no line and no restart can
 * bring about is named in `cannot`, and said by the run. It keeps no cache of pods, so that what etcd has forgotten nobody knows.
 */
import { Agent, request } from 'node:https';
import { findKubeBinaries, startKubeApiServer, until } from '@trunkline/testkit';

const TOKEN = 'token-of-admin';
const RBAC = 'rbac.authorization.k8s.io';

export async function startReal(kit) {
  const binaries = findKubeBinaries();
  if (binaries === undefined) throw new Error('no real API server here: npm run setup:kube builds one');
  const server = kit.use(
    await startKubeApiServer(binaries, {
      tokens: { [TOKEN]: { name: 'admin', groups: ['system:masters'] } },
      args: ['--watch-cache-sizes=pods#0'],
    }),
  );
  const line = await kit.proxy({ port: Number(new URL(server.url).port) });
  const api = createApi(server);
  const known = new Set(['default']);
  let ownLists = 0;
  let ticks = 0;

  const ensure = async (namespace) => {
    if (known.has(namespace)) return;
    known.add(namespace);
    await api.make('/api/v1/namespaces', { metadata: { name: namespace } });
  };
  const list = async (query = '') => {
    ownLists++;
    return api.get(`/api/v1/pods${query}`);
  };
  /** Something else in the cluster changes. */
  const tick = async (times) => {
    const path = '/api/v1/namespaces/default/configmaps';
    await api.make(path, { metadata: { name: 'clock' } });
    for (let count = 0; count < times; count++)
      await api.patch(`${path}/clock`, { data: { count: String(++ticks) } });
  };
  const compact = async () => {
    await tick(2);
    await compactEtcd(server.etcd.port);
  };

  return {
    kubeconfig: {
      clusters: [
        {
          name: 'real',
          cluster: {
            server: `https://127.0.0.1:${line.port}`,
            'certificate-authority-data': Buffer.from(server.ca).toString('base64'),
          },
        },
      ],
      users: [{ name: 'admin', user: { token: TOKEN } }],
      contexts: [{ name: 'real', context: { cluster: 'real', user: 'admin' } }],
      'current-context': 'real',
    },
    /** Annotations of an object are 256 KiB at most. */
    largest: 250_000,
    async put(name, value = '', { namespace = 'default', labels = {} } = {}) {
      await ensure(namespace);
      const path = `/api/v1/namespaces/${namespace}/pods`;
      const metadata = { labels, annotations: { value } };
      if ((await api.patch(`${path}/${name}`, { metadata }, [200, 404])) === 200) return;
      const spec = { containers: [{ name: 'main', image: 'example.com/app:1' }] };
      await api.make(path, { metadata: { ...metadata, name }, spec });
    },
    remove: (name, namespace = 'default') => api.remove(`/api/v1/namespaces/${namespace}/pods/${name}`),
    version: async () => (await list('?limit=1')).metadata.resourceVersion,
    list: async () => (await list()).items,
    async clear() {
      for (const namespace of known) await api.remove(`/api/v1/namespaces/${namespace}/pods`);
      await tick(50);
    },
    async grant(user, namespace) {
      await ensure(namespace);
      const path = `/apis/${RBAC}/v1/namespaces/${namespace}`;
      const name = `${user}-reads`;
      const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] }];
      await api.make(`${path}/roles`, { metadata: { name }, rules });
      await api.make(`${path}/rolebindings`, {
        metadata: { name },
        subjects: [{ kind: 'User', name: user, apiGroup: RBAC }],
        roleRef: { kind: 'Role', name, apiGroup: RBAC },
      });
      // It looks at new roles a moment after it stored them.
      const mine = `/api/v1/namespaces/${namespace}/pods?limit=1`;
      await until(`the role of ${user}`, async () => {
        ownLists++;
        return api.isAllowed(mine, { 'impersonate-user': user });
      });
    },
    /** Those of pods, as the server counts them, without the lists of the run itself. */
    async counts() {
      const text = await api.text('/metrics');
      const sum = (name, verb) => sumOf(text, name, { group: '', resource: 'pods', verb });
      return {
        watches: sum('apiserver_longrunning_gauge', 'WATCH') + sum('apiserver_request_total', 'WATCH'),
        lists: sum('apiserver_request_total', 'LIST') - ownLists,
      };
    },
    breaks: {
      'a cut': () => line.drop(),
      'a version that is forgotten': async () => {
        line.cut();
        await compact();
        line.restore();
      },
      'a cut in the middle of an event': () => line.truncate(100),
    },
    cannot: {
      'an orderly end': 'this server says how long a watch is to be, and no API server ends one sooner',
    },
    compact,
    /** Killed, and back with nothing in memory; for this server it stays away until it is revived. */
    async die() {
      line.cut();
      await server.restart();
    },
    revive: () => line.restore(),
  };
}

/** As much of a client as the run needs. */
function createApi({ url, ca }) {
  const agent = new Agent({ ca, keepAlive: true, maxSockets: 20 });
  const send = (method, path, { body, type = 'application/json', headers = {} } = {}) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? '' : JSON.stringify(body);
      const all = {
        authorization: `Bearer ${TOKEN}`,
        'content-type': type,
        'content-length': Buffer.byteLength(text),
        ...headers,
      };
      const asked = request(new URL(path, url), { method, agent, headers: all }, (answer) => {
        const chunks = [];
        answer.on('data', (chunk) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => resolve({ code: answer.statusCode, text: Buffer.concat(chunks).toString() }));
      });
      asked.on('error', (error) =>
        // A connection that was kept is gone with the server that was killed.
        asked.reusedSocket
          ? send(method, path, { body, type, headers }).then(resolve, reject)
          : reject(error),
      );
      asked.end(text);
    });
  const expect = async (codes, method, path, options) => {
    const { code, text } = await send(method, path, options);
    if (!codes.includes(code)) throw new Error(`${method} ${path}: ${code} ${text.slice(0, 300)}`);
    return { code, text };
  };
  const type = 'application/merge-patch+json';
  return {
    text: async (path) => (await expect([200], 'GET', path)).text,
    get: async (path) => JSON.parse((await expect([200], 'GET', path)).text),
    isAllowed: async (path, headers) => (await send('GET', path, { headers })).code === 200,
    /** Where it is not there yet. */
    make: (path, body) => expect([201, 409], 'POST', path, { body }),
    patch: async (path, body, codes = [200]) => (await expect(codes, 'PATCH', path, { body, type })).code,
    remove: (path) => expect([200, 404], 'DELETE', path, { body: { gracePeriodSeconds: 0 } }),
  };
}

/** The sum of the samples that have these labels, whatever else they have. */
function sumOf(text, name, labels) {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return (
    text
      .split('\n')
      .filter((row) => row.startsWith(`${name}{`) && wanted.every((label) => row.includes(label)))
      // A watch that was refused, such as one with initial events by a server that has none, was not opened.
      .filter((row) => !row.includes('code="4'))
      .reduce((sum, row) => sum + Number(row.slice(row.lastIndexOf(' '))), 0)
  );
}

/** Through the JSON gateway of etcd. */
async function compactEtcd(port) {
  const call = async (path, body) => {
    const answer = await fetch(`http://127.0.0.1:${port}/v3/kv/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    return answer.json();
  };
  const { header } = await call('range', { key: Buffer.from('/').toString('base64') });
  await call('compaction', { revision: header.revision, physical: true });
}
