/**
 * Knows this node's own messages again when they come back through Redis: a publish resolves only when its node has been told of the
 * publication (spec BROKER-3), and what is told comes over the other connection. A wait is bounded: a connection that was lost, or time,
 * ends it, and the hub's comparison of positions finds what was missed.
 */
import type { Clock, Timer } from '@trunkline/base';

export class OwnMessages {
  readonly #clock: Clock;
  readonly #nodeId: string;
  readonly #timeoutMs: number;
  readonly #waiting = new Map<string, () => void>();
  #count = 0;

  constructor(clock: Clock, nodeId: string, timeoutMs: number) {
    this.#clock = clock;
    this.#nodeId = nodeId;
    this.#timeoutMs = timeoutMs;
  }

  /** Sends under a fresh id; where `listening`, and the answer says that there is a message, resolves once it was heard. */
  async send<T>(
    listening: boolean,
    send: (id: string) => Promise<T>,
    announced: (answer: T) => boolean = () => true,
  ): Promise<T> {
    const id = `${this.#nodeId}.${(++this.#count).toString(36)}`;
    if (!listening) return send(id);
    let timer: Timer | undefined;
    const heard = new Promise<void>((resolve) => this.#waiting.set(id, resolve));
    try {
      const answer = await send(id);
      if (announced(answer) && this.#waiting.has(id)) {
        timer = this.#clock.setTimeout(() => this.heard(id), this.#timeoutMs);
        await heard;
      }
      return answer;
    } finally {
      timer?.cancel();
      this.#waiting.delete(id);
    }
  }

  heard(id: string): void {
    const resolve = this.#waiting.get(id);
    this.#waiting.delete(id);
    resolve?.();
  }

  /** Nothing sent until now will be heard. */
  loseAll(): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}
