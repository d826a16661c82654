/**
 * Trunkline as an operator would run it for such channels: a real hub with the memory broker and the WebSocket transport, every
 * connection authenticated as a user of its own, every subscribe authorised by the namespace, heartbeats on, outboxes bounded. With
 * `--history=<n>` (default 100) publications are numbered, kept and recoverable; with 0 they are neither. `apps/server` is not used:
 * its HTTP API, store and modules would only be idle here.
 */
import { createServer } from 'node:http';
import { createSystemClock, createSystemRandom, silentLogger } from '@trunkline/base';
import { createMemoryBroker } from '@trunkline/broker';
import { createHub } from '@trunkline/hub';
import { createEntrance } from '@trunkline/transport';
import { serveControl } from './control.mjs';

const ORG = 'bench';
const historySize = Number(
  process.argv.find((word) => word.startsWith('--history='))?.slice('--history='.length) ?? 100,
);

const clock = createSystemClock();
const random = createSystemRandom();
const logger = silentLogger;

const principal = (token) => ({
  user: token,
  org: ORG,
  roles: ['member'],
  groups: [],
  caps: [],
  channels: [],
});
const authenticator = {
  authenticate: async ({ token }) => ({ principal: principal(token) }),
  refresh: async (_token, current) => current,
  verifyChannelToken: async () => {
    throw new Error('the benchmark has no channel tokens');
  },
};

const hub = createHub(
  { clock, random, logger, authenticator, broker: createMemoryBroker({ clock, random, logger }) },
  {
    namespaces: [
      {
        name: 'bench',
        allowSubscribe: ['user'],
        historySize,
        historyTtlMs: 300_000,
        forceRecovery: historySize > 0,
        forcePositioning: historySize > 0,
      },
    ],
  },
);

const http = createServer();
// All readers share one address here.
createEntrance(
  { clock, random, logger, hub },
  { attemptsPerSecond: Infinity, attemptsBurst: Infinity },
).attach(http);
const org = hub.forOrg(ORG);

http.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  serveControl({
    port: http.address().port,
    connections: () => hub.stats().connections,
    publish: (channel, payload) => org.publish(channel, payload),
  });
});
