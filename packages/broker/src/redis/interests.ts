/**
 * What a node wants to hear, and what Redis was told of it over the present connection. Changes are told in order, one batch after the
 * other, so that an interest that comes and goes and comes again ends as its owner left it. It knows no connection but the two commands
 * it is given; `connected` and `lost` tell it when to begin again. Interests are as many as their owner has channels.
 */
import type { Clock } from '@trunkline/base';

/** Interests in one command. */
const BATCH = 1_000;

export interface InterestCommands {
  subscribe(channels: readonly string[]): Promise<unknown>;
  unsubscribe(channels: readonly string[]): Promise<unknown>;
  /** All that was wanted when the connection came is heard again. */
  onRenewed(): void;
  /** Redis refused, or the connection ended. */
  onFailed(cause: unknown): void;
}

interface Interest {
  /** Redis confirmed it over the present connection. */
  heard: boolean;
  readonly ready: Promise<void>;
  settle(cause?: Error): void;
}

export class Interests {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #commands: InterestCommands;
  readonly #wanted = new Map<string, Interest>();
  /** What the present connection is subscribed to. */
  readonly #told = new Set<string>();
  /** Whose wish and whose state may differ, oldest first. */
  readonly #changed = new Set<string>();
  /** Counts connections; what an earlier one still answers means nothing. */
  #connection = 0;
  #up = false;
  #telling = false;
  /** How many of `#changed` were wanted when the connection came, plus one; 0 once they are heard. */
  #toRenew = 0;

  constructor(clock: Clock, timeoutMs: number, commands: InterestCommands) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#commands = commands;
  }

  /** Wants it for ever, whether or not there is a connection. */
  keep(channel: string): void {
    this.#add(channel, Infinity);
  }

  /** Resolves once it is heard; a repeat waits for the first. Rejects, and forgets it, where that takes too long. */
  want(channel: string): Promise<void> {
    return this.#wanted.get(channel)?.ready ?? this.#add(channel, this.#timeoutMs);
  }

  drop(channel: string): void {
    const interest = this.#wanted.get(channel);
    if (!interest) return;
    this.#wanted.delete(channel);
    interest.settle();
    this.#change(channel);
  }

  isWanted(channel: string): boolean {
    return this.#wanted.has(channel);
  }

  isHeard(channel: string): boolean {
    return this.#wanted.get(channel)?.heard === true;
  }

  connected(): void {
    this.lost();
    this.#up = true;
    for (const channel of this.#wanted.keys()) this.#changed.add(channel);
    this.#toRenew = this.#changed.size + 1;
    void this.#tell();
  }

  lost(): void {
    this.#connection++;
    this.#up = false;
    this.#telling = false;
    this.#told.clear();
    this.#changed.clear();
    for (const interest of this.#wanted.values()) interest.heard = false;
  }

  /** Ends every wait with `cause`. */
  dispose(cause: Error): void {
    this.lost();
    const wanted = [...this.#wanted.values()];
    this.#wanted.clear();
    for (const interest of wanted) interest.settle(cause);
  }

  // ------------------------------------------------------------ inside

  #add(channel: string, timeoutMs: number): Promise<void> {
    let settle: Interest['settle'] = () => undefined;
    const ready = new Promise<void>((resolve, reject) => {
      const timer =
        timeoutMs === Infinity
          ? undefined
          : this.#clock.setTimeout(() => {
              reject(new Error('timed out'));
              if (this.#wanted.get(channel) === interest) this.drop(channel);
            }, timeoutMs);
      settle = (cause) => {
        timer?.cancel();
        if (cause) reject(cause);
        else resolve();
      };
    });
    ready.catch(() => undefined);
    const interest: Interest = { heard: false, ready, settle };
    this.#wanted.set(channel, interest);
    this.#change(channel);
    return ready;
  }

  #change(channel: string): void {
    if (!this.#up) return;
    this.#changed.add(channel);
    void this.#tell();
  }

  async #tell(): Promise<void> {
    if (this.#telling) return;
    this.#telling = true;
    const connection = this.#connection;
    try {
      // Interests of one turn go as one command: a client that comes back has thousands.
      await Promise.resolve();
      while (connection === this.#connection && this.#changed.size > 0) await this.#tellBatch(connection);
    } catch (cause) {
      if (connection === this.#connection) this.#commands.onFailed(cause);
    } finally {
      if (connection === this.#connection) this.#telling = false;
    }
  }

  async #tellBatch(connection: number): Promise<void> {
    const batch = [...take(this.#changed, BATCH)];
    for (const channel of batch) this.#changed.delete(channel);
    const wanted = batch.filter((channel) => this.#wanted.has(channel));
    const more = wanted.filter((channel) => !this.#told.has(channel));
    const fewer = batch.filter((channel) => !this.#wanted.has(channel) && this.#told.has(channel));
    await Promise.all([
      more.length > 0 ? this.#commands.subscribe(more) : undefined,
      fewer.length > 0 ? this.#commands.unsubscribe(fewer) : undefined,
    ]);
    if (connection !== this.#connection) return;
    for (const channel of more) this.#told.add(channel);
    for (const channel of fewer) this.#told.delete(channel);
    for (const channel of wanted) {
      // One that went meanwhile, and one that came back meanwhile, is in `#changed` again.
      const interest = this.#changed.has(channel) ? undefined : this.#wanted.get(channel);
      if (!interest) continue;
      interest.heard = true;
      interest.settle();
    }
    if (this.#toRenew === 0) return;
    this.#toRenew = Math.max(1, this.#toRenew - batch.length);
    if (this.#toRenew > 1) return;
    this.#toRenew = 0;
    this.#commands.onRenewed();
  }
}

function* take(from: Iterable<string>, count: number): Iterable<string> {
  for (const one of from) {
    if (count-- <= 0) return;
    yield one;
  }
}
