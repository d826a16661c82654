/**
 * Whether an API server that refuses knows what it says. One that has just been started refuses everything until it has read its roles, for a tenth of a second or for some seconds; `/readyz`, which everybody may
 * ask, tells the two apart. Where that has never been answered, nothing is concluded from its silence.
 */
import type { Clock } from '@trunkline/base';
import type { KubeCluster } from '@trunkline/kube-client';

/** An answer that stays away for longer was closed to us on purpose. Milliseconds. */
const CLOSED_MS = 60_000;

export class Readiness {
  readonly #clock: Clock;
  readonly #cluster: Pick<KubeCluster, 'request'>;
  #asking: Promise<boolean> | undefined;
  /** It has said so before; only then is it a sign that it does not. */
  #known = false;
  #primed = false;
  #unreadySinceMs: number | undefined;

  constructor(clock: Clock, cluster: Pick<KubeCluster, 'request'>) {
    this.#clock = clock;
    this.#cluster = cluster;
  }

  /** Asks once, in passing, so that it is known whether asking is of use. */
  prime(): void {
    if (this.#primed) return;
    this.#primed = true;
    this.isReady().catch(() => (this.#primed = false));
  }

  /** Whether a refusal counts. Rejects where there is no answer; those who ask meanwhile share it. */
  isReady(signal?: AbortSignal): Promise<boolean> {
    return (this.#asking ??= this.#ask(signal).finally(() => (this.#asking = undefined)));
  }

  async #ask(signal: AbortSignal | undefined): Promise<boolean> {
    const answer = await this.#cluster.request({ path: '/readyz', ...(signal ? { signal } : {}) });
    answer.discard();
    if (answer.status === 200) {
      this.#known = true;
      this.#unreadySinceMs = undefined;
      return true;
    }
    if (!this.#known) return true;
    const now = this.#clock.monotonic();
    this.#unreadySinceMs ??= now;
    if (now < this.#unreadySinceMs + CLOSED_MS) return false;
    this.#known = false;
    return true;
  }
}
