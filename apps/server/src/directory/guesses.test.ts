import { FakeClock } from '@trunkline/base/testing';
import type { Directory } from '@trunkline/module-directory';
import { describe, expect, it } from 'vitest';
import { createApiKeys } from '../auth/api-keys.js';
import { refusal } from '../auth/testing.js';
import { withStoredKeys } from './credentials.js';
import { createGuesses } from './guesses.js';

const HERE = '198.51.100.1';
const KEY = { id: 'key_1', org: 'acme', name: 'ci', scopes: ['*'], expiresMs: null, revokedMs: null };

describe('guesses', () => {
  it('[DIR-24] wrong ones are counted by address, right ones give back, time gives back', async () => {
    const clock = new FakeClock();
    const guesses = createGuesses({ clock }, { burst: 2, perSecond: 1 });
    const look = (address: string, found?: string) => guesses.of(address, () => Promise.resolve(found));
    for (let n = 0; n < 5; n++) expect(await look(HERE, 'right')).toBe('right');
    expect([await look(HERE), await look(HERE)]).toEqual([undefined, undefined]);
    expect((await refusal(() => look(HERE, 'right'))).code).toBe(111);
    expect(await look('203.0.113.1', 'right')).toBe('right');
    // Of IPv6 an address is its /64: one machine has as many as it likes.
    expect([await look('2001:db8::1'), await look('2001:db8::2')]).toEqual([undefined, undefined]);
    expect((await refusal(() => look('2001:db8::3'))).code).toBe(111);
    await clock.advance(1_000);
    expect(await look(HERE, 'right')).toBe('right');
  });

  it('[DIR-24] a lookup that fails counts: a store that is away is not asked without end', async () => {
    const guesses = createGuesses({ clock: new FakeClock() }, { burst: 1, perSecond: 0 });
    const fail = () => guesses.of(HERE, () => Promise.reject(new Error('away')));
    await expect(fail()).rejects.toThrow('away');
    expect((await refusal(fail)).code).toBe(111);
  });

  it('[DIR-24] configured keys work however many wrong ones came from the same address', async () => {
    const asked: string[] = [];
    const keyCache = {
      verify: async (text: string, mayAsk: () => void) => {
        mayAsk();
        asked.push(text);
        return text === 'right' ? KEY : undefined;
      },
    } as unknown as Directory['keyCache'];
    const guesses = createGuesses({ clock: new FakeClock() }, { burst: 1, perSecond: 0 });
    const configured = createApiKeys([{ name: 'root', org: '*', key: 'a key of the configuration' }]);
    const { verify } = withStoredKeys(configured, { keyCache }, guesses);
    expect(await verify('right', HERE)).toBe(KEY);
    expect(await verify('apikey wrong', HERE)).toBeUndefined();
    expect((await refusal(async () => verify('right', HERE))).code).toBe(111);
    expect(await verify('a key of the configuration', HERE)).toMatchObject({ name: 'root' });
    expect(await verify(undefined, HERE)).toBeUndefined();
    expect(asked).toEqual(['right', 'wrong']);
  });
});
