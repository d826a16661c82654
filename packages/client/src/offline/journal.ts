/**
 * A journal file: what a store holds, in memory, and each change of it as one line on the disk. Lines that wait while others are being flushed leave
 * in one write. Opening reads the lines, drops a last one that was cut off, and writes the file anew.
 */
import { mkdir, open, readFile, rename, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { randomId, type Random } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import { newMeta, type QueueEntry, type QueueMeta } from './entry.js';
import { lockFile } from './file-lock.js';

export interface Line {
  readonly meta?: QueueMeta;
  readonly entry?: QueueEntry;
  /** Keys taken out. */
  readonly drop?: readonly string[];
}

interface Waiting {
  readonly text: string;
  resolve(): void;
  reject(cause: unknown): void;
}

/** A journal shorter than this is not worth writing anew. */
const COMPACT_MIN_BYTES = 65_536;
/** Written anew when it grew to this many times its length after the last time. */
const COMPACT_RATIO = 4;

export class Journal {
  readonly entries = new Map<string, QueueEntry>();
  meta: QueueMeta;
  readonly #path: string;
  readonly #unlock: () => Promise<void>;
  #file: FileHandle | undefined;
  #bytes = 0;
  #compactAtBytes = 0;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;

  private constructor(path: string, instance: string, unlock: () => Promise<void>) {
    this.#path = path;
    this.#unlock = unlock;
    this.meta = newMeta(instance);
  }

  /** Rejects with a `CodedError`: conflict while another holds the file, internal where a line in its middle is damaged. */
  static async open(path: string, random: Random): Promise<Journal> {
    await mkdir(dirname(path), { recursive: true });
    const journal = new Journal(path, randomId(random), await lockFile(`${path}.lock`, random));
    try {
      journal.#replay(await readOrEmpty(path));
      await journal.#rewrite();
    } catch (cause) {
      await journal.close();
      throw cause;
    }
    return journal;
  }

  /** Takes effect in memory at once; resolves when it is on the disk. After a rejection memory and disk differ, and the journal is of no more use. */
  write(line: Line): Promise<void> {
    this.#apply(line);
    const text = `${JSON.stringify(line)}\n`;
    const written = new Promise<void>((resolve, reject) => this.#waiting.push({ text, resolve, reject }));
    this.#flushing ??= this.#flush();
    return written;
  }

  async close(): Promise<void> {
    await this.#flushing;
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
    await this.#unlock();
  }

  #apply({ meta, entry, drop = [] }: Line): void {
    if (meta) this.meta = meta;
    if (entry) this.entries.set(entry.key, entry);
    for (const key of drop) this.entries.delete(key);
  }

  #replay(text: string): void {
    const lines = text.split('\n');
    // Whole lines end with a line break: what follows the last one was cut off, and never counted.
    lines.pop();
    for (const [index, line] of lines.entries()) {
      try {
        this.#apply(JSON.parse(line) as Line);
      } catch (cause) {
        throw new CodedError('internal', `line ${index + 1} of ${this.#path} is damaged`, { cause });
      }
    }
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting;
      this.#waiting = [];
      try {
        if (this.#file === undefined) throw new CodedError('notAvailable', 'the queue is closed');
        const text = waiting.map((item) => item.text).join('');
        await this.#file.appendFile(text);
        await this.#file.datasync();
        this.#bytes += Buffer.byteLength(text);
        if (this.#bytes > this.#compactAtBytes) await this.#rewrite();
        for (const { resolve } of waiting) resolve();
      } catch (cause) {
        for (const { reject } of waiting) reject(cause);
      }
    }
    this.#flushing = undefined;
  }

  /** Beside the file first, then in its place: a crash leaves the old one or the new one. */
  async #rewrite(): Promise<void> {
    const beside = `${this.#path}.new`;
    const lines: Line[] = [{ meta: this.meta }, ...[...this.entries.values()].map((entry) => ({ entry }))];
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    const file = await open(beside, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, this.#path);
    await syncFolder(dirname(this.#path));
    await this.#file?.close();
    this.#file = await open(this.#path, 'a');
    this.#bytes = Buffer.byteLength(text);
    this.#compactAtBytes = Math.max(COMPACT_MIN_BYTES, this.#bytes * COMPACT_RATIO);
  }
}

async function readOrEmpty(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as { code?: string }).code === 'ENOENT') return '';
    throw cause;
  }
}

/** Makes the rename itself durable, where the platform can. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r');
    await folder.sync().finally(() => folder.close());
  } catch {
    // Windows opens no folders; the rename is in its journal.
  }
}
