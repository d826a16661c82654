import { describe, expect, it } from 'vitest';
import { StreamChecker } from './stream-checker.js';

function fed(...sequence: (number | 'told')[]): StreamChecker {
  const checker = new StreamChecker('reader');
  for (const item of sequence) {
    if (item === 'told') checker.told('recovered: false');
    else checker.message(item);
  }
  return checker;
}

describe('the judge of a stream', () => {
  it('[KIT-1] every message once and in order is clean', () => {
    expect(() => fed(1, 2, 3).verify(3)).not.toThrow();
  });

  it('[KIT-1] a gap, a duplicate, an early end and a swap are violations', () => {
    expect(() => fed(1, 3).verify(3)).toThrow('3 came after 1');
    expect(() => fed(1, 2, 2).verify(2)).toThrow('2 came again after 2');
    expect(() => fed(1, 2).verify(3)).toThrow('ended at 2, not at 3');
    expect(() => fed(1, 3, 2).verify(3)).toThrow('2 came after the later 3');
  });

  it('[KIT-1] a gap is allowed once where it was told, a step back or a repeat never', () => {
    expect(() => fed(1, 'told', 5, 6).verify(6, true)).not.toThrow();
    expect(() => fed(1, 'told', 5, 6).verify(6)).toThrow('told "recovered: false" after 1');
    expect(() => fed(1, 'told', 5, 7).verify(7, true)).toThrow('7 came after 5');
    expect(() => fed(1, 2, 'told', 2).verify(2, true)).toThrow('came again');
  });

  it('[KIT-1] offsets must follow each other within one continuity', () => {
    const checker = new StreamChecker('reader');
    checker.message(1, 7);
    checker.message(2, 9);
    expect(checker.violations.map((violation) => violation.kind)).toEqual(['offset']);
  });
});
