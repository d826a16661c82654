/** How large and how lively the demo cluster is. */
import { mergeOptions, requireNumber } from '@trunkline/base';

export interface WorkloadOptions {
  /** Decides everything that happens. Default 1. */
  readonly seed: number;
  /** Pods to begin with; stories change the number a little. Default 200. Up to 100,000 are measured. */
  readonly pods: number;
  /** 0 (default): one per 30 pods, at least 3. */
  readonly nodes: number;
  /** Namespaces with applications, besides those of the system. Default 6. */
  readonly namespaces: number;
  /** Changes per second, in the long run. 0: a cluster that stands still, but answers to what users do. Default 5. */
  readonly eventsPerSecond: number;
  /** Between turns, in ms. Default 50: 25 changes a turn at 500 per second. */
  readonly tickMs: number;
  /** Event objects kept; the oldest goes. Default 1,000. */
  readonly maxEvents: number;
  /** Stories that happen at once. Default 20. */
  readonly maxStories: number;
  /** Objects made per turn of the event loop while the cluster is set up. Default 250: about 5 ms. */
  readonly populateSlice: number;
}

export const WORKLOAD_DEFAULTS: WorkloadOptions = {
  seed: 1,
  pods: 200,
  nodes: 0,
  namespaces: 6,
  eventsPerSecond: 5,
  tickMs: 50,
  maxEvents: 1_000,
  maxStories: 20,
  populateSlice: 250,
};

/** Throws a RangeError that names the field. */
export function resolveWorkloadOptions(given: Partial<WorkloadOptions> | undefined): WorkloadOptions {
  const options = mergeOptions(WORKLOAD_DEFAULTS, given);
  requireNumber('pods', options.pods, 0);
  requireNumber('nodes', options.nodes, 0);
  requireNumber('namespaces', options.namespaces, 1);
  requireNumber('eventsPerSecond', options.eventsPerSecond, 0);
  requireNumber('tickMs', options.tickMs, 1);
  requireNumber('maxEvents', options.maxEvents, 1);
  requireNumber('maxStories', options.maxStories, 1);
  requireNumber('populateSlice', options.populateSlice, 1);
  return { ...options, nodes: options.nodes || Math.max(3, Math.ceil(options.pods / 30)) };
}
