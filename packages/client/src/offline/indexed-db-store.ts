/**
 * The store of browsers: one IndexedDB database per name, shared by all pages of an origin. A step is one transaction, flushed to disk before it
 * counts. Who may send is decided by a Web Lock, or by a lease in the database where there are none (pages without TLS). Word travels by
 * BroadcastChannel; a page that misses it reads the truth with its next turn.
 */
import { createSystemClock, createSystemRandom, randomId, type Clock, type Random } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import { newMeta, type Change, type QueueEntry, type QueueMeta } from './entry.js';
import { underLease } from './lease.js';
import type { QueueNews, QueueStore } from './store.js';

export interface IndexedDbStoreOptions {
  /** Default: the platform's. */
  readonly indexedDB?: IDBFactory;
  /** Default: the platform's; `null`: a lease in the database. */
  readonly locks?: Pick<LockManager, 'request'> | null;
  readonly clock?: Clock;
  readonly random?: Random;
}

const PREFIX = 'trunkline-queue';
const ENTRIES = 'entries';
const META = 'meta';

/**
 * `name` stands for whose commands these are: put the user and the org into it, since whatever is in there is sent with the credentials of the page that
 * opens it next. Throws a TypeError where the platform has no IndexedDB.
 */
export function indexedDbStore(name: string, options: IndexedDbStoreOptions = {}): QueueStore {
  const platform = globalThis as {
    indexedDB?: IDBFactory;
    navigator?: { locks?: Pick<LockManager, 'request'> };
  };
  const factory = options.indexedDB ?? platform.indexedDB;
  if (factory === undefined) throw new TypeError('indexedDB is required: this platform has none');
  const locks = options.locks === undefined ? (platform.navigator?.locks ?? null) : options.locks;
  return new IndexedDbStore(
    `${PREFIX}:${name}`,
    factory,
    locks,
    options.clock ?? createSystemClock(),
    options.random ?? createSystemRandom(),
  );
}

class IndexedDbStore implements QueueStore {
  readonly #name: string;
  readonly #factory: IDBFactory;
  readonly #locks: Pick<LockManager, 'request'> | null;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #owner: string;
  readonly #channel: BroadcastChannel | undefined;
  #database: Promise<IDBDatabase> | undefined;
  #closed = false;

  constructor(
    name: string,
    factory: IDBFactory,
    locks: Pick<LockManager, 'request'> | null,
    clock: Clock,
    random: Random,
  ) {
    this.#name = name;
    this.#factory = factory;
    this.#locks = locks;
    this.#clock = clock;
    this.#random = random;
    this.#owner = randomId(random);
    if (typeof BroadcastChannel === 'function') {
      this.#channel = new BroadcastChannel(name);
      // On Node an open channel would keep the process alive.
      (this.#channel as { unref?: () => void }).unref?.();
    }
  }

  async load(): Promise<{ meta: QueueMeta; entries: readonly QueueEntry[] }> {
    const meta = await this.change('', (present) => ({ meta: present, result: present }));
    const database = await this.#open();
    const entries = await new Promise<QueueEntry[]>((resolve, reject) => {
      const request = database.transaction(ENTRIES).objectStore(ENTRIES).getAll() as IDBRequest<QueueEntry[]>;
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(toError(request.error));
    });
    return { meta, entries: entries.sort((left, right) => left.seq - right.seq) };
  }

  async change<R>(
    key: string,
    decide: (meta: QueueMeta, entry: QueueEntry | undefined) => Change<R>,
  ): Promise<R> {
    const database = await this.#open();
    return new Promise<R>((resolve, reject) => {
      const transaction = database.transaction([ENTRIES, META], 'readwrite', { durability: 'strict' });
      const entries = transaction.objectStore(ENTRIES);
      const metas = transaction.objectStore(META);
      const meta = metas.get(META) as IDBRequest<QueueMeta | undefined>;
      const entry = entries.get(key) as IDBRequest<QueueEntry | undefined>;
      let change: Change<R> | undefined;
      let thrown: { readonly error: unknown } | undefined;
      // Requests of one transaction are answered in order: the meta is there too.
      entry.onsuccess = () => {
        try {
          change = decide(meta.result ?? newMeta(randomId(this.#random)), entry.result);
          if (change.meta) metas.put(change.meta, META);
          if (change.entry) entries.put(change.entry);
          else if (change.entry === null) entries.delete(key);
        } catch (error) {
          thrown = { error };
          transaction.abort();
        }
      };
      transaction.oncomplete = () => change && resolve(change.result);
      transaction.onabort = () => reject(thrown ? thrown.error : toError(transaction.error));
    });
  }

  async remove(keys: readonly string[]): Promise<void> {
    const database = await this.#open();
    await new Promise<void>((resolve, reject) => {
      const transaction = database.transaction(ENTRIES, 'readwrite');
      for (const key of keys) transaction.objectStore(ENTRIES).delete(key);
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(toError(transaction.error));
    });
  }

  async exclusively(work: (lost: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    if (this.#locks === null) return underLease(this, this.#clock, this.#owner, work, signal);
    try {
      await this.#locks.request(this.#name, { signal }, () => work(new AbortController().signal));
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  tell(news: QueueNews): void {
    if (!this.#closed) this.#channel?.postMessage(news);
  }

  watch(listener: (news: QueueNews) => void): () => void {
    const onMessage = ({ data }: MessageEvent): void => listener(data as QueueNews);
    this.#channel?.addEventListener('message', onMessage);
    return () => this.#channel?.removeEventListener('message', onMessage);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#channel?.close();
    const database = this.#database;
    this.#database = undefined;
    (await database?.catch(() => undefined))?.close();
  }

  /** Opened with the first use, and again after the browser closed it. */
  #open(): Promise<IDBDatabase> {
    if (this.#closed) return Promise.reject(new CodedError('notAvailable', 'the queue is closed'));
    this.#database ??= this.#connect();
    return this.#database;
  }

  #connect(): Promise<IDBDatabase> {
    const opening = new Promise<IDBDatabase>((resolve, reject) => {
      const request = this.#factory.open(this.#name, 1);
      request.onupgradeneeded = () => {
        request.result.createObjectStore(ENTRIES, { keyPath: 'key' });
        request.result.createObjectStore(META);
      };
      request.onerror = () => reject(toError(request.error));
      request.onsuccess = () => {
        const database = request.result;
        const forget = (): void => {
          if (this.#database === opening) this.#database = undefined;
        };
        database.onclose = forget;
        // Somebody deletes the database, or a later version of this package wants another shape.
        database.onversionchange = () => {
          forget();
          database.close();
        };
        resolve(database);
      };
    });
    opening.catch(() => {
      if (this.#database === opening) this.#database = undefined;
    });
    return opening;
  }
}

function toError(error: DOMException | null): Error {
  if (error?.name === 'QuotaExceededError')
    return new CodedError('limitExceeded', "the browser's storage is full");
  return new CodedError('internal', `the queue's database: ${error?.message ?? 'aborted'}`, { cause: error });
}
