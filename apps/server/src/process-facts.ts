/** What the process says of itself, for the node module and nobody else. Percentages and delays are since the previous call. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock, Disposable } from '@trunkline/base';
import type { ProcessFacts } from '@trunkline/module-node';

/** Resolution of the event loop's histogram; what it shows above that is delay. */
const RESOLUTION_MS = 20;

export interface ProcessGauge extends Disposable {
  read(): ProcessFacts;
  dispose(): void;
}

export function createProcessGauge(clock: Clock): ProcessGauge {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  let last = { cpu: process.cpuUsage(), atMs: clock.monotonic() };
  return {
    read() {
      const now = { cpu: process.cpuUsage(), atMs: clock.monotonic() };
      const usedMs = (now.cpu.user + now.cpu.system - last.cpu.user - last.cpu.system) / 1_000;
      const elapsedMs = now.atMs - last.atMs;
      last = now;
      const { rss, heapUsed } = process.memoryUsage();
      const p99Ms = Number.isNaN(delay.mean) ? 0 : delay.percentile(99) / 1e6;
      delay.reset();
      return {
        rssBytes: rss,
        heapUsedBytes: heapUsed,
        cpuPercent: elapsedMs > 0 ? Math.max(0, (100 * usedMs) / elapsedMs) : 0,
        eventLoopDelayMs: Math.max(0, p99Ms - RESOLUTION_MS),
      };
    },
    dispose: () => void delay.disable(),
  };
}
