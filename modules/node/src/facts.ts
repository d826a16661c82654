/**
 * Process facts for two rhythms at once. The gauge measures since its previous call, whoever called; the slow rhythm is therefore told
 * the worst that the quick one saw, and a spike of one second does not vanish from the hour.
 */
import type { ProcessFacts } from './options.js';

export class FactsMeter {
  readonly #gauge: () => ProcessFacts;
  #worstDelayMs = 0;
  #cpu = { sum: 0, count: 0 };

  constructor(gauge: () => ProcessFacts) {
    this.#gauge = gauge;
  }

  /** Since the previous call of either method. */
  read(): ProcessFacts {
    const facts = this.#gauge();
    this.#worstDelayMs = Math.max(this.#worstDelayMs, facts.eventLoopDelayMs);
    this.#cpu = { sum: this.#cpu.sum + facts.cpuPercent, count: this.#cpu.count + 1 };
    return facts;
  }

  /** Since the previous `takeWorst`: the longest delay, the mean of the CPU readings, memory as it is now. */
  takeWorst(): ProcessFacts {
    const facts = this.read();
    const taken = {
      ...facts,
      eventLoopDelayMs: this.#worstDelayMs,
      cpuPercent: this.#cpu.sum / this.#cpu.count,
    };
    this.#worstDelayMs = 0;
    this.#cpu = { sum: 0, count: 0 };
    return taken;
  }
}
