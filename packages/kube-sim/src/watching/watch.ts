/** WATCH: reads the options, decides where the stream starts, and opens it over HTTP or a WebSocket. */
import type { Exchange, Services } from '../http/exchange.js';
import { parseListOptions, type ListOptions } from '../http/list-options.js';
import { chooseRepresentation } from '../http/representation.js';
import { selectionOf } from '../http/selection.js';
import { qualifiedName, tooLargeVersion, tooOldVersion } from '../model/status.js';
import { createHttpSink, type Sink } from './sink.js';
import { WatchStream } from './watch-stream.js';
import { createWebSocketSink, handshake } from './websocket.js';

export function handleWatch(exchange: Exchange, services: Services): void {
  const { request, type, info, query, user } = exchange;
  const { cluster, clock, random, watches, counters, options: sim } = services;
  const options = parseListOptions(query, true, sim.watchList);
  const selection = selectionOf(type, info.namespace, options);
  const representation = chooseRepresentation(request.headers.accept, type, query, clock);
  if (options.sendInitialEvents === true && (options.resourceVersion ?? 0) > cluster.version)
    throw tooLargeVersion(options.resourceVersion ?? 0, cluster.version);
  const plan = {
    selection,
    representation,
    from: startOf(options, cluster.version),
    announceInitialEnd: options.sendInitialEvents === true && options.allowWatchBookmarks,
    bookmarks: options.allowWatchBookmarks,
    timeoutMs:
      options.timeoutSeconds === undefined || options.timeoutSeconds === 0
        ? sim.minWatchTimeoutMs * (1 + random.next())
        : options.timeoutSeconds * 1000,
  };
  const resource = qualifiedName(type);
  const sink = openSink(exchange, services, resource);
  const close = counters.watchOpened(resource);
  const stream: WatchStream = new WatchStream(
    clock,
    cluster.collection(type),
    () => cluster.version,
    plan,
    sim,
    sink,
    () => {
      watches.remove(stream);
      close();
    },
  );
  watches.add(stream, { resource, namespace: info.namespace, user: user.name });
  stream.start();
}

/** The version to continue from; undefined where the stream starts with what is there. */
function startOf({ resourceVersion, sendInitialEvents }: ListOptions, current: number): number | undefined {
  if (sendInitialEvents === true) return undefined;
  if (resourceVersion === undefined || resourceVersion === 0)
    return sendInitialEvents === false ? current : undefined;
  return resourceVersion;
}

function openSink({ request, answer, upgrade }: Exchange, { counters }: Services, resource: string): Sink {
  if (upgrade === undefined) {
    answer.head(200);
    answer.response.flushHeaders();
    return createHttpSink(answer);
  }
  upgrade.socket.write(handshake(request));
  answer.upgraded();
  return createWebSocketSink(upgrade.socket, upgrade.head, (bytes) =>
    counters.wrote('watch', resource, bytes),
  );
}

/** What a 410 in a stream looks like; for faults. */
export function expiredStatus(version: number): ReturnType<typeof tooOldVersion>['status'] {
  return tooOldVersion(1, version).status;
}
