/** Rules of export and import, on every engine. */
import { expect } from 'vitest';
import { sql } from '../statement.js';
import type { Rules } from './fixture.js';
import { codeOf } from './outcomes.js';

export const TRANSFER_RULES: Rules = {
  '[STORE-85] rows go out and come into another database as they were; channels get new epochs': async ({
    fresh,
    key,
  }) => {
    const from = await fresh();
    const channel = key();
    const bytes = Uint8Array.from([0, 1, 255]);
    await from.store.commit({
      statements: [
        sql`INSERT INTO bank_accounts (name, balance) VALUES (${'ž"\\\n'}, ${9_007_199_254_740_993n}), ('b', 0)`,
        sql`INSERT INTO bank_log (word) SELECT 'word ' || n FROM generate_series(1, 1200) n`,
        from.store.channels.appendAll([
          { key: channel, data: '{"a":1.50}', tags: { t: '1' } },
          { key: channel, data: bytes },
        ]),
      ],
    });
    const before = await from.store.channels.read(channel, undefined, 10, false);
    const lines: string[] = [];
    for await (const line of from.store.exportRows(['store', 'bank'])) lines.push(line);
    const to = await fresh();
    // Two accounts, 1,200 words, the channel with two publications, both waiting for dispatch.
    expect(await to.store.importRows(lines)).toBe(2 + 1_200 + 1 + 2 + 2);
    for (const query of [
      sql`SELECT * FROM bank_accounts ORDER BY name LIMIT 10`,
      sql`SELECT * FROM bank_log ORDER BY id LIMIT 2000`,
      sql`SELECT * FROM store_publications ORDER BY "offset" LIMIT 10`,
    ])
      expect((await to.store.read(query)).rows).toEqual((await from.store.read(query)).rows);
    const after = await to.store.channels.read(channel, undefined, 10, false);
    expect(after.publications).toEqual(before.publications);
    expect([after.position.offset, after.position.epoch === before.position.epoch]).toEqual([2, false]);
    // Numbers go on after the highest.
    await to.store.commit({
      statements: [sql`INSERT INTO bank_log (word) VALUES ('next')`, to.store.channels.append(channel, '3')],
    });
    expect((await to.store.read(sql`SELECT max(id) AS id FROM bank_log`)).rows).toEqual([{ id: 1_201 }]);
  },

  '[STORE-85] an import is all or nothing, and only into empty tables': async ({ fresh }) => {
    const { store } = await fresh();
    const line = '{"table":"bank_accounts","rows":[{"name":"a","balance":1}]}';
    expect(await store.importRows([line, 'rubbish']).catch(codeOf)).toBe(107);
    expect(
      await store
        .importRows([line, '{"table":"bank_accounts","rows":[{"name":"b","balance":-1}]}'])
        .catch(codeOf),
    ).toBe(1003);
    expect(await store.importRows([line, '', '{"table":"bank_log","rows":[]}'])).toBe(1);
    expect(await store.importRows([line]).catch(codeOf)).toBe(1003);
    expect((await store.read(sql`SELECT name FROM bank_accounts LIMIT 5`)).rows).toEqual([{ name: 'a' }]);
  },

  '[STORE-85] an export that is not read to its end lets go of the database': async ({ fresh }) => {
    const { store } = await fresh();
    await store.commit({
      statements: [sql`INSERT INTO bank_log (word) SELECT 'x' FROM generate_series(1, 2000) n`],
    });
    for await (const line of store.exportRows(['bank'])) {
      expect(line).toContain('"table":"bank_log"');
      break;
    }
    expect((await store.read(sql`SELECT count(*) AS n FROM bank_log`)).rows).toEqual([{ n: 2_000 }]);
  },
};
