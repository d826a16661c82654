/**
 * Samples of single orgs: those that somebody reads, and the hours of those that somebody asked for. An hour costs a few sums every ten
 * seconds, so it is kept only for orgs whose administrators look, and for a bounded number of them.
 */
import { every, sleep, type Disposable, type Timer } from '@trunkline/base';
import type { OrgStatsSample, Trend } from '@trunkline/contracts/node';
import type { ModuleContext, OrgStats } from '@trunkline/hub';
import type { NodeTuning } from './options.js';
import { orgSample, type Reading } from './samples.js';
import { TrendRing } from './trend.js';

interface Hour {
  readonly ring: TrendRing;
  readonly timer: Timer;
  askedAtMs: number;
}

export class OrgSampler implements Disposable {
  readonly #context: ModuleContext;
  readonly #tuning: NodeTuning;
  readonly #startedAtMs: number;
  readonly #timers = new Set<Timer>();
  /** In the order of the last question, the newest last. */
  readonly #hours = new Map<string, Hour>();

  constructor(context: ModuleContext, tuning: NodeTuning) {
    this.#context = context;
    this.#tuning = tuning;
    this.#startedAtMs = context.stats().startedAtMs;
  }

  /** A sample at once, then one per interval until disposed. */
  open(org: string, send: (sample: OrgStatsSample) => void): Disposable {
    const take = this.#measure(org);
    send(take());
    const timer = every(this.#context.clock, this.#tuning.sampleIntervalMs, () => send(take()));
    this.#timers.add(timer);
    return {
      dispose: () => {
        timer.cancel();
        this.#timers.delete(timer);
      },
    };
  }

  /** Rates are measured over `probeMs`, which the caller waits for. */
  async now(org: string): Promise<OrgStatsSample> {
    const take = this.#measure(org);
    take();
    await sleep(this.#context.clock, this.#tuning.probeMs);
    return take();
  }

  trend(org: string): Trend {
    const { trendIntervalMs, trendOrgs } = this.#tuning;
    const hour = this.#hours.get(org) ?? this.#begin(org);
    hour.askedAtMs = this.#context.clock.monotonic();
    this.#hours.delete(org);
    this.#hours.set(org, hour);
    for (const [name, oldest] of this.#hours) {
      if (this.#hours.size <= trendOrgs) break;
      this.#end(name, oldest);
    }
    return hour.ring.read('org', this.#context.nodeId, trendIntervalMs);
  }

  dispose(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    for (const [org, hour] of this.#hours) this.#end(org, hour);
  }

  #begin(org: string): Hour {
    const { trendIntervalMs, trendSamples } = this.#tuning;
    const take = this.#measure(org);
    const ring = new TrendRing(trendSamples);
    ring.add(take());
    const hour: Hour = {
      ring,
      askedAtMs: 0,
      timer: every(this.#context.clock, trendIntervalMs, () => {
        if (this.#context.clock.monotonic() - hour.askedAtMs > trendIntervalMs * trendSamples)
          this.#end(org, hour);
        else ring.add(take());
      }),
    };
    return hour;
  }

  #end(org: string, hour: Hour): void {
    hour.timer.cancel();
    this.#hours.delete(org);
  }

  /** Each call measures since the one before. */
  #measure(name: string): () => OrgStatsSample {
    const { clock, nodeId } = this.#context;
    const org = this.#context.forOrg(name);
    let previous: Reading<OrgStats> | undefined;
    return () => {
      const reading = { stats: org.stats(), atMs: clock.monotonic() };
      const place = { nodeId, startedAtMs: this.#startedAtMs, timeMs: clock.now() };
      const sample = orgSample(previous, reading, place, org, this.#tuning);
      previous = reading;
      return sample;
    };
  }
}
