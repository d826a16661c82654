/**
 * A real hub behind real sockets, in this process, for tests of the SDK: every transport of the native wire, a proxy in front that refuses some of them, channels
 * of several kinds, and a method that answers with its params.
 */
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
import type { TransportName } from '@trunkline/client';
import { createHub, defineModule, type Authenticator, type OrgApi } from '@trunkline/hub';
import { CodedError } from '@trunkline/protocol';
import { createEntrance } from '@trunkline/transport';

const EVERYBODY = ['user'] as const;
const ANYBODY: Authenticator = {
  authenticate: () =>
    Promise.resolve({
      principal: { user: 'ada', org: 'acme', roles: [], groups: [], caps: [], channels: [] },
    }),
  refresh: () => Promise.reject(new CodedError('unauthorized')),
  verifyChannelToken: () => Promise.reject(new CodedError('unauthorized')),
};

export interface World extends Disposable {
  readonly port: number;
  readonly org: OrgApi;
  /** Params of the calls, in the order they were worked on. */
  readonly calls: unknown[];
  /** What a proxy in front answers 403. */
  readonly refuses: Set<TransportName>;
}

/** `origins`: of pages that may connect. */
export async function startWorld(origins: readonly string[] = []): Promise<World> {
  const stack = new DisposeStack();
  const [clock, random, logger] = [createSystemClock(), createSystemRandom(), silentLogger];
  const calls: unknown[] = [];
  const refuses = new Set<TransportName>();
  const hub = stack.use(
    createHub({
      clock,
      random,
      logger,
      broker: createMemoryBroker({ clock, random, logger }),
      authenticator: ANYBODY,
    }),
  );
  const shared = {
    allowSubscribe: EVERYBODY,
    allowPublish: EVERYBODY,
    allowHistory: EVERYBODY,
    historySize: 1_000,
  };
  let org: OrgApi | undefined;
  await hub.use(
    defineModule({
      id: 'probe',
      start: (context) => {
        org = context.forOrg('acme');
        return {
          namespaces: [
            { options: { name: 'news', ...shared, historyTtlMs: 300_000 } },
            { options: { name: 'doc', ...shared, historyTtlMs: 300_000, allowDelta: ['fossil'] } },
            {
              options: {
                name: 'cells',
                type: 'map',
                allowSubscribe: EVERYBODY,
                allowPublish: EVERYBODY,
                allowDelta: ['fossil'],
                map: {
                  mode: 'persistent',
                  keyTtlMs: 0,
                  streamSize: 1_000,
                  streamTtlMs: 300_000,
                  clientKey: 'none',
                  maxKeys: 1_000,
                },
              },
            },
          ],
          rpc: { echo: { handle: (params) => (calls.push(params), { result: params }) } },
        };
      },
    })(undefined),
  );
  const entrance = stack.use(createEntrance({ clock, random, logger, hub }, { allowedOrigins: origins }));
  const http = createServer((request, response) => {
    const path = request.url ?? '';
    const isRefused =
      (refuses.has('http_stream') && path.startsWith('/connection/http_stream')) ||
      (refuses.has('sse') && path.startsWith('/connection/sse'));
    if (isRefused) response.writeHead(403).end();
    else if (entrance.serves(request)) entrance.serve(request, response);
    else response.writeHead(404).end();
  });
  http.prependListener('upgrade', (_, socket) => {
    if (refuses.has('websocket')) socket.end('HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n');
  });
  entrance.attach(http);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  stack.defer(
    () =>
      new Promise<void>((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  );
  return {
    port: (http.address() as AddressInfo).port,
    org: org as OrgApi,
    calls,
    refuses,
    dispose: () => stack.dispose(),
  };
}
