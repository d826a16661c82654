/**
 * Whether a cluster answers, and how fast. It is asked for its version while somebody looks at it or reads from it, more and more rarely while it does not answer; a cluster that nobody
 * uses is left alone. A refusal is a sign of life too.
 */
import { Backoff, type Clock, type Random, type Timer } from '@trunkline/base';
import { KubeError, linkAbort, type KubeCluster } from '@trunkline/kube-client';

export interface ReachState {
  readonly reach: 'reachable' | 'unreachable' | 'unknown';
  readonly latencyMs?: number;
  readonly serverVersion?: string;
  readonly error?: string;
}

export interface ReachDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Opens the cluster where that has not happened yet. */
  readonly cluster: () => Pick<KubeCluster, 'version'>;
  /** Whether anything is read from it now. */
  readonly isRead: () => boolean;
  /** It did not answer a question that was asked then (monotonic milliseconds). */
  readonly onSilence: (sinceMs: number) => void;
}

export interface ReachOptions {
  readonly probeMs: number;
  readonly probeTimeoutMs: number;
  readonly lookedAtMs: number;
}

/** Cap of the waits while it does not answer. */
const SLOWEST_MS = 60_000;

export class Reach {
  readonly #deps: ReachDeps;
  readonly #options: ReachOptions;
  readonly #backoff: Backoff;
  readonly #life = new AbortController();
  #state: ReachState = { reach: 'unknown' };
  #lookedAtMs = -Infinity;
  #probing: Promise<void> | undefined;
  #next: Timer | undefined;

  constructor(deps: ReachDeps, options: ReachOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#backoff = new Backoff(deps.random, {
      minDelayMs: Math.min(1_000, options.probeMs),
      maxDelayMs: Math.max(SLOWEST_MS, options.probeMs),
    });
  }

  get state(): ReachState {
    return this.#state;
  }

  /** What is known; where nothing is, the first answer, at most `waitMs` later. Keeps asking for a while. */
  async look(waitMs: number): Promise<ReachState> {
    this.touch();
    if (this.#state.reach !== 'unknown') return this.#state;
    let timer: Timer | undefined;
    const waited = new Promise<void>((resolve) => (timer = this.#deps.clock.setTimeout(resolve, waitMs)));
    await Promise.race([this.#probing, waited]);
    timer?.cancel();
    return this.#state;
  }

  /** Somebody uses it. */
  touch(): void {
    this.#lookedAtMs = this.#deps.clock.monotonic();
    if (this.#next === undefined && !this.#life.signal.aborted) this.#probing ??= this.#probe();
  }

  dispose(): void {
    this.#life.abort(new Error('the cluster was removed'));
    this.#next?.cancel();
  }

  async #probe(): Promise<void> {
    const { clock } = this.#deps;
    const begun = clock.monotonic();
    const link = linkAbort(this.#life.signal);
    const timeout = clock.setTimeout(
      () => link.abort(new KubeError('kubeTimeout', 'no answer to a request for the version')),
      this.#options.probeTimeoutMs,
    );
    try {
      const { gitVersion } = await this.#deps.cluster().version(link.signal);
      this.#state = {
        reach: 'reachable',
        latencyMs: Math.round(clock.monotonic() - begun),
        serverVersion: gitVersion,
      };
      this.#backoff.reset();
    } catch (cause) {
      this.#state = this.#failed(cause, Math.round(clock.monotonic() - begun));
      if (this.#state.reach === 'unreachable' && !this.#life.signal.aborted) this.#deps.onSilence(begun);
    } finally {
      timeout.cancel();
      link.release();
      this.#probing = undefined;
    }
    this.#schedule();
  }

  #failed(cause: unknown, latencyMs: number): ReachState {
    const error = cause instanceof Error ? cause.message : String(cause);
    // 401, 403: it is there, and does not tell us its version.
    if (cause instanceof KubeError && cause.status >= 400 && cause.status < 500) {
      this.#backoff.reset();
      return { reach: 'reachable', latencyMs, error };
    }
    return { reach: 'unreachable', error };
  }

  #schedule(): void {
    if (this.#life.signal.aborted) return;
    const { clock } = this.#deps;
    const waitMs = this.#state.reach === 'reachable' ? this.#options.probeMs : this.#backoff.next();
    this.#next = clock.setTimeout(() => {
      this.#next = undefined;
      const isLookedAt = clock.monotonic() - this.#lookedAtMs < this.#options.lookedAtMs;
      if (isLookedAt || this.#deps.isRead()) this.#probing ??= this.#probe();
    }, waitMs);
  }
}
