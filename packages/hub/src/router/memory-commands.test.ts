import { FakeClock } from '@trunkline/base/testing';
import type { CodedError } from '@trunkline/protocol';
import { expect, it } from 'vitest';
import type { EffectRequest } from '../ports/idempotency.js';
import { MemoryCommands } from './memory-commands.js';

function setUp(options: { maxCalls?: number; maxSize?: number } = {}) {
  const clock = new FakeClock();
  const commands = new MemoryCommands(clock, { ttlMs: 1_000, ...options });
  let executed = 0;
  const plain = (result: unknown): EffectRequest => ({
    statements: [],
    publications: [],
    published: [],
    toResult: () => result,
  });
  const once = (key: string, params: unknown = {}, user = 'ada', fail = false) =>
    commands.once({ org: 'acme', user, method: 'm', key, params }, () => {
      executed++;
      return fail ? Promise.reject(new Error('broken')) : Promise.resolve(plain(executed));
    });
  return { clock, commands, once, plain, executed: () => executed };
}

it('[CMD-6] a repeat gets the first answer, for a while; another user has keys of his own', async () => {
  const { clock, once } = setUp();
  expect(await once('k', { a: 1, b: [2] })).toEqual({ result: 1, published: [], repeated: false });
  expect(await once('k', { b: [2], a: 1 })).toMatchObject({ result: 1, repeated: true });
  expect(await once('k', { a: 1, b: [2] }, 'bob')).toMatchObject({ result: 2, repeated: false });
  await clock.advance(1_001);
  expect(await once('k', { a: 1, b: [2] })).toMatchObject({ result: 3, repeated: false });
});

it('[CMD-6] repeats at the same time are one; other params are refused; a failure is forgotten', async () => {
  const { once, executed } = setUp();
  const both = await Promise.all([once('k'), once('k')]);
  expect(both.map(({ result }) => result)).toEqual([1, 1]);
  expect(await once('k', { other: true }).catch((error: CodedError) => error.code)).toBe(1006);
  await expect(once('f', {}, 'ada', true)).rejects.toThrow('broken');
  expect(await once('f')).toMatchObject({ result: 3, repeated: false });
  expect(executed()).toBe(3);
});

it('[CMD-6] bounded in calls and in size: the oldest go', async () => {
  const few = setUp({ maxCalls: 2 });
  for (const key of ['1', '2', '3']) await few.once(key);
  expect(await few.once('3')).toMatchObject({ repeated: true });
  expect(await few.once('1')).toMatchObject({ repeated: false });
  const small = setUp({ maxSize: 50 });
  await small.once('1', 'x'.repeat(60));
  await small.once('2');
  expect(await small.once('1', 'x'.repeat(60))).toMatchObject({ repeated: false });
});

it('[CMD-6] what is to be committed is refused: there is no store', async () => {
  const { commands, plain } = setUp();
  const request = { ...plain(1), statements: [{ sql: 'SELECT 1' }] };
  expect(await commands.commit(request).catch((error: CodedError) => error.code)).toBe(108);
});
