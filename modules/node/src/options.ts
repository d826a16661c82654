/**
 * What the node module is given. Process facts, the hub's settings and the configuration come in as ports, because a module touches neither
 * the process nor the hub behind its context. Numbers have defaults and are checked once, when the module starts.
 */
import { mergeOptions, requireNumber } from '@trunkline/base';
import type { Contract } from '@trunkline/contracts';
import type { Endpoint, HubOptions, NamespaceOptions } from '@trunkline/hub';

/** The server process, measured by whoever owns it. */
export interface ProcessFacts {
  readonly rssBytes: number;
  readonly heapUsedBytes: number;
  /** Of one core, since the previous call. */
  readonly cpuPercent: number;
  /** How late timers run, milliseconds, since the previous call. */
  readonly eventLoopDelayMs: number;
}

/** One configured value as it may be shown: secrets are replaced by whoever owns the configuration. */
export interface ConfiguredValue {
  readonly path: string;
  readonly value: string;
  /** Where it comes from: `default`, a file and line, a variable, a flag. */
  readonly source: string;
}

export interface NodeTuning {
  /** Time between samples of a listened channel. Default 1,000: what an eye follows. */
  readonly sampleIntervalMs: number;
  /** How long sampling goes on after the last reader left, so that a reload finds its history. Default 15,000. */
  readonly lingerMs: number;
  /** What `node.stats` measures rates over when nobody listens. Default 250: short enough to wait for. */
  readonly probeMs: number;
  /** Time between the samples of the kept hour. Default 10,000: 360 points, about what a chart is wide. */
  readonly trendIntervalMs: number;
  /** Samples of the kept hour; the oldest goes. Default 360. */
  readonly trendSamples: number;
  /** Orgs whose hour is kept at once; the one looked at longest ago goes. Default 32. */
  readonly trendOrgs: number;
  /** Connections an org sample looks at. Default 1,000, about 1 ms of work; beyond it the sample says it is not complete. */
  readonly orgSampleConnections: number;
  /** Channels an org sample, or a count by namespace, looks at. Default 10,000. */
  readonly orgSampleChannels: number;
  /** Connections a search looks at, newest first. Default 5,000, some 10 ms of work; beyond it the reply says so. */
  readonly searchedConnections: number;
}

export interface NodeModuleOptions extends Partial<NodeTuning> {
  /** Called once per sample. */
  readonly process: () => ProcessFacts;
  /** The hub's resolved namespaces; called when somebody asks. */
  readonly namespaces: () => readonly NamespaceOptions[];
  /** The hub's resolved options: limits, and whether namespaces count at all. */
  readonly hub: () => HubOptions;
  /** Where connections are opened. */
  readonly endpoints: () => readonly Pick<Endpoint, 'id' | 'path' | 'transport'>[];
  /** The configuration in effect, without secrets. */
  readonly configuration: () => readonly ConfiguredValue[];
  /** Contracts of the modules that run: what they promise of their channels is shown in the inspector. Default: this module's own. */
  readonly contracts?: () => readonly Contract[];
  /** The server's version. */
  readonly version: string;
  /** What the server runs on, e.g. `node 20.20.2`. */
  readonly runtime: string;
}

export const NODE_DEFAULTS: NodeTuning = {
  sampleIntervalMs: 1_000,
  lingerMs: 15_000,
  probeMs: 250,
  trendIntervalMs: 10_000,
  trendSamples: 360,
  trendOrgs: 32,
  orgSampleConnections: 1_000,
  orgSampleChannels: 10_000,
  searchedConnections: 5_000,
};

const LEAST: NodeTuning = {
  sampleIntervalMs: 100,
  lingerMs: 0,
  probeMs: 1,
  trendIntervalMs: 1_000,
  trendSamples: 1,
  trendOrgs: 1,
  orgSampleConnections: 1,
  orgSampleChannels: 1,
  searchedConnections: 1,
};

/** Merges defaults and checks; throws a RangeError that names the field. */
export function resolveNodeTuning(given: Partial<NodeTuning>): NodeTuning {
  const merged = mergeOptions(NODE_DEFAULTS, given);
  const fields = Object.keys(NODE_DEFAULTS) as (keyof NodeTuning)[];
  for (const field of fields) requireNumber(field, merged[field], LEAST[field]);
  return Object.fromEntries(fields.map((field) => [field, merged[field]])) as unknown as NodeTuning;
}
