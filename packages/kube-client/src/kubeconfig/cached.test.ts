import { FakeClock, settle } from '@trunkline/base/testing';
import { describe, expect, it } from 'vitest';
import { anonymous, givenCredential, joinCredentials } from '../credential.js';
import { CachedCredential, type Lease } from './cached.js';

const SIGNAL = new AbortController().signal;

function createBed() {
  const clock = new FakeClock();
  const waiting: { resolve: (lease: Lease) => void; reject: (cause: unknown) => void }[] = [];
  const cached = new CachedCredential(
    clock,
    () => new Promise((resolve, reject) => waiting.push({ resolve, reject })),
  );
  return { clock, waiting, cached };
}

describe('a credential that costs something', () => {
  it('[KCL-56] is fetched once for all who wait, and used until shortly before its end', async () => {
    const { clock, waiting, cached } = createBed();
    const all = Promise.all([1, 2, 3].map(() => cached.current(SIGNAL)));
    waiting[0]?.resolve({ credential: { token: 'a' }, expiresAtMs: clock.now() + 60_000 });
    expect(await all).toEqual([{ token: 'a' }, { token: 'a' }, { token: 'a' }]);
    await clock.advance(49_999);
    expect(await cached.current(SIGNAL)).toEqual({ token: 'a' });
    expect(waiting).toHaveLength(1);
    await clock.advance(1);
    const next = cached.current(SIGNAL);
    waiting[1]?.resolve({ credential: { token: 'b' }, expiresAtMs: undefined });
    expect(await next).toEqual({ token: 'b' });
    await clock.advance(10 * 86_400_000);
    expect(await cached.current(SIGNAL)).toEqual({ token: 'b' });
    expect(waiting).toHaveLength(2);
  });

  it('[KCL-56] who gives up does not stop the others, and a failure is not kept', async () => {
    const { waiting, cached } = createBed();
    const controller = new AbortController();
    const impatient = cached.current(controller.signal);
    const patient = cached.current(SIGNAL);
    controller.abort(new Error('enough'));
    await expect(impatient).rejects.toThrow('enough');
    waiting[0]?.reject(new Error('no luck'));
    await expect(patient).rejects.toThrow('no luck');
    await settle();
    const again = cached.current(SIGNAL);
    waiting[1]?.resolve({ credential: { token: 'a' }, expiresAtMs: undefined });
    expect(await again).toEqual({ token: 'a' });
  });

  it('[KCL-56] that the server refuses is forgotten, unless a newer one is here', async () => {
    const { waiting, cached } = createBed();
    const first = cached.current(SIGNAL);
    waiting[0]?.resolve({ credential: { token: 'a' }, expiresAtMs: undefined });
    await first;
    expect(cached.refused({ token: 'older' })).toBe(true);
    expect(await cached.current(SIGNAL)).toEqual({ token: 'a' });
    expect(cached.refused({ token: 'a' })).toBe(true);
    const second = cached.current(SIGNAL);
    waiting[1]?.resolve({ credential: { certificate: 'c', key: 'k' }, expiresAtMs: undefined });
    expect(await second).toEqual({ certificate: 'c', key: 'k' });
    expect(cached.refused({ token: 'from the kubeconfig', certificate: 'c', key: 'k' })).toBe(true);
    void cached.current(SIGNAL);
    expect(waiting).toHaveLength(3);
  });
});

describe('credentials together', () => {
  it('[KCL-56] the first one wins, the second gives what it lacks, and both hear of a refusal', async () => {
    const heard: string[] = [];
    const made = (name: string, credential: object, helps: boolean) => ({
      current: async () => credential,
      refused: () => heard.push(name) > 0 && helps,
    });
    const joined = joinCredentials(
      made('one', { token: 'x' }, true),
      made('two', { token: 'y', key: 'k' }, false),
    );
    expect(await joined.current(SIGNAL)).toEqual({ token: 'x', key: 'k' });
    expect([joined.refused({}), heard]).toEqual([true, ['one', 'two']]);
    expect(await anonymous.current(SIGNAL)).toEqual({});
    expect([anonymous.refused({}), givenCredential({ token: 'x' }).refused({})]).toEqual([false, false]);
  });
});
