/** Rules of idempotent calls, on every engine. */
import { expect } from 'vitest';
import type { IdempotentCall } from '../idempotency/types.js';
import { expecting, sql } from '../statement.js';
import type { Store } from '../types.js';
import type { Rules } from './fixture.js';
import { codeOf } from './outcomes.js';

const log = (word: string) => sql`INSERT INTO bank_log (word) VALUES (${word})`;

async function count(store: Store, word: string): Promise<unknown> {
  return (await store.read(sql`SELECT count(*) AS n FROM bank_log WHERE word = ${word}`)).rows[0]?.['n'];
}

const call = (key: string, given: Partial<IdempotentCall> = {}): IdempotentCall => ({
  org: 'acme',
  principal: 'ada',
  method: 'notes.add',
  key,
  request: { word: key },
  ...given,
});

export const IDEMPOTENCY_RULES: Rules = {
  '[STORE-40] a repeat gets the stored result and changes nothing; its effect is not even prepared': async ({
    store,
    name,
    key,
  }) => {
    const word = name();
    const channel = key();
    let prepared = 0;
    const run = () =>
      store.idempotency.run(call(word), () => {
        prepared++;
        return {
          statements: [log(word), store.channels.append(channel, '1')],
          result: ([, position]) => ({ offset: position.offset, text: 'ž' }),
        };
      });
    expect(await run()).toEqual({ result: { offset: 1, text: 'ž' }, repeated: false });
    expect(await run()).toEqual({ result: { offset: 1, text: 'ž' }, repeated: true });
    expect([prepared, await count(store, word)]).toEqual([1, 1]);
  },

  '[STORE-40] a result that is known beforehand, and one with a finish of its own': async ({
    store,
    name,
  }) => {
    const [one, two] = [name(), name()];
    for (const repeated of [false, true])
      expect(
        await store.idempotency.run(call(one), () => ({ statements: [log(one)], result: null })),
      ).toEqual({
        result: null,
        repeated,
      });
    for (const repeated of [false, true])
      expect(
        await store.idempotency.run(call(two), () => ({
          statements: [log(two)],
          finish: ([{ count: rows }]) => [log(`${two}-${rows}`)],
          result: ([{ count: rows }]) => [rows],
        })),
      ).toEqual({ result: [1], repeated });
    expect([await count(store, one), await count(store, two), await count(store, `${two}-1`)]).toEqual([
      1, 1, 1,
    ]);
  },

  '[STORE-41] keys of another org, principal or method are other keys': async ({ store, name }) => {
    const word = name();
    for (const other of [{}, { org: 'other' }, { principal: 'bob' }, { method: 'notes.remove' }])
      expect(
        await store.idempotency.run(call(word, other), () => ({ statements: [log(word)], result: 1 })),
      ).toMatchObject({
        repeated: false,
      });
    expect(await count(store, word)).toBe(4);
  },

  '[STORE-42] the same key with another request is refused; the order of fields is no difference': async ({
    store,
    name,
  }) => {
    const word = name();
    const run = (request: unknown) =>
      store.idempotency
        .run(call(word, { request }), () => ({ statements: [log(word)], result: 1 }))
        .catch(codeOf);
    await run({ a: 1, b: [{ c: 'x' }] });
    expect(await run({ b: [{ c: 'x' }], a: 1 })).toEqual({ result: 1, repeated: true });
    for (const other of [{ a: 1 }, { a: 1, b: [{ c: 'y' }] }, { a: '1', b: [{ c: 'x' }] }, undefined])
      expect(await run(other)).toBe(1105);
    const [first, second] = await Promise.all([
      store.idempotency.run(call(name(), { key: `${word}-x`, request: 1 }), () => ({
        statements: [log(word)],
        result: 1,
      })),
      store.idempotency
        .run(call(name(), { key: `${word}-x`, request: 2 }), () => ({ statements: [log(word)], result: 1 }))
        .catch(codeOf),
    ]);
    expect([first.repeated, second]).toEqual([false, 1105]);
    for (const bad of ['', 'x'.repeat(256), 'a\u0000b'])
      expect(
        await store.idempotency.run(call(bad), () => ({ statements: [log(word)], result: 1 })).catch(codeOf),
      ).toBe(107);
  },

  '[STORE-43] of calls at once one takes effect, the others get its result': async ({ store, name }) => {
    const word = name();
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        store.idempotency.run(call(word), async () => {
          await store.read(sql`SELECT 1`);
          return { statements: [log(word)], result: index };
        }),
      ),
    );
    expect(outcomes.map(({ result }) => result)).toEqual(Array.from({ length: 10 }, () => 0));
    expect(outcomes.map(({ repeated }) => repeated)).toEqual([
      false,
      ...Array.from({ length: 9 }, () => true),
    ]);
    expect(await count(store, word)).toBe(1);
  },

  '[STORE-44] a failure stores nothing: whoever waited, or comes again, tries anew': async ({
    store,
    name,
  }) => {
    const word = name();
    let attempt = 0;
    const run = () =>
      store.idempotency.run(call(word), () => {
        attempt++;
        if (attempt === 1) throw new Error('not prepared');
        return {
          statements: [log(word), ...(attempt === 2 ? [expecting(sql`SELECT 1`, 2)] : [])],
          result: attempt,
        };
      });
    const outcomes = await Promise.allSettled([run(), run(), run(), run()]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled', 'fulfilled']);
    expect(await run()).toEqual({ result: 3, repeated: true });
    expect(await count(store, word)).toBe(1);
  },

  '[STORE-45] results are kept for their time, then the key is a new one; rows go by and by': async ({
    fresh,
    name,
  }) => {
    const { store, clock } = await fresh({
      idempotency: { retentionMs: 60_000 },
      housekeeping: { idempotencyMs: 20 },
    });
    const rows = async (): Promise<unknown> =>
      (await store.read(sql`SELECT count(*) AS n FROM store_idempotency`)).rows[0]?.['n'];
    const word = name();
    const run = (key: string, request: unknown = 1) =>
      store.idempotency.run(call(key, { request }), () => ({ statements: [log(word)], result: clock.now() }));
    await run('a');
    await run('b');
    clock.shift(59_000);
    expect((await run('a')).repeated).toBe(true);
    expect(await rows()).toBe(2);
    clock.shift(2_000);
    expect((await run('a', 'another request')).repeated).toBe(false);
    await expect.poll(rows, { timeout: 20_000 }).toBe(1);
    expect((await run('a', 'another request')).repeated).toBe(true);
    expect(await count(store, word)).toBe(3);
  },
};
