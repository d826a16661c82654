/**
 * One short function per command: check, authorise, do, answer. They throw `CodedError`; the session turns that into a reply. What they
 * return is queued by the session, and `onQueued` runs right after it, in the same turn.
 */
import {
  channelKey,
  CodedError,
  ERROR_CODES,
  type ChannelKey,
  type ClientInfo,
  type Command,
  type ReplyResult,
} from '@trunkline/protocol';
import { withDeadline } from '../channels/deadline.js';
import type { Client, Subscription } from '../clients/client.js';
import type { ChannelGrant } from '../ports/authenticator.js';
import { authorise, isRefusal, requireType } from './authorise.js';
import type { RouterDeps } from './deps.js';
import { publishStream, writeMap } from './publishing.js';
import { callRpc } from './rpc.js';
import type { Subscriptions } from './subscriptions.js';

export interface Answer {
  readonly result: ReplyResult;
  readonly after?: {
    readonly subId: string;
    readonly position: { readonly epoch: string; readonly offset: number };
  };
  /** Runs in the turn in which the reply was queued. */
  readonly onQueued?: () => void;
}

export interface HandlerDeps extends RouterDeps {
  readonly subscriptions: Subscriptions;
}

type Of<K extends Command['kind']> = Extract<Command, { kind: K }>;

export async function handleSubscribe(
  deps: HandlerDeps,
  client: Client,
  command: Of<'subscribe'>,
): Promise<Answer> {
  try {
    return await subscribe(deps, client, command);
  } catch (cause) {
    const { code, message } = cause instanceof CodedError ? cause : ERROR_CODES.internal;
    // Who left is told of by its own event.
    if (client.open)
      deps.events.add(client, { kind: 'subscribeRefused', channel: command.channel, code, message });
    throw cause;
  }
}

async function subscribe(deps: HandlerDeps, client: Client, command: Of<'subscribe'>): Promise<Answer> {
  const { channel, token } = command;
  const { clock, options } = deps;
  const started = clock.monotonic();
  // Whoever decides (a key server, a module's rule) has to do it within the time of the subscribe: a late answer costs the client its connection.
  const decide = () =>
    withDeadline(
      clock,
      admit(deps, client, channel, token),
      Math.max(0, options.subscribeDeadlineMs - (clock.monotonic() - started)),
      () => new CodedError('sourceUnavailable', 'permission was not decided in time'),
      () => undefined,
    );
  let { principal } = client;
  let { grant, namespace, knownUntilMs } = await decide();
  // Rights that changed meanwhile decide again: the refresh that changed them has not seen this subscription.
  while (client.principal !== principal) {
    ({ principal } = client);
    ({ grant, namespace, knownUntilMs } = await decide());
  }
  requireType(namespace, command.type);
  if (command.filter && !namespace.options.allowTagsFilter && !options.insecure)
    throw new CodedError('badRequest', 'tf: this channel does not allow tag filters');
  const begun = await deps.subscriptions.subscribe(client, {
    subId: command.subId,
    channel,
    namespace,
    type: command.type,
    rejectUnrecovered: command.rejectUnrecovered,
    positioned: command.positioned,
    recoverable: command.recoverable,
    joinLeave: command.joinLeave,
    phase: command.phase,
    cursor: command.cursor,
    limit: command.limit,
    serverSide: false,
    granted: grant !== undefined,
    ...(knownUntilMs === undefined ? {} : { knownUntilMs }),
    deadlineMs: Math.max(0, options.subscribeDeadlineMs - (clock.monotonic() - started)),
    ...(command.recover ? { recover: command.recover } : {}),
    ...(command.since ? { since: command.since } : {}),
    ...(command.filter ? { filter: command.filter } : {}),
    delta: namespace.options.allowDelta.some((kind) => kind === command.delta),
    ...(grant?.info === undefined ? {} : { chanInfo: grant.info }),
    ...(grant?.expiresAtMs === undefined ? {} : { expiresAtMs: grant.expiresAtMs }),
  });
  return { result: begun.result, onQueued: () => begun.begin() };
}

