/** One authenticated, authorised request on its way to a handler, and what all handlers share. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock, Random } from '@trunkline/base';
import type { Rbac } from '../access/rbac.js';
import type { Authenticator, User } from '../access/user.js';
import type { Cluster } from '../cluster/cluster.js';
import type { LogBook } from '../cluster/log-book.js';
import type { Writer } from '../cluster/writer.js';
import type { Counters } from '../counters.js';
import type { ResourceType } from '../model/resource-type.js';
import type { KubeSimOptions } from '../options.js';
import type { WatchHub } from '../watching/watch-hub.js';
import type { Answer } from './answer.js';
import type { ResourceRequest } from './request-info.js';

export interface Services {
  readonly clock: Clock;
  readonly random: Random;
  readonly cluster: Cluster;
  readonly writer: Writer;
  readonly logs: LogBook;
  readonly authenticator: Authenticator;
  readonly rbac: Rbac;
  readonly watches: WatchHub;
  readonly counters: Counters;
  readonly options: KubeSimOptions;
}

/** A resource request whose resource exists. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly answer: Answer;
  readonly info: ResourceRequest;
  readonly type: ResourceType;
  readonly query: URLSearchParams;
  readonly user: User;
  /** The raw socket where the client asked for a WebSocket. */
  readonly upgrade: { readonly socket: Duplex; readonly head: Buffer } | undefined;
}
