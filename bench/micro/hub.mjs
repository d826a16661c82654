#!/usr/bin/env node
/**
 * The hub without sockets: real codec, broker, router and delivery on transports that only count, so that what is left of a delivery's
 * cost is ours. Everything from `publish` to the transport's `write` is in the figure. `node bench/micro/hub.mjs`
 */
import { createSystemClock, createSystemRandom, silentLogger } from '@trunkline/base';
import { createMemoryBroker } from '@trunkline/broker';
import { createHub } from '@trunkline/hub';
import { buildPayload, nowUs } from '../lib/payload.mjs';
import { timeAsync } from './measure.mjs';

const READERS = 1_000;
const BURST = 10;

/** Takes everything at once and remembers only how much. */
class CountingTransport {
  name = 'count';
  writes = 0;
  documents = 0;
  write(documents) {
    this.writes++;
    this.documents += documents.length;
    return true;
  }
  bufferedBytes() {
    return 0;
  }
  pause() {}
  resume() {}
  close() {}
  destroy() {}
}

async function buildHub(historySize) {
  const clock = createSystemClock();
  const random = createSystemRandom();
  const principal = (user) => ({ user, org: 'bench', roles: ['member'], groups: [], caps: [], channels: [] });
  const hub = createHub(
    {
      clock,
      random,
      logger: silentLogger,
      broker: createMemoryBroker({ clock, random }),
      authenticator: {
        authenticate: async ({ token }) => ({ principal: principal(token) }),
        refresh: async (_token, current) => current,
        verifyChannelToken: async () => Promise.reject(new Error('none')),
      },
    },
    {
      // A ping would count as a document.
      pingIntervalMs: 0,
      namespaces: [{ name: 'bench', allowSubscribe: ['user'], historySize, forceRecovery: historySize > 0 }],
    },
  );
  const endpoint = hub.endpoints()[0];
  const transports = [];
  for (let index = 0; index < READERS; index++) {
    const request = {
      method: 'GET',
      path: endpoint.path,
      params: {},
      query: new URLSearchParams(),
      headers: {},
      remoteAddress: '127.0.0.1',
      originAllowed: true,
      subprotocols: [],
    };
    const decision = await endpoint.open(request, new AbortController().signal);
    const transport = new CountingTransport();
    const handlers = hub.accept(transport, { codec: decision.codec, profile: decision.profile, request });
    const names = Array.from({ length: BURST }, (_, channel) => `bench:c${channel}`);
    const commands = [
      { id: 1, connect: { token: `u${index}` } },
      ...names.map((channel, at) => ({ id: at + 2, subscribe: { channel } })),
    ];
    handlers.onFrame(commands.map((command) => JSON.stringify(command)).join('\n'));
    transports.push(transport);
  }
  while (hub.stats().subscriptions < READERS * BURST) await turn();
  await turn();
  return {
    hub,
    org: hub.forOrg('bench'),
    documents: () => transports.reduce((sum, one) => sum + one.documents, 0),
  };
}

function turn() {
  return new Promise((resolve) => setImmediate(resolve));
}

for (const historySize of [100, 0]) {
  const { hub, org, documents } = await buildHub(historySize);
  const before = documents();
  const data = buildPayload(1, nowUs());
  const label = historySize > 0 ? 'numbered and kept' : 'no history';
  let published = 0;
  const publish = (channel) => {
    published++;
    return org.publish(channel, data);
  };
  await timeAsync(
    `one message to ${READERS}, ${label}, per delivery`,
    () => publish('bench:c0').then(turn),
    READERS,
  );
  const burst = (channelOf) =>
    Promise.all(Array.from({ length: BURST }, (_, index) => publish(channelOf(index)))).then(turn);
  await timeAsync(
    `burst of ${BURST}, same channel, ${label}, per delivery`,
    () => burst(() => 'bench:c0'),
    READERS * BURST,
  );
  await timeAsync(
    `burst of ${BURST}, mixed channels, ${label}, per delivery`,
    () => burst((index) => `bench:c${index}`),
    READERS * BURST,
  );
  await turn();
  if (documents() - before !== published * READERS)
    throw new Error(`delivered ${documents() - before} of ${published * READERS}`);
  await hub.dispose();
}
