/**
 * The limits and times of live Kubernetes lists that an operator may want to set: how lists are shared, how often rights are asked about, and what windows, logs, the proxy and foreign
 * wires may take. Defaults are those of the module; what they become there is `kube/limits.ts`.
 */
import {
  KUBE_DEFAULTS,
  LOGS_DEFAULTS,
  PROXY_DEFAULTS,
  WINDOWS_DEFAULTS,
  WIRES_DEFAULTS,
} from '@trunkline/module-kube/defaults';
import { z } from 'zod';
import { duration, integer, size } from './leaves.js';

const MIB = 1_048_576;
const SECOND = 1_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** A section that may be left out. */
function section<T extends z.ZodRawShape>(shape: T) {
  return z.strictObject(shape).prefault({} as never);
}

const { reflectors } = KUBE_DEFAULTS;

export const kubeLimits = {
  kindsTtl: duration(
    'How long the kinds of a cluster, and their columns, are used before they are read again.',
    {
      max: HOUR,
    },
  ).default(KUBE_DEFAULTS.kindsTtlMs),
  probeInterval: duration('Time between signs of life of a cluster that somebody looks at or reads from.', {
    min: SECOND,
    max: HOUR,
  }).default(KUBE_DEFAULTS.probeMs),
  maxCredentials: integer(
    'Credentials of users that are in use for one cluster on this node; those without readers make room.',
    { min: 1 },
  ).default(KUBE_DEFAULTS.maxCredentials),
  rights: section({
    ttl: duration(
      'How old a yes of an API server may be. Even with the longest a right that is taken away ends what it opened within 5 s.',
      { min: 250, max: 3 * SECOND },
    ).default(KUBE_DEFAULTS.rightsTtlMs),
    deniedTtl: duration('How old a no may be, while namespaces are looked through one by one.', {
      max: HOUR,
    }).default(KUBE_DEFAULTS.deniedTtlMs),
    stale: duration(
      'How long those who were let in stay while the API server cannot be asked about their rights; nothing new is shown meanwhile.',
      { max: DAY },
    ).default(KUBE_DEFAULTS.rightsStaleMs),
    askAgain: duration(
      'After which time clients ask again for lists and windows that may show more once rights are granted.',
      { min: SECOND, max: DAY },
    ).default(KUBE_DEFAULTS.askAgainMs),
    maxNamespaces: integer('Namespaces that are looked through for a viewer who may not see all.', {
      min: 1,
      max: 100_000,
    }).default(KUBE_DEFAULTS.maxNamespaces),
    parallelReviews: integer(
      'Namespaces of a cluster that are asked about at once, for all viewers together.',
      {
        min: 1,
        max: 1_000,
      },
    ).default(KUBE_DEFAULTS.parallelReviews),
  }),
  lists: section({
    // Readers who take a list again leave it for a moment.
    linger: duration('How long a list, and the watch behind it, goes on without readers.', {
      min: 10 * SECOND,
      max: DAY,
    }).default(KUBE_DEFAULTS.lingerMs),
    frame: duration('Changes of an object within this time are one.', { max: 10 * SECOND }).default(
      KUBE_DEFAULTS.frameMs,
    ),
    keptChanges: integer('Changes of a list that are kept for readers who come back.', {
      max: 1_000_000,
    }).default(KUBE_DEFAULTS.keptChanges),
    maxObjects: integer('Objects of one list; a longer one fails and says so.', { min: 1 }).default(
      KUBE_DEFAULTS.maxObjects,
    ),
    maxBytes: size('JSON of the objects of one list; a larger one fails and says so.', {
      min: MIB,
    }).default(reflectors.reflector?.maxBytes ?? 1_024 * MIB),
    maxPerOrg: integer('Lists that the readers of one org keep open on this node.', { min: 1 }).default(
      KUBE_DEFAULTS.maxListsPerOrg,
    ),
    maxOpened: integer('Lists that one wish becomes at most, where it is one for each namespace.', {
      min: 1,
      max: 10_000,
    }).default(KUBE_DEFAULTS.maxOpened),
    maxWatches: integer('Watches that are open towards a cluster at once, for each credential.', {
      min: 1,
    }).default(reflectors.maxReflectors ?? 1_000),
  }),
  windows: section({
    turn: duration('Shortest time between two publications of a window.', { max: 60 * SECOND }).default(
      WINDOWS_DEFAULTS.turnMs,
    ),
    linger: duration('How long a window stays up after its last reader.', { max: HOUR }).default(
      WINDOWS_DEFAULTS.lingerMs,
    ),
    listLinger: duration('How long the engine keeps a list after its last window.', { max: DAY }).default(
      WINDOWS_DEFAULTS.questionLingerMs,
    ),
    unused: duration('How long a window is known that nobody reads.', { min: SECOND, max: DAY }).default(
      WINDOWS_DEFAULTS.unusedMs,
    ),
    maxPerUser: integer('Windows of one user that are known at once; those without readers make room.', {
      min: 1,
    }).default(WINDOWS_DEFAULTS.maxPerUser),
    maxPerOrg: integer('Windows of one org that are known at once; those without readers make room.', {
      min: 1,
    }).default(WINDOWS_DEFAULTS.maxPerOrg),
    maxWishes: integer(
      'Paths and sets of fields that the windows of an org want of one kind, beside its columns: each is kept for every object.',
      { min: 1, max: 10_000 },
    ).default(WINDOWS_DEFAULTS.maxWishes),
    maxLists: integer('Lists behind one window: clusters times namespaces.', { min: 1, max: 10_000 }).default(
      WINDOWS_DEFAULTS.maxQuestions,
    ),
    engineMemory: size('Heap of the thread that filters and sorts; it begins anew when it needs more.', {
      min: 64 * MIB,
    }).default(WINDOWS_DEFAULTS.engineMemoryMb * MIB),
  }),
  logs: section({
    maxFollowed: integer('Logs of containers that are followed at once, however many read each.', {
      min: 1,
    }).default(LOGS_DEFAULTS.maxFollowed),
    linger: duration('How long a log is followed without readers.', { max: HOUR }).default(
      LOGS_DEFAULTS.lingerMs,
    ),
    keptLines: integer(
      'Lines of a log that are kept for readers to come, and of each channel while rights cannot be asked about.',
      { min: 1 },
    ).default(LOGS_DEFAULTS.keptLines),
    keptChars: integer(
      'Characters of a log that are kept for readers to come, and of each channel while rights cannot be asked about.',
      { min: 1_024 },
    ).default(LOGS_DEFAULTS.keptChars),
    maxBytesPerSecond: size('Read from one log per second.', { min: 1_024 }).default(
      LOGS_DEFAULTS.maxBytesPerSecond,
    ),
  }),
  proxy: section({
    maxPerUser: integer('Requests of one user under way at once.', { min: 1 }).default(
      PROXY_DEFAULTS.maxPerUser,
    ),
    maxTotal: integer('Requests of all users under way at once.', { min: 1 }).default(
      PROXY_DEFAULTS.maxTotal,
    ),
    maxAnswerBytes: size('Longest answer; a longer one is cut off.', { min: 1_024 }).default(
      PROXY_DEFAULTS.maxAnswerBytes,
    ),
    maxAnswerTime: duration('Longest time from a request to the end of its answer.', {
      min: SECOND,
      max: DAY,
    }).default(PROXY_DEFAULTS.maxAnswerMs),
  }),
  wires: section({
    maxWatches: integer('Watches on one connection of a foreign client.', { min: 1 }).default(
      WIRES_DEFAULTS.maxWatches,
    ),
    maxWaitingBytes: size('Events that wait for one foreign client; beyond it the connection is closed.', {
      min: 65_536,
    }).default(WIRES_DEFAULTS.maxWaitingBytes),
    maxSessionsPerUser: integer(
      'Exec, attach and port-forward of one user that are open at once; and as many logs over a WebSocket.',
      {
        min: 1,
      },
    ).default(WIRES_DEFAULTS.maxSessionsPerUser),
    maxSessions: integer(
      'Exec, attach and port-forward of all users that are open at once on this node; and as many logs over a WebSocket.',
      {
        min: 1,
      },
    ).default(WIRES_DEFAULTS.maxSessions),
  }),
};
