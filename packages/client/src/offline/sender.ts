/**
 * The working half of a queue: takes its turn at the store when something is due, sends what may be sent, one at a time for each order, writes down what
 * became of it, and lets go when nothing is left to do. That a command was sent is written before it leaves, and it is kept until its answer was written;
 * whatever dies in between, the next turn sends it again under the same key.
 */
import { randomId, sleep, type Clock } from '@trunkline/base';
import { CodedError, ERROR_CODES } from '@trunkline/protocol';
import type { CommandResult } from '../rpc.js';
import { LOCAL_CODES } from '../errors.js';
import { whatIsDue, type Due } from './due.js';
import { begin, defer, end, rename, type EntryError, type QueueEntry } from './entry.js';
import type { Mirror, WaitsFor } from './mirror.js';
import type { ResolvedQueueOptions } from './options.js';
import { outcomeOf, type Outcome } from './outcome.js';
import { unlessAborted } from './unless-aborted.js';

/** What a sender needs of its surroundings. */
export interface SenderPorts {
  readonly mirror: Mirror;
  /** What is in the way of sending, apart from the store. */
  obstacle(): WaitsFor | undefined;
  call(entry: QueueEntry): Promise<CommandResult<unknown>>;
  /** An own change is written; tells the other pages. */
  changed(ended?: { readonly key: string; readonly outcome: Outcome }): void;
}

export class Sender {
  readonly #ports: SenderPorts;
  readonly #options: ResolvedQueueOptions;
  readonly #clock: Clock;
  readonly #disposed = new AbortController();
  /** Keys on their way. */
  readonly #flying = new Set<string>();
  readonly #loop: Promise<void>;
  #wake = (): void => undefined;
  /** Something happened since the last look. */
  #woken = false;

  constructor(options: ResolvedQueueOptions, ports: SenderPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#clock = options.clock;
    this.#loop = this.#run();
  }

  /** Something changed: the entries, the connection. */
  wake(): void {
    this.#woken = true;
    this.#wake();
  }

