/**
 * What the tests of this folder stand on: a store of either engine that is emptied between tests, and nodes on it that are disposed after each. PostgreSQL
 * is started by whoever calls, since only tests may know the test kit.
 */
import { createSystemClock, createSystemRandom, silentLogger, type Disposable } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import { openStore, type Store } from '@trunkline/store';
import { createTestStore, emptyStore } from '@trunkline/store/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest';
import { DIRECTORY_MIGRATIONS } from '../migrations.js';
import { openBench, type Bench, type BenchOptions } from '../testing.js';

export interface Bed {
  readonly store: Store;
  /** A node's directory on the store, until the end of the test. */
  node(options?: BenchOptions): Bench;
  /** `action target` of an org's records, newest first. */
  audits(org?: string): Promise<readonly string[]>;
}

interface Engine {
  readonly store: Store;
  reset(): Promise<void>;
  dispose(): Promise<void>;
}

type StartPostgres = () => Promise<Disposable & { readonly url: string }>;

/** Runs the tests that `define` declares on each engine of the store. */
export function onEachEngine(
  title: string,
  startPostgres: StartPostgres,
  define: (bed: Bed, engine: 'embedded' | 'postgres') => void,
): void {
  const engines = {
    embedded: (): Promise<Engine> => createTestStore([DIRECTORY_MIGRATIONS]),
    postgres: () => openPostgres(startPostgres),
  };
  describe.each(['embedded', 'postgres'] as const)(`${title}, on %s`, (name) => {
    let engine: Engine;
    let benches: Bench[];
    beforeAll(async () => {
      engine = await engines[name]();
    }, 120_000);
    beforeEach(() => (benches = []));
    afterEach(async () => {
      for (const { directory } of benches) await directory.dispose();
      await engine.reset();
    });
    afterAll(() => engine.dispose(), 30_000);

    const bed: Bed = {
      get store() {
        return engine.store;
      },
      node(options) {
        const bench = openBench(engine.store, options);
        benches.push(bench);
        return bench;
      },
      async audits(org = 'acme') {
        const { items } = await (benches[0] as Bench).directory.audit(org, {});
        return items.map(({ action, target }) => `${action} ${target}`);
      },
    };
    define(bed, name);
  });
}

/** The code that a call fails with, or `fine`. */
export function codeOf(run: Promise<unknown>): Promise<number | string> {
  return run.then(
    () => 'fine',
    (error: unknown) => (error instanceof CodedError ? error.code : String(error)),
  );
}

export function messageOf(run: Promise<unknown>): Promise<string> {
  return run.then(String, (error: Error) => error.message);
}

async function openPostgres(startPostgres: StartPostgres): Promise<Engine> {
  const server = await startPostgres();
  const store = await openStore(
    { clock: createSystemClock(), random: createSystemRandom(), logger: silentLogger },
    { database: { kind: 'postgres', url: server.url } },
  );
  await store.migrations.run([DIRECTORY_MIGRATIONS]);
  return {
    store,
    reset: () => emptyStore(store, [DIRECTORY_MIGRATIONS]),
    dispose: async () => {
      await store.dispose();
      await server.dispose();
    },
  };
}
