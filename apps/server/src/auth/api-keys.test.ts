import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createApiKeys, type ApiKeyOptions } from './api-keys.js';

const KEY = 'a-key-of-the-api-0001';
const sha256 = createHash('sha256').update('a-key-of-the-api-0002').digest('hex');

describe('API keys', () => {
  const keys = createApiKeys([
    { key: KEY, org: 'acme', name: 'backend', scopes: ['publish'] },
    { sha256: sha256.toUpperCase(), org: '*', name: 'root' },
  ]);

  it('[AUTH-14] a key is found by either header form, plain or by digest', () => {
    const backend = { org: 'acme', name: 'backend', scopes: ['publish'] };
    expect(keys.verify(KEY)).toEqual(backend);
    expect(keys.verify(`apikey ${KEY}`)).toEqual(backend);
    expect(keys.verify(` APIKey  ${KEY} `)).toEqual(backend);
    expect(keys.verify('a-key-of-the-api-0002')).toEqual({ org: '*', name: 'root', scopes: ['*'] });
  });

  it('[AUTH-14] anything else is nobody', () => {
    for (const value of [
      undefined,
      '',
      ' ',
      'apikey',
      'apikey ',
      `${KEY}x`,
      KEY.slice(0, -1),
      `Bearer ${KEY}`,
      sha256,
    ]) {
      expect(keys.verify(value)).toBeUndefined();
    }
    expect(createApiKeys([]).verify(KEY)).toBeUndefined();
  });

  it('[AUTH-14] bad entries are refused by name, without the key', () => {
    const good: ApiKeyOptions = { key: KEY, org: 'acme', name: 'one' };
    const bad: [ApiKeyOptions, RegExp][] = [
      [{ org: 'acme', name: 'two' }, /apiKeys\[1\] must have either key or sha256/],
      [{ key: 'k'.repeat(16), sha256, org: 'acme', name: 'two' }, /apiKeys\[1\] must have either/],
      [{ key: 'short', org: 'acme', name: 'two' }, /apiKeys\[1\]\.key/],
      [{ sha256: 'abc', org: 'acme', name: 'two' }, /apiKeys\[1\]\.sha256/],
      [{ key: 'k'.repeat(16), org: 'a b', name: 'two' }, /apiKeys\[1\]\.org/],
      [{ key: 'k'.repeat(16), org: 'acme', name: '' }, /apiKeys\[1\]\.name/],
      [{ key: 'k'.repeat(16), org: 'acme', name: 'one' }, /apiKeys\[1\]\.name is used twice/],
      [{ key: KEY, org: '*', name: 'two' }, /apiKeys\[1\] holds the key of an earlier entry/],
    ];
    for (const [entry, message] of bad) {
      expect(() => createApiKeys([good, entry])).toThrow(message);
      expect(() => createApiKeys([good, entry])).not.toThrow(KEY);
    }
  });
});
