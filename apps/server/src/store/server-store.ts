/**
 * The store as a running server has it: opened beside the start, asked regularly whether it still answers, closed last. Whoever uses it waits for
 * it to open, within a deadline, and is told at once while it is known to be down; nobody is left waiting for a database that hangs. It knows
 * nothing of channels and calls: `durable-log.ts` and `commands.ts` do.
 */
import {
  Backoff,
  every,
  sleep,
  type Clock,
  type Disposable,
  type Logger,
  type Random,
  type Timer,
} from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import {
  STORE_CODES,
  type Deliver,
  type MigrationSet,
  type Statement,
  type Store,
  type StoreStatus,
} from '@trunkline/store';

export interface ServerStoreDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Opens the database, as `openStore` does. */
  readonly open: () => Promise<Store>;
}

export interface ServerStoreOptions {
  /** Milliseconds for one answer; a commit that takes longer may take place all the same. */
  readonly deadlineMs: number;
  /** Milliseconds between two questions whether it answers. Default 2,000; while it does not, 500. */
  readonly probeMs: number;
  readonly probeWhileDownMs: number;
  /** Milliseconds after which such a question counts as not answered. Default 4,000. */
  readonly probeTimeoutMs: number;
}

/** `idle`: not opened yet, since nothing was asked of it. */
export type StoreState = 'idle' | 'opening' | 'up' | 'down' | 'closed';

export interface StoreHealth {
  readonly state: StoreState;
  /** Of the last answer. */
  readonly status?: StoreStatus;
  /** Publications that wait to be dispatched, as of the last answer. */
  readonly outboxDepth: number;
}

export type Work = 'read' | 'commit';

const DEFAULTS = { probeMs: 2_000, probeWhileDownMs: 500, probeTimeoutMs: 4_000 };
/** Between attempts to open a database that cannot be reached. */
const REOPEN = { minDelayMs: 200, maxDelayMs: 5_000 };
/** What makes no sense to try again: the directory is another process's or broken, the tables are a newer version's. */
const HOPELESS: readonly number[] = [
  STORE_CODES.storeLocked.code,
  STORE_CODES.storeUnusable.code,
  STORE_CODES.migrationRefused.code,
];

export class ServerStore implements Disposable {
  readonly #deps: ServerStoreDeps;
  readonly #options: ServerStoreOptions;
  readonly #migrations: MigrationSet[] = [];
  /** Called when the store goes down: work under way is not waited for. */
  readonly #onDown = new Set<() => void>();
  #deliver: Deliver | undefined;
  #onCommit: (() => () => void) | undefined;
  #state: StoreState = 'idle';
  #store: Store | undefined;
  #opening: Promise<Store> | undefined;
  #firstAttempt: Promise<void> | undefined;
  #status: StoreStatus | undefined;
  #outboxDepth = 0;
  #probe: Timer | undefined;
  #asking = false;

  constructor(
    deps: ServerStoreDeps,
    options: Pick<ServerStoreOptions, 'deadlineMs'> & Partial<ServerStoreOptions>,
  ) {
    this.#deps = deps;
    this.#options = { ...DEFAULTS, ...options };
  }

