/**
 * Connecting: from a connect command to a client with its server-side subscriptions and the reply that starts it all. Throws what
 * refuses the connection; nothing is left behind then.
 */
import { randomUuid } from '@trunkline/base';
import {
  CodedError,
  type ConnectCommand,
  type ConnectResult,
  type SubscribeResult,
} from '@trunkline/protocol';
import { withDeadline } from '../channels/deadline.js';
import { Client } from '../clients/client.js';
import { RateLimit } from '../clients/quotas.js';
import type { Connection } from '../connection/connection.js';
import type { Authenticated } from '../ports/authenticator.js';
import type { OpenRequest, SessionPlan } from '../ports/endpoint.js';
import type { Principal } from '../ports/principal.js';
import { authorise, requireType } from './authorise.js';
import { ttl, type HandlerDeps } from './handlers.js';

/** Extensions this hub knows (docs/spec/extensions.md). */
const EXTENSIONS: ReadonlySet<string> = new Set(['gap', 'source', 'drain', 'call', 'rpc']);

/** Shared by all stock clients. */
const NO_EXTENSIONS: ReadonlySet<string> = new Set();

export interface SessionLink {
  readonly request: OpenRequest;
  readonly principal: Principal | undefined;
  readonly plan: SessionPlan | undefined;
}

export interface Connected {
  readonly client: Client;
  readonly result: ConnectResult;
  /** Starts the flow of the server-side subscriptions; called once the reply is queued. */
  begin(): void;
}

/** `stillOpen` is asked after every wait: a connection may go while it is being accepted. */
export async function connectClient(
  deps: HandlerDeps,
  connection: Connection,
  link: SessionLink,
  command: ConnectCommand,
  stillOpen: () => boolean,
): Promise<Connected> {
  const { clock, random, options } = deps;
  const { principal, data } = await identify(deps, link, command);
  if (!stillOpen()) throw new CodedError('clientGone');
  const extensions = offered(command);
  const identity = {
    id: randomUuid(random),
    name: command.name,
    version: command.version,
    extensions,
    connectedAtMs: clock.now(),
    request: link.request,
    plan: link.plan,
  };
  const client = new Client(
    clock,
    connection,
    identity,
    principal,
    new RateLimit(clock, options.maxCommandsPerSecondPerConnection),
  );
  deps.clients.add(client);
  try {
    const subs = new Map<string, SubscribeResult>();
    const begun = await subscribeServerSide(deps, client, command, subs);
    if (!stillOpen()) throw new CodedError('clientGone');
    const { ping } = connection.profile;
    const result: ConnectResult = {
      kind: 'connect',
      client: client.id,
      version: options.version,
      subs,
      pingSeconds: ping.kind === 'frame' ? Math.ceil(ping.intervalMs / 1000) : 0,
      pong: ping.kind === 'frame' && ping.pongTimeoutMs > 0,
      session: connection.transport.session ?? '',
      node: deps.nodeId,
      extensions: [...extensions],
      limits: {
        maxPublicationBytes: options.limits.maxPublicationBytes,
        maxSubscriptions: deps.clients.maxSubscriptionsOf(principal.org),
      },
      ...ttl(deps, principal.expiresAtMs),
      ...(data === undefined ? {} : { data }),
    };
    return { client, result, begin: () => begun.forEach((begin) => begin()) };
  } catch (cause) {
    deps.subscriptions.endAll(client);
    deps.clients.remove(client);
    client.onClosed();
    throw cause;
  }
}

async function identify(
  deps: HandlerDeps,
  link: SessionLink,
  command: ConnectCommand,
): Promise<Authenticated> {
  if (link.principal) return { principal: link.principal };
  const { token, name, version, data } = command;
  return withDeadline(
    deps.clock,
    deps.authenticator.authenticate({
      token,
      name,
      version,
      request: link.request,
      ...(data === undefined ? {} : { data }),
    }),
    deps.options.subscribeDeadlineMs,
    () => new CodedError('internal', 'authentication took too long'),
    () => undefined,
  );
}

function offered(command: ConnectCommand): ReadonlySet<string> {
  const header = command.headers['trunkline-extensions'];
  if (header === undefined) return NO_EXTENSIONS;
  const names = header.split(',').map((name) => name.trim());
  return new Set(names.filter((name) => EXTENSIONS.has(name)));
}

/** Channels the credential names; each must exist. A failure refuses the connection: a missing one would be a silent gap. */
async function subscribeServerSide(
  deps: HandlerDeps,
  client: Client,
  command: ConnectCommand,
  results: Map<string, SubscribeResult>,
): Promise<(() => void)[]> {
  const subscribe = async (channel: string): Promise<() => void> => {
    const { namespace, knownUntilMs } = await authorise(deps, {
      principal: client.principal,
      channel,
      action: 'subscribe',
      subscribed: false,
      granted: true,
    });
    requireType(namespace, 'stream');
    const recover = command.subs.get(channel);
    const { result, begin } = await deps.subscriptions.subscribe(client, {
      subId: channel,
      channel,
      namespace,
      type: 'stream',
      rejectUnrecovered: false,
      positioned: false,
      recoverable: true,
      joinLeave: false,
      phase: 'live',
      cursor: '',
      limit: 0,
      serverSide: true,
      ...(knownUntilMs === undefined ? {} : { knownUntilMs }),
      ...(recover ? { recover } : {}),
    });
    results.set(channel, result);
    return begin;
  };
  // Side by side: many channels take no longer than the slowest. All are waited for, so that a failure leaves nothing under way.
  const settled = await Promise.allSettled([...new Set(client.principal.channels)].map(subscribe));
  return settled.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}
