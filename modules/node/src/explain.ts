/**
 * Everything a node knows about one user or client and one channel, gathered at one moment: the facts behind "why did they not get it".
 * It draws no conclusion; that is for whoever shows it. What may not be read is left out, and nothing here crosses the org.
 */
import type { RpcParams, RpcResultOf } from '@trunkline/contracts';
import type { NamespaceSummary, NodeContract } from '@trunkline/contracts/node';
import type { ConnectionSummary, OrgApi } from '@trunkline/hub';
import { CodedError, ERROR_CODES } from '@trunkline/protocol';
import { toRow, toSubscription } from './connections.js';
import { toEvent } from './feed.js';
import { namespaceFor } from './namespaces.js';
import { toDetails } from './results.js';

type Explained = RpcResultOf<NodeContract, 'node.explain'>;

/** Connections looked at for a user; a person has a few devices, a machine account may have hundreds. */
const CONNECTIONS = 20;
const EVENTS = 50;

export interface ExplainContext {
  readonly namespaces: readonly NamespaceSummary[];
  readonly insecure: boolean;
  /** Whether the caller may read what the channel holds. */
  readonly readable: boolean;
}

export async function explain(
  { channel, client, user, offset }: RpcParams<NodeContract, 'node.explain'>,
  org: OrgApi,
  { namespaces, insecure, readable }: ExplainContext,
): Promise<Explained> {
  const target = { ...(client !== undefined && { client }), ...(user !== undefined && { user }) };
  // First what takes time, then connections and events together: their positions are of one moment, and no older than the channel's.
  const publication = offset === undefined || !readable ? undefined : await find(org, channel, offset);
  const details = await org.channel(channel).catch(unlessUnknown);
  const { connections, total } = org.connections({ ...target, limit: CONNECTIONS });
  const name = namespaceFor(channel, new Set(namespaces.map((one) => one.name)));
  const namespace = name === undefined ? undefined : namespaces.find((one) => one.name === name);
  return {
    ...(details && { channel: toDetails(details) }),
    ...(namespace && { namespace }),
    insecure,
    ...(publication && { publication }),
    connections: connections.map((one) => ({ ...toRow(one), ...subscriptionTo(channel, one) })),
    total,
    events: org.events({ ...target, channel, limit: EVENTS }).map(toEvent),
  };
}

function subscriptionTo(
  channel: string,
  { subscriptions }: ConnectionSummary,
): Pick<Explained['connections'][number], 'subscription'> {
  const found = subscriptions.find((one) => one.channel === channel);
  return found ? { subscription: toSubscription(found) } : {};
}

/** Undefined where history does not have it (any more), or the channel keeps none. */
async function find(org: OrgApi, channel: string, offset: number): Promise<Explained['publication']> {
  try {
    const { position } = await org.history(channel, { limit: 0 });
    const since = { epoch: position.epoch, offset: offset - 1 };
    const [first] = (await org.history(channel, { limit: 1, since })).publications;
    if (first?.offset !== offset) return undefined;
    return { offset, ...(first.timeMs !== undefined && { timeMs: first.timeMs }) };
  } catch (cause) {
    if (cause instanceof CodedError && cause.code !== ERROR_CODES.internal.code) return undefined;
    throw cause;
  }
}

function unlessUnknown(cause: unknown): undefined {
  if (cause instanceof CodedError && cause.code === ERROR_CODES.unknownChannel.code) return undefined;
  throw cause;
}