  get health(): StoreHealth {
    return {
      state: this.#state,
      outboxDepth: this.#outboxDepth,
      ...(this.#status ? { status: this.#status } : {}),
    };
  }

  /** Tables that a module brings; made when the store opens. Call before it does. */
  register(migrations: MigrationSet): void {
    if (this.#state !== 'idle') throw new TypeError('migrations are registered before the store is opened');
    this.#migrations.push(migrations);
  }

  /** Where committed publications go once the store is open. Call before it does. */
  dispatchTo(deliver: Deliver): void {
    this.#deliver = deliver;
  }

  /** Calls `onCommit` for every commit that is asked for, and what that answers at its end. */
  observe(onCommit: () => () => void): void {
    this.#onCommit = onCommit;
  }

  /**
   * Opens it. Resolves when it is open, or cannot be reached for now (it is tried again in the background). Rejects where trying again is no use: 1107,
   * 1108, 1109.
   */
  open(): Promise<void> {
    this.#begin();
    return this.#firstAttempt ?? Promise.resolve();
  }

  /**
   * Does `work` on the open store. Fails with 1100 where it is down or does not open in time, with 1103 (reads) or 1102 (commits) where it does not
   * answer in time, and as the work does.
   */
  async use<T>(
    kind: Work,
    work: (store: Store) => Promise<T>,
    deadlineMs = this.#options.deadlineMs,
  ): Promise<T> {
    if (this.#state === 'down') throw unavailable();
    if (this.#state === 'closed') throw new CodedError('shuttingDown', 'store');
    const store =
      this.#store ?? (await this.#within(this.#begin(), this.#options.deadlineMs, unavailable, unavailable));
    const late = (): CodedError =>
      new CodedError(kind === 'read' ? STORE_CODES.storeTimeout : STORE_CODES.outcomeUnknown);
    const lost = (): CodedError => (kind === 'read' ? unavailable() : late());
    const onEnd = kind === 'commit' ? this.#onCommit?.() : undefined;
    try {
      return await this.#within(work(store), deadlineMs, late, lost);
    } catch (cause) {
      if (cause instanceof CodedError && cause.code === STORE_CODES.storeUnavailable.code) void this.#ask();
      throw cause;
    } finally {
      onEnd?.();
    }
  }

  /** A statement on committed data. */
  read<T>(statement: Statement<T>): Promise<T> {
    return this.use('read', (store) => store.read(statement));
  }

  async dispose(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#probe?.cancel();
    for (const run of [...this.#onDown]) run();
    const store = this.#store;
    this.#store = undefined;
    // An attempt under way closes what it opened, and gives the directory back, before the process may end.
    await this.#firstAttempt?.catch(() => undefined);
    await store?.dispose();
  }

  // ------------------------------------------------------------ inside

  #begin(): Promise<Store> {
    if (this.#opening) return this.#opening;
    this.#state = 'opening';
    let first!: { resolve: () => void; reject: (cause: unknown) => void };
    this.#firstAttempt = new Promise((resolve, reject) => (first = { resolve, reject }));
    this.#firstAttempt.catch(() => undefined);
    this.#opening = this.#openUntilItWorks(first);
    this.#opening.catch(() => undefined);
    return this.#opening;
  }

  async #openUntilItWorks(first: { resolve: () => void; reject: (cause: unknown) => void }): Promise<Store> {
    const { clock, random, logger } = this.#deps;
    const backoff = new Backoff(random, REOPEN);
    for (;;) {
      try {
        const store = await this.#openOnce();
        first.resolve();
        return store;
      } catch (cause) {
        if (this.#closed) {
          first.resolve();
          throw cause;
        }
        const hopeless = cause instanceof CodedError && HOPELESS.includes(cause.code);
        logger.error({ cause: String(cause), hopeless }, 'the store could not be opened');
        this.#down();
        if (hopeless) {
          first.reject(cause);
          // Where it is opened on use the server lives on, and somebody may repair what is wrong.
          clock.setTimeout(() => this.#forget(), REOPEN.maxDelayMs);
          throw unavailable(cause);
        }
        first.resolve();
        await sleep(clock, backoff.next());
      }
    }
  }

  /** The next use tries again. */
  #forget(): void {
    if (this.#state !== 'down') return;
    this.#state = 'idle';
    this.#opening = undefined;
  }

  async #openOnce(): Promise<Store> {
    if (this.#closed) throw new CodedError('shuttingDown', 'store');
    const { clock, logger } = this.#deps;
    const started = clock.monotonic();
    const store = await this.#deps.open();
    try {
      if (this.#migrations.length > 0) await store.migrations.run(this.#migrations);
      if (this.#closed) throw new CodedError('shuttingDown', 'store');
    } catch (cause) {
      await store.dispose();
      throw cause;
    }
    if (this.#deliver) store.outbox.start(this.#deliver);
    this.#store = store;
    this.#state = 'up';
    logger.info(
      { engine: store.engine, openedInMs: Math.round(clock.monotonic() - started) },
      'the store is open',
    );
    this.#schedule();
    return store;
  }

  get #closed(): boolean {
    return this.#state === 'closed';
  }

  #schedule(): void {
    this.#probe?.cancel();
    if (this.#closed) return;
    const { probeMs, probeWhileDownMs } = this.#options;
    this.#probe = every(
      this.#deps.clock,
      this.#state === 'down' ? probeWhileDownMs : probeMs,
      () => void this.#ask(),
    );
  }

  /** Whether it answers. One question at a time. */
  async #ask(): Promise<void> {
    const store = this.#store;
    if (!store || this.#asking || this.#closed) return;
    this.#asking = true;
    try {
      const { probeTimeoutMs } = this.#options;
      this.#status = await this.#within(store.status(), probeTimeoutMs, unavailable);
      this.#outboxDepth = await this.#within(store.outbox.depth(), probeTimeoutMs, unavailable);
      if (this.#state === 'down' && !this.#isClosedNow()) {
        this.#state = 'up';
        this.#deps.logger.info({}, 'the store answers again');
        this.#schedule();
      }
    } catch (cause) {
      if (this.#state === 'up')
        this.#deps.logger.error({ cause: String(cause) }, 'the store does not answer');
      this.#down();
    } finally {
      this.#asking = false;
    }
  }

  #isClosedNow(): boolean {
    return this.#closed;
  }

  #down(): void {
    if (this.#closed || this.#state === 'down') return;
    this.#state = 'down';
    for (const run of [...this.#onDown]) run();
    this.#schedule();
  }

  /** `work`, but `late()` after a time, and `lost()` as soon as the store goes down. What comes later is nobody's. */
  #within<T>(work: Promise<T>, ms: number, late: () => Error, lost?: () => Error): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const end = (): void => {
        timer?.cancel();
        this.#onDown.delete(onDown);
      };
      const onDown = (): void => {
        if (!lost) return;
        end();
        reject(lost());
      };
      const onLate = (): void => {
        end();
        reject(late());
      };
      const timer = ms === Infinity ? undefined : this.#deps.clock.setTimeout(onLate, ms);
      this.#onDown.add(onDown);
      work.then(resolve, reject).finally(end);
    });
  }
}

function unavailable(cause?: unknown): CodedError {
  return new CodedError(STORE_CODES.storeUnavailable, undefined, { cause });
}
