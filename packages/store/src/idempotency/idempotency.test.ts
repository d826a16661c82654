import { FakeClock } from '@trunkline/base/testing';
import { CodedError } from '@trunkline/protocol';
import { expect, it } from 'vitest';
import { STORE_CODES } from '../codes.js';
import type { Committing, Reading } from '../unit.js';
import { fingerprint } from './fingerprint.js';
import { IDEMPOTENCY_DEFAULTS, StoreIdempotency } from './idempotency.js';

/** Reads what it is told to, one answer after the other, and commits as told. */
function setUp(reads: readonly (() => Promise<unknown>)[], commit: () => Promise<unknown>) {
  const left = [...reads];
  const store = { read: () => left.shift()?.(), commit } as unknown as Committing & Reading;
  const clock = new FakeClock();
  const idempotency = new StoreIdempotency({ clock, store }, IDEMPOTENCY_DEFAULTS);
  const call = { org: 'acme', principal: 'ada', method: 'm', key: 'k', request: 1 };
  return async (): Promise<unknown> => {
    const outcome = idempotency
      .run(call, () => ({ statements: [], result: 1 }))
      .then(({ result }) => ({ result }))
      .catch((error: unknown) => (error as CodedError).code);
    await clock.advance(1_000);
    return outcome;
  };
}
const nothing = () => Promise.resolve({ rows: [{ hash: null, result: null, seq: null }], count: 1 });
const failing = (name: keyof typeof STORE_CODES) => () => Promise.reject(new CodedError(STORE_CODES[name]));

it('[STORE-46] where nobody knows of the commit and the table cannot be asked, nobody knows', async () => {
  const away = failing('storeUnavailable');
  expect(await setUp([nothing, away, away, away, away], failing('outcomeUnknown'))()).toBe(1102);
  expect(await setUp([nothing, nothing], failing('outcomeUnknown'))()).toBe(1102);
});

it('[STORE-46] it is asked again while it cannot be asked', async () => {
  const stored = () =>
    Promise.resolve({ rows: [{ hash: fingerprint(1), result: '"first"', seq: null }], count: 1 });
  const away = failing('storeUnavailable');
  expect(await setUp([nothing, away, away, stored], failing('outcomeUnknown'))()).toEqual({
    result: 'first',
  });
});

it('[STORE-44] what failed without a doubt says so', async () => {
  expect(await setUp([nothing, nothing], failing('storeUnavailable'))()).toBe(1100);
  expect(await setUp([failing('storeTimeout')], nothing)()).toBe(1103);
});
