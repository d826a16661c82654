/**
 * The way in: everything that may become a connection of the hub, whatever its transport, through one door. Upgrade requests go to the
 * WebSocket server, plain requests for endpoints of HTTP transports to the stream server; whoever owns the HTTP server keeps the rest.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Clock, Disposable, Logger, Random } from '@trunkline/base';
import type { Hub, Nodes } from '@trunkline/hub';
import { createDoor } from './door.js';
import { BatchFramer } from './frames.js';
import { resolveEntranceOptions, type EntranceOptions } from './options.js';
import { createStreamServer } from './stream-server.js';
import { createUpgradeHandler } from './websocket-server.js';

export interface EntranceDeps {
  readonly clock: Clock;
  /** For session ids, which must be unguessable: the platform's cryptographic source. */
  readonly random: Random;
  readonly logger: Logger;
  readonly hub: EntranceHub;
}

/** What the entrance uses of a hub. */
export type EntranceHub = Pick<Hub, 'accept' | 'converse' | 'endpoints' | 'nodeId' | 'draining'> & {
  readonly nodes: Pick<Nodes, 'id' | 'ask' | 'isLive' | 'register'>;
};

export interface Entrance extends Disposable {
  /** Takes over the `upgrade` events of `server`, all of them: a path without endpoint is answered 404. Several servers may be attached. */
  attach(server: Server): void;
  /** Whether a plain request belongs here: an endpoint of an HTTP transport, or an upstream frame. */
  serves(request: IncomingMessage): boolean;
  /** Takes over a request that belongs here, whatever its method. Headers set on the response before are sent too. */
  serve(request: IncomingMessage, response: ServerResponse): void;
  /** Connections held now, opening ones included. */
  readonly connections: number;
  /** Detaches and drops every connection still open. A graceful end is the hub's `drain`, called before. */
  dispose(): void;
}

/** Throws a RangeError that names a bad option. */
export function createEntrance(deps: EntranceDeps, given?: Partial<EntranceOptions>): Entrance {
  const options = resolveEntranceOptions(given);
  const { hub } = deps;
  const open: EntranceHub = {
    accept: (transport, link) => hub.accept(transport, link),
    converse: (transport, line) => hub.converse(transport, line),
    endpoints: () => hub.endpoints().filter(({ transport }) => options.transports.includes(transport)),
    nodeId: hub.nodeId,
    nodes: hub.nodes,
    get draining() {
      return hub.draining;
    },
  };
  const door = createDoor({ ...deps, hub: open }, options);
  const shared = { ...deps, hub: open, door, framer: new BatchFramer(options) };
  const onUpgrade = createUpgradeHandler(shared, options);
  const streams = createStreamServer(shared, options);
  const servers = new Set<Server>();

  return {
    attach(server) {
      if (servers.has(server)) return;
      servers.add(server);
      server.on('upgrade', onUpgrade);
    },
    serves: (request) => streams.serves(request),
    serve: (request, response) => streams.serve(request, response),
    get connections() {
      return door.connections;
    },
    dispose() {
      for (const server of servers) server.off('upgrade', onUpgrade);
      servers.clear();
      door.dispose();
      streams.dispose();
    },
  };
}
