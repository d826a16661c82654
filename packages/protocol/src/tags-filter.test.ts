import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FilterNode } from './model.js';
import { matchesFilter } from './tags-filter.js';

const TAGS = { kind: 'pod', name: 'web-7', n: '10', price: '-2.50', word: 'ten', empty: '' };
const leaf = (key: string, cmp: NonNullable<FilterNode['cmp']>, val = ''): boolean =>
  matchesFilter({ key, cmp, val }, TAGS);
const inList = (key: string, cmp: 'in' | 'nin', ...vals: string[]): boolean =>
  matchesFilter({ key, cmp, vals }, TAGS);

describe('tags filter', () => {
  it('[WIRE-13] equality and presence', () => {
    expect([
      leaf('kind', 'eq', 'pod'),
      leaf('kind', 'eq', 'Pod'),
      leaf('none', 'eq', ''),
      leaf('empty', 'eq', ''),
    ]).toEqual([true, false, false, true]);
    expect([leaf('kind', 'neq', 'pod'), leaf('kind', 'neq', 'x'), leaf('none', 'neq', 'x')]).toEqual([
      false,
      true,
      true,
    ]);
    expect([leaf('kind', 'ex'), leaf('none', 'ex'), leaf('kind', 'nex'), leaf('none', 'nex')]).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  it('[WIRE-13] lists', () => {
    expect([
      inList('kind', 'in', 'a', 'pod'),
      inList('kind', 'in', 'a'),
      inList('kind', 'in'),
      inList('none', 'in', 'undefined'),
    ]).toEqual([true, false, false, false]);
    expect([
      inList('kind', 'nin', 'a', 'pod'),
      inList('kind', 'nin', 'a'),
      inList('kind', 'nin'),
      inList('none', 'nin', 'x'),
    ]).toEqual([false, true, true, true]);
  });

  it('[WIRE-13] parts of text', () => {
    expect([leaf('name', 'sw', 'web'), leaf('name', 'sw', '7'), leaf('none', 'sw', '')]).toEqual([
      true,
      false,
      false,
    ]);
    expect([leaf('name', 'ew', '-7'), leaf('name', 'ew', 'web'), leaf('none', 'ew', '')]).toEqual([
      true,
      false,
      false,
    ]);
    expect([
      leaf('name', 'ct', 'b-'),
      leaf('name', 'ct', 'x'),
      leaf('name', 'ct', ''),
      leaf('none', 'ct', ''),
    ]).toEqual([true, false, true, false]);
  });

  it('[WIRE-14] order of decimal numbers', () => {
    expect([
      leaf('n', 'gt', '9'),
      leaf('n', 'gt', '10'),
      leaf('n', 'gte', '10.0'),
      leaf('n', 'lt', '10.1'),
      leaf('n', 'lte', '9.99'),
    ]).toEqual([true, false, true, true, false]);
    expect([
      leaf('price', 'lt', '-2.4'),
      leaf('price', 'gt', '-2.50'),
      leaf('price', 'gte', '-2.5'),
      leaf('price', 'lt', '0'),
    ]).toEqual([true, false, true, true]);
  });

  it('[WIRE-14] what is no decimal number passes no order', () => {
    for (const cmp of ['lt', 'lte', 'gt', 'gte'] as const) {
      for (const [key, val] of [
        ['word', '5'],
        ['n', 'ten'],
        ['empty', '0'],
        ['n', ''],
        ['n', '1e1'],
        ['n', '0x1'],
        ['n', '1.'],
        ['n', ' 1'],
        ['none', '1'],
        ['n', 'Infinity'],
        ['n', 'NaN'],
      ]) {
        expect(leaf(key as string, cmp, val), `${key} ${cmp} ${val}`).toBe(false);
      }
    }
  });

  it('[WIRE-14] a number is digits, and digits again after a point', () => {
    for (const v of ['1.', '.1', '-', '+', '1.2.3', '1-', '--1', '٣']) {
      expect(matchesFilter({ key: 'v', cmp: 'lt', val: '99' }, { v }), v).toBe(false);
    }
  });

  it('[WIRE-14] long numbers keep their order', () => {
    const order = (left: string, right: string): boolean =>
      matchesFilter({ key: 'v', cmp: 'lt', val: right }, { v: left });
    expect(order('9007199254740992', '9007199254740993')).toBe(true);
    expect(order('9007199254740993', '9007199254740992')).toBe(false);
    expect(order('-9007199254740993', '-9007199254740992')).toBe(true);
    expect(order('0.10000000000000000001', '0.10000000000000000002')).toBe(true);
    expect(order('99999999999999999999', '100000000000000000000')).toBe(true);
    expect(order('-0.0000000000000000', '0')).toBe(false);
    expect(order('-1', '00000000000000000000')).toBe(true);
    expect(matchesFilter({ key: 'v', cmp: 'gte', val: '+0001.5000000000000000000' }, { v: '1.5' })).toBe(
      true,
    );
  });

  it('[WIRE-14] agrees with exact arithmetic', () => {
    const decimal = fc
      .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 24n }), fc.nat(20))
      .map(([negative, digits, scale]) => {
        const text = digits.toString().padStart(scale + 1, '0');
        const written = scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`;
        return {
          text: negative ? `-${written}` : written,
          scaled: (negative ? -digits : digits) * 10n ** BigInt(20 - scale),
        };
      });
    fc.assert(
      fc.property(decimal, decimal, (left, right) => {
        const passes = (cmp: 'lt' | 'lte' | 'gt' | 'gte'): boolean =>
          matchesFilter({ key: 'v', cmp, val: right.text }, { v: left.text });
        expect([passes('lt'), passes('lte'), passes('gt'), passes('gte')]).toEqual([
          left.scaled < right.scaled,
          left.scaled <= right.scaled,
          left.scaled > right.scaled,
          left.scaled >= right.scaled,
        ]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('[WIRE-13] branches', () => {
    const pod: FilterNode = { key: 'kind', cmp: 'eq', val: 'pod' };
    const job: FilterNode = { key: 'kind', cmp: 'eq', val: 'job' };
    expect(matchesFilter({ op: 'and', nodes: [pod, job] }, TAGS)).toBe(false);
    expect(matchesFilter({ op: 'or', nodes: [job, pod] }, TAGS)).toBe(true);
    expect(matchesFilter({ op: 'not', nodes: [job] }, TAGS)).toBe(true);
    expect(
      matchesFilter(
        {
          op: 'and',
          nodes: [
            { op: 'not', nodes: [job] },
            { op: 'or', nodes: [pod] },
          ],
        },
        TAGS,
      ),
    ).toBe(true);
  });

  it('[WIRE-13] a node that says nothing passes nothing', () => {
    expect(matchesFilter({}, TAGS)).toBe(false);
    expect(matchesFilter({ op: 'not' }, TAGS)).toBe(false);
    expect(matchesFilter({ key: 'kind' }, TAGS)).toBe(false);
  });

  it('[WIRE-13] inherited properties are no tags', () => {
    expect(leaf('toString', 'ex')).toBe(false);
    expect(leaf('constructor', 'neq', 'x')).toBe(true);
  });
});
