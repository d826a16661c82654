/**
 * What the node module is given. Process facts and the list of namespaces come in as ports, because a module touches neither the
 * process nor the hub behind its context. Numbers have defaults and are checked once, when the module starts.
 */
import { mergeOptions, requireNumber } from '@trunkline/base';
import type { NamespaceOptions } from '@trunkline/hub';

/** The server process, measured by whoever owns it. */
export interface ProcessFacts {
  readonly rssBytes: number;
  readonly heapUsedBytes: number;
  /** Of one core, since the previous call. */
  readonly cpuPercent: number;
  /** How late timers run, milliseconds, since the previous call. */
  readonly eventLoopDelayMs: number;
}

export interface NodeTuning {
  /** Time between samples of a listened channel. Default 1,000: what an eye follows. */
  readonly sampleIntervalMs: number;
  /** How long sampling goes on after the last reader left, so that a reload finds its history. Default 15,000. */
  readonly lingerMs: number;
  /** What `node.stats` measures rates over when nobody listens. Default 250: short enough to wait for. */
  readonly probeMs: number;
  /** Connections an org sample looks at. Default 1,000, about 1 ms of work; beyond it the sample says it is not complete. */
  readonly orgSampleConnections: number;
  /** Channels an org sample looks at. Default 10,000. */
  readonly orgSampleChannels: number;
}

export interface NodeModuleOptions extends Partial<NodeTuning> {
  /** Called once per sample. */
  readonly process: () => ProcessFacts;
  /** The hub's resolved namespaces; called when somebody asks. */
  readonly namespaces: () => readonly NamespaceOptions[];
  /** The server's version. */
  readonly version: string;
  /** What the server runs on, e.g. `node 20.20.2`. */
  readonly runtime: string;
}

export const NODE_DEFAULTS: NodeTuning = {
  sampleIntervalMs: 1_000,
  lingerMs: 15_000,
  probeMs: 250,
  orgSampleConnections: 1_000,
  orgSampleChannels: 10_000,
};

/** Merges defaults and checks; throws a RangeError that names the field. */
export function resolveNodeTuning(given: Partial<NodeTuning>): NodeTuning {
  const { sampleIntervalMs, lingerMs, probeMs, orgSampleConnections, orgSampleChannels } = mergeOptions(
    NODE_DEFAULTS,
    given,
  );
  requireNumber('sampleIntervalMs', sampleIntervalMs, 100);
  requireNumber('lingerMs', lingerMs, 0);
  requireNumber('probeMs', probeMs, 1);
  requireNumber('orgSampleConnections', orgSampleConnections, 1);
  requireNumber('orgSampleChannels', orgSampleChannels, 1);
  return { sampleIntervalMs, lingerMs, probeMs, orgSampleConnections, orgSampleChannels };
}
