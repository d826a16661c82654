/**
 * Takes samples while somebody listens. All open `node:stats` channels share one timer and one reading, so ten operators in ten orgs
 * cost what one does; each org's `node:org-stats` has its own. It knows the emitters it was given and nothing of who reads them.
 */
import { every, sleep, type Disposable, type Timer } from '@trunkline/base';
import type { NodeStatsSample, OrgStatsSample, StatsSample } from '@trunkline/contracts/node';
import type { LocalEmitter, LocalSourceRequest, ModuleContext } from '@trunkline/hub';
import type { NodeTuning, ProcessFacts } from './options.js';
import { nodeSample, orgSample, type Reading } from './samples.js';

export class StatsSampler implements Disposable {
  readonly #context: ModuleContext;
  readonly #tuning: NodeTuning;
  readonly #facts: () => ProcessFacts;
  readonly #nodeEmitters = new Set<LocalEmitter>();
  readonly #orgTimers = new Set<Timer>();
  #nodeTimer: Timer | undefined;
  #last: { readonly reading: Reading; readonly sample: NodeStatsSample } | undefined;

  constructor(context: ModuleContext, tuning: NodeTuning, facts: () => ProcessFacts) {
    this.#context = context;
    this.#tuning = tuning;
    this.#facts = facts;
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
    const turn = (): void => send(request.emit, this.ofOrg(request.org));
    turn();
    const timer = every(this.#context.clock, this.#tuning.sampleIntervalMs, turn);
    this.#orgTimers.add(timer);
    return {
      dispose: () => {
        timer.cancel();
        this.#orgTimers.delete(timer);
      },
    };
  }

  /** The node now. While somebody listens: the newest sample; otherwise rates are measured over `probeMs`, which the caller waits for. */
  async ofNode(): Promise<NodeStatsSample> {
    if (this.#nodeTimer !== undefined && this.#last && this.#last.sample.intervalMs > 0)
      return this.#last.sample;
    const before = this.#read();
    await sleep(this.#context.clock, this.#tuning.probeMs);
    return nodeSample(before, this.#read(), this.#context.clock.now(), this.#facts());
  }

  ofOrg(org: string): OrgStatsSample {
    return orgSample(
      this.#context,
      this.#context.stats().startedAtMs,
      this.#context.forOrg(org),
      this.#tuning,
    );
  }

  dispose(): void {
    for (const timer of this.#orgTimers) timer.cancel();
    this.#orgTimers.clear();
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
    const sample = nodeSample(this.#last?.reading, reading, this.#context.clock.now(), this.#facts());
    this.#last = { reading, sample };
    return sample;
  }

  #read(): Reading {
    return { stats: this.#context.stats(), atMs: this.#context.clock.monotonic() };
  }
}

function send(emit: LocalEmitter, sample: StatsSample): void {
  emit.publish(JSON.stringify(sample));
}
