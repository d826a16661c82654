/**
 * What a user's device keeps while pages come and go: the offline queue's store, and the list of what its `add` promised to keep. A page dies between
 * any two things it does; whatever it had asked of the store before then is done or not, and it hears nothing more.
 */
import type { Client, Untyped } from '@trunkline/client';
import {
  createOfflineQueue,
  memoryStore,
  type OfflineQueue,
  type QueueStore,
} from '@trunkline/client/offline';
import { CodedError } from '@trunkline/protocol';
import type { Payload } from './judge.js';
import type { Surroundings } from './surroundings.js';

/** Commands that may wait. */
const ENTRIES_MAX = 8;

/** The queue's orders; null: commands that wait for nobody. */
const ORDERS = ['a', 'a', 'b', null] as const;

export class Device {
  readonly user: string;
  readonly #around: Surroundings;
  readonly #store: QueueStore;
  readonly #counts = new Map<string | null, number>();
  #page: { readonly queue: OfflineQueue<Untyped>; readonly end: () => void } | undefined;
  /** Names of the effects that were promised. */
  readonly promised: string[] = [];

  constructor(around: Surroundings, user: string) {
    this.#around = around;
    this.user = user;
    this.#store = memoryStore({ random: around.dice.random });
  }

  /** A page opens, and sends what the one before left. */
  open(client: Client): void {
    const { time, dice, problem } = this.#around;
    const { store, end } = mortal(this.#store);
    const queue = createOfflineQueue(client, {
      store,
      clock: time,
      random: dice.random,
      minDelayMs: 200,
      maxDelayMs: 3_000,
      keepDoneMs: 1_000,
      maxEntries: ENTRIES_MAX,
      onError: (error) => problem(`${this.user}: the offline queue reports ${String(error)}`),
    });
    this.#page = { queue, end };
  }

  /** Keeps a command. */
  async add(channel: string, data: Payload): Promise<void> {
    const { dice, problem } = this.#around;
    const order = dice.pick(ORDERS);
    const count = (this.#counts.get(order) ?? 0) + 1;
    this.#counts.set(order, count);
    const name = `queue-${this.user}-${order ?? 'alone'}-${count}`;
    try {
      await this.#page?.queue.add('sim.add', { name, channel, data }, { key: name, order });
      this.promised.push(name);
    } catch (error) {
      if (!(error instanceof CodedError))
        problem(`${this.user}: adding failed without a code: ${String(error)}`);
    }
  }

  /** Commands that ended otherwise than by taking effect: none may. */
  check(): void {
    const entries = this.#page?.queue.state.get().entries ?? [];
    if (this.waiting > ENTRIES_MAX)
      this.#around.problem(`${this.user}: ${this.waiting} commands wait, more than ${ENTRIES_MAX}`);
    for (const { key, status, error } of entries)
      if (status === 'failed' || status === 'expired')
        this.#around.problem(
          `${this.user}: the kept command ${key} ${status}: ${error?.code} ${error?.message}`,
        );
  }

  /** Commands of which the end is not known. */
  get waiting(): number {
    const entries = this.#page?.queue.state.get().entries ?? [];
    return entries.filter(({ status }) => status === 'queued' || status === 'sending').length;
  }

  /** The page is gone. */
  die(): void {
    this.#page?.end();
    void this.#page?.queue.dispose();
    this.#page = undefined;
  }
}

/** The store as one page sees it, until it dies. Whoever waits for the turn then gets it. */
function mortal(store: QueueStore): { readonly store: QueueStore; readonly end: () => void } {
  const death = new AbortController();
  const { signal } = death;
  const never = new Promise<never>(() => undefined);
  const died = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  const whileAlive = async <T>(work: () => Promise<T>): Promise<T> => {
    if (signal.aborted) return never;
    const result = await work();
    return signal.aborted ? never : result;
  };
  return {
    end: () => death.abort(),
    store: {
      load: () => whileAlive(() => store.load()),
      change: (key, decide) => whileAlive(() => store.change(key, decide)),
      remove: (keys) => whileAlive(() => store.remove(keys)),
      exclusively: (work, ended) =>
        store.exclusively(
          (lost) => (signal.aborted ? Promise.resolve() : Promise.race([work(lost), died])),
          ended,
        ),
      tell: (news) => (signal.aborted ? undefined : store.tell(news)),
      watch: (listener) => store.watch((news) => (signal.aborted ? undefined : listener(news))),
      close: () => Promise.resolve(),
    },
  };
}
