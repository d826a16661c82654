/** The node's counters: plain numbers that only grow, incremented where things happen and read by `Hub.stats`. */
import type { OverflowOutcome } from '@trunkline/protocol';

/** Latency samples kept; older ones are overwritten. */
const LATENCY_SAMPLES = 1024;

export class Counters {
  framesIn = 0;
  framesOut = 0;
  bytesIn = 0;
  bytesOut = 0;
  publications = 0;
  deliveries = 0;
  denials = 0;
  recovered = 0;
  unrecovered = 0;
  readonly commands = new Map<string, number>();
  readonly errors = new Map<number, number>();
  readonly closes = new Map<number, number>();
  readonly overflows: Record<OverflowOutcome | 'close', number> = { recover: 0, latest: 0, gap: 0, close: 0 };
  #latency = new Float64Array(LATENCY_SAMPLES);
  #latencyCount = 0;

  command(kind: string): void {
    this.commands.set(kind, (this.commands.get(kind) ?? 0) + 1);
  }

  error(code: number): void {
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
  }

  close(code: number): void {
    this.closes.set(code, (this.closes.get(code) ?? 0) + 1);
  }

  /** One sample of the time between a publication's delivery on this node and its hand-over to the network, in milliseconds. */
  latency(ms: number): void {
    this.#latency[this.#latencyCount++ % LATENCY_SAMPLES] = ms;
  }

  latencyQuantiles(): { readonly p50: number; readonly p99: number; readonly max: number } {
    const count = Math.min(this.#latencyCount, LATENCY_SAMPLES);
    if (count === 0) return { p50: 0, p99: 0, max: 0 };
    const sorted = this.#latency.slice(0, count).sort();
    const at = (quantile: number): number => sorted[Math.min(count - 1, Math.floor(quantile * count))] ?? 0;
    return { p50: at(0.5), p99: at(0.99), max: sorted[count - 1] ?? 0 };
  }
}
