/**
 * Takes samples. All open `node:stats` channels share one timer and one reading, so ten operators in ten orgs cost what one does; each
 * org's `node:org-stats` has its own. Beside them the node's hour is sampled always, slowly, so that a chart opened after an
 * incident shows it. It knows the emitters it was given and nothing of who reads them.
 */
import { every, sleep, type Disposable, type Timer } from '@trunkline/base';
import type { NodeStatsSample, OrgStatsSample, StatsSample, Trend } from '@trunkline/contracts/node';
import type { LocalEmitter, LocalSourceRequest, ModuleContext, NodeStats } from '@trunkline/hub';
import { FactsMeter } from './facts.js';
import type { NodeTuning, ProcessFacts } from './options.js';
import { OrgSampler } from './org-sampler.js';
import { nodeSample, type Reading } from './samples.js';
import { TrendRing } from './trend.js';

export class StatsSampler implements Disposable {
  readonly #context: ModuleContext;
  readonly #tuning: NodeTuning;
  readonly #facts: FactsMeter;
  readonly #orgs: OrgSampler;
  readonly #nodeEmitters = new Set<LocalEmitter>();
  readonly #hour: TrendRing;
  readonly #hourTimer: Timer;
  #hourly: Reading<NodeStats>;
  #nodeTimer: Timer | undefined;
  #last: { readonly reading: Reading<NodeStats>; readonly sample: NodeStatsSample } | undefined;

  constructor(context: ModuleContext, tuning: NodeTuning, facts: () => ProcessFacts) {
    this.#context = context;
    this.#tuning = tuning;
    this.#facts = new FactsMeter(facts);
    this.#orgs = new OrgSampler(context, tuning);
    this.#hour = new TrendRing(tuning.trendSamples);
    this.#hourly = this.#read();
    this.#hourTimer = every(context.clock, tuning.trendIntervalMs, () => this.#keep());
  }

  /** Source of `node:stats`: the newest sample at once, then one per interval until disposed. */
  openNode(request: LocalSourceRequest): Disposable {
    this.#nodeEmitters.add(request.emit);
    if (this.#nodeTimer === undefined) {
      this.#nodeTimer = every(this.#context.clock, this.#tuning.sampleIntervalMs, () => this.#tick());
      this.#measure();
    }
    if (this.#last) send(request.emit, this.#last.sample);
    return { dispose: () => this.#closeNode(request.emit) };
  }

  /** Source of `node:org-stats`: the org of the request and no other. */
  openOrg(request: LocalSourceRequest): Disposable {
    return this.#orgs.open(request.org, (sample) => send(request.emit, sample));
  }

  /** The node now. While somebody listens: the newest sample; otherwise rates are measured over `probeMs`, which the caller waits for. */
  async ofNode(): Promise<NodeStatsSample> {
    if (this.#nodeTimer !== undefined && this.#last && this.#last.sample.intervalMs > 0)
      return this.#last.sample;
    const before = this.#read();
    await sleep(this.#context.clock, this.#tuning.probeMs);
    return nodeSample(before, this.#read(), this.#context.clock.now(), this.#facts.read());
  }

  /** The org now, rates likewise. */
  ofOrg(org: string): Promise<OrgStatsSample> {
    return this.#orgs.now(org);
  }

  /** The kept hour of the node. */
  nodeTrend(): Trend {
    return this.#hour.read('node', this.#context.nodeId, this.#tuning.trendIntervalMs);
  }

  /** An org's hour: kept from the first question for it on, and for an hour after the last. */
  orgTrend(org: string): Promise<Trend> {
    return this.#orgs.trend(org);
  }

  dispose(): void {
    this.#hourTimer.cancel();
    this.#orgs.dispose();
    this.#nodeEmitters.clear();
    this.#stopNode();
  }

  #closeNode(emit: LocalEmitter): void {
    this.#nodeEmitters.delete(emit);
    if (this.#nodeEmitters.size === 0) this.#stopNode();
  }

  #stopNode(): void {
    this.#nodeTimer?.cancel();
    this.#nodeTimer = undefined;
    this.#last = undefined;
  }

  #tick(): void {
    const sample = this.#measure();
    for (const emit of this.#nodeEmitters) send(emit, sample);
  }

  #measure(): NodeStatsSample {
    const reading = this.#read();
    const sample = nodeSample(this.#last?.reading, reading, this.#context.clock.now(), this.#facts.read());
    this.#last = { reading, sample };
    return sample;
  }

  #keep(): void {
    const reading = this.#read();
    const { clock } = this.#context;
    this.#hour.add(nodeSample(this.#hourly, reading, clock.now(), this.#facts.takeWorst()));
    this.#hourly = reading;
  }

  #read(): Reading<NodeStats> {
    return { stats: this.#context.stats(), atMs: this.#context.clock.monotonic() };
  }
}

function send(emit: LocalEmitter, sample: StatsSample): void {
  emit.publish(JSON.stringify(sample));
}
