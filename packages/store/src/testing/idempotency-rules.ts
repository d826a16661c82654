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

  '[STORE-47] calls of a line take effect with growing numbers; one that comes too late is refused, and not even prepared':
    async ({ store, name }) => {
      const word = name();
      const line = name();
      let prepared = 0;
      const run = (seq: number, given: Partial<IdempotentCall> = {}, of = line) =>
        store.idempotency
          .run(call(`${word} ${seq}`, { turn: { line: of, seq }, ...given }), () => {
            prepared++;
            return { statements: [log(word)], result: seq };
          })
          .catch(codeOf);
      expect(await run(0)).toEqual({ result: 0, repeated: false });
      expect(await run(3)).toEqual({ result: 3, repeated: false });
      expect(await Promise.all([run(1), run(2)])).toEqual([1111, 1111]);
      expect(await run(3, { key: `${word} another` })).toBe(1111);
      // Its key makes it a repeat, not a latecomer.
      expect(await run(0)).toEqual({ result: 0, repeated: true });
      expect(prepared).toBe(2);
      expect(await run(1, {}, name())).toMatchObject({ repeated: false });
      expect(await run(1, { principal: 'bob' })).toMatchObject({ repeated: false });
      expect(await run(1, { org: 'other' })).toMatchObject({ repeated: false });
      expect(await run(4)).toMatchObject({ repeated: false });
      expect(await count(store, word)).toBe(6);
    },

  '[STORE-47] what failed moves no number, and of two at once the lower one is first or not at all': async ({
    store,
    name,
  }) => {
    const word = name();
    const line = name();
    const run = (seq: number, works = true) =>
      store.idempotency
        .run(call(`${word} ${seq} ${works}`, { turn: { line, seq } }), async () => {
          // The higher one is the faster one.
          if (seq === 2) await store.read(sql`SELECT pg_sleep(0.05)`);
          return {
            statements: [log(`${word} ${seq}`), ...(works ? [] : [expecting(sql`SELECT 1`, 2)])],
            result: seq,
          };
        })
        .catch(codeOf);
    expect(await run(9, false)).toBe(1003);
    const [lower, higher] = await Promise.all([run(2), run(3)]);
    expect(higher).toEqual({ result: 3, repeated: false });
    // Prepared before the other one was committed, refused by the transaction itself.
    expect(lower).toBe(1111);
    expect([await count(store, `${word} 2`), await count(store, `${word} 3`)]).toEqual([0, 1]);
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
    const lines = async (): Promise<unknown> =>
      (await store.read(sql`SELECT count(*) AS n FROM store_sequences`)).rows[0]?.['n'];
    const word = name();
    const run = (key: string, request: unknown = 1) =>
      store.idempotency.run(call(key, { request, turn: { line: key, seq: clock.now() } }), () => ({
        statements: [log(word)],
        result: clock.now(),
      }));
    await run('a');
    await run('b');
    clock.shift(59_000);
    expect((await run('a')).repeated).toBe(true);
    expect(await rows()).toBe(2);
    clock.shift(2_000);
    expect((await run('a', 'another request')).repeated).toBe(false);
    await expect.poll(rows, { timeout: 20_000 }).toBe(1);
    await expect.poll(lines, { timeout: 20_000 }).toBe(1);
    expect((await run('a', 'another request')).repeated).toBe(true);
    expect(await count(store, word)).toBe(3);
  },
};
