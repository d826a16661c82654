/** From the hub's words to the contract's: payloads become JSON values, maps become lists. Pure. */
import type { ChannelDetails, HubOptions, NodeOrgFacts } from '@trunkline/hub';
import type { ClientInfo, Payload, Publication } from '@trunkline/protocol';
import { orUnlimited } from './namespaces.js';

/** A retained publication as the contract shows it; binary data as base64 text with `binary: true`. */
export function toPublication(publication: Publication) {
  const { offset, key, removed, tags, timeMs, info } = publication;
  return {
    offset,
    ...toData(publication.data),
    ...(key !== undefined && { key }),
    ...(removed !== undefined && { removed }),
    ...(tags !== undefined && { tags: { ...tags } }),
    ...(timeMs !== undefined && { timeMs }),
    ...(info !== undefined && { info: { user: info.user, client: info.client } }),
  };
}

/** `member` is the key of the presence entry, which is the client id. */
export function toPresent(member: string, info: ClientInfo) {
  return {
    client: member,
    user: info.user,
    ...(info.connInfo !== undefined && { connInfo: toData(info.connInfo).data }),
    ...(info.chanInfo !== undefined && { chanInfo: toData(info.chanInfo).data }),
  };
}

export function toDetails({ position, historyTtlMs, ...same }: ChannelDetails) {
  return { ...same, historyTtlMs: orUnlimited(historyTtlMs), position: { ...position } };
}

export function toNode({ node, name, version, startedAtMs, uptimeMs, ...counts }: NodeOrgFacts) {
  const { connections, users, subscriptions, channels } = counts;
  return { nodeId: node, name, version, startedAtMs, uptimeMs, connections, users, subscriptions, channels };
}

/** Every number of the hub's options by name; null is unlimited. */
export function toLimits({ limits, ...options }: HubOptions): Record<string, number | null> {
  const numbers: Record<string, number | null> = {};
  for (const [name, value] of Object.entries({ ...options, ...limits }))
    if (typeof value === 'number') numbers[name] = orUnlimited(value);
  return numbers;
}

/** A removed key has no data: the empty payload stands for null. */
function toData(payload: Payload): { data: unknown; binary?: true } {
  if (typeof payload !== 'string') return { data: Buffer.from(payload).toString('base64'), binary: true };
  return { data: payload === '' ? null : (JSON.parse(payload) as unknown) };
}
