import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StatusError } from '../model/status.js';
import { parseLabelSelector, type Labels } from './label-selector.js';

const matches = (selector: string, labels: Labels): boolean => parseLabelSelector(selector)?.(labels) ?? true;

const key = fc.constantFrom('app', 'tier', 'in', 'notin', 'example.com/app', 'a.b_c-d');
const value = fc.constantFrom<string[]>('', 'shop', 'front', 'in', 'v1.2_3-4', '7');
const labels = fc.dictionary(key, value);
const gap = fc.constantFrom('', ' ', '  ');

interface Requirement {
  readonly text: string;
  readonly holds: (labels: Readonly<Record<string, string>>) => boolean;
}

/** A requirement as text, and what it means, written down a second time and plainly. */
const requirement: fc.Arbitrary<Requirement> = fc.oneof(
  key.map((k): Requirement => ({ text: k, holds: (of) => k in of })),
  key.map((k): Requirement => ({ text: `!${k}`, holds: (of) => !(k in of) })),
  fc.tuple(key, fc.constantFrom('=', '=='), value, gap).map(([k, operator, v, space]): Requirement => ({
    text: `${k}${space}${operator}${space}${v}`,
    holds: (of) => of[k] === v,
  })),
  fc.tuple(key, value).map(([k, v]): Requirement => ({ text: `${k}!=${v}`, holds: (of) => of[k] !== v })),
  fc
    .tuple(key, fc.array(value, { minLength: 1, maxLength: 4 }), gap)
    .map(([k, values, space]): Requirement => ({
      text: `${k} in (${values.join(`,${space}`)})`,
      holds: (of) => k in of && values.includes(of[k] ?? ''),
    })),
  fc.tuple(key, fc.array(value, { minLength: 1, maxLength: 4 })).map(([k, values]): Requirement => ({
    text: `${k} notin (${values.join(',')})`,
    holds: (of) => !(k in of) || !values.includes(of[k] ?? ''),
  })),
);

describe('label selectors', () => {
  it('[KSIM-5] any selector selects what its requirements together mean', () => {
    fc.assert(
      fc.property(fc.array(requirement, { minLength: 1, maxLength: 4 }), gap, labels, (all, space, of) => {
        const text = all.map((one) => one.text).join(`${space},${space}`);
        expect(matches(text, of)).toBe(all.every((one) => one.holds(of)));
      }),
      { numRuns: 1_000 },
    );
  });

  it('[KSIM-5] any text is either understood or refused with 400', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', '=', '!', ',', '(', ')', ' ', 'in', '<', '>', '/', '-'),
    });
    fc.assert(
      fc.property(text, labels, (selector, of) => {
        try {
          matches(selector, of);
        } catch (error) {
          expect(error).toBeInstanceOf(StatusError);
          expect((error as StatusError).code).toBe(400);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ['rank>3', { rank: '4' }, true],
    ['rank>3', { rank: '3' }, false],
    ['rank<3', { rank: '-1' }, true],
    ['rank<3', { rank: 'x' }, false],
    ['rank>3', {}, false],
    ['', { a: 'b' }, true],
    ['a=', { a: '' }, true],
    ['a=', {}, false],
    ['a in ()', { a: '' }, true],
    ['x in (a,b),y', { x: 'b', y: '' }, true],
  ] as const)('[KSIM-5] %s of %j: %s', (selector, of, expected) => {
    expect(matches(selector, of)).toBe(expected);
  });

  it.each([
    'a=b,',
    'a in (b',
    'a in b',
    'a notin',
    '!',
    '(a)',
    'a=b c',
    '/a',
    'A/b=c',
    'a>x',
    'a=-x',
    `a=${'x'.repeat(64)}`,
  ])('[KSIM-5] %s is refused', (selector) => {
    expect(() => parseLabelSelector(selector)).toThrow(StatusError);
  });
});
