/** A hub behind a real socket, in this process, for what needs a module of the test's own: sources that hang, rules that never answer. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  createSystemClock,
  createSystemRandom,
  DisposeStack,
  silentLogger,
  type Disposable,
} from '@trunkline/base';
import { createMemoryBroker } from '@trunkline/broker';
import { createHub, type Authenticator, type Hub, type HubOptions, type Module } from '@trunkline/hub';
import { CodedError } from '@trunkline/protocol';
import { createEntrance } from '@trunkline/transport';

export interface HubServer extends Disposable {
  readonly hub: Hub;
  readonly wsUrl: string;
}

const ANYBODY: Authenticator = {
  authenticate: () =>
    Promise.resolve({
      principal: { user: 'ada', org: 'acme', roles: [], groups: [], caps: [], channels: [] },
    }),
  refresh: () => Promise.reject(new CodedError('unauthorized')),
  verifyChannelToken: () => Promise.reject(new CodedError('unauthorized')),
};

export async function startHubServer(
  modules: readonly Module[],
  options: Partial<HubOptions> = {},
  authenticator: Partial<Authenticator> = {},
): Promise<HubServer> {
  const stack = new DisposeStack();
  const [clock, random, logger] = [createSystemClock(), createSystemRandom(), silentLogger];
  const hub = stack.use(
    createHub(
      {
        clock,
        random,
        logger,
        broker: createMemoryBroker({ clock, random, logger }),
        authenticator: { ...ANYBODY, ...authenticator },
      },
      options,
    ),
  );
  for (const module of modules) await hub.use(module);
  const entrance = stack.use(createEntrance({ clock, random, logger, hub }));
  const server = createServer((request, response) => {
    if (entrance.serves(request)) entrance.serve(request, response);
    else response.writeHead(404).end();
  });
  entrance.attach(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stack.defer(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const { port } = server.address() as AddressInfo;
  return { hub, wsUrl: `ws://127.0.0.1:${port}/connection/websocket`, dispose: () => stack.dispose() };
}
