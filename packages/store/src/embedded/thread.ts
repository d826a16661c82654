/**
 * One life of the worker thread that holds the database. Orders are answered in order; when the thread ends, for whatever reason, everything
 * unanswered fails with `ConnectionLost` and this object is of no more use. Ending the thread is, for the data, the end of a process: what was
 * committed is in the files.
 */
import { Worker } from 'node:worker_threads';
import type { Clock, Logger } from '@trunkline/base';
import { ConnectionLost } from '../engine.js';
import { StatementCache } from '../wire.js';

/** Arguments of the database, each with the reason for it. */
const SETTINGS: readonly string[] = [
  // Outside of a transaction that says otherwise, nothing is written.
  'default_transaction_read_only=on',
  // Compilation is not there; asking for it costs.
  'jit=off',
  // There is no process that could do it; `maintain` does.
  'autovacuum=off',
  // Memory of one worker, not of a machine.
  'shared_buffers=32MB',
  'max_wal_size=64MB',
  'min_wal_size=8MB',
  // A killed process can leave half a page behind: the log repairs it. Commits reach the files before they are acknowledged.
  'full_page_writes=on',
  'synchronous_commit=on',
];

type Order =
  | { readonly kind: 'run'; readonly bytes: Uint8Array }
  | { readonly kind: 'dump'; readonly path: string; readonly compress: boolean }
  | { readonly kind: 'close' };

interface Reply {
  readonly id: number;
  readonly bytes?: Uint8Array;
  readonly error?: string;
}

interface Waiting {
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (cause: Error) => void;
}

export class DatabaseThread {
  /** What the thread's one session has prepared. */
  readonly statements = new StatementCache();
  readonly #worker: Worker;
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #ended: ConnectionLost | undefined;

  private constructor(worker: Worker, clock: Clock) {
    this.#worker = worker;
    this.#clock = clock;
  }

  /** Opens `directory`; makes a new database there if it is empty, or one from the backup `restoreFrom`. */
  static async open(
    deps: { readonly clock: Clock; readonly logger: Logger },
    directory: string,
    restoreFrom?: string,
  ): Promise<DatabaseThread> {
    const worker = new Worker(new URL('./worker.mjs', import.meta.url), {
      workerData: {
        directory,
        settings: SETTINGS.flatMap((setting) => ['-c', setting]),
        ...(restoreFrom === undefined ? {} : { restoreFrom }),
      },
      env: {},
      execArgv: [],
      stdout: true,
      stderr: true,
    });
    for (const stream of [worker.stdout, worker.stderr])
      stream.on('data', (chunk: Buffer) =>
        deps.logger.debug({ output: String(chunk).trim() }, 'embedded database'),
      );
    const thread = new DatabaseThread(worker, deps.clock);
    await thread.#ready();
    return thread;
  }

  get isOpen(): boolean {
    return this.#ended === undefined;
  }

  /** It was ended because an answer took too long: the fault of a statement, not of the database. */
  get timedOut(): boolean {
    return this.#ended?.timedOut === true;
  }

  /** The answer's bytes. With `timeoutMs`, a thread that does not answer in time is ended. */
  async run(bytes: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const timer = this.#clock.setTimeout(() => {
      this.#end(new ConnectionLost(`no answer within ${timeoutMs} ms`, { timedOut: true }));
    }, timeoutMs);
    try {
      return await this.#send({ kind: 'run', bytes });
    } finally {
      timer.cancel();
    }
  }

  async dump(path: string, compress: boolean): Promise<void> {
    await this.#send({ kind: 'dump', path, compress });
  }

  /** Closes the database, then the thread. */
  async close(): Promise<void> {
    if (this.#ended) return;
    await this.#send({ kind: 'close' }).catch(() => undefined);
    await this.terminate();
  }

  /** Ends the thread where it is. */
  async terminate(): Promise<void> {
    this.#end(new ConnectionLost('the database was closed'));
    await this.#worker.terminate();
  }

  #ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#worker.once('message', (message: { readonly ready: boolean; readonly error?: string }) => {
        if (message.ready) {
          this.#worker.on('message', (reply: Reply) => this.#onReply(reply));
          resolve();
        } else {
          this.#end(new ConnectionLost(`the database does not open: ${message.error ?? ''}`));
          reject(this.#ended);
        }
      });
      const onEnd = (cause: unknown): void => {
        this.#end(new ConnectionLost('the database thread ended', { cause }));
        reject(this.#ended);
      };
      this.#worker.once('error', onEnd);
      this.#worker.once('exit', onEnd);
    });
  }

  #send(order: Order): Promise<Uint8Array> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, ...order });
    });
  }

  #onReply({ id, bytes, error }: Reply): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (!waiting) return;
    if (error === undefined) waiting.resolve(bytes ?? new Uint8Array());
    // The database threw instead of answering: nobody knows in which state it is.
    else {
      const lost = new ConnectionLost(`the database failed: ${error}`);
      waiting.reject(lost);
      this.#end(lost);
    }
  }

  #end(cause: ConnectionLost): void {
    if (this.#ended) return;
    this.#ended = cause;
    for (const { reject } of this.#waiting.values()) reject(cause);
    this.#waiting.clear();
    void this.#worker.terminate();
  }
}
