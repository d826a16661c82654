/** From readable names to the hub's: units go back to the ends of names, `channels.default` becomes the namespace `''`. */
import type { HubOptions, NamespaceOptions } from '@trunkline/hub';
import type { DefaultNamespaceConfig } from './channels-schema.js';
import type { Config } from './schema.js';

type NamespaceGiven = Partial<NamespaceOptions> & { readonly name: string };

/** Everything but `version`, which is the program's. */
export function toHubOptions({ client, channels, node }: Config): Partial<HubOptions> {
  const { maxFrameBytes, maxCommandsPerFrame, maxDepth, maxChannelLength, maxPublicationBytes } = client;
  return {
    ...(node.id === undefined ? {} : { nodeId: node.id }),
    limits: { maxFrameBytes, maxCommandsPerFrame, maxDepth, maxChannelLength, maxPublicationBytes },
    namespaces: toNamespaces(channels),
    insecure: client.insecure,
    pingIntervalMs: client.pingInterval,
    pongTimeoutMs: client.pongTimeout,
    firstCommandTimeoutMs: client.firstCommandTimeout,
    outboxMaxMessages: client.outboxMaxMessages,
    outboxMaxBytes: client.outboxMaxBytes,
    orgOutboxMaxBytes: client.orgOutboxMaxBytes,
    subscribeDeadlineMs: client.subscribeDeadline,
    rpcTimeoutMs: client.rpcTimeout,
    maxSubscriptionsPerConnection: client.maxSubscriptionsPerConnection,
    maxConnectionsPerUser: client.maxConnectionsPerUser,
    maxConnectionsPerOrg: client.maxConnectionsPerOrg,
    maxCommandsPerSecondPerConnection: client.maxCommandsPerSecondPerConnection,
    maxCommandsPerSecondPerOrg: client.maxCommandsPerSecondPerOrg,
    maxCommandsInFlight: client.maxCommandsInFlight,
    maxConnectionAgeMs: client.maxConnectionAge,
    recoveryMaxPublications: client.recoveryMaxPublications,
    recoveryMaxBytes: client.recoveryMaxBytes,
    historyMaxLimit: client.historyMaxLimit,
    mapPageMaxEntries: client.mapPageMaxEntries,
    mapPageMaxBytes: client.mapPageMaxBytes,
    subscribeBufferMax: client.subscribeBufferMax,
    presenceTtlMs: client.presenceTtl,
    joinLeaveCoalesceAbove: client.joinLeaveCoalesceAbove,
    joinLeaveCoalesceMs: client.joinLeaveCoalesceWindow,
    presenceMaxClients: client.presenceMaxClients,
    positionCheckIntervalMs: client.positionCheckInterval,
    idempotencyTtlMs: client.idempotencyTtl,
    expiryGraceMs: client.expiryGrace,
    localRingSize: client.localRingSize,
    orgEventsMax: client.orgEventsMax,
    deltaMemoryMaxBytes: client.deltaMemoryMaxBytes,
    nodeName: node.name ?? '',
    nodeAnnounceIntervalMs: node.announceInterval,
    nodeExpiryMs: node.expiry,
    nodesMax: node.maxNodes,
    nodeAskTimeoutMs: node.askTimeout,
    // A character of a frame is at most three bytes; and what is around it.
    nodeMessageMaxBytes: Math.max(node.messageMaxBytes, 3 * maxFrameBytes + 4_096),
    nodePageBytes: node.pageBytes,
  };
}

function toNamespaces(channels: Config['channels']): readonly NamespaceGiven[] {
  const named = channels.namespaces.map((namespace) => toNamespace(namespace.name, namespace));
  return channels.default ? [toNamespace('', channels.default), ...named] : named;
}

function toNamespace(
  name: string,
  { historyTtl, metaTtl, publishDebounce, map, ...same }: DefaultNamespaceConfig,
): NamespaceGiven {
  return withoutAbsent({
    ...same,
    name,
    historyTtlMs: historyTtl,
    metaTtlMs: metaTtl,
    publishDebounceMs: publishDebounce,
    map: map && toMap(map),
  }) as NamespaceGiven;
}

/** The hub merges a partial map with its defaults. */
function toMap({ keyTtl, streamTtl, ...same }: NonNullable<DefaultNamespaceConfig['map']>): object {
  return withoutAbsent({ ...same, keyTtlMs: keyTtl, streamTtlMs: streamTtl });
}

function withoutAbsent(fields: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
