import { FakeClock } from '@trunkline/base/testing';
import { CodedError } from '@trunkline/protocol';
import { describe, expect, test } from 'vitest';
import { defineModule, type Module, type Permission, type Principal } from './ports/index.js';
import { createTestHub, type Frame, type RawPeer } from './testing.js';

type Rule = (
  principal: Principal,
  channel: string,
  action: string,
  stays?: boolean,
) => Permission | Promise<Permission>;

const withRule = (rule: Rule): Module =>
  defineModule<void>({
    id: 'test',
    start: () => ({
      namespaces: [{ options: { name: 'lent', allowSubscribe: ['user'] }, authorise: rule }],
    }),
  })();

const ends = (frames: Frame[]): unknown[] =>
  frames.flatMap((frame) => {
    const push = frame['push'] as Frame | undefined;
    return push?.['unsubscribe'] ? [[push['channel'], (push['unsubscribe'] as Frame)['code']]] : [];
  });

async function subscribed(
  rule: Rule,
): Promise<{ clock: FakeClock; one: RawPeer; publish: () => Promise<void> }> {
  const clock = new FakeClock();
  const { hub, peer } = createTestHub({}, { clock });
  await hub.use(withRule(rule));
  const one = peer();
  await one.connect();
  for (const channel of ['lent:a', 'lent:b']) await one.call({ subscribe: { channel } });
  await one.frames();
  return {
    clock,
    one,
    publish: async () => {
      await hub.forOrg('acme').publish('lent:a', '1');
    },
  };
}

describe('a permission for a while', () => {
  test('[WALL-5] is asked about again when it is over, and a refusal ends the subscription alone', async () => {
    let allowed = true;
    let asked = 0;
    const { clock, one, publish } = await subscribed((_, channel) => {
      if (channel === 'lent:b') return true;
      asked++;
      return allowed && { allowed: true, recheckMs: 4_000 };
    });
    expect(asked).toBe(1);
    await clock.advance(13_000);
    expect(asked).toBe(4);
    allowed = false;
    await clock.advance(4_000);
    expect(ends(await one.frames())).toEqual([['lent:a', 2101]]);
    await publish();
    expect(await one.publications()).toEqual([]);
    const before = asked;
    await clock.advance(60_000);
    expect(asked).toBe(before);
  });

  test('[WALL-5] a refusal in the words of the module is one, at subscribe and at a recheck', async () => {
    let refuse = false;
    const forbidden = (): CodedError =>
      new CodedError({ code: 1308, message: 'forbidden', retry: 'never' }, 'ada may not');
    const { clock, one } = await subscribed(() => {
      if (refuse) throw forbidden();
      return { allowed: true, recheckMs: 1_000 };
    });
    refuse = true;
    expect(await one.call({ subscribe: { channel: 'lent:c' } })).toMatchObject({
      error: { code: 1308, message: 'forbidden: ada may not' },
    });
    await clock.advance(1_250);
    expect(ends(await one.frames())).toEqual([
      ['lent:a', 2101],
      ['lent:b', 2101],
    ]);
  });

  test('[WALL-5] outlives its time while nobody can say, but not for long', async () => {
    let down = false;
    let asked = 0;
    const { clock, one } = await subscribed(() => {
      asked++;
      return down ? Promise.reject(new CodedError('sourceUnavailable')) : { allowed: true, recheckMs: 1_000 };
    });
    down = true;
    await clock.advance(4_000);
    expect(ends(await one.frames())).toEqual([]);
    down = false;
    await clock.advance(10_000);
    expect(ends(await one.frames())).toEqual([]);
    down = true;
    asked = 0;
    await clock.advance(8_500);
    expect(ends(await one.frames())).toEqual([
      ['lent:a', 2500],
      ['lent:b', 2500],
    ]);
    expect(asked).toBeLessThan(20);
  });

  test('[WALL-5] the module is told who asks for the first time and who stays', async () => {
    const asked: unknown[] = [];
    const { clock, one } = await subscribed((_principal, channel, _action, stays) => {
      if (channel === 'lent:a') asked.push(stays);
      return { allowed: true, recheckMs: 1_000 };
    });
    await clock.advance(1_000);
    await one.call({ refresh: { token: '{}' } });
    expect([asked[0], new Set(asked.slice(1))]).toEqual([false, new Set([true])]);
    expect(asked.length).toBeGreaterThanOrEqual(3);
  });

  test('[WALL-5] a rule that never answers is one that nobody can say', async () => {
    let silent = false;
    const { clock, one } = await subscribed(() =>
      silent ? new Promise<boolean>(() => undefined) : { allowed: true, recheckMs: 1_000 },
    );
    silent = true;
    await clock.advance(30_000);
    expect(ends(await one.frames())).toEqual([
      ['lent:a', 2500],
      ['lent:b', 2500],
    ]);
  });

  test('[WALL-5] nothing is asked for who left, and nothing runs without a permission for a while', async () => {
    let asked = 0;
    const { clock, one } = await subscribed(() => {
      asked++;
      return { allowed: true, recheckMs: 1_000 };
    });
    await one.call({ unsubscribe: { channel: 'lent:a' } });
    one.drop();
    const before = asked;
    await clock.advance(60_000);
    expect(asked).toBe(before);
  });
});
