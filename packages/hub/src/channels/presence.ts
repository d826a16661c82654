/**
 * Joins and leaves, rate-limited so that a join never costs the square of a crowd (spec PRES-2): up to a threshold of readers they
 * travel at once; above it they are folded per client (a join and its leave cancel out) and sent in windows, a bounded number each.
 * Nothing is lost: what did not fit a window goes with the next.
 */
import type { Clock, Timer } from '@trunkline/base';
import type { ClientInfo } from '@trunkline/protocol';
import type { Channel } from './channel.js';

export interface JoinLeaveOptions {
  readonly coalesceAbove: number;
  readonly windowMs: number;
}

type Change = { readonly kind: 'join' | 'leave'; readonly info: ClientInfo };

export class JoinLeave {
  readonly #clock: Clock;
  readonly #options: JoinLeaveOptions;
  readonly #timers = new Set<Timer>();
  readonly #waiting = new Map<Channel, Map<string, Change>>();

  constructor(clock: Clock, options: JoinLeaveOptions) {
    this.#clock = clock;
    // At least one per window, or nothing would ever be told.
    this.#options = { ...options, coalesceAbove: Math.max(1, options.coalesceAbove) };
  }

  add(channel: Channel, kind: 'join' | 'leave', info: ClientInfo): void {
    const waiting = this.#waiting.get(channel);
    if (!waiting && channel.size <= this.#options.coalesceAbove) {
      channel.announce(kind, info);
      return;
    }
    if (waiting) {
      this.#fold(waiting, kind, info);
      return;
    }
    const changes = new Map<string, Change>();
    this.#fold(changes, kind, info);
    this.#waiting.set(channel, changes);
    this.#wait(channel, changes);
  }

  dispose(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    this.#waiting.clear();
  }

  #wait(channel: Channel, changes: Map<string, Change>): void {
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(timer);
      this.#window(channel, changes);
    }, this.#options.windowMs);
    this.#timers.add(timer);
  }

  #fold(changes: Map<string, Change>, kind: 'join' | 'leave', info: ClientInfo): void {
    const before = changes.get(info.client);
    if (before && before.kind !== kind) changes.delete(info.client);
    else changes.set(info.client, { kind, info });
  }

  #window(channel: Channel, changes: Map<string, Change>): void {
    let sent = 0;
    for (const [client, { kind, info }] of changes) {
      if (sent++ >= this.#options.coalesceAbove) break;
      changes.delete(client);
      channel.announce(kind, info);
    }
    if (changes.size === 0 || channel.size === 0) this.#waiting.delete(channel);
    else this.#wait(channel, changes);
  }
}
