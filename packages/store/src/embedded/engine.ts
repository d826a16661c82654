/**
 * The embedded engine: PGlite in a worker thread of this process, on a data directory of its own. One session, lent to one borrower after the
 * other. A thread that died or did not answer is replaced at the next loan; one that dies again and again is given time. Survives the death of the process
 * at any moment; it does not wait for the disk, so a power cut may take the last commits (spec STORE-74 says what happens then).
 */
import { mkdir, rename, rm, statfs } from 'node:fs/promises';
import { Backoff, sleep, type Clock, type Logger, type Random } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import { STORE_CODES } from '../codes.js';
import { ConnectionLost, type Engine, type Run, type Session, type Step } from '../engine.js';
import { encodePipeline, forgetFailed } from '../wire.js';
import { clearRewound, isRewound, markRewound, prepareDatabase, restoreDatabase } from './directory.js';
import { lockDirectory, type DirectoryLock } from './lock.js';
import { readReplies } from './replies.js';
import { DatabaseThread } from './thread.js';

export interface EmbeddedDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface EmbeddedOptions {
  /** The data directory; made if it is not there. One process at a time (1107). */
  readonly directory: string;
  /** A folder where an empty database is kept and copied from, which makes new directories quick. Absent: each is made anew, in seconds. */
  readonly templateDirectory?: string;
}

/** Between threads that end by themselves, or do not open, without a commit between them: opening costs seconds of work, and a full disk stays full for a while. */
const REOPEN = { minDelayMs: 200, maxDelayMs: 10_000 };
/** A borrower waits so long for the next attempt; where it is further away, it is told at once. */
const REOPEN_WAIT_MS = 1_000;

export async function openEmbedded(deps: EmbeddedDeps, options: EmbeddedOptions): Promise<Engine> {
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  return EmbeddedEngine.open(deps, options);
}

/** Puts a backup into `directory`, which must hold no database. Fails with 1107 where it is in use, 1108 where the file is no backup. */
export async function restoreEmbedded(deps: EmbeddedDeps, directory: string, from: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const lock = await lockDirectory(deps, directory, () => undefined);
  try {
    await restoreDatabase(deps, directory, from);
  } finally {
    await lock.release();
  }
}

class EmbeddedEngine implements Engine {
  readonly kind = 'embedded';
  readonly exclusive = true;
  readonly commitsApart = true;
  readonly wakeStep = undefined;
  readonly #deps: EmbeddedDeps;
  readonly #directory: string;
  #lock: DirectoryLock | undefined;
  #database = '';
  #thread: DatabaseThread | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #closed: CodedError | undefined;
  /** Counts threads that ended by themselves since the last commit. */
  readonly #reopening: Backoff;
  #reopenAtMs = 0;

  private constructor(deps: EmbeddedDeps, directory: string) {
    this.#deps = deps;
    this.#directory = directory;
    this.#reopening = new Backoff(deps.random, REOPEN);
  }

  static async open(deps: EmbeddedDeps, options: EmbeddedOptions): Promise<EmbeddedEngine> {
    const { directory } = options;
    const engine = new EmbeddedEngine(deps, directory);
    const onLeftBehind = async (lastEnd: string): Promise<void> => {
      if (lastEnd === 'machine') await markRewound(directory);
    };
    engine.#lock = await lockDirectory({ ...deps, onLeftBehind }, directory, () => engine.#onLockLost());
    try {
      engine.#database = await prepareDatabase(deps, directory, options.templateDirectory);
      await engine.#openThread();
      return engine;
    } catch (cause) {
      await engine.dispose();
      throw cause;
    }
  }

  lend<T>(use: (session: Session) => Promise<T>): Promise<T> {
    const loan = this.#turn.then(() => this.#lendNow(use));
    this.#turn = loan.catch(() => undefined);
    return loan;
  }

  onWake(): void {
    // Nobody else can commit anything.
  }

  isRewound(): Promise<boolean> {
    return isRewound(this.#directory);
  }

  clearRewound(): Promise<void> {
    return clearRewound(this.#directory);
  }

  backup(path: string): Promise<void> {
    return this.#exclusively(async (thread) => {
      const part = `${path}.part`;
      await rm(part, { force: true });
      try {
        await runOn(thread, [{ sql: 'CHECKPOINT' }], MAINTENANCE_MS);
        await thread.dump(part, path.endsWith('.gz') || path.endsWith('.tgz'));
        await rename(part, path);
      } finally {
        await rm(part, { force: true });
      }
    });
  }

