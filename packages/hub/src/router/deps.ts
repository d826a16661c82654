/** What the rooms of the router share. Built once by `hub.ts`. */
import type { Clock, Logger, Random, Tracer } from '@trunkline/base';
import type { Broker } from '@trunkline/broker';
import type { Channels } from '../channels/channels.js';
import type { Namespaces } from '../channels/namespaces.js';
import type { Clients } from '../clients/clients.js';
import type { OrgEvents } from '../clients/org-events.js';
import type { Counters } from '../connection/counters.js';
import type { HubNodes } from '../nodes/nodes.js';
import type { HubOptions } from '../options.js';
import type { Authenticator } from '../ports/authenticator.js';
import type { DurableLog } from '../ports/durable-log.js';
import type { CommandStore } from '../ports/idempotency.js';
import type { RpcMethod } from '../ports/module.js';
import type { Validator } from '../ports/validator.js';
import type { Turns } from './turns.js';

export interface RegisteredRpc {
  readonly method: RpcMethod;
  readonly validate: Validator | undefined;
}

export interface RouterDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly options: HubOptions;
  readonly nodeId: string;
  readonly broker: Broker;
  readonly authenticator: Authenticator;
  readonly channels: Channels;
  readonly clients: Clients;
  readonly namespaces: Namespaces;
  readonly counters: Counters;
  readonly events: OrgEvents;
  readonly nodes: Pick<HubNodes, 'askIn' | 'expect'>;
  readonly rpc: ReadonlyMap<string, RegisteredRpc>;
  readonly durableLog: DurableLog | undefined;
  /** For calls of idempotent methods. */
  readonly commands: CommandStore;
  /** For calls with a key of all others. */
  readonly remembered: CommandStore;
  readonly turns: Turns;
  readonly tracer: Tracer | undefined;
}
