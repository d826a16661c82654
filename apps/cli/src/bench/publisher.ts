/**
 * One publishing loop: numbers publications per channel and sends them at its rate, one request at a time, so that their order is the server's
 * to keep. What has no answer is sent again under its number until it has one; a refusal that will not change ends the bench.
 */
import { Backoff, type Clock, type Random, type Timer } from '@trunkline/base';
import { isTemporary, type ApiError, type SendOutcome } from '../api.js';
import { toMessage } from './message.js';
import type { Tally } from './tally.js';

export interface Draft {
  readonly channel: string;
  readonly data: object;
  /** Where the way of publishing knows such keys. */
  readonly idempotencyKey: string;
}

/** A way to publish: the HTTP API, or a client's connection. Never throws. */
export interface PublishPort {
  send(drafts: readonly Draft[]): Promise<SendOutcome>;
  close(): void;
}

export interface PublisherDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly tally: Tally;
  readonly port: PublishPort;
  /** A refusal that will not change. */
  readonly onRefused: (error: ApiError) => void;
}

export interface PublisherPlan {
  readonly runId: string;
  readonly index: number;
  readonly channels: readonly string[];
  readonly ratePerSecond: number;
  readonly payloadBytes: number;
}

interface Numbered {
  readonly channel: string;
  readonly number: number;
  attempt: number;
}

/** Publications of one request. */
const MAX_BATCH = 200;
/** Publications sent on a schedule that a timer can keep. */
const MIN_TICK_MS = 10;
/** A server that was slow is not made to take up more than this at once. */
const MAX_BACKLOG_MS = 1_000;
const RETRY = { minDelayMs: 100, maxDelayMs: 2_000 };

export class Publisher {
  readonly #deps: PublisherDeps;
  readonly #plan: PublisherPlan;
  readonly #numbers = new Map<string, number>();
  /** Per channel: everything up to this number was acknowledged. */
  readonly #acknowledged = new Map<string, number>();
  #turn = 0;
  #stopped = false;
  #wake: (() => void) | undefined;

  constructor(deps: PublisherDeps, plan: PublisherPlan) {
    this.#deps = deps;
    this.#plan = plan;
  }

  /** The greatest number of a channel up to which every publication was acknowledged. */
  acknowledged(channel: string): number {
    return this.#acknowledged.get(channel) ?? 0;
  }

  /** Resolves when stopped and the last request is answered. */
  async run(): Promise<void> {
    const { clock } = this.#deps;
    const { ratePerSecond } = this.#plan;
    const tickMs = Math.max(MIN_TICK_MS, 1_000 / ratePerSecond);
    let began = clock.monotonic();
    let sent = 0;
    while (!this.#stopped) {
      const dueMs = clock.monotonic() - began;
      const due = Math.floor((dueMs * ratePerSecond) / 1_000) - sent;
      const backlog = Math.floor((MAX_BACKLOG_MS * ratePerSecond) / 1_000) + 1;
      if (due > backlog) {
        // The rate was not reached; what is late by more than that is left out instead of piled up.
        began = clock.monotonic();
        sent = 0;
        continue;
      }
      if (due > 0) {
        const count = Math.min(due, MAX_BATCH);
        await this.#settle(this.#take(count));
        sent += count;
      } else await this.#pause(tickMs);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  #take(count: number): Numbered[] {
    const { channels } = this.#plan;
    return Array.from({ length: count }, () => {
      const channel = channels[this.#turn++ % channels.length] ?? '';
      const number = (this.#numbers.get(channel) ?? 0) + 1;
      this.#numbers.set(channel, number);
      return { channel, number, attempt: 0 };
    });
  }

  /** Sends until everything is acknowledged; gives up when stopped. */
  async #settle(batch: Numbered[]): Promise<void> {
    const { tally, port, random, onRefused } = this.#deps;
    const backoff = new Backoff(random, RETRY);
    for (let left = batch; left.length > 0;) {
      const outcome = await port.send(left.map((item) => this.#toDraft(item)));
      if (outcome.kind === 'replies') {
        const again: Numbered[] = [];
        for (const [at, item] of left.entries()) {
          const error = outcome.replies[at];
          if (error === undefined) {
            tally.publications++;
            continue;
          }
          tally.fail(error.code, error.message);
          if (!isTemporary(error.code)) return this.#refuse(error, onRefused);
          again.push(item);
        }
        left = again;
        if (left.length === 0) break;
      } else if (outcome.kind === 'refused') {
        tally.fail(outcome.error.code, outcome.error.message);
        if (!outcome.temporary) return this.#refuse(outcome.error, onRefused);
      } else tally.fail(0, outcome.reason);
      if (this.#stopped) return;
      for (const item of left) item.attempt++;
      await this.#pause(backoff.next());
      if (this.#stopped) return;
    }
    for (const { channel, number } of batch)
      this.#acknowledged.set(channel, Math.max(this.#acknowledged.get(channel) ?? 0, number));
  }

  #refuse(error: ApiError, onRefused: (error: ApiError) => void): void {
    this.#stopped = true;
    onRefused(error);
  }

  #toDraft({ channel, number, attempt }: Numbered): Draft {
    const { runId, index, payloadBytes } = this.#plan;
    const sentAt = this.#deps.clock.monotonic();
    return {
      channel,
      data: toMessage(runId, { publisher: index, number, sentAt, attempt }, payloadBytes),
      idempotencyKey: `${runId}-${index}-${channel}-${number}`,
    };
  }

  async #pause(ms: number): Promise<void> {
    if (this.#stopped) return;
    const timer = await new Promise<Timer | undefined>((resolve) => {
      const timed = this.#deps.clock.setTimeout(() => resolve(undefined), ms);
      this.#wake = () => resolve(timed);
    });
    timer?.cancel();
    this.#wake = undefined;
  }
}
