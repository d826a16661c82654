/**
 * The foreign wires of live lists: the multiplexer and the watch of one list, each an endpoint whose connections carry watch events and no channels. Both are fed by the reflectors that
 * everybody shares, and let in those whom `Access` lets in. They carry logs as well and, where a cluster allows it, sessions in pods.
 */
import type { Clock, Logger } from '@trunkline/base';
import type { Endpoint } from '@trunkline/hub';
import type { Access, Audit, Upstreams } from '../ports.js';
import { Feeds } from './feeds.js';
import type { Identify } from './identify.js';
import { createMultiplexer } from './multiplexer.js';
import { profileOf, resolveWiresOptions, type WiresOptions } from './options.js';
import { createSessionEndpoints } from './session-endpoint.js';
import { Sessions } from './sessions.js';
import { createWatchEndpoint } from './watch-endpoint.js';

export interface WiresDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly access: Access;
  readonly upstreams: Upstreams;
  /** Who a connection belongs to. */
  readonly identify: Identify;
  /** Where sessions in pods are written down. Absent: there are none but logs. */
  readonly audit?: Audit | undefined;
}

export interface Wires {
  readonly endpoints: readonly Endpoint[];
}

/** Throws a RangeError that names a bad option. Connections end with the hub, and their leases with them. */
export function createWires(deps: WiresDeps, given?: Partial<WiresOptions>): Wires {
  const options = resolveWiresOptions(given);
  const { clock, logger, access, upstreams, identify, audit } = deps;
  const feeds = new Feeds({ clock, upstreams }, options, options.maxFeeds);
  const sessions = new Sessions({ clock, logger, access, upstreams, audit }, options);
  const parts = { clock, access, feeds, sessions, identify };
  const profile = profileOf(options);
  return {
    endpoints: [
      createMultiplexer(parts, options, profile),
      ...createSessionEndpoints(parts, options, profile),
      createWatchEndpoint(parts, options, profile),
    ],
  };
}
