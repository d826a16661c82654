import { createSeededRandom, silentLogger } from '@trunkline/base';
import { FakeClock, settle } from '@trunkline/base/testing';
import { CodedError } from '@trunkline/protocol';
import { STORE_CODES, type Deliver, type MigrationSet, type Store } from '@trunkline/store';
import { describe, expect, it } from 'vitest';
import { ServerStore } from './server-store.js';

const codeOf = (work: Promise<unknown>): Promise<number> =>
  work.then(
    () => 0,
    (error: CodedError) => error.code,
  );
const unavailable = (): CodedError => new CodedError(STORE_CODES.storeUnavailable);

/** A store whose database can be away, or hang. */
function setUp() {
  const clock = new FakeClock();
  const database = { away: false, hanging: false };
  const seen = { opened: 0, disposed: 0, migrated: [] as string[], dispatching: false };
  let openWith: (() => Promise<void>) | undefined;
  const answer = (): Promise<void> => {
    if (database.hanging) return new Promise(() => undefined);
    return database.away ? Promise.reject(unavailable()) : Promise.resolve();
  };
  const double = {
    engine: 'embedded',
    status: async () => {
      await answer();
      return { engine: 'embedded', version: '18', queued: 1, committed: 2, failed: 0, transactions: 2 };
    },
    read: () => answer(),
    commit: () => answer(),
    outbox: { start: () => (seen.dispatching = true), depth: () => answer().then(() => 3) },
    migrations: {
      run: (sets: readonly MigrationSet[]) => void seen.migrated.push(...sets.map(({ owner }) => owner)),
    },
    dispose: () => Promise.resolve(void seen.disposed++),
  };
  const store = new ServerStore(
    {
      clock,
      random: createSeededRandom(1),
      logger: silentLogger,
      open: async () => {
        seen.opened++;
        await openWith?.();
        return double as unknown as Store;
      },
    },
    { deadlineMs: 1_000 },
  );
  store.dispatchTo((() => undefined) as Deliver);
  return { clock, store, database, seen, openWith: (run: () => Promise<void>) => (openWith = run) };
}

describe('the store of a server', () => {
  it('[DUR-5] is opened with the server, with the tables of its modules, and dispatches from then on', async () => {
    const { store, seen } = setUp();
    store.register({ owner: 'shop', migrations: [] });
    expect(store.health.state).toBe('idle');
    await store.open();
    expect(seen).toMatchObject({ opened: 1, migrated: ['shop'], dispatching: true });
    expect(store.health.state).toBe('up');
    expect(() => store.register({ owner: 'late', migrations: [] })).toThrow(/before/);
  });

  it('[DUR-5] or is opened by its first use, once, and uses wait for it within their deadline', async () => {
    const { clock, store, seen, openWith } = setUp();
    let finish = (): void => undefined;
    openWith(() => new Promise((resolve) => (finish = resolve)));
    const early = [
      codeOf(store.use('read', () => Promise.resolve(1))),
      codeOf(store.use('commit', () => Promise.resolve(1))),
    ];
    expect(store.health.state).toBe('opening');
    await clock.advance(1_001);
    expect(await Promise.all(early)).toEqual([1100, 1100]);
    const later = store.use('read', () => Promise.resolve('answer'));
    finish();
    expect(await later).toBe('answer');
    expect(seen.opened).toBe(1);
  });

  it('[DUR-5] a database that cannot be reached is tried again; one that cannot ever be used fails the start', async () => {
    const { clock, store, seen, openWith } = setUp();
    openWith(() => Promise.reject(unavailable()));
    await store.open();
    expect(store.health.state).toBe('down');
    expect(await codeOf(store.use('read', () => Promise.resolve(1)))).toBe(1100);
    openWith(() => Promise.resolve());
    await clock.advance(6_000);
    expect([store.health.state, seen.opened]).toEqual(['up', 2]);

    const other = setUp();
    other.openWith(() =>
      Promise.reject(new CodedError(STORE_CODES.storeLocked, 'data directory: process 7 on h1 has it open')),
    );
    await expect(other.store.open()).rejects.toMatchObject({ code: 1107 });
    expect(await other.store.use('read', () => Promise.resolve(1)).catch(String)).not.toContain('h1');
    other.openWith(() => Promise.resolve());
    await other.clock.advance(5_001);
    expect(await other.store.use('read', () => Promise.resolve(1))).toBe(1);
  });

  it('[DUR-6] what hangs is answered in time: reads 1103, commits 1102, since nobody knows', async () => {
    const { clock, store } = setUp();
    await store.open();
    const hanging = (): Promise<never> => new Promise(() => undefined);
    const calls = [codeOf(store.use('read', hanging)), codeOf(store.use('commit', hanging))];
    await clock.advance(1_001);
    expect(await Promise.all(calls)).toEqual([1103, 1102]);
  });

  it('[DUR-6] while it is down everybody is told at once, also who waits already; then it comes back by itself', async () => {
    const { clock, store, database } = setUp();
    await store.open();
    await clock.advance(2_000);
    expect(store.health).toMatchObject({ state: 'up', outboxDepth: 3, status: { committed: 2 } });
    database.hanging = true;
    const long = codeOf(store.use('commit', () => new Promise(() => undefined), Infinity));
    await clock.advance(2_000 + 4_100);
    expect(store.health.state).toBe('down');
    expect(await long).toBe(1102);
    expect(await codeOf(store.use('read', () => Promise.resolve(1)))).toBe(1100);
    database.hanging = false;
    await clock.advance(600);
    expect(store.health.state).toBe('up');
    expect(await store.use('read', () => Promise.resolve(1))).toBe(1);
  });

  it('[DUR-6] a refusal for want of the database is looked into at once', async () => {
    const { clock, store, database } = setUp();
    await store.open();
    database.away = true;
    expect(await codeOf(store.use('commit', ({ commit }) => commit({ statements: [] })))).toBe(1100);
    await clock.advance(0);
    expect(store.health.state).toBe('down');
  });

  it('[DUR-7] closed last: uses are refused, and an attempt to open is waited for and undone', async () => {
    const { store, seen, openWith } = setUp();
    let finish = (): void => undefined;
    openWith(() => new Promise((resolve) => (finish = resolve)));
    const opening = store.open();
    const disposed = store.dispose();
    finish();
    await Promise.all([opening, disposed]);
    await settle();
    expect(seen.disposed).toBe(1);
    expect(await codeOf(store.use('read', () => Promise.resolve(1)))).toBe(1005);
    await store.dispose();
  });
});
