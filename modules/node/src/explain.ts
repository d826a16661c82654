/**
 * Everything the nodes know about one user or client and one channel, gathered at one moment: the facts behind "why did they not get it".
 * Each node tells of its own connections and events; what the broker or the store holds is read once. It draws no conclusion; that is for whoever
 * shows it. What may not be read is left out, and nothing here crosses the org.
 */
import type { RpcParams, RpcResultOf } from '@trunkline/contracts';
import type { NamespaceSummary, NodeContract } from '@trunkline/contracts/node';
import { missing, type ConnectionSummary, type Kind, type OrgApi } from '@trunkline/hub';
import { CodedError, ERROR_CODES, type Position } from '@trunkline/protocol';
import { toRow, toSubscription } from './connections.js';
import { toEvent } from './feed.js';
import { namespaceFor } from './namespaces.js';
import { toDetails } from './results.js';

type Explained = RpcResultOf<NodeContract, 'node.explain'>;

/** About whom and what. */
export type ExplainQuestion = Omit<RpcParams<NodeContract, 'node.explain'>, 'offset'>;

/** One node's part. */
export interface ExplainedHere extends Pick<Explained, 'connections' | 'total' | 'events'> {
  /** Readers of the channel at the node. */
  readonly subscribers: number;
}

/** Connections looked at for a user; a person has a few devices, a machine account may have hundreds. */
const CONNECTIONS = 20;
const EVENTS = 50;

export interface ExplainContext {
  readonly namespaces: readonly NamespaceSummary[];
  readonly insecure: boolean;
  /** Whether the caller may read what the channel holds. */
  readonly readable: boolean;
}

/** `kind`: how the nodes are asked for their parts. */
export async function explain(
  { channel, client, user, offset }: RpcParams<NodeContract, 'node.explain'>,
  org: OrgApi,
  { namespaces, insecure, readable }: ExplainContext,
  kind: Kind<ExplainQuestion, ExplainedHere>,
): Promise<Explained> {
  const target = { ...(client !== undefined && { client }), ...(user !== undefined && { user }) };
  // First the channel, then connections and events: their positions are no older than the channel's.
  const publication = offset === undefined || !readable ? undefined : await find(org, channel, offset);
  const details = await org.channel(channel).catch(unlessUnknown);
  const survey = await org.ask(kind, { channel, ...target });
  const name = namespaceFor(channel, new Set(namespaces.map((one) => one.name)));
  const namespace = name === undefined ? undefined : namespaces.find((one) => one.name === name);
  const parts = survey.replies.map(({ node, answer }) => ({
    ...answer,
    connections: answer.connections.map((one) => ({ ...one, node })),
    events: answer.events.map((event) => ({ ...event, node })),
  }));
  const subscribers = parts.reduce((sum, part) => sum + part.subscribers, 0);
  return {
    ...(details && { channel: { ...toDetails(details), subscribers } }),
    ...(namespace && { namespace }),
    insecure,
    ...(publication && { publication }),
    connections: parts
      .flatMap((part) => part.connections)
      .sort(
        (left, right) => right.connectedAtMs - left.connectedAtMs || (left.client < right.client ? -1 : 1),
      )
      .slice(0, CONNECTIONS),
    total: parts.reduce((sum, part) => sum + part.total, 0),
    events: parts
      .flatMap((part) => part.events)
      .sort((left, right) => right.timeMs - left.timeMs || right.seq - left.seq)
      .slice(0, EVENTS),
    incomplete: [...missing(survey)],
  };
}

/** What this node has to say. */
export async function explainHere(
  org: OrgApi,
  { channel, client, user }: ExplainQuestion,
): Promise<ExplainedHere> {
  const target = { ...(client !== undefined && { client }), ...(user !== undefined && { user }) };
  const details = await org.channel(channel).catch(unlessUnknown);
  // Where every node numbers the channel by itself, a reader is compared with its own node's numbers.
  const top = details?.class === 'local' ? { top: { ...details.position } } : {};
  const { connections, total } = org.connections({ ...target, limit: CONNECTIONS });
  return {
    connections: connections.map((one) => ({ ...toRow(one), ...subscriptionTo(channel, one), ...top })),
    total,
    events: org.events({ ...target, channel, limit: EVENTS }).map(toEvent),
    subscribers: details?.subscribers ?? 0,
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
    const since: Position = { epoch: position.epoch, offset: offset - 1 };
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
