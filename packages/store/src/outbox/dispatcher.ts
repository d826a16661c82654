/**
 * The outbox dispatcher: takes what committed transactions appended, hands it on in channel order, and forgets it once it was handed on. After a crash the
 * rest is handed on by whoever starts next, and what was handed on but not forgotten comes a second time: receivers drop offsets they know. A channel whose
 * delivery fails waits alone, with growing delays; the others go on.
 */
import { Backoff, every, randomId, type Clock, type Logger, type Random, type Timer } from '@trunkline/base';
import { channelKey, splitChannelKey, type ChannelKey, type Publication } from '@trunkline/protocol';
import { toPublication } from '../channels/publication.js';
import { TRIM } from '../channels/sql.js';
import type { Engine } from '../engine.js';
import type { Row, SqlResult, Statement } from '../statement.js';
import type { Committing, Reading } from '../unit.js';
import { ANYTHING, CLAIM, DEPTH, DISPATCHED, LOOK, RELEASE } from './sql.js';
import type { Deliver, Outbox } from './types.js';

export interface DispatcherDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly engine: Engine;
  readonly store: Committing & Reading;
}

export interface DispatcherOptions {
  /** Publications taken at a time. Default 256. */
  readonly batch: number;
  /**
   * How long a process may hold what it took before another one may take it too: after it died, readers wait so long. Default 2,000. Whoever takes longer is
   * overtaken, and some publications are handed on twice.
   */
  readonly leaseMs: number;
  /** How often to look without having been woken: finds what a dead process left. Default 1,000: one look-up in an empty table. */
  readonly pollMs: number;
  /** For one delivery; one that takes longer counts as failed. Default 5,000. */
  readonly deliverTimeoutMs: number;
  /** Channels that may wait for another try; with more of them the whole dispatcher waits. Default 1,000. */
  readonly maxHeldBack: number;
  /** Waiting between tries. Defaults 50 and 10,000. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
}

export const DISPATCHER_DEFAULTS: DispatcherOptions = {
  batch: 256,
  leaseMs: 2_000,
  pollMs: 1_000,
  deliverTimeoutMs: 5_000,
  maxHeldBack: 1_000,
  retryMinMs: 50,
  retryMaxMs: 10_000,
};

/** Every so many publications of a channel, those beyond its size are deleted together, at most so many: the sweep finds the rest. */
const TRIM_EVERY = 64;
const TRIM_MOST = 1_024;

interface Waiting {
  readonly id: number;
  readonly key: ChannelKey;
  /** Absent where the channel was dropped meanwhile. */
  readonly publication: Publication | undefined;
  readonly epoch: string;
}

interface HeldBack {
  readonly backoff: Backoff;
  untilMs: number;
}

export class Dispatcher implements Outbox {
  readonly #deps: DispatcherDeps;
  readonly #options: DispatcherOptions;
  /** This process, among those that dispatch. */
  readonly #owner: string;
  readonly #backoff: Backoff;
  readonly #heldBack = new Map<ChannelKey, HeldBack>();
  #deliver: Deliver | undefined;
  #poll: Timer | undefined;
  #retry: Timer | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #paused = false;
  #disposed = false;

  constructor(deps: DispatcherDeps, options: DispatcherOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#owner = randomId(deps.random, 12);
    this.#backoff = this.#newBackoff();
  }

