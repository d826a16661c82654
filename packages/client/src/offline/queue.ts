/**
 * Commands that outlive their page: kept in a store from the moment they are accepted until their end is known, sent in order whenever there is a
 * connection, each executed once on the server however often it is sent. This file is what an application holds; the steps are `entry.ts`, the work is
 * `sender.ts`, what is shown is `mirror.ts`.
 */
import { randomId, type Timer } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import type {
  ContractOrNone,
  DefaultContract,
  IdempotentMethodOf,
  ParamsOf,
  ResultOf,
} from '../contract-types.js';
import type { CoreClient } from '../core-client.js';
import type { CommandResult } from '../rpc.js';
import type { Readable } from '../store.js';
import { end, enqueue, hasEnded, type QueueEntry } from './entry.js';
import { Mirror, type QueueState, type WaitsFor } from './mirror.js';
import { resolveQueueOptions, type OfflineQueueOptions, type ResolvedQueueOptions } from './options.js';
import { outcomeOf, resultOf, type Outcome } from './outcome.js';
import { Sender } from './sender.js';
import type { QueueNews } from './store.js';

export interface AddOptions {
  /** Idempotency key. Default: a new one. Adding under a key that is there already adds nothing. */
  readonly key?: string;
  /** Commands of one order are sent one after another, each after the end of the one before; default '': all of them. `null`: waits for none and none waits for it. */
  readonly order?: string | null;
  /** Default: the queue's. */
  readonly expiresInMs?: number;
  /** Shown in the server's logs. Default: a new id. */
  readonly trace?: string;
}

export interface QueuedCommand<R> {
  readonly key: string;
  readonly seq: number;
  /** Never rejects. Outlives a lost connection, not the page: `queue.outcome(key)` asks again. */
  readonly outcome: Promise<Outcome<R>>;
}

/** Word of other pages is waited for this long, so that a burst of it is one reading. */
const RELOAD_AFTER_MS = 50;

export class OfflineQueue<C extends ContractOrNone = DefaultContract> {
  readonly #options: ResolvedQueueOptions;
  readonly #client: CoreClient<C>;
  readonly #mirror: Mirror;
  readonly #sender: Sender;
  /** This object, among all that share the store. */
  readonly #id: string;
  readonly #unlisten: readonly (() => void)[];
  #reload: Timer | undefined;
  #disposed = false;

