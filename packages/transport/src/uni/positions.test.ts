import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPositions, writePosition } from './positions.js';

describe('event ids', () => {
  it('[UNI-5] positions of any channels come back as they were', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 });
    const place = fc.record({ epoch: fc.string({ maxLength: 12 }), offset: fc.maxSafeNat() });
    fc.assert(
      fc.property(fc.dictionary(name, place, { minKeys: 1, maxKeys: 5 }), (given) => {
        const places = Object.entries(given);
        const id = places.map(([channel, position]) => writePosition(channel, position)).join('&');
        // A header value: no control characters, nothing beyond ASCII.
        expect(id).toMatch(/^[\x21-\x7e]+$/);
        expect([...(readPositions(id) ?? [])]).toEqual(places);
      }),
    );
  });

  it('[UNI-5] what is no id of ours is told apart from none', () => {
    for (const text of [
      '7',
      'a',
      'a=',
      'a=x',
      '=e.1',
      'a=e.-1',
      'a=e.1&',
      'a=e.99999999999999999',
      '%zz=e.1',
    ])
      expect(readPositions(text), text).toBeUndefined();
    expect(readPositions('a=.0')?.get('a')).toEqual({ epoch: '', offset: 0 });
    expect(readPositions('a=e.f.3')?.get('a')).toEqual({ epoch: 'e.f', offset: 3 });
  });
});
