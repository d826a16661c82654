import { describe, expect, it } from 'vitest';
import { lintMigrations } from './lint.js';
import { STORE_MIGRATIONS } from './tables.js';

const messages = (statement: string, phase: 'expand' | 'contract' = 'expand'): string[] =>
  lintMigrations({ owner: 'zoo', migrations: [{ name: '001-x', phase, statements: [statement] }] }).map(
    ({ message }) => message,
  );

describe('the rules of migrations', () => {
  it("[STORE-51] the store's own list keeps them", () => {
    expect(lintMigrations(STORE_MIGRATIONS)).toEqual([]);
  });

  it('[STORE-51] what adds is fine', () => {
    for (const statement of [
      'CREATE TABLE zoo_animals (id text PRIMARY KEY, cage text REFERENCES zoo_cages (id) ON DELETE CASCADE)',
      'CREATE UNIQUE INDEX IF NOT EXISTS zoo_animals_name ON zoo_animals (name)',
      'ALTER TABLE zoo_animals ADD COLUMN legs integer',
      "ALTER TABLE zoo_animals ADD COLUMN state text NOT NULL DEFAULT 'here'",
      'ALTER TABLE zoo_animals ADD CONSTRAINT zoo_legs CHECK (legs > 0) NOT VALID',
      "INSERT INTO zoo_animals (id) VALUES ('drop; rename') ON CONFLICT (id) DO NOTHING",
      "UPDATE zoo_animals SET note = 'a; b' -- DROP TABLE other_things; x",
    ])
      expect(messages(statement), statement).toEqual([]);
  });

  it('[STORE-51] expand takes nothing away from the running version', () => {
    for (const statement of [
      'DROP TABLE zoo_animals',
      'ALTER TABLE zoo_animals DROP COLUMN legs',
      'alter table zoo_animals rename column legs to feet',
      'ALTER TABLE zoo_animals ALTER COLUMN legs TYPE bigint',
      'ALTER TABLE zoo_animals ALTER legs SET NOT NULL',
      'ALTER TABLE zoo_animals ADD COLUMN legs int NOT NULL',
      'ALTER TABLE zoo_animals ADD CONSTRAINT zoo_legs CHECK (legs > 0)',
      'TRUNCATE zoo_animals',
    ]) {
      expect(messages(statement), statement).toHaveLength(1);
      expect(messages(statement)[0]).toMatch(/^expand: /);
      expect(messages(statement, 'contract'), statement).toEqual([]);
    }
  });

  it("[STORE-51] names begin with the owner's", () => {
    for (const statement of [
      'CREATE TABLE animals (id text)',
      'CREATE INDEX animals_name ON zoo_animals (name)',
      'CREATE INDEX zoo_name ON animals (name)',
      'CREATE TABLE zoo_animals (keeper text REFERENCES people_keepers (id))',
      'UPDATE inbox_items SET a = 1',
      'INSERT INTO inbox_items VALUES (1)',
      'DELETE FROM inbox_items',
    ])
      expect(messages(statement).join(), statement).toContain('is not a name of zoo');
  });

  it('[STORE-51] one command at a time, and none about transactions or the server', () => {
    for (const statement of [
      'CREATE TABLE zoo_a (a int); CREATE TABLE zoo_b (b int)',
      'COMMIT',
      'CREATE INDEX CONCURRENTLY zoo_a_b ON zoo_a (b)',
      'SET search_path = x',
      'CREATE EXTENSION hstore',
    ])
      expect(messages(statement).length, statement).toBeGreaterThan(0);
  });

  it('[STORE-51] owners and names are plain, names unique', () => {
    const one = { name: '001-x', phase: 'expand' as const, statements: ['CREATE TABLE zoo_a (a int)'] };
    const found = lintMigrations({
      owner: 'zoo',
      migrations: [one, one, { ...one, name: 'Bad Name', statements: [] }],
    });
    expect(found.map(({ message }) => message)).toEqual([
      'two migrations have this name',
      expect.stringContaining('name is'),
      'no statement',
    ]);
    expect(lintMigrations({ owner: 'Zoo-1', migrations: [] })).toHaveLength(1);
  });
});
