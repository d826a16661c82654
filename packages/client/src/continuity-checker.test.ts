import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ContinuityChecker } from './continuity-checker.js';

const at = (offset: number, epoch = 'e') => ({ epoch, offset });
type Step = number | { gap: readonly [number, number] } | { reached: number } | 'reset';

function fed(steps: readonly Step[], options = {}): ContinuityChecker {
  const checker = new ContinuityChecker({ name: 'reader', ...options });
  for (const step of steps) {
    if (typeof step === 'number') checker.publication(at(step));
    else if (step === 'reset') checker.reset();
    else if ('gap' in step) checker.gap({ from: step.gap[0], to: step.gap[1] });
    else checker.reached(at(step.reached));
  }
  return checker;
}
const kinds = (checker: ContinuityChecker): string[] => checker.violations.map(({ kind }) => kind);

describe('the continuity checker', () => {
  it('[SIM-20] each once and in order is clean, wherever it begins', () => {
    const checker = fed([7, 8, 9, { reached: 9 }]);
    expect(() => checker.verify()).not.toThrow();
    expect(checker.counts).toEqual({ publications: 3, gaps: 0, resets: 0, violations: 0 });
    expect(checker.position).toEqual(at(9));
    expect(kinds(fed([6], { since: at(5) }))).toEqual([]);
    expect(kinds(fed([7], { since: at(5) }))).toEqual(['gap']);
  });

  it('[SIM-20] a hole, a repeat, a step back and another epoch are violations, each by its name', () => {
    expect(kinds(fed([1, 3]))).toEqual(['gap']);
    expect(kinds(fed([1, 1]))).toEqual(['duplicate']);
    expect(kinds(fed([2, 1]))).toEqual(['order']);
    const checker = fed([1]);
    checker.publication(at(2, 'f'));
    expect(kinds(checker)).toEqual(['epoch']);
    expect(() => fed([1, 3]).verify()).toThrow('reader: 3 came after 1; 2 is missing and nobody told');
  });

  it('[SIM-20] what was told is no loss: a range covers itself and no more, a reset everything', () => {
    expect(kinds(fed([1, { gap: [2, 4] }, 5]))).toEqual([]);
    expect(kinds(fed([1, { gap: [4, 5] }, { gap: [2, 3] }, 6]))).toEqual([]);
    expect(kinds(fed([1, { gap: [2, 3] }, 5]))).toEqual(['gap']);
    expect(kinds(fed([1, { gap: [2, 2] }, 3, 4, 3]))).toEqual(['order']);
    expect(kinds(fed([9, 'reset', 3, 4]))).toEqual([]);
    expect(kinds(fed([9, 'reset', 3, 5]))).toEqual(['gap']);
  });

  it('[SIM-20] a reader that says it has everything is taken at its word', () => {
    expect(kinds(fed([1, { reached: 3 }]))).toEqual(['gap']);
    expect(kinds(fed([1, { gap: [2, 3] }, { reached: 3 }, 4]))).toEqual([]);
    expect(kinds(fed([3, { reached: 2 }]))).toEqual(['order']);
    const other = fed([3]);
    other.reached(at(0, 'f'));
    expect(kinds(other)).toEqual(['epoch']);
    // Of a channel without numbers nothing can be said.
    const none = fed([3]);
    none.reached(undefined);
    expect(kinds(none)).toEqual([]);
  });

  it('[SIM-20] filtered readers have holes, but no repeats and no steps back', () => {
    expect(kinds(fed([1, 4, { reached: 9 }], { filtered: true }))).toEqual([]);
    expect(kinds(fed([4, 4, 2], { filtered: true }))).toEqual(['duplicate', 'order']);
  });

  it('[SIM-21] the publisher’s own numbers show what offsets cannot', () => {
    const checker = new ContinuityChecker();
    const { onPublication, onGap, onReset } = checker.handlers((data) => (data as { n: number }).n);
    onPublication({ position: at(1), data: { n: 1 } });
    onPublication({ position: at(2), data: { n: 3 } });
    onPublication({ position: at(3), data: { n: 3 } });
    onPublication({ data: { n: 2 } });
    expect(kinds(checker)).toEqual(['number', 'number', 'number']);
    onGap({ from: 4, to: 4 });
    onPublication({ position: at(5), data: { n: 9 } });
    onReset();
    onPublication({ data: { n: 20 } });
    expect(checker.counts).toEqual({ publications: 6, gaps: 1, resets: 1, violations: 3 });
  });

  it('[SIM-22] memory is bounded: violations are counted, of told gaps the oldest go', () => {
    const checker = fed([1, 1, 1, 1], { maxViolations: 2 });
    expect(checker.violations).toHaveLength(2);
    expect(() => checker.verify()).toThrow('1 came twice; 1 came twice; and 1 more');
    expect(kinds(fed([1, { gap: [2, 2] }, { gap: [9, 9] }, 3], { maxGaps: 1 }))).toEqual(['gap']);
    expect(() => new ContinuityChecker({ maxGaps: 0 })).toThrow('maxGaps');
  });

  it('[SIM-20] whatever is left out, and however it is told, only what nobody told is a violation', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('given', 'told', 'silent', 'reset'), { maxLength: 40 }),
        (fates) => {
          const checker = new ContinuityChecker({ since: at(0) });
          let silent = 0;
          let pending = false;
          // After a reset whatever comes first is the beginning.
          let based = true;
          for (const [index, fate] of fates.entries()) {
            const offset = index + 1;
            if (fate === 'silent') pending = based;
            if (fate === 'told') checker.gap({ from: offset, to: offset });
            if (fate === 'given') {
              if (pending) silent++;
              pending = false;
              based = true;
              checker.publication(at(offset));
            }
            if (fate === 'reset') {
              pending = false;
              based = false;
              checker.reset();
            }
          }
          expect(checker.counts.violations).toBe(silent);
        },
      ),
    );
  });
});
