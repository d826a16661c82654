import fc from 'fast-check';
import { Centrifuge } from 'centrifuge';
import { describe, expect, it } from 'vitest';
import { fromUtf8, utf8 } from './bytes.js';
import { applyDelta, checksum, digitsOf, putNumber } from './fossil.js';
import { createDelta } from './fossil-create.js';

/** Whatever it costs: for tests of the format, not of what is worth sending. */
const create = (base: Uint8Array, target: Uint8Array): Uint8Array => {
  const delta = createDelta(base, target, Infinity);
  if (!delta) throw new Error('no delta');
  return delta;
};
/** Compared as a whole: matchers walk over every byte. */
const same = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;
const text = (delta: Uint8Array): string => fromUtf8(delta);
const bytes = fc.uint8Array({ maxLength: 600 });
/** Characters of one to four bytes, often repeated, so that documents share pieces that end in the middle of one. */
const words = fc.array(
  fc.constantFrom(
    'a',
    'é',
    '日',
    '😀',
    '🏳️‍🌈',
    'the same words again',
    '日本語の文章がここにあります',
    '\n',
    '"',
    '\\',
  ),
  { maxLength: 60 },
);
const document = words.map((parts) => parts.join(''));
/** A target that shares pieces with its base: cut, moved and edited. */
const edited = <T>(part: fc.Arbitrary<T>): fc.Arbitrary<{ base: T[]; target: T[] }> =>
  fc
    .tuple(
      fc.array(part, { maxLength: 400 }),
      fc.array(fc.nat(400), { maxLength: 6 }),
      fc.array(part, { maxLength: 20 }),
    )
    .map(([base, cuts, fresh]) => {
      const target: T[] = [];
      for (const cut of cuts) target.push(...base.slice(cut, cut + 120), ...fresh.slice(0, cut % 20));
      return { base, target };
    });

/** The decoder of the stock client, which keeps it behind its JSON codec. */
interface StockCodec {
  applyDeltaIfNeeded(publication: object, base: Uint8Array): { readonly newPrevValue: Uint8Array };
}
const stock = (new Centrifuge('ws://127.0.0.1:1') as unknown as { _codec: StockCodec })._codec;

describe('the format', () => {
  it('[DELTA-10] numbers are base 64, most significant digit first', () => {
    const written = (value: number): string => {
      const into = new Uint8Array(6);
      return fromUtf8(into.subarray(0, putNumber(into, 0, value)));
    };
    expect([0, 1, 10, 35, 36, 37, 62, 63, 64, 4095, 4096, 0xffff_ffff].map(written)).toEqual([
      '0',
      '1',
      'A',
      'Z',
      '_',
      'a',
      'z',
      '~',
      '10',
      '~~',
      '100',
      '3~~~~~',
    ]);
    fc.assert(fc.property(fc.nat(0xffff_ffff), (value) => written(value).length === digitsOf(value)));
  });

  it('[DELTA-10] the checksum adds big-endian words, the last one filled with zeros', () => {
    expect(checksum(new Uint8Array())).toBe(0);
    expect(checksum(Uint8Array.of(1, 2, 3, 4))).toBe(0x01020304);
    expect(checksum(Uint8Array.of(1, 2, 3, 4, 1))).toBe(0x02020304);
    expect(checksum(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 2))).toBe(1);
  });

  it('[DELTA-10] a delta of the format description is read', () => {
    const base = utf8('0123456789abcdef');
    const target = utf8('abcdefXYZ0123');
    const delta = utf8(`D\n6@A,3:XYZ4@0,${numberText(checksum(target))};`);
    expect(fromUtf8(applyDelta(base, delta))).toBe('abcdefXYZ0123');
  });
});

function numberText(value: number): string {
  const into = new Uint8Array(6);
  return fromUtf8(into.subarray(0, putNumber(into, 0, value)));
}

