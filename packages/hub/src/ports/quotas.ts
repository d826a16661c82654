/** What one org may use of a node, where that is less than the node's own options allow. Read in the data path: an answer is at hand, never waited for. */
export interface OrgQuotas {
  /** Null or absent: the node's option alone. */
  readonly maxConnections?: number | null | undefined;
  readonly maxSubscriptionsPerConnection?: number | null | undefined;
  readonly commandsPerSecond?: number | null | undefined;
  /** Of clients and of the server API, in channels that are no module's. */
  readonly publicationsPerSecond?: number | null | undefined;
}

export type QuotasOf = (org: string) => OrgQuotas | undefined;
