/** From readable names of the configuration to the options of the module and of its parts. */
import type {
  KubeTuning,
  LogsOptions,
  ProxyOptions,
  WindowsOptions,
  WiresOptions,
} from '@trunkline/module-kube/defaults';
import type { KubeConfig } from '../config/kube-schema.js';

export interface KubeLimits {
  readonly tuning: Partial<KubeTuning>;
  readonly windows: Partial<WindowsOptions>;
  readonly logs: Partial<LogsOptions>;
  readonly proxy: Partial<ProxyOptions>;
  readonly wires: Partial<WiresOptions>;
}

const MIB = 1_048_576;

export function toKubeLimits(config: KubeConfig): KubeLimits {
  const { rights, lists, windows, logs, proxy, wires } = config;
  return {
    tuning: {
      kindsTtlMs: config.kindsTtl,
      probeMs: config.probeInterval,
      maxCredentials: config.maxCredentials,
      rightsTtlMs: rights.ttl,
      deniedTtlMs: rights.deniedTtl,
      rightsStaleMs: rights.stale,
      askAgainMs: rights.askAgain,
      maxNamespaces: rights.maxNamespaces,
      parallelReviews: rights.parallelReviews,
      lingerMs: lists.linger,
      frameMs: lists.frame,
      keptChanges: lists.keptChanges,
      maxObjects: lists.maxObjects,
      maxListsPerOrg: lists.maxPerOrg,
      maxOpened: lists.maxOpened,
      reflectors: { maxReflectors: lists.maxWatches, reflector: { maxBytes: lists.maxBytes } },
    },
    windows: {
      turnMs: windows.turn,
      lingerMs: windows.linger,
      questionLingerMs: windows.listLinger,
      unusedMs: windows.unused,
      maxPerUser: windows.maxPerUser,
      maxPerOrg: windows.maxPerOrg,
      maxWishes: windows.maxWishes,
      maxQuestions: windows.maxLists,
      engineMemoryMb: Math.floor(windows.engineMemory / MIB),
    },
    logs: {
      maxFollowed: logs.maxFollowed,
      lingerMs: logs.linger,
      keptLines: logs.keptLines,
      keptChars: logs.keptChars,
      maxBytesPerSecond: logs.maxBytesPerSecond,
    },
    proxy: {
      maxPerUser: proxy.maxPerUser,
      maxTotal: proxy.maxTotal,
      maxAnswerBytes: proxy.maxAnswerBytes,
      maxAnswerMs: proxy.maxAnswerTime,
    },
    wires: {
      maxWatches: wires.maxWatches,
      maxWaitingBytes: wires.maxWaitingBytes,
      maxSessionsPerUser: wires.maxSessionsPerUser,
      maxSessions: wires.maxSessions,
    },
  };
}