describe('round trips', () => {
  it('[DELTA-11] any bytes, our reader and that of the stock client', () => {
    fc.assert(
      fc.property(bytes, bytes, (base, target) => {
        const delta = create(base, target);
        expect(same(applyDelta(base, delta), target)).toBe(true);
      }),
    );
    fc.assert(
      fc.property(edited(fc.nat(255)), ({ base, target }) => {
        const [from, to] = [Uint8Array.from(base), Uint8Array.from(target)];
        expect(same(applyDelta(from, create(from, to)), to)).toBe(true);
      }),
    );
  });

  it('[DELTA-11] [DELTA-12] any text: the delta is text itself, and the stock client agrees', () => {
    const pairs = fc.oneof(
      fc.tuple(document, document),
      edited(fc.constantFrom('a', 'é', '日', '😀', 'x', '-')).map(
        ({ base, target }) => [base.join(''), target.join('')] as const,
      ),
    );
    fc.assert(
      fc.property(pairs, ([before, after]) => {
        const [base, target] = [JSON.stringify(before), JSON.stringify(after)].map(utf8) as [
          Uint8Array,
          Uint8Array,
        ];
        const delta = create(base, target);
        expect(same(applyDelta(base, delta), target)).toBe(true);
        // Throws where it is no UTF-8; over the wire it goes as a string.
        const read = stock.applyDeltaIfNeeded({ delta: true, data: text(delta) }, base);
        expect(same(read.newPrevValue, target)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('[DELTA-12] new bytes never begin or end inside a character, wherever the difference lies', () => {
    // Characters that share their first or their last bytes.
    const pool = ['é', 'è', 'ĩ', '日', '旦', '早', '😀', '😁', '🙀'];
    for (const before of pool)
      for (const after of pool) {
        const around = 'ある文章の、いつも同じ長さのところ';
        const [base, target] = [utf8(around + before + around), utf8(around + after + around)];
        const delta = create(base, target);
        expect(same(applyDelta(base, utf8(text(delta))), target)).toBe(true);
        expect(delta.length).toBeLessThan(40);
      }
  });
});

describe('what is worth sending', () => {
  it('[DELTA-13] nothing where it would not be smaller than the target', () => {
    expect(createDelta(utf8('completely different'), utf8('nothing in common here'))).toBeUndefined();
    expect(createDelta(utf8(''), utf8('x'))).toBeUndefined();
    expect(createDelta(utf8('x'.repeat(100)), utf8('x'.repeat(100)))).toHaveLength(15);
    fc.assert(
      fc.property(bytes, bytes, (base, target) => {
        const delta = createDelta(base, target);
        return delta === undefined || delta.length < target.length;
      }),
    );
  });

  it('[DELTA-13] small changes make small deltas, moved parts too', () => {
    const rows = Array.from({ length: 200 }, (_, id) => ({
      id,
      name: `pod-${id * 7919}`,
      phase: 'Running',
      restarts: 0,
    }));
    const before = utf8(JSON.stringify({ rows, at: 1_700_000_000 }));
    const changed = rows.map((row) => (row.id % 50 === 7 ? { ...row, restarts: 12, phase: 'Pending' } : row));
    const after = utf8(JSON.stringify({ rows: changed, at: 1_700_000_005 }));
    expect(before.length).toBeGreaterThan(10_000);
    expect(create(before, after).length).toBeLessThan(300);
    const turned = utf8(JSON.stringify({ rows: [...rows.slice(100), ...rows.slice(0, 100)], at: 0 }));
    expect(create(before, turned).length).toBeLessThan(100);
  });
});

describe('bounds', () => {
  it.each([
    ['one byte repeated', (length: number) => new Uint8Array(length).fill(97)],
    ['a short period', (length: number) => Uint8Array.from({ length }, (_, at) => at % 17)],
    [
      'zeros with a mark',
      (length: number) => Uint8Array.from({ length }, (_, at) => (at % 4096 === 0 ? 1 : 0)),
    ],
  ])('[DELTA-14] a megabyte of %s on both sides', (_name, make) => {
    const base = make(1_000_000);
    const target = Buffer.concat([Uint8Array.of(1, 2, 3), make(1_100_000), Uint8Array.of(9)]);
    const delta = create(base, target);
    expect(same(applyDelta(base, delta), target)).toBe(true);
    expect(delta.length).toBeLessThan(20_000);
  });

  it('[DELTA-14] a delta of another base is refused, and so are broken ones', () => {
    const base = utf8('the quick brown fox jumps over the lazy dog');
    const target = utf8('the quick brown cat jumps over the lazy dog');
    const delta = create(base, target);
    expect(() => applyDelta(utf8('the slow brown fox jumps over the lazy dog!'), delta)).toThrow('checksum');
    const refused: readonly [string, string][] = [
      ['', 'a number is missing'],
      ['5', 'it ends too early'],
      ['5;', 'a line break'],
      ['1\n', 'a number is missing'],
      ['1\n1@0', 'it ends too early'],
      ['1\n1@0;', 'a comma'],
      ['1\n1@z,0;', 'beyond the base'],
      ['2\n2@3~~~~~,0;', 'beyond the base'],
      ['1\n2:ab0;', 'longer than announced'],
      ['3\n3:ab', 'ends too early'],
      ['3\n2:abA;', 'shorter than announced'],
      ['1\n1:a0;', 'checksum'],
      ['0\n0;x', 'after the end'],
      ['1\n1!a', 'unknown operator'],
      ['~~~~~~\n0;', 'too large'],
      ['3~~~~~\n0;', 'too long'],
    ];
    for (const [broken, message] of refused) {
      expect(() => applyDelta(base, utf8(broken)), broken).toThrow(message);
    }
  });

  it('[DELTA-14] arbitrary bytes are refused with a code or read, never more than asked for', () => {
    const base = utf8('0123456789'.repeat(20));
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc
        .array(fc.constantFrom('0', '1', '9', 'A', '~', '~~~~', '@', ':', ',', ';', '\n', 'x'), {
          maxLength: 30,
        })
        .map((parts) => utf8(parts.join(''))),
    );
    fc.assert(
      fc.property(hostile, (delta) => {
        try {
          return applyDelta(base, delta, { maxBytes: 1_000 }).length <= 1_000;
        } catch (error) {
          expect(error).toMatchObject({ name: 'CodedError', code: 107 });
          return true;
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
