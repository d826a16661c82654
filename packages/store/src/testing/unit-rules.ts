/** Rules of units and reads, on every engine. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { CodedError } from '@trunkline/protocol';
import { expecting, sql, type SqlResult, type Statement } from '../statement.js';
import type { Unit } from '../unit.js';
import type { Store } from '../types.js';
import { codeOf } from './outcomes.js';
import { BANK, type Rules } from './fixture.js';

const BANK_STATEMENTS = BANK.migrations[0]?.statements ?? [];

const put = (name: string, balance: number): Statement =>
  sql`INSERT INTO bank_accounts (name, balance) VALUES (${name}, ${balance})`;
const pay = (name: string, by: number): Statement =>
  sql`UPDATE bank_accounts SET balance = balance + ${by} WHERE name = ${name}`;
const log = (word: string): Statement => sql`INSERT INTO bank_log (word) VALUES (${word})`;

async function balance(store: Store, name: string): Promise<unknown> {
  const { rows } = await store.read(sql`SELECT balance FROM bank_accounts WHERE name = ${name}`);
  return rows[0]?.['balance'];
}

async function words(store: Store, prefix: string): Promise<unknown[]> {
  const { rows } = await store.read(
    sql`SELECT word FROM bank_log WHERE word LIKE ${`${prefix}%`} ORDER BY id LIMIT 1000`,
  );
  return rows.map(({ word }) => word);
}

export const UNIT_RULES: Rules = {
  '[STORE-1] a unit takes effect whole, and answers each statement': async ({ store, name }) => {
    const [a, b] = [name(), name()];
    const [first, second, third] = await store.commit({
      statements: [
        put(a, 10),
        sql`INSERT INTO bank_accounts (name, balance) VALUES (${b}, 0) RETURNING name, balance`,
        pay(a, -4),
      ],
    });
    expect([first.count, second.rows, third.count]).toEqual([1, [{ name: b, balance: 0 }], 1]);
    expect(await balance(store, a)).toBe(6);
  },

  '[STORE-1] a unit with a failing statement leaves nothing behind': async ({ store, name }) => {
    const [a, b] = [name(), name()];
    await store.commit({ statements: [put(a, 1)] });
    const error: unknown = await store
      .commit({ statements: [put(b, 1), pay(a, 5), pay(b, -2)] })
      .catch((cause: unknown) => cause);
    expect(codeOf(error)).toBe(1003);
    expect((error as Error).message).toContain('bank_covered');
    expect([await balance(store, a), await balance(store, b)]).toEqual([1, undefined]);
  },

  '[STORE-2] transactions, sessions and tables are no business of a unit': async ({ store }) => {
    for (const text of [
      'BEGIN',
      'COMMIT',
      ' rollback',
      'SET x = 1',
      'DROP TABLE bank_log',
      'COPY bank_log TO STDOUT',
      'VACUUM',
      '',
    ]) {
      await expect(store.commit({ statements: [{ sql: text }] })).rejects.toThrow(TypeError);
      await expect(store.read({ sql: text })).rejects.toThrow(TypeError);
    }
    const two = await store.commit({ statements: [{ sql: 'SELECT 1; SELECT 2' }] }).catch(codeOf);
    expect(two).toBe(1110);
  },

  '[STORE-3] units that go together take effect in the order of the calls, and fail alone': async ({
    store,
    name,
  }) => {
    const word = name();
    const before = (await store.status()).transactions;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) =>
        store.commit({
          statements: [
            log(`${word}-${index}`),
            ...(index % 5 === 3 ? [pay(word, 1), sql`SELECT 1 / ${0}::int`] : []),
          ],
        }),
      ),
    );
    expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual(
      Array.from({ length: 20 }, (_, index) => index % 5 !== 3),
    );
    expect(await words(store, `${word}-`)).toEqual(
      Array.from({ length: 20 }, (_, index) => `${word}-${index}`).filter((_, index) => index % 5 !== 3),
    );
    expect((await store.status()).transactions - before).toBe(1);
  },

  '[STORE-3] a later unit sees what an earlier one did, although one transaction carries both': async ({
    store,
    name,
  }) => {
    const a = name();
    const [, second] = await Promise.all([
      store.commit({ statements: [put(a, 7)] }),
      store.commit({ statements: [sql`SELECT balance FROM bank_accounts WHERE name = ${a}`] }),
    ]);
    expect(second[0].rows).toEqual([{ balance: 7 }]);
  },

  '[STORE-4] an expectation that does not hold rolls the unit back, with the error of its choice': async ({
    store,
    name,
  }) => {
    const [a, b, word] = [name(), name(), name()];
    await store.commit({ statements: [put(a, 1)] });
    const outcomes = await Promise.all([
      store.commit({ statements: [log(word), expecting(pay(b, 1), 1)] }).catch(codeOf),
      store
        .commit({
          statements: [expecting(pay(b, 1), 1, () => new CodedError('notFound', 'account')), log(word)],
        })
        .catch(codeOf),
      store.commit({ statements: [expecting(pay(a, 1), [1, 2])] }).then(() => 'held'),
      store.commit({ statements: [expecting(pay(a, 1), [2, 3])] }).catch(codeOf),
      store.commit({ statements: [expecting(pay(a, 1), 1)] }).then(() => 'held'),
    ]);
    expect(outcomes).toEqual([1003, 1004, 'held', 1003, 'held']);
    expect(await balance(store, a)).toBe(3);
    expect(await words(store, word)).toEqual([]);
  },

  '[STORE-5] finish adds to the transaction what it makes of the results': async ({ store, name }) => {
    const [a, word] = [name(), name()];
    await store.commit({
      statements: [put(a, 5), sql`SELECT balance FROM bank_accounts WHERE name = ${a}`],
      finish: ([, { rows }]) => [log(`${word}-${String(rows[0]?.['balance'])}`)],
    });
    expect(await words(store, word)).toEqual([`${word}-5`]);
  },

  '[STORE-5] what finish throws, or what it says and fails, undoes its unit alone': async ({
    store,
    name,
  }) => {
    const word = name();
    const outcomes = await Promise.all([
      store.commit({ statements: [log(`${word}-1`)] }),
      store
        .commit({
          statements: [log(`${word}-2`)],
          finish: () => {
            throw new CodedError('limitExceeded', 'quota');
          },
        })
        .catch(codeOf),
      store
        .commit({
          statements: [log(`${word}-3`)],
          finish: () => [log(`${word}-4`), sql`SELECT 1 / ${0}::int`],
        })
        .catch(codeOf),
      store
        .commit({ statements: [log(`${word}-5`)], finish: () => [expecting(pay(word, 1), 1)] })
        .catch(codeOf),
      store
        .commit({ statements: [log(`${word}-6`)], finish: () => [{ sql: 'COMMIT' }] })
        .catch((cause: unknown) => cause),
      store.commit({ statements: [log(`${word}-7`)], finish: () => [log(`${word}-8`)] }),
      store.commit({ statements: [log(`${word}-9`)] }),
    ]);
    expect(outcomes.slice(1, 4)).toEqual([106, 1110, 1003]);
    expect(outcomes[4]).toBeInstanceOf(TypeError);
    expect(await words(store, word)).toEqual([1, 7, 8, 9].map((number) => `${word}-${number}`));
  },

  '[STORE-5] finish is synchronous: one that waits is refused': async ({ store, name }) => {
    const word = name();
    const late = (() => Promise.resolve([])) as unknown as () => readonly Statement[];
    await expect(store.commit({ statements: [log(word)], finish: late })).rejects.toThrow('at once');
    expect(await words(store, word)).toEqual([]);
  },

  '[STORE-9] whatever units come, together or not, the tables are what a model says': async ({ store }) => {
    const account = fc.constantFrom('p', 'q', 'r');
    const step = fc.oneof(
      fc.record({ kind: fc.constant('put' as const), account, by: fc.integer({ min: -1, max: 4 }) }),
      fc.record({
        kind: fc.constant('pay' as const),
        account,
        by: fc.integer({ min: -3, max: 3 }),
        must: fc.boolean(),
      }),
    );
    const unit = fc.record({
      steps: fc.array(step, { minLength: 1, maxLength: 4 }),
      finish: fc.boolean(),
      refuse: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(unit, { maxLength: 8 }), { maxLength: 4 }), async (rounds) => {
        await store.commit({ statements: [sql`DELETE FROM bank_accounts`] });
        let model = new Map<string, number>();
        for (const units of rounds) {
          const expected = units.map(({ steps, refuse }) => {
            const next = new Map(model);
            const holds = steps.every((one) => {
              const current = next.get(one.account);
              const wanted = one.kind === 'put' ? one.by : (current ?? 0) + one.by;
              if (one.kind === 'put' ? current !== undefined : current === undefined)
                return one.kind === 'pay' && !one.must;
              next.set(one.account, wanted);
              return wanted >= 0;
            });
            if (holds && !refuse) model = next;
            return holds && !refuse;
          });
          const outcomes = await Promise.allSettled(
            units.map(({ steps, finish, refuse }) => {
              const statements = steps.map((one) => {
                const made = one.kind === 'put' ? put(one.account, one.by) : pay(one.account, one.by);
                return one.kind === 'pay' && one.must ? expecting(made, 1) : made;
              });
              const given: Unit = {
                statements,
                ...(finish || refuse
                  ? {
                      finish: () => {
                        if (refuse) throw new CodedError('conflict', 'refused');
                        return [];
                      },
                    }
                  : {}),
              };
              return store.commit(given);
            }),
          );
          expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual(expected);
          const { rows } = await store.read(
            sql`SELECT name, balance FROM bank_accounts ORDER BY name LIMIT 100`,
          );
          expect(rows).toEqual([...model].sort().map(([name, amount]) => ({ name, balance: amount })));
        }
      }),
      { numRuns: 40 },
    );
  },

  '[STORE-10] what waits when the store is disposed is committed; then 1005': async ({ fresh, open }) => {
    const { store, database } = await fresh();
    const waiting = Array.from({ length: 100 }, (_, index) =>
      store.commit({ statements: [log(`late-${index}`)] }),
    );
    await store.dispose();
    await Promise.all(waiting);
    expect(await store.commit({ statements: [log('after')] }).catch(codeOf)).toBe(1005);
    expect(await store.read(sql`SELECT 1`).catch(codeOf)).toBe(1005);
    await store.dispose();
    const again = await open(database);
    expect(await words(again.store, 'late-')).toHaveLength(100);
  },

  '[STORE-15] a read writes nothing': async ({ store, name }) => {
    const a = name();
    for (const statement of [
      put(a, 1),
      sql`WITH x AS (DELETE FROM bank_log RETURNING 1) SELECT * FROM x`,
      sql`SELECT nextval('bank_log_id_seq')`,
    ])
      expect(await store.read(statement).catch(codeOf)).toBe(1110);
    expect(await balance(store, a)).toBe(undefined);
    expect(await store.read(expecting(sql`SELECT 1`, 2)).catch(codeOf)).toBe(1003);
  },

  '[STORE-16] a read without a limit is an error beyond the rows that one may give': async ({ store }) => {
    const upTo = (count: number): Promise<SqlResult> =>
      store.read(sql`SELECT n FROM generate_series(1, ${count}::int) n`);
    expect((await upTo(10_000)).rows).toHaveLength(10_000);
    expect(await upTo(10_001).catch(codeOf)).toBe(106);
    expect((await upTo(3)).rows).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  },

  '[STORE-16] reads under way are bounded': async ({ fresh }) => {
    const { store } = await fresh({ maxReads: 3 });
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, () => store.read(sql`SELECT 1`).then(() => 0, codeOf)),
    );
    expect(outcomes).toEqual([0, 0, 0, 1101, 1101]);
    expect((await store.read(sql`SELECT 1`)).count).toBe(1);
  },

  '[STORE-17] values arrive as they left': async ({ store }) => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const { rows } = await store.read(
      sql`SELECT ${'ž😀\n\\"'}::text AS text, ${-7}::int AS int, ${2 ** 53 - 1}::bigint AS big, ${9_007_199_254_740_993n}::bigint AS bigger,
        ${1.5}::float8 AS float, ${true}::bool AS yes, ${false}::bool AS no, ${null}::text AS nothing, ${bytes}::bytea AS bytes,
        ${{ a: [1, null, 'x'] }}::jsonb AS json, ${''}::text AS empty, ${[1, 2]}::int[] = ARRAY[1, 2] AS numbers,
        ${['a,"b\\', null, '{}']}::text[] = ARRAY['a,"b\\', NULL, '{}'] AS texts, ${[bytes]}::bytea[] = ARRAY[${bytes}::bytea] AS blobs`,
    );
    expect(rows).toEqual([
      {
        text: 'ž😀\n\\"',
        int: -7,
        big: 2 ** 53 - 1,
        bigger: '9007199254740993',
        float: 1.5,
        yes: true,
        no: false,
        nothing: null,
        bytes,
        json: { a: [1, null, 'x'] },
        empty: '',
        numbers: true,
        texts: true,
        blobs: true,
      },
    ]);
  },

  '[STORE-17] what no database can hold is refused before anything is sent': async ({ store, name }) => {
    const word = name();
    for (const value of ['a\u0000b', Number.NaN, Infinity, () => 1, Symbol('x'), ['a\u0000']]) {
      const statement: Statement = { sql: 'INSERT INTO bank_log (word) VALUES ($1)', parameters: [value] };
      const [refused, other] = await Promise.all([
        store.commit({ statements: [statement] }).catch(codeOf),
        store.commit({ statements: [log(word)] }).then(() => 'committed'),
      ]);
      expect([refused, other]).toEqual([107, 'committed']);
    }
  },

  '[STORE-18] statements sent often are prepared, and survive being forgotten, failed and changed under them':
    async ({ fresh }) => {
      const { store } = await fresh();
      for (let round = 0; round < 3; round++) {
        // More texts than are kept, so that some are closed and prepared again.
        for (let text = 0; text < 300; text++)
          expect(
            (await store.read({ sql: `SELECT ${text} AS n, $1::int AS m`, parameters: [round] } as Statement))
              .rows,
          ).toEqual([{ n: text, m: round }]);
        const broken: Statement = { sql: 'SELECT 1 / $1::int AS n', parameters: [0] };
        for (let turn = 0; turn < 3; turn++) expect(await store.read(broken).catch(codeOf)).toBe(1110);
        expect((await store.read({ ...broken, parameters: [1] })).rows).toEqual([{ n: 1 }]);
      }
      const all: Statement = { sql: 'SELECT * FROM bank_log LIMIT 5' };
      for (let turn = 0; turn < 3; turn++) await store.read(all);
      for (let turn = 0; turn < 3; turn++) await store.commit({ statements: [all] });
      await store.migrations.run([
        {
          owner: 'bank',
          migrations: [
            { name: '001-accounts', phase: 'expand', statements: BANK_STATEMENTS },
            { name: '002-more', phase: 'expand', statements: ['ALTER TABLE bank_log ADD COLUMN more int'] },
          ],
        },
      ]);
      await store.commit({ statements: [log('x')] });
      expect((await store.read(all)).rows).toEqual([{ id: 1, word: 'x', more: null }]);
      expect((await store.commit({ statements: [all] }))[0].rows).toEqual([{ id: 1, word: 'x', more: null }]);
    },
};
