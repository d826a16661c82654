/**
 * Samples of single orgs, summed over the nodes: those that somebody reads, and the hours of those that somebody asked for. An hour costs a few sums
 * every ten seconds, so it is kept only for orgs whose administrators look, and for a bounded number of them. Rates are made here, of what each node
 * has counted; a node alone is asked nothing and waits for nobody.
 */
import { every, sleep, type Disposable, type Timer } from '@trunkline/base';
import type { OrgStatsSample, Trend } from '@trunkline/contracts/node';
import { missing, type ModuleContext } from '@trunkline/hub';
import { READING } from './elsewhere.js';
import type { NodeTuning } from './options.js';
import { orgSample, readOrg, type OrgReading, type Reading } from './samples.js';
import { TrendRing } from './trend.js';

interface Hour {
  readonly ring: TrendRing;
  readonly timer: Timer;
  askedAtMs: number;
}

/** At once where the node is alone. */
type Take = () => OrgStatsSample | Promise<OrgStatsSample>;

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

  /** A sample at once, then one per interval until disposed; a slow one is waited for. */
  open(org: string, send: (sample: OrgStatsSample) => void): Disposable {
    const take = this.#measure(org);
    let open = true;
    let taking = false;
    const turn = (): void => {
      if (taking) return;
      const taken = take();
      if (!(taken instanceof Promise)) {
        send(taken);
        return;
      }
      taking = true;
      taken.then(
        (sample) => {
          taking = false;
          if (open) send(sample);
        },
        () => (taking = false),
      );
    };
    turn();
    const timer = every(this.#context.clock, this.#tuning.sampleIntervalMs, turn);
    this.#timers.add(timer);
    return {
      dispose: () => {
        open = false;
        timer.cancel();
        this.#timers.delete(timer);
      },
    };
  }

  /** Rates are measured over `probeMs`, which the caller waits for. */
  async now(org: string): Promise<OrgStatsSample> {
    const take = this.#measure(org);
    await take();
    await sleep(this.#context.clock, this.#tuning.probeMs);
    return take();
  }

  async trend(org: string): Promise<Trend> {
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
    const keep = (): void => {
      const taken = take();
      if (taken instanceof Promise) taken.then((sample) => ring.add(sample)).catch(() => undefined);
      else ring.add(taken);
    };
    keep();
    const hour: Hour = {
      ring,
      askedAtMs: 0,
      timer: every(this.#context.clock, trendIntervalMs, () => {
        if (this.#context.clock.monotonic() - hour.askedAtMs > trendIntervalMs * trendSamples)
          this.#end(org, hour);
        else keep();
      }),
    };
    return hour;
  }

  #end(org: string, hour: Hour): void {
    hour.timer.cancel();
    this.#hours.delete(org);
  }

  /** Each call measures since the one before, each node by its own counters. */
  #measure(name: string): Take {
    const { clock, nodeId, nodes } = this.#context;
    const org = this.#context.forOrg(name);
    const before = new Map<string, Reading<OrgReading>>();
    const make = (
      now: ReadonlyMap<string, Reading<OrgReading>>,
      incomplete: readonly string[],
    ): OrgStatsSample => {
      const place = { nodeId, startedAtMs: this.#startedAtMs, timeMs: clock.now() };
      const sample = orgSample(before, now, place, name, incomplete);
      for (const [node, reading] of now) before.set(node, reading);
      // Nodes that are gone for good.
      for (const node of before.keys()) if (!nodes.isLive(node)) before.delete(node);
      return sample;
    };
    return () => {
      const atMs = clock.monotonic();
      const own = { stats: readOrg(org, this.#tuning), atMs };
      if (nodes.alone) return make(new Map([[nodeId, own]]), []);
      const asked = org.ask(READING, null, {
        nodes: 'others',
        deadlineMs: this.#tuning.sampleIntervalMs,
      });
      return asked.then((survey) => {
        const others = survey.replies.map(({ node, answer }) => [node, { stats: answer, atMs }] as const);
        return make(new Map([[nodeId, own], ...others]), missing(survey));
      });
    };
  }
}