async function admit(deps: HandlerDeps, client: Client, channel: string, token: string) {
  const grant = token === '' ? undefined : await verifyGrant(deps, client, token, channel);
  const authorised = await authorise(deps, {
    principal: client.principal,
    channel,
    action: 'subscribe',
    subscribed: false,
    granted: grant !== undefined,
  });
  return { grant, namespace: authorised.namespace, knownUntilMs: authorised.knownUntilMs };
}

export function handleUnsubscribe(deps: HandlerDeps, client: Client, command: Of<'unsubscribe'>): Answer {
  deps.subscriptions.unsubscribe(client, command.subId);
  return { result: { kind: 'unsubscribe' } };
}

export async function handlePublish(
  deps: HandlerDeps,
  client: Client,
  command: Of<'publish'>,
): Promise<Answer> {
  const { channel } = command;
  const subscribed = client.isSubscribed(channel);
  const { namespace } = await authorise(deps, {
    principal: client.principal,
    channel,
    action: 'publish',
    subscribed,
  });
  const key = channelKey(client.principal.org, channel);
  const info: ClientInfo = client.subscriptions.get(channel)?.info ?? client.info();
  if (!command.map) {
    const { position } = await publishStream(deps, { key, namespace, data: command.data, info });
    if (namespace.options.class === 'durable') deps.channels.expect(key, position);
    return { result: { kind: 'publish' }, ...afterOwn(client, channel, position) };
  }
  const { clientKey } = namespace.options.map;
  const entryKey =
    clientKey === 'client' ? client.id : clientKey === 'user' ? client.principal.user : command.map.key;
  const { position } = await writeMap(deps, {
    key,
    namespace,
    data: command.data,
    info,
    entryKey,
    removed: command.map.removed,
  });
  return { result: { kind: 'publish' }, ...afterOwn(client, channel, position) };
}

function afterOwn(
  client: Client,
  channel: string,
  position: { readonly epoch: string; readonly offset: number },
) {
  return position.offset > 0 && client.subscriptions.has(channel)
    ? { after: { subId: channel, position } }
    : {};
}

export async function handlePresence(
  deps: HandlerDeps,
  client: Client,
  command: Of<'presence'>,
): Promise<Answer> {
  const key = await presenceKey(deps, client, command.channel);
  return { result: { kind: 'presence', clients: await readPresence(deps, key) } };
}

/** Everybody on a channel; throws `limitExceeded` where that is more than `presenceMaxClients`. */
export async function readPresence(
  deps: HandlerDeps,
  key: ChannelKey,
): Promise<ReadonlyMap<string, ClientInfo>> {
  const clients = await deps.broker.presence(key);
  const max = deps.options.presenceMaxClients;
  if (clients.size > max)
    throw new CodedError(
      'limitExceeded',
      `presence: ${clients.size} clients, more than ${max}; ask for presence statistics`,
    );
  return clients;
}

export async function handlePresenceStats(
  deps: HandlerDeps,
  client: Client,
  command: Of<'presenceStats'>,
): Promise<Answer> {
  const key = await presenceKey(deps, client, command.channel);
  return { result: { kind: 'presenceStats', ...(await deps.broker.presenceStats(key)) } };
}

async function presenceKey(deps: HandlerDeps, client: Client, channel: string) {
  const subscribed = client.isSubscribed(channel);
  const { namespace } = await authorise(deps, {
    principal: client.principal,
    channel,
    action: 'presence',
    subscribed,
  });
  if (!namespace.options.presence)
    throw new CodedError('notAvailable', 'presence is not kept for this channel');
  return channelKey(client.principal.org, channel);
}

export async function handleHistory(
  deps: HandlerDeps,
  client: Client,
  command: Of<'history'>,
): Promise<Answer> {
  const { channel } = command;
  const { namespace } = await authorise(deps, {
    principal: client.principal,
    channel,
    action: 'history',
    subscribed: client.isSubscribed(channel),
  });
  if (!namespace.numbered) throw new CodedError('notAvailable', 'history is not kept for this channel');
  const max = deps.options.historyMaxLimit;
  const limit = command.limit < 0 ? max : Math.min(command.limit, max);
  const origin = deps.channels.origin(channelKey(client.principal.org, channel), namespace);
  const { publications, position } = await origin.read(command.since, limit, command.reverse);
  if (command.since && command.since.epoch !== '' && command.since.epoch !== position.epoch)
    throw new CodedError('unrecoverablePosition', 'epoch');
  return { result: { kind: 'history', publications, position } };
}

