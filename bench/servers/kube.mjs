/**
 * Trunkline with the kube module as a process of its own: hub, memory broker, WebSocket transport, one cluster in mode `impersonate`, so that rights are asked about as in production.
 * Started with the address of an API server, its token and, where it speaks TLS, a file with its certificate authority.
 *
 *   reflectors → {reflectors: [{objects, bytes, lists, watches, failures, state}]}
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createSystemClock, createSystemRandom, silentLogger } from '@trunkline/base';
import { createMemoryBroker } from '@trunkline/broker';
import { createHub } from '@trunkline/hub';
import { givenCredential } from '@trunkline/kube-client';
import { createKube, kubeModule } from '@trunkline/module-kube';
import { createEntrance } from '@trunkline/transport';
import { serveCommands } from '../lib/commands.mjs';

const [server, token, caFile] = process.argv.slice(2);
const deps = { clock: createSystemClock(), random: createSystemRandom(), logger: silentLogger };
const connection = {
  server,
  credentials: givenCredential({ token }),
  ...(caFile === undefined ? {} : { ca: readFileSync(caFile, 'utf8') }),
};

const kube = createKube(deps, {
  clusters: [
    {
      id: 'bench',
      mode: 'impersonate',
      open: () => connection,
      visibleTo: () => ({}),
      // The simulated cluster's administrators may see everything; each user is asked about all the same.
      impersonate: (principal) => ({ user: principal.user, groups: ['system:masters'] }),
    },
  ],
});
const principal = (user) => ({ user, org: 'bench', roles: [], groups: [], caps: [], channels: [] });
const authenticator = {
  authenticate: async ({ token: user }) => ({ principal: principal(user || 'viewer') }),
  refresh: async (_token, current) => current,
  verifyChannelToken: async () => {
    throw new Error('the benchmark has no channel tokens');
  },
};
const hub = createHub({ ...deps, authenticator, broker: createMemoryBroker(deps) }, {});
await hub.use(kubeModule({ kube }));

const http = createServer();
createEntrance({ ...deps, hub }, { attemptsPerSecond: Infinity, attemptsBurst: Infinity }).attach(http);

http.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
  serveCommands(
    {
      reflectors: () => ({
        reflectors: kube.clusters
          .get('bench')
          .ways()
          .flatMap(({ way }) => [...way.reflectors.entries()])
          .map(({ view: { stats, state } }) => {
            const { objects, bytes, lists, watches, failures } = stats;
            return { objects, bytes, lists, watches, failures, state: state.kind };
          }),
      }),
    },
    { port: http.address().port },
  ),
);
