import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { channelKey, isChannelName, isOrgId, namespaceOf, splitChannelKey } from './channel.js';

const org = fc.string({ unit: fc.constantFrom(...'abzAZ09._-'), minLength: 1, maxLength: 64 });

const codeUnit = fc.nat(0xffff).map((unit) => String.fromCharCode(unit));

describe('channel keys', () => {
  it('[WIRE-26] two channels have one key only if org and name are the same', () => {
    fc.assert(
      fc.property(org, fc.string(), org, fc.string(), (orgA, a, orgB, b) => {
        expect(channelKey(orgA, a) === channelKey(orgB, b)).toBe(orgA === orgB && a === b);
      }),
    );
    expect(channelKey('a', 'b\u0000c')).not.toBe(channelKey('a.b', 'c'));
  });

  it('[WIRE-26] a key gives back what it was made of', () => {
    fc.assert(
      fc.property(org, fc.string({ unit: codeUnit }), (given, channel) => {
        expect(splitChannelKey(channelKey(given, channel))).toEqual({ org: given, channel });
      }),
    );
  });

  it('[WIRE-26] an org id cannot hold the separator', () => {
    for (const bad of ['', 'a\u0000b', 'a b', 'a/b', 'a:b', 'é', 'a'.repeat(65), 'a\n']) {
      expect(isOrgId(bad)).toBe(false);
      expect(() => channelKey(bad, 'x')).toThrow(TypeError);
    }
    for (const good of ['a', 'acme-1.eu_x', 'A'.repeat(64)]) expect(isOrgId(good)).toBe(true);
  });
});

describe('channel names', () => {
  it('[WIRE-27] are printable and bounded', () => {
    for (const good of ['a', 'news:today', 'žluť', '😀', 'a b', ' ', 'x'.repeat(255)])
      expect(isChannelName(good, 255)).toBe(true);
    for (const bad of [
      '',
      'x'.repeat(256),
      'a\nb',
      'a\u0000b',
      '\u007f',
      '\u001f',
      '\ud800',
      'a\ud83d',
      '\ude00',
      '\ude00\ud83d',
    ]) {
      expect(isChannelName(bad, 255), JSON.stringify(bad)).toBe(false);
    }
  });

  it('[WIRE-27] the limit counts UTF-16 units', () => {
    expect(isChannelName('😀', 2)).toBe(true);
    expect(isChannelName('😀', 1)).toBe(false);
  });

  it('[WIRE-27] accepts exactly the well-formed text without control characters', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom('a', ':', '\ud83d', '\ude00', '\u0001', '\u007f', 'é'),
          minLength: 1,
          maxLength: 6,
        }),
        (text) => {
          const wellFormed = !/[\ud800-\udfff]/u.test(text);
          // eslint-disable-next-line no-control-regex
          expect(isChannelName(text, 255)).toBe(wellFormed && !/[\u0000-\u001f\u007f]/.test(text));
        },
      ),
    );
  });

  it('[WIRE-28] the namespace is what stands before the first colon', () => {
    expect(['news', 'news:a', 'a:b:c', ':x', ''].map(namespaceOf)).toEqual(['', 'news', 'a', '', '']);
  });
});
