/**
 * What the node module measures: samples of its two channels, and the hour of them that it keeps. An operator's sample counts the whole
 * node; an administrator's counts one org and carries no number of the machine.
 */
import { z } from 'zod';

/** By code, as text, because a JSON object has no other keys. Only codes that occurred. */
const byCode = z.record(z.string(), z.number());

export const nodeStats = z.object({
  nodeId: z.string(),
  /** Server time of the sample, Unix ms. */
  timeMs: z.number(),
  startedAtMs: z.number(),
  /** The whole node, every org together: for operators only. */
  scope: z.literal('node'),
  /** What the rates below were measured over, ms. 0: not measured yet, and every rate is 0. */
  intervalMs: z.number(),
  connections: z.number(),
  users: z.number(),
  orgs: z.number(),
  subscriptions: z.number(),
  channels: z.number(),
  /** Rates over `intervalMs`. */
  publicationsPerSecond: z.number(),
  deliveriesPerSecond: z.number(),
  commandsPerSecond: z.number(),
  errorsPerSecond: z.number(),
  bytesOutPerSecond: z.number(),
  /** `errorsPerSecond` by code. */
  errorRates: byCode,
  /** Totals since start. */
  publications: z.number(),
  deliveries: z.number(),
  overflows: z.object({ recover: z.number(), latest: z.number(), gap: z.number(), close: z.number() }),
  recoveries: z.object({ recovered: z.number(), unrecovered: z.number() }),
  denials: z.number(),
  /** Replies with an error, by code. */
  errors: byCode,
  /** Connections that ended, by close code. */
  closes: byCode,
  outboxBytes: z.number(),
  deliveryLatencyMs: z.object({ p50: z.number(), p99: z.number(), max: z.number() }),
  memory: z.object({ rssBytes: z.number(), heapUsedBytes: z.number() }).optional(),
  cpuPercent: z.number().optional(),
  eventLoopDelayMs: z.number().optional(),
});

/** What an org's administrator sees: nothing that counts another org, and nothing of the machine. */
export const orgStats = z.object({
  nodeId: z.string(),
  /** Server time of the sample, Unix ms. */
  timeMs: z.number(),
  startedAtMs: z.number(),
  scope: z.literal('org'),
  org: z.string(),
  /** What the rates below were measured over, ms. 0: not measured yet, and every rate is 0. */
  intervalMs: z.number(),
  connections: z.number(),
  users: z.number(),
  subscriptions: z.number(),
  channels: z.number(),
  /** Commands and answers read from the org's clients, and replies and pushes handed to the network for them. */
  messagesInPerSecond: z.number(),
  messagesOutPerSecond: z.number(),
  bytesInPerSecond: z.number(),
  bytesOutPerSecond: z.number(),
  outboxBytes: z.number(),
  /** Subscriptions whose reader is behind (`cut`, `conflating` or `gapping`), of the connections looked at. */
  behind: z.number(),
  /** False where the org is larger than one sample looks at: then channels and behind are of a part. */
  complete: z.boolean(),
  /** Nodes whose counts are summed here; a user or channel at two of them counts twice. Absent: this one alone. */
  nodes: z.number().optional(),
  /** Nodes that did not answer in time: what they hold is missing. Absent or empty: nothing is. */
  incomplete: z.array(z.string()).optional(),
});

export const stats = z.discriminatedUnion('scope', [nodeStats, orgStats]);

/**
 * Kept samples as columns: `columns[path][n]` is the value at `times[n]`, null where it was not measured. A path is that of the field in a
 * sample, dotted: `deliveryLatencyMs.p99`, `errorRates.103`.
 */
export const trend = z.object({
  scope: z.enum(['node', 'org']),
  nodeId: z.string(),
  /** Time between two samples, ms. */
  intervalMs: z.number(),
  /** Unix ms, ascending. */
  times: z.array(z.number()),
  columns: z.record(z.string(), z.array(z.number().nullable())),
});

export type NodeStatsSample = z.output<typeof nodeStats>;
export type OrgStatsSample = z.output<typeof orgStats>;
export type StatsSample = z.output<typeof stats>;
export type Trend = z.output<typeof trend>;