  /** Stops at once; calls on their way are left to the next turn of whoever comes after. */
  async dispose(): Promise<void> {
    this.#disposed.abort();
    this.wake();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { store, minDelayMs, maxDelayMs, report } = this.#options;
    const { mirror } = this.#ports;
    const ended = this.#disposed.signal;
    let failures = 0;
    // The first turn is for what an earlier life left behind.
    let isDue = true;
    while (!ended.aborted) {
      if (!isDue) await this.#sleep(this.#look().nextMs);
      if (ended.aborted) return;
      try {
        if (isDue || this.#isAnyDue(this.#look())) {
          isDue = false;
          await store.exclusively((lost) => this.#turn(lost), ended);
        }
        failures = 0;
      } catch (error) {
        if (ended.aborted) return;
        report(error, { where: 'state' });
        isDue = true;
        mirror.setWaitsFor('store');
        const delayMs = Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(failures++, 30));
        await unlessAborted(ended, sleep(this.#clock, delayMs));
      }
    }
  }

  #look(): Due {
    const { mirror, obstacle } = this.#ports;
    const obstacleNow = obstacle();
    mirror.setWaitsFor(obstacleNow);
    const due = whatIsDue(mirror.entries, this.#flying, this.#clock.now(), this.#options);
    return obstacleNow === undefined ? due : { ...due, send: [] };
  }

  #isAnyDue({ send, expire, sweep }: Due): boolean {
    return send.length + expire.length + sweep.length > 0;
  }

  /** Until woken or until a moment. */
  async #sleep(untilMs: number): Promise<void> {
    if (this.#woken) {
      this.#woken = false;
      return;
    }
    await new Promise<void>((resolve) => {
      const waitMs = untilMs - this.#clock.now();
      const timer = Number.isFinite(waitMs)
        ? this.#clock.setTimeout(resolve, Math.max(0, waitMs))
        : undefined;
      this.#wake = () => {
        timer?.cancel();
        resolve();
      };
    });
    this.#wake = () => undefined;
    this.#woken = false;
  }

  /** One turn: ends when nothing is on its way and nothing more can leave now. Rejects where the store fails. */
  async #turn(lost: AbortSignal): Promise<void> {
    const { mirror } = this.#ports;
    const ended = this.#disposed.signal;
    let failed: { readonly error: unknown } | undefined;
    await mirror.reload();
    // Nobody else sends now: what counts as on its way was left by somebody who died.
    for (const entry of [...mirror.entries])
      if (entry.status === 'sending')
        await this.#change(entry, (present) => defer(present, present?.retryAtMs ?? 0));
    const flights = new Set<Promise<void>>();
    for (;;) {
      const due = this.#look();
      await this.#tidy(due);
      if (lost.aborted || ended.aborted || failed) break;
      for (const entry of due.send) {
        if (this.#flying.size >= this.#options.maxInFlight) break;
        this.#flying.add(entry.key);
        const flight = this.#fly(entry)
          .catch((error: unknown) => void (failed ??= { error }))
          .finally(() => {
            this.#flying.delete(entry.key);
            flights.delete(flight);
            this.wake();
          });
        flights.add(flight);
      }
      if (flights.size === 0) break;
      await this.#sleep(due.nextMs);
    }
    await Promise.all(flights);
    if (failed && !ended.aborted) throw failed.error;
  }

  async #tidy({ expire, sweep }: Due): Promise<void> {
    const { mirror, changed } = this.#ports;
    for (const entry of expire) await this.#end(entry, 'expired', entry.error);
    if (sweep.length === 0) return;
    await this.#options.store.remove(sweep);
    mirror.removed(sweep);
    changed();
  }

  /** Rejects where the store fails; otherwise whatever happens is written down. */
  async #fly(entry: QueueEntry): Promise<void> {
    const begun = await this.#change(entry, (present) => begin(present, this.#clock.now()));
    // Ended or changed by another page, of which no word came yet.
    if (begun === undefined) return this.#ports.mirror.reload();
    let answer: CommandResult<unknown> | undefined;
    try {
      answer = await unlessAborted(this.#disposed.signal, this.#ports.call(begun));
    } catch (cause) {
      return this.#failed(begun, toCoded(cause));
    }
    if (answer === undefined) return;
    await this.#end(begun, 'done', undefined, { status: 'done', ...answer });
  }

  async #failed(entry: QueueEntry, error: CodedError): Promise<void> {
    const { code, message } = error;
    if (code === ERROR_CODES.overtaken.code && !wasSentBefore(entry)) return this.#rename(entry);
    if (isFinal(error)) return void (await this.#end(entry, 'failed', { code, message }));
    const now = this.#clock.now();
    if (now >= entry.expiresMs) return void (await this.#end(entry, 'expired', { code, message }));
    const retryAtMs = this.#isOutage(code) ? 0 : now + this.#delayAfter(entry.attempts);
    await this.#change(entry, (present) => defer(present, retryAtMs, { code, message }));
  }

  /** Nobody of this queue can have overtaken a command that leaves for the first time. */
  async #rename({ key }: QueueEntry): Promise<void> {
    const instance = randomId(this.#options.random);
    await this.#options.store.change(key, (meta, present) => rename(meta, present, instance));
    await this.#ports.mirror.reload();
  }

  /** Nothing but the connection stood in the way: it goes on with the connection. A call that cut its connection again and again waits. */
  #isOutage(code: number): boolean {
    return code < 100 && code !== LOCAL_CODES.connectionClosed && this.#ports.obstacle() !== undefined;
  }

  #delayAfter(attempts: number): number {
    const { minDelayMs, maxDelayMs, random } = this.#options;
    const ceiling = Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(attempts - 1, 30));
    return Math.min(maxDelayMs, minDelayMs + random.next() * ceiling);
  }

  async #end(
    entry: QueueEntry,
    status: 'done' | 'failed' | 'expired',
    error?: EntryError,
    outcome?: Outcome,
  ): Promise<void> {
    const ended = await this.#options.store.change(entry.key, (meta, present) =>
      end(meta, present, status, this.#clock.now(), error),
    );
    // Cancelled elsewhere meanwhile: that stands, though it may have taken effect.
    if (ended === undefined) return;
    const told = ended.status === status ? (outcome ?? outcomeOf(ended)) : outcomeOf(ended);
    this.#ports.mirror.applied(ended, told);
    this.#ports.changed(told && { key: entry.key, outcome: told });
  }

  async #change(
    { key }: QueueEntry,
    decide: (present: QueueEntry | undefined) => ReturnType<typeof defer>,
  ): Promise<QueueEntry | undefined> {
    const { mirror, changed } = this.#ports;
    const entry = await this.#options.store.change(key, (_, present) => decide(present));
    if (entry === undefined) return undefined;
    mirror.applied(entry);
    changed();
    return entry;
  }
}

/** An entry as it was when it left. */
const wasSentBefore = ({ attempts }: QueueEntry): boolean => attempts > 1;

/** Whether the same command can never be answered otherwise. */
function isFinal({ code, retry }: CodedError): boolean {
  return code >= 100 && retry !== 'afterBackoff' && retry !== 'afterReauth';
}

function toCoded(cause: unknown): CodedError {
  return cause instanceof CodedError
    ? cause
    : new CodedError({ code: 100, message: String(cause), retry: 'never' }, undefined, { cause });
}
