/** Rules of migrations, on every engine. */
import { expect } from 'vitest';
import type { Migration, MigrationSet } from '../migrations/types.js';
import { sql } from '../statement.js';
import type { Rules } from './fixture.js';
import { codeOf } from './outcomes.js';

const migration = (name: string, ...statements: string[]): Migration => ({
  name,
  phase: 'expand',
  statements,
});
const contract = (name: string, ...statements: string[]): Migration => ({
  name,
  phase: 'contract',
  statements,
});
const set = (owner: string, ...migrations: Migration[]): MigrationSet => ({ owner, migrations });

const ONE = migration(
  '001-one',
  'CREATE TABLE zoo_animals (name text PRIMARY KEY)',
  "INSERT INTO zoo_animals VALUES ('ape')",
);
const TWO = migration(
  '002-two',
  'ALTER TABLE zoo_animals ADD COLUMN legs integer',
  'UPDATE zoo_animals SET legs = 2',
);
const THREE = contract('003-three', 'ALTER TABLE zoo_animals DROP COLUMN legs');

export const MIGRATION_RULES: Rules = {
  '[STORE-50] what is missing is applied once, in order': async ({ fresh }) => {
    const { store } = await fresh();
    expect(await store.migrations.run([set('zoo', ONE)])).toEqual(['zoo/001-one']);
    expect(
      await store.migrations.run([
        set('zoo', ONE, TWO),
        set('park', migration('001-a', 'CREATE TABLE park_a (a int)')),
      ]),
    ).toEqual(['zoo/002-two', 'park/001-a']);
    expect(await store.migrations.run([set('zoo', ONE, TWO)])).toEqual([]);
    expect((await store.read(sql`SELECT * FROM zoo_animals LIMIT 10`)).rows).toEqual([
      { name: 'ape', legs: 2 },
    ]);
  },

  '[STORE-50] a migration that fails leaves nothing of itself': async ({ fresh }) => {
    const { store } = await fresh();
    const bad = migration('002-bad', 'CREATE TABLE zoo_cages (a int)', 'INSERT INTO zoo_nothing VALUES (1)');
    const error: unknown = await store.migrations
      .run([set('zoo', ONE, bad, TWO)])
      .catch((cause: unknown) => cause);
    expect(codeOf(error)).toBe(1109);
    expect((error as Error).message).toContain('zoo/002-bad');
    expect(await store.migrations.status([set('zoo', ONE, bad)])).toMatchObject([
      { state: 'applied' },
      { state: 'pending' },
    ]);
    expect(await store.read(sql`SELECT * FROM zoo_cages LIMIT 1`).catch(codeOf)).toBe(1110);
    expect(await store.migrations.run([set('zoo', ONE, TWO)])).toEqual(['zoo/002-two']);
  },

  '[STORE-51] a list that breaks the rules is not begun': async ({ fresh }) => {
    const { store } = await fresh();
    const bad = set('zoo', ONE, migration('002-bad', 'DROP TABLE zoo_animals'));
    expect(await store.migrations.run([bad]).catch(codeOf)).toBe(1109);
    expect(await store.migrations.status([bad])).toMatchObject([{ state: 'pending' }, { state: 'pending' }]);
  },

  '[STORE-52] runs at once wait for each other': async ({ fresh }) => {
    const { store } = await fresh();
    const runs = await Promise.all(
      Array.from({ length: 4 }, () => store.migrations.run([set('zoo', ONE, TWO)])),
    );
    expect(runs.flat().sort()).toEqual(['zoo/001-one', 'zoo/002-two']);
  },

  '[STORE-53] contract migrations run when they are asked for': async ({ fresh }) => {
    const { store } = await fresh();
    const all = set('zoo', ONE, TWO, THREE);
    expect(await store.migrations.run([all])).toEqual(['zoo/001-one', 'zoo/002-two']);
    expect(await store.migrations.run([all], { contract: true })).toEqual(['zoo/003-three']);
  },

  '[STORE-53] an older version lives with what a newer one added, not with what it took away': async ({
    fresh,
  }) => {
    const { store } = await fresh();
    await store.migrations.run([set('zoo', ONE, TWO)]);
    expect(await store.migrations.run([set('zoo', ONE)])).toEqual([]);
    expect(await store.migrations.status([set('zoo', ONE)])).toMatchObject([
      { name: '001-one', state: 'applied' },
      { name: '002-two', state: 'unknown' },
    ]);
    await store.migrations.run([set('zoo', ONE, TWO, THREE)], { contract: true });
    const error: unknown = await store.migrations
      .run([set('zoo', ONE, TWO)])
      .catch((cause: unknown) => cause);
    expect(codeOf(error)).toBe(1109);
    expect((error as Error).message).toContain('newer version');
  },

  '[STORE-54] an applied migration is never changed; its layout may be': async ({ fresh }) => {
    const { store } = await fresh();
    await store.migrations.run([set('zoo', ONE)]);
    const spaced = migration(
      '001-one',
      ...ONE.statements.map((statement) => `  ${statement.replaceAll(' ', '\n  ')} `),
    );
    expect(await store.migrations.run([set('zoo', spaced)])).toEqual([]);
    const changed = migration('001-one', 'CREATE TABLE zoo_animals (name text)');
    expect(await store.migrations.run([set('zoo', changed)]).catch(codeOf)).toBe(1109);
  },

  '[STORE-55] status says what is applied and when, and asking changes nothing': async ({ fresh }) => {
    const { store, clock } = await fresh();
    const before = clock.now();
    expect(await store.migrations.status([set('zoo', ONE)])).toEqual([
      { owner: 'zoo', name: '001-one', phase: 'expand', state: 'pending' },
    ]);
    await store.migrations.run([set('zoo', ONE)]);
    const [status] = await store.migrations.status([set('zoo', ONE)]);
    expect(status?.appliedMs).toBeGreaterThanOrEqual(before);
    const own = await store.migrations.status([set('store')]);
    expect(own.map(({ name, state }) => [name, state])).toEqual([
      ['001-channels', 'unknown'],
      ['002-idempotency', 'unknown'],
      ['003-sequences', 'unknown'],
    ]);
  },
};