  constructor(client: CoreClient<C>, options: ResolvedQueueOptions) {
    const { store, report, random } = options;
    this.#options = options;
    this.#client = client;
    this.#id = randomId(random);
    this.#mirror = new Mirror(store, (flush) => client.schedule(flush), report);
    this.#sender = new Sender(options, {
      mirror: this.#mirror,
      obstacle: () => this.#obstacle(),
      call: ({ method, params, key, seq, order, trace }) =>
        client.command(method as never, JSON.parse(params) as never, {
          key,
          trace,
          // Whoever is alone in its order has nobody to come before or after.
          ...(order === key ? {} : { seq, instance: this.#mirror.instance }),
          ...(order === key || order === '' ? {} : { order }),
        }),
      changed: (ended) => store.tell({ from: this.#id, ...(ended ? { ended } : {}) }),
    });
    this.#unlisten = [
      client.state.subscribe(() => this.#sender.wake()),
      store.watch((news) => this.#heard(news)),
    ];
    // Shown at once, whoever has the turn to send.
    this.#readAgain();
  }

  /** Everything a UI shows; told with the client's batches. */
  get state(): Readable<QueueState> {
    return this.#mirror.state;
  }

  /**
   * Takes a command in; it is kept when this resolves. Rejects with a `CodedError`: limit exceeded (106) where the queue is full or the params are too
   * large, else where the store fails; with a TypeError where the params are no JSON. Commands added in a row are kept in that order.
   */
  async add<M extends IdempotentMethodOf<C>>(
    method: M,
    params: ParamsOf<C, M>,
    options: AddOptions = {},
  ): Promise<QueuedCommand<ResultOf<C, M>>> {
    if (this.#disposed) throw new CodedError('notAvailable', 'the queue is disposed');
    const { store, clock, random, maxEntryBytes, expiresInMs } = this.#options;
    const text = toJson(params);
    const bytes = new TextEncoder().encode(text).length;
    if (bytes > maxEntryBytes)
      throw new CodedError('limitExceeded', `params of ${bytes} bytes; maxEntryBytes is ${maxEntryBytes}`);
    const key = options.key ?? randomId(random);
    const createdMs = clock.now();
    const lifeMs = options.expiresInMs ?? expiresInMs;
    if (!(lifeMs > 0)) throw new RangeError(`expiresInMs must be above 0, got ${lifeMs}`);
    const draft = {
      key,
      order: options.order === null ? key : (options.order ?? ''),
      method,
      params: text,
      bytes,
      trace: options.trace ?? randomId(random, 16),
      createdMs,
      expiresMs: createdMs + lifeMs,
    };
    // Before it is written: another page may send it, and tell of its end, before this one looks again.
    const { outcome, forget } = this.#mirror.expect(key);
    try {
      const entry = await store.change(key, (meta, present) => enqueue(meta, present, draft, this.#options));
      this.#mirror.applied(entry);
      this.#changed();
      return { key, seq: entry.seq, outcome: outcome as Promise<Outcome<ResultOf<C, M>>> };
    } catch (error) {
      forget();
      throw error;
    }
  }

  /** As `client.command`, through the queue: resolves when the command is done, rejects with a `CodedError` where it ended otherwise (see `resultOf`). */
  async run<M extends IdempotentMethodOf<C>>(
    method: M,
    params: ParamsOf<C, M>,
    options?: AddOptions,
  ): Promise<CommandResult<ResultOf<C, M>>> {
    const { outcome } = await this.add(method, params, options);
    return resultOf(await outcome);
  }

  /** How the command of this key ends, or ended. */
  async outcome(key: string): Promise<Outcome> {
    if (!this.#mirror.state.get().loaded) await this.#mirror.reload();
    const entry = this.#mirror.find(key);
    if (entry === undefined) return { status: 'unknown' };
    return outcomeOf(entry) ?? this.#mirror.expect(key).outcome;
  }

  /**
   * Takes a command back that never left this device; false where it is too late or not there. With `evenIfSent` it is given up whatever it may have
   * done already, and its outcome says that this is uncertain.
   */
  async cancel(
    key: string,
    { evenIfSent = false }: { readonly evenIfSent?: boolean } = {},
  ): Promise<boolean> {
    const { store, clock } = this.#options;
    const cancelled = await store.change<QueueEntry | undefined>(key, (meta, present) =>
      present === undefined || hasEnded(present) || (present.sent && !evenIfSent)
        ? { result: undefined }
        : end(meta, present, 'cancelled', clock.now()),
    );
    if (cancelled === undefined) return false;
    const outcome = outcomeOf(cancelled);
    this.#mirror.applied(cancelled, outcome);
    this.#changed(outcome && { key, outcome });
    return true;
  }

  /** Forgets a command that ended; without a key, all that did. */
  async dismiss(key?: string): Promise<void> {
    const keys = [...this.#mirror.entries]
      .filter((entry) => hasEnded(entry) && (key === undefined || entry.key === key))
      .map((entry) => entry.key);
    if (keys.length === 0) return;
    await this.#options.store.remove(keys);
    this.#mirror.removed(keys);
    this.#changed();
  }

  /** Stops sending and closes the store; what is in there stays. Outcomes that are waited for become `unknown`. May be called twice. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const stop of this.#unlisten) stop();
    this.#reload?.cancel();
    await this.#sender.dispose();
    await this.#options.store.close();
    this.#mirror.dispose();
  }

  #obstacle(): WaitsFor | undefined {
    if (this.#client.state.get().kind !== 'connected') return 'connection';
    return this.#client.extensions.has('rpc') ? undefined : 'keys';
  }

  #changed(ended?: QueueNews['ended']): void {
    this.#options.store.tell({ from: this.#id, ...(ended ? { ended } : {}) });
    this.#sender.wake();
  }

  #heard({ from, ended }: QueueNews): void {
    if (from === this.#id || this.#disposed) return;
    if (ended) this.#mirror.told(ended.key, ended.outcome);
    this.#reload ??= this.#options.clock.setTimeout(() => this.#readAgain(), RELOAD_AFTER_MS);
  }

  #readAgain(): void {
    this.#reload = undefined;
    this.#mirror.reload().then(
      () => this.#sender.wake(),
      (error: unknown) => {
        if (this.#disposed) return;
        this.#options.report(error, { where: 'state' });
        this.#mirror.setWaitsFor('store');
      },
    );
  }
}

/**
 * A queue for the commands of one user on this device, working at once: what an earlier life left in the store is sent first. Only methods that their
 * contract calls `idempotent` may be queued. Throws a TypeError or RangeError that names a bad option.
 */
export function createOfflineQueue<C extends ContractOrNone = DefaultContract>(
  client: CoreClient<C>,
  options: Partial<OfflineQueueOptions> & Pick<OfflineQueueOptions, 'store'>,
): OfflineQueue<C> {
  return new OfflineQueue<C>(client, resolveQueueOptions(options));
}

function toJson(params: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(params ?? null);
  } catch (cause) {
    throw new TypeError('params must be JSON', { cause });
  }
  if (text === undefined) throw new TypeError(`params must be JSON, got a ${typeof params}`);
  return text;
}
