/**
 * The store of Node programs: a journal file that survives the death of its process at any moment (`journal.ts`), held by one process at a time
 * (`file-lock.ts`). Queues of that process may share it.
 */
import { createSystemRandom, type Random } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import type { Change, QueueEntry, QueueMeta } from './entry.js';
import { Journal, type Line } from './journal.js';
import type { QueueNews, QueueStore } from './store.js';
import { Turns } from './turns.js';

/**
 * `path`: the file, made with its folder where it is not there, readable by its owner only. Opened with the first use, which rejects with a `CodedError`
 * (conflict) while another process holds it.
 */
export function fileStore(
  path: string,
  { random = createSystemRandom() }: { readonly random?: Random } = {},
): QueueStore {
  return new FileStore(path, random);
}

class FileStore implements QueueStore {
  readonly #path: string;
  readonly #random: Random;
  readonly #turns = new Turns();
  readonly #listeners = new Set<(news: QueueNews) => void>();
  #journal: Promise<Journal> | undefined;
  #closed = false;

  constructor(path: string, random: Random) {
    this.#path = path;
    this.#random = random;
  }

  async load(): Promise<{ meta: QueueMeta; entries: readonly QueueEntry[] }> {
    const { meta, entries } = await this.#open();
    return { meta, entries: [...entries.values()].sort((left, right) => left.seq - right.seq) };
  }

  async change<R>(
    key: string,
    decide: (meta: QueueMeta, entry: QueueEntry | undefined) => Change<R>,
  ): Promise<R> {
    const journal = await this.#open();
    const { meta, entry, result } = decide(journal.meta, journal.entries.get(key));
    if (meta !== undefined || entry !== undefined)
      await this.#write(journal, {
        ...(meta ? { meta } : {}),
        ...(entry ? { entry } : entry === null ? { drop: [key] } : {}),
      });
    return result;
  }

  async remove(keys: readonly string[]): Promise<void> {
    await this.#write(await this.#open(), { drop: keys });
  }

  exclusively(work: (lost: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    return this.#turns.exclusively(work, signal);
  }

  tell(news: QueueNews): void {
    for (const listener of [...this.#listeners]) queueMicrotask(() => listener(news));
  }

  watch(listener: (news: QueueNews) => void): () => void {
    const own = (news: QueueNews): void => listener(news);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const opening = this.#journal;
    this.#journal = undefined;
    const journal = await opening?.catch(() => undefined);
    await journal?.close();
  }

  #open(): Promise<Journal> {
    if (this.#closed) return Promise.reject(new CodedError('notAvailable', 'the queue is closed'));
    if (this.#journal === undefined) {
      const opening = Journal.open(this.#path, this.#random);
      this.#journal = opening;
      opening.catch(() => this.#forget(opening));
    }
    return this.#journal;
  }

  async #write(journal: Journal, line: Line): Promise<void> {
    const opening = this.#journal;
    try {
      await journal.write(line);
    } catch (cause) {
      // What is in memory is ahead of the file: the file is read again with the next use.
      if (opening && this.#forget(opening)) await journal.close().catch(() => undefined);
      throw new CodedError('internal', 'the queue cannot be written', { cause });
    }
  }

  #forget(opening: Promise<Journal>): boolean {
    if (this.#journal !== opening) return false;
    this.#journal = undefined;
    return true;
  }
}