export async function handleRpc(deps: HandlerDeps, client: Client, command: Of<'rpc'>): Promise<Answer> {
  const { data, after } = await callRpc(deps, client, command.method, command.data);
  const subId = after && client.subscriptions.has(after.channel) ? after.channel : undefined;
  if (after && subId !== undefined)
    deps.channels.expect(channelKey(client.principal.org, after.channel), after.position);
  return {
    result: { kind: 'rpc', ...(data === undefined ? {} : { data }) },
    ...(after && subId !== undefined ? { after: { subId, position: after.position } } : {}),
  };
}

export async function handleRefresh(
  deps: HandlerDeps,
  client: Client,
  command: Of<'refresh'>,
): Promise<Answer> {
  if (command.token === '') throw new CodedError('badRequest', 'refresh.token must not be empty');
  const principal = await deps.authenticator.refresh(command.token, client.principal);
  // The wall does not depend on who wrote the authenticator.
  if (principal.org !== client.principal.org || principal.user !== client.principal.user)
    throw new CodedError('unauthorized', 'token is of another user or org');
  client.principal = principal;
  client.expiresAtMs = principal.expiresAtMs;
  await revoke(deps, client);
  return {
    result: {
      kind: 'refresh',
      client: client.id,
      version: deps.options.version,
      ...ttl(deps, principal.expiresAtMs),
    },
  };
}

/** Ends the subscriptions that the client's rights no longer cover; one whose permission nobody decides in time is to be asked for again. */
async function revoke(deps: HandlerDeps, client: Client): Promise<void> {
  const check = async ({ subId, channel }: Subscription): Promise<void> => {
    try {
      await authorise(deps, {
        principal: client.principal,
        channel,
        action: 'subscribe',
        subscribed: false,
        stays: true,
      });
    } catch (cause) {
      deps.subscriptions.unsubscribe(
        client,
        subId,
        isRefusal(cause) ? 'permissionRevoked' : 'stateInvalidated',
      );
    }
  };
  const own = [...client.subscriptions.values()].filter(({ granted }) => !granted);
  await Promise.all(own.map(check));
}

export async function handleSubRefresh(
  deps: HandlerDeps,
  client: Client,
  command: Of<'subRefresh'>,
): Promise<Answer> {
  const subscription = client.subscriptions.get(command.subId);
  const grant = await verifyGrant(deps, client, command.token, subscription?.channel);
  if (subscription) subscription.expiresAtMs = grant.expiresAtMs;
  return { result: { kind: 'subRefresh', ...ttl(deps, grant.expiresAtMs) } };
}

/** A wrong channel token is answered 103, whatever is wrong with it; an expired one 109. `channel` undefined: there is nothing it could be for. */
async function verifyGrant(
  deps: HandlerDeps,
  client: Client,
  token: string,
  channel: string | undefined,
): Promise<ChannelGrant> {
  const grant = await deps.authenticator
    .verifyChannelToken(token, client.principal)
    .catch((cause: unknown) => {
      if (cause instanceof CodedError && cause.code === ERROR_CODES.unauthorized.code) return undefined;
      throw cause;
    });
  if (grant && grant.channel === channel && grant.user === client.principal.user) return grant;
  deps.counters.denials++;
  throw new CodedError('permissionDenied');
}

/** Whole seconds until `expiresAtMs`, at least one. */
export function ttl(
  deps: Pick<RouterDeps, 'clock'>,
  expiresAtMs: number | undefined,
): { readonly ttlSeconds?: number } {
  return expiresAtMs === undefined
    ? {}
    : { ttlSeconds: Math.max(1, Math.ceil((expiresAtMs - deps.clock.now()) / 1000)) };
}
