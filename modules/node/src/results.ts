/** From the hub's words to the contract's: payloads become JSON values, maps become lists. Pure. */
import type { NamespaceSummary } from '@trunkline/contracts/node';
import type { NamespaceOptions } from '@trunkline/hub';
import type { ClientInfo, Payload, Publication } from '@trunkline/protocol';

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

export function toNamespace(options: NamespaceOptions): NamespaceSummary {
  return {
    name: options.name,
    type: options.type,
    class: options.class,
    historySize: options.historySize,
    historyTtlMs: options.historyTtlMs,
    presence: options.presence,
    joinLeave: options.joinLeave,
    forcePositioning: options.forcePositioning,
    forceRecovery: options.forceRecovery,
    recoveryMode: options.recoveryMode,
    overflow: options.overflow,
    allowSubscribe: [...options.allowSubscribe],
    allowPublish: [...options.allowPublish],
    allowPresence: [...options.allowPresence],
    allowHistory: [...options.allowHistory],
  };
}

/** A removed key has no data: the empty payload stands for null. */
function toData(payload: Payload): { data: unknown; binary?: true } {
  if (typeof payload !== 'string') return { data: Buffer.from(payload).toString('base64'), binary: true };
  return { data: payload === '' ? null : (JSON.parse(payload) as unknown) };
}
