/** Housekeeping at intervals: old publications, results of idempotent calls that ran out, and what the embedded database needs. */
import { every, type Clock, type Logger, type Timer } from '@trunkline/base';

export interface SweeperDeps {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A job does a bounded piece of work; its interval is in milliseconds. */
export interface SweepJob {
  readonly name: string;
  readonly intervalMs: number;
  run(): Promise<unknown>;
}

export class Sweeper {
  readonly #deps: SweeperDeps;
  #timers: Timer[] = [];
  readonly #running = new Set<Promise<void>>();

  constructor(deps: SweeperDeps) {
    this.#deps = deps;
  }

  start(jobs: readonly SweepJob[]): void {
    for (const job of jobs) {
      let busy = false;
      const turn = async (): Promise<void> => {
        if (busy) return;
        busy = true;
        try {
          await job.run();
        } catch (cause) {
          this.#deps.logger.warn({ job: job.name, cause: String(cause) }, 'housekeeping failed');
        } finally {
          busy = false;
        }
      };
      this.#timers.push(
        every(this.#deps.clock, job.intervalMs, () => {
          const run = turn().finally(() => this.#running.delete(run));
          this.#running.add(run);
        }),
      );
    }
  }

  /** Ends after the work under way. */
  async dispose(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
    await Promise.all(this.#running);
  }
}