  maintain(): Promise<void> {
    return this.#exclusively(async (thread) => {
      const { failure } = await runOn(thread, [{ sql: 'VACUUM (ANALYZE)' }], MAINTENANCE_MS);
      if (failure)
        this.#deps.logger.warn({ sqlState: failure.sqlState, message: failure.message }, 'vacuum failed');
    });
  }

  async dispose(): Promise<void> {
    this.#closed ??= new CodedError('shuttingDown', 'store');
    await this.#turn;
    await this.#thread?.close();
    this.#thread = undefined;
    await this.#lock?.release();
    this.#lock = undefined;
  }

  // ------------------------------------------------------------ inside

  async #lendNow<T>(use: (session: Session) => Promise<T>): Promise<T> {
    if (this.#closed) throw this.#closed;
    const thread = await this.#openThread();
    let dirty = false;
    try {
      return await use({
        run: async (steps, timeoutMs) => {
          dirty = true;
          const run = await runOn(thread, steps, timeoutMs);
          dirty = run.inTransaction;
          if (run.failure === undefined && steps.at(-1)?.sql === 'COMMIT') this.#reopening.reset();
          return run;
        },
      });
    } finally {
      if (dirty && thread.isOpen)
        await runOn(thread, [{ sql: 'ROLLBACK' }], MAINTENANCE_MS).catch(() => undefined);
    }
  }

  #exclusively(use: (thread: DatabaseThread) => Promise<void>): Promise<void> {
    const turn = this.#turn.then(async () => {
      if (this.#closed) throw this.#closed;
      await use(await this.#openThread());
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #openThread(): Promise<DatabaseThread> {
    if (this.#thread?.isOpen) return this.#thread;
    if (this.#thread || this.#reopening.attempts > 0) await this.#beforeReopening();
    try {
      this.#thread = await DatabaseThread.open(this.#deps, this.#database);
      return this.#thread;
    } catch (cause) {
      this.#delayReopening();
      throw cause;
    }
  }

  async #beforeReopening(): Promise<void> {
    const { clock, logger } = this.#deps;
    if (this.#thread) {
      const { timedOut } = this.#thread;
      // Two threads in one directory are two processes in it: the old one is gone first.
      await this.#thread.terminate();
      this.#thread = undefined;
      // The first one that ended by itself is replaced at once.
      if (!timedOut && this.#reopening.attempts > 0) this.#delayReopening();
      else if (!timedOut) this.#reopening.next();
    }
    const waitMs = this.#reopenAtMs - clock.monotonic();
    if (waitMs > REOPEN_WAIT_MS) throw new ConnectionLost('the database ended, and is opened again later');
    if (waitMs > 0) await sleep(clock, waitMs);
    logger.warn({ freeBytes: await freeBytes(this.#directory) }, 'the embedded database is opened again');
  }

  #delayReopening(): void {
    this.#reopenAtMs = this.#deps.clock.monotonic() + this.#reopening.next();
  }

  #onLockLost(): void {
    this.#closed = new CodedError(STORE_CODES.storeLocked, 'data directory: another process took it');
    void this.#thread?.terminate();
  }
}

/** Of the disk: what is wrong most often. */
async function freeBytes(directory: string): Promise<number | undefined> {
  const found = await statfs(directory).catch(() => undefined);
  return found && found.bavail * found.bsize;
}

/** Backups and vacuums take as long as they take, but not for ever. */
const MAINTENANCE_MS = 600_000;

async function runOn(
  thread: DatabaseThread,
  steps: readonly Step[],
  timeoutMs: number,
): Promise<Run & { readonly inTransaction: boolean }> {
  const bytes = encodePipeline(steps, thread.statements);
  const answer = await thread.run(bytes, timeoutMs);
  try {
    const run = readReplies(answer);
    forgetFailed(thread.statements, steps, run);
    return run;
  } catch (cause) {
    await thread.terminate();
    throw new ConnectionLost('the answer makes no sense', { cause });
  }
}
