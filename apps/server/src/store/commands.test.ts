import type { EffectRequest } from '@trunkline/hub';
import { channelKey, CodedError } from '@trunkline/protocol';
import { STORE_CODES, type Statement, type Store } from '@trunkline/store';
import { describe, expect, it } from 'vitest';
import { createCommandStore } from './commands.js';
import { createDurableLog } from './durable-log.js';
import type { ServerStore, Work } from './server-store.js';

/** A store that answers each statement with its text, appends with positions, and remembers keys. */
function setUp() {
  const units: (readonly Statement<unknown>[])[] = [];
  const keys = new Map<string, unknown>();
  let refusal: CodedError | undefined;
  let top = 0;
  const answerOf = ({ sql, parameters = [] }: Statement<unknown>): unknown =>
    sql === 'APPEND ONE'
      ? { epoch: 'e', offset: ++top }
      : sql === 'APPEND'
        ? parameters.map(() => ({ epoch: 'e', offset: ++top }))
        : sql;
  const commit = async ({
    statements,
    finish,
  }: {
    statements: readonly Statement<unknown>[];
    finish?: (results: readonly unknown[]) => readonly Statement<unknown>[];
  }) => {
    const results = statements.map(answerOf);
    units.push([...statements, ...(finish?.(results) ?? [])]);
    return Promise.resolve(results);
  };
  const store = {
    commit,
    channels: {
      append: () => ({ sql: 'APPEND ONE' }),
      appendAll: (publications: readonly unknown[]) => ({ sql: 'APPEND', parameters: publications }),
      clear: (key: string) => ({ sql: `CLEAR ${key}` }),
      read: () => Promise.resolve({ publications: [], position: { epoch: 'e', offset: top } }),
    },
    idempotency: {
      run: async (
        call: { readonly key: string },
        prepare: () => Promise<{ statements: readonly Statement<unknown>[]; result: unknown }>,
      ) => {
        if (refusal) throw refusal;
        const name = JSON.stringify(call);
        if (keys.has(name)) return { result: keys.get(name), repeated: true };
        const { result, ...unit } = await prepare();
        const results = await commit(unit);
        const answer: unknown =
          typeof result === 'function' ? (result as (of: readonly unknown[]) => unknown)(results) : result;
        keys.set(name, JSON.parse(JSON.stringify(answer)));
        return { result: answer, repeated: false };
      },
    },
  };
  const asked: [Work, number | undefined][] = [];
  const server: Pick<ServerStore, 'use'> = {
    use: (kind, work, deadlineMs) => {
      asked.push([kind, deadlineMs]);
      return work(store as unknown as Store);
    },
  };
  return {
    commands: createCommandStore(server),
    log: createDurableLog(server),
    units,
    asked,
    refuse: (error: CodedError) => (refusal = error),
  };
}

const CALL = { org: 'acme', user: 'ada', method: 'm', key: 'k', params: {} };
const REQUEST: EffectRequest = {
  statements: [{ sql: 'ONE' }, { sql: 'TWO' }],
  publications: ['a', 'b'].map((name) => ({
    key: channelKey('acme', name),
    channel: name,
    data: '{}',
    historySize: 5,
    historyTtlMs: 0,
  })),
  toResult: (results) => ({ results }),
  published: [],
};

describe('commands on the store', () => {
  it('[CMD-1] [CMD-3] statements and publications are one unit; the result is made of the module’s own', async () => {
    const { commands, units } = setUp();
    const finish = (results: readonly unknown[]): readonly Statement<unknown>[] => [
      { sql: `AFTER ${results.join()}` },
    ];
    const first = await commands.once(CALL, () => Promise.resolve({ ...REQUEST, finish }));
    expect(first).toEqual({
      result: { results: ['ONE', 'TWO'] },
      published: [
        { channel: 'a', epoch: 'e', offset: 1 },
        { channel: 'b', epoch: 'e', offset: 2 },
      ],
      repeated: false,
    });
    expect(units.map((unit) => unit.map(({ sql }) => sql))).toEqual([
      ['ONE', 'TWO', 'APPEND', 'AFTER ONE,TWO'],
    ]);
    expect(await commands.once(CALL, () => Promise.reject(new Error('called again')))).toEqual({
      ...first,
      repeated: true,
    });
  });

  it('[CMD-3] without a key it is committed all the same', async () => {
    const { commands, units } = setUp();
    expect(await commands.commit(REQUEST)).toMatchObject({
      result: { results: ['ONE', 'TWO'] },
      published: [{ offset: 1 }, { offset: 2 }],
    });
    expect(await commands.commit({ ...REQUEST, statements: [], publications: [] })).toMatchObject({
      result: { results: [] },
    });
    expect(units).toHaveLength(1);
  });

  it('[CMD-4] an answer without an effect to commit is stored under its key', async () => {
    const { commands, units } = setUp();
    const plain = {
      ...REQUEST,
      statements: [],
      publications: [],
      toResult: () => 'sent',
      published: [{ channel: 'a', epoch: 'x', offset: 9 }],
    };
    const answer = { result: 'sent', published: plain.published };
    expect(await commands.once(CALL, () => Promise.resolve(plain))).toEqual({ ...answer, repeated: false });
    expect(await commands.once(CALL, () => Promise.resolve(REQUEST))).toEqual({ ...answer, repeated: true });
    expect(units).toEqual([[]]);
  });

  it('[CMD-2] the store’s codes for keys become those of the wire, others stay', async () => {
    const { commands, refuse } = setUp();
    for (const [error, code] of [
      [STORE_CODES.idempotencyMismatch, 1006],
      [STORE_CODES.idempotencyPending, 1007],
      [STORE_CODES.sequencePassed, 1009],
      [STORE_CODES.storeUnavailable, 1100],
    ] as const) {
      refuse(new CodedError(error));
      await expect(commands.once(CALL, () => Promise.resolve(REQUEST))).rejects.toMatchObject({ code });
    }
  });
});

describe('the log on the store', () => {
  it('[CLASS-4] [DUR-6] appends once per channel and key, reads and clears, each within the deadline of its kind', async () => {
    const { log, units, asked } = setUp();
    const key = channelKey('acme', 'd:1');
    const publication = { data: '1', historySize: 5, historyTtlMs: 0 };
    expect(await log.append?.(key, publication)).toEqual({
      position: { epoch: 'e', offset: 1 },
      deduplicated: false,
    });
    for (const deduplicated of [false, true])
      expect(await log.append?.(key, publication, 'k')).toEqual({
        position: { epoch: 'e', offset: 2 },
        deduplicated,
      });
    expect(units).toHaveLength(2);
    await log.clear?.(key);
    expect(await log.read(key, undefined, 10, false)).toMatchObject({ position: { offset: 2 } });
    expect(asked).toEqual([...Array.from({ length: 4 }, () => ['commit', undefined]), ['read', undefined]]);
  });
});
