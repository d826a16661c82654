/** The hub's limits in words, in groups; one that is not named here is shown under its own name, so that nothing in effect is hidden. Pure. */
import { formatBytes, formatCount, formatDuration, formatMs } from '../format.js';

export interface LimitGroup {
  readonly title: string;
  readonly limits: readonly { readonly label: string; readonly value: string }[];
}

const GROUPS: readonly (readonly [title: string, names: Readonly<Record<string, string>>])[] = [
  [
    'One connection',
    {
      outboxMaxMessages: 'Messages that may wait',
      outboxMaxBytes: 'Bytes that may wait',
      maxSubscriptionsPerConnection: 'Subscriptions',
      maxCommandsPerSecondPerConnection: 'Commands per second',
      maxCommandsInFlight: 'Commands at once',
      maxConnectionAgeMs: 'Age',
      pingIntervalMs: 'A ping every',
      pongTimeoutMs: 'Time for the pong',
      firstCommandTimeoutMs: 'Time for the first command',
    },
  ],
  [
    'One frame',
    {
      maxFrameBytes: 'Bytes',
      maxCommandsPerFrame: 'Commands',
      maxDepth: 'Nesting of JSON',
      maxPublicationBytes: 'Bytes of a publication',
      maxChannelLength: 'Characters of a channel’s name',
    },
  ],
  [
    'One org, one user',
    {
      maxConnectionsPerOrg: 'Connections of an org',
      maxConnectionsPerUser: 'Connections of a user',
      orgOutboxMaxBytes: 'Bytes that may wait for an org',
      maxCommandsPerSecondPerOrg: 'Commands per second of an org',
      orgEventsMax: 'Events kept for an org',
      presenceMaxClients: 'Clients that a presence answer lists',
    },
  ],
  [
    'History and recovery',
    {
      historyMaxLimit: 'Publications per history call',
      recoveryMaxPublications: 'Publications per recovery',
      recoveryMaxBytes: 'Bytes per recovery',
      mapPageMaxEntries: 'Entries per page of a map',
      mapPageMaxBytes: 'Bytes per page of a map',
      subscribeBufferMax: 'Changes held while a map is paged',
      localRingSize: 'Publications of a local channel',
      deltaMemoryMaxBytes: 'Bytes remembered for deltas',
      idempotencyTtlMs: 'Keys of publications remembered',
    },
  ],
  [
    'Times',
    {
      subscribeDeadlineMs: 'A subscribe is answered within',
      rpcTimeoutMs: 'A call is answered within',
      presenceTtlMs: 'Presence without renewal',
      positionCheckIntervalMs: 'Positions are compared every',
      expiryGraceMs: 'Grace after a token expired',
      joinLeaveCoalesceMs: 'Joins and leaves are folded for',
      joinLeaveCoalesceAbove: 'Folded above so many readers',
    },
  ],
];

export function limitGroups(limits: Readonly<Record<string, number | null>>): readonly LimitGroup[] {
  const named = new Set(GROUPS.flatMap(([, names]) => Object.keys(names)));
  const rest = Object.keys(limits).filter((name) => !named.has(name));
  const all: typeof GROUPS =
    rest.length === 0
      ? GROUPS
      : [...GROUPS, ['Others', Object.fromEntries(rest.map((name) => [name, name]))]];
  return all
    .map(([title, names]) => ({
      title,
      limits: Object.entries(names)
        .filter(([name]) => limits[name] !== undefined)
        .map(([name, label]) => ({ label, value: limitWords(name, limits[name] ?? null) })),
    }))
    .filter((group) => group.limits.length > 0);
}

/** The end of a name tells its unit. */
export function limitWords(name: string, value: number | null): string {
  if (value === null) return 'unlimited';
  if (name.endsWith('Bytes')) return formatBytes(value);
  if (!name.endsWith('Ms')) return formatCount(value);
  if (value === 0) return 'none';
  return value < 1_000 || value % 1_000 !== 0 ? formatMs(value) : formatDuration(value);
}