  start(deliver: Deliver): void {
    if (this.#deliver) throw new TypeError('the outbox is dispatched already');
    this.#deliver = deliver;
    this.#deps.engine.onWake(() => this.wake());
    this.#poll = every(this.#deps.clock, this.#options.pollMs, () => void this.#look());
    this.wake();
  }

  async depth(): Promise<number> {
    const { rows } = await this.#deps.store.read<SqlResult>({ sql: DEPTH });
    return Number(rows[0]?.['depth'] ?? 0);
  }

  /** Something was committed. Cheap; calls during a round make one more round. */
  wake(): void {
    if (!this.#deliver || this.#disposed || this.#paused) return;
    this.#again = true;
    this.#running ??= this.#work(this.#deliver).finally(() => {
      this.#running = undefined;
      // Somebody may have called between the last look and now.
      if (this.#again) this.wake();
    });
  }

  /** Ends after the deliveries under way. What was not handed on stays where it is. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    this.#poll?.cancel();
    this.#retry?.cancel();
    await this.#running;
    // Whoever comes next need not wait until what we held runs out.
    if (this.#deliver) await this.#forget([]).catch(() => undefined);
  }

  // ------------------------------------------------------------ inside

  async #work(deliver: Deliver): Promise<void> {
    try {
      while (this.#again && !this.#disposed) {
        this.#again = false;
        const waiting = await this.#take();
        // With channels held back, a part may have been claimed for nothing.
        if (waiting.length === 0 && this.#heldBack.size === 0) continue;
        await this.#forget(await this.#deliverAll(waiting, deliver));
        this.#again ||= waiting.length >= this.#options.batch;
      }
      this.#backoff.reset();
      if (this.#heldBack.size >= this.#options.maxHeldBack) this.#pause();
      else this.#retryHeldBack();
    } catch (cause) {
      this.#deps.logger.warn({ cause: String(cause) }, 'the outbox could not be dispatched');
      this.#pause();
    }
  }

  /** Finds what nobody woke us for, without writing where there is nothing. */
  async #look(): Promise<void> {
    if (this.#running || this.#paused) return;
    try {
      const { rows } = await this.#deps.store.read<SqlResult>({ sql: ANYTHING });
      if (rows.length > 0) this.wake();
    } catch (cause) {
      this.#deps.logger.debug({ cause: String(cause) }, 'the outbox could not be looked at');
    }
  }

  async #take(): Promise<readonly Waiting[]> {
    const { engine, store, clock } = this.#deps;
    const now = clock.monotonic();
    const due = [...this.#heldBack].filter(([, { untilMs }]) => untilMs <= now).map(([key]) => key);
    const left = [...this.#heldBack.keys()].filter((key) => !due.includes(key)).map(split);
    const common = [left.map(([org]) => org), left.map(([, channel]) => channel), this.#options.batch];
    const claim: Statement = { sql: CLAIM, parameters: [...common, this.#owner, this.#options.leaseMs] };
    const waiting = engine.exclusive
      ? toWaiting(await store.read<SqlResult>({ sql: LOOK, parameters: common }))
      : toWaiting((await store.commit({ statements: [claim] }))[0]);
    if (waiting.length < this.#options.batch) this.#letGo(due, waiting);
    return waiting;
  }

  /** What was to be tried again and is not there any more: another process handed it on, or is about to. It would be asked for without end. */
  #letGo(due: readonly ChannelKey[], waiting: readonly Waiting[]): void {
    const there = new Set(waiting.map(({ key }) => key));
    for (const key of due) if (!there.has(key)) this.#heldBack.delete(key);
  }

  /** Now and then a channel's history is trimmed too: here it is known that what goes was handed on. */
  async #forget(done: readonly Waiting[]): Promise<void> {
    const statements: Statement[] = [];
    if (done.length > 0) statements.push({ sql: DISPATCHED, parameters: [done.map(({ id }) => id)] });
    if (!this.#deps.engine.exclusive) statements.push({ sql: RELEASE, parameters: [this.#owner] });
    const full = done
      .filter(({ publication }) => (publication?.offset ?? 1) % TRIM_EVERY === 0)
      .map(({ key }) => split(key));
    if (full.length > 0)
      statements.push({
        sql: TRIM,
        parameters: [full.map(([org]) => org), full.map(([, channel]) => channel), TRIM_MOST],
      });
    if (statements.length > 0) await this.#deps.store.commit({ statements });
  }

  /** Channels side by side, each in order up to its first failure. Answers what is done with. */
  async #deliverAll(waiting: readonly Waiting[], deliver: Deliver): Promise<readonly Waiting[]> {
    const byChannel = new Map<ChannelKey, Waiting[]>();
    for (const entry of waiting) {
      const entries = byChannel.get(entry.key);
      if (entries) entries.push(entry);
      else byChannel.set(entry.key, [entry]);
    }
    const done: Waiting[] = [];
    await Promise.all(
      [...byChannel].map(async ([key, entries]) => {
        for (const entry of entries) {
          if (entry.publication && !(await this.#deliverOne(deliver, key, entry.publication, entry.epoch)))
            return;
          done.push(entry);
        }
        this.#heldBack.delete(key);
      }),
    );
    return done;
  }

  async #deliverOne(
    deliver: Deliver,
    key: ChannelKey,
    publication: Publication,
    epoch: string,
  ): Promise<boolean> {
    let timer: Timer | undefined;
    try {
      const delivered = deliver(key, publication, epoch);
      if (!delivered) return true;
      const late = new Promise<never>((_, reject) => {
        timer = this.#deps.clock.setTimeout(
          () => reject(new Error('took too long')),
          this.#options.deliverTimeoutMs,
        );
      });
      await Promise.race([delivered, late]);
      return true;
    } catch (cause) {
      const held = this.#heldBack.get(key) ?? { backoff: this.#newBackoff(), untilMs: 0 };
      held.untilMs = this.#deps.clock.monotonic() + held.backoff.next();
      this.#heldBack.set(key, held);
      this.#deps.logger.warn(
        { offset: publication.offset, attempts: held.backoff.attempts, cause: String(cause) },
        'a committed publication was not delivered; its channel waits',
      );
      return false;
    } finally {
      timer?.cancel();
    }
  }

  #retryHeldBack(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    const next = Math.min(...[...this.#heldBack.values()].map(({ untilMs }) => untilMs));
    if (next === Infinity || this.#disposed) return;
    this.#retry = this.#deps.clock.setTimeout(
      () => this.wake(),
      Math.max(0, next - this.#deps.clock.monotonic()),
    );
  }

  #pause(): void {
    if (this.#disposed) return;
    this.#paused = true;
    this.#retry?.cancel();
    this.#retry = this.#deps.clock.setTimeout(() => {
      this.#paused = false;
      this.wake();
    }, this.#backoff.next());
  }

  #newBackoff(): Backoff {
    const { retryMinMs, retryMaxMs } = this.#options;
    return new Backoff(this.#deps.random, { minDelayMs: retryMinMs, maxDelayMs: retryMaxMs });
  }
}

function toWaiting({ rows }: SqlResult): readonly Waiting[] {
  return rows.map((row: Row) => ({
    id: row['id'] as number,
    key: channelKey(row['org'] as string, row['channel'] as string),
    publication: row['time_ms'] === null || row['epoch'] === null ? undefined : toPublication(row),
    epoch: (row['epoch'] as string | null) ?? '',
  }));
}

function split(key: ChannelKey): readonly [string, string] {
  const { org, channel } = splitChannelKey(key);
  return [org, channel];
}
