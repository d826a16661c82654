/**
 * Keep-alive for all connections of one link profile: a wheel of slots turned by one timer, so that ten thousand idle connections
 * cost one timer and no two thirds of them are pinged in the same moment. A connection's slot is random, which makes its first ping come at
 * a random phase (background tabs and mass reconnects do not answer in step). A peer that shows no sign of life within the pong deadline
 * after a ping is reported silent.
 */
import type { Clock, Random, Timer } from '@trunkline/base';
import { every, randomInt } from '@trunkline/base';

export interface Heartbeating {
  /** Sends a ping now. */
  sendPing(): void;
  /** Whether anything came from the peer since the last `sendPing`. */
  answered(): boolean;
  /** The pong deadline passed without a sign of life. */
  onSilent(): void;
}

/** Slots per turn: pings are spread over interval / SLOTS steps. */
const SLOTS = 50;

export class HeartbeatWheel {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #slots: Set<Heartbeating>[] = Array.from({ length: SLOTS }, () => new Set());
  readonly #slotOf = new Map<Heartbeating, number>();
  readonly #intervalMs: number;
  readonly #pongTimeoutMs: number;
  #awaiting: { item: Heartbeating; dueMs: number }[] = [];
  #cursor = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, random: Random, intervalMs: number, pongTimeoutMs: number) {
    this.#clock = clock;
    this.#random = random;
    this.#intervalMs = intervalMs;
    this.#pongTimeoutMs = pongTimeoutMs;
  }

  add(item: Heartbeating): void {
    const slot = randomInt(this.#random, SLOTS);
    this.#slots[slot]?.add(item);
    this.#slotOf.set(item, slot);
    this.#timer ??= every(this.#clock, this.#intervalMs / SLOTS, () => this.#turn());
  }

  remove(item: Heartbeating): void {
    const slot = this.#slotOf.get(item);
    if (slot === undefined) return;
    this.#slotOf.delete(item);
    this.#slots[slot]?.delete(item);
  }

  dispose(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #turn(): void {
    const now = this.#clock.monotonic();
    while (this.#awaiting.length > 0 && (this.#awaiting[0]?.dueMs ?? Infinity) <= now) {
      const due = this.#awaiting.shift();
      if (due && this.#slotOf.has(due.item) && !due.item.answered()) due.item.onSilent();
    }
    this.#cursor = (this.#cursor + 1) % SLOTS;
    for (const item of [...(this.#slots[this.#cursor] ?? [])]) {
      item.sendPing();
      if (this.#pongTimeoutMs > 0) this.#awaiting.push({ item, dueMs: now + this.#pongTimeoutMs });
    }
  }
}

/** One wheel per (interval, deadline) pair. */
export class Heartbeats {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #wheels = new Map<string, HeartbeatWheel>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  wheel(intervalMs: number, pongTimeoutMs: number): HeartbeatWheel {
    const key = `${intervalMs}/${pongTimeoutMs}`;
    let wheel = this.#wheels.get(key);
    if (!wheel) {
      wheel = new HeartbeatWheel(this.#clock, this.#random, intervalMs, pongTimeoutMs);
      this.#wheels.set(key, wheel);
    }
    return wheel;
  }

  dispose(): void {
    for (const wheel of this.#wheels.values()) wheel.dispose();
    this.#wheels.clear();
  }
}
