import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OptimisticLog } from './optimistic.js';

const at = (offset: number, epoch = 'e'): { epoch: string; offset: number } => ({ epoch, offset });

describe('optimistic log', () => {
  it('[CLIENT-8] reply first: the change stays until the publication at its position was applied', () => {
    const log = new OptimisticLog<string>(10);
    log.begin('a', 'x');
    expect(log.accept('a', at(5))).toBe(false);
    log.applied(at(4));
    expect(log.pending).toHaveLength(1);
    expect(log.applied(at(5))).toBe(true);
    expect(log.pending).toEqual([]);
  });

  it('[CLIENT-8] publication first: the reply ends it at once', () => {
    const log = new OptimisticLog<string>(10);
    log.begin('a', 'x');
    log.applied(at(5));
    expect(log.pending).toHaveLength(1);
    expect(log.accept('a', at(5))).toBe(true);
    expect(log.pending).toEqual([]);
  });

  it('[CLIENT-8] a publication recognised as its own ends one change, the oldest, and a late reply harms nothing', () => {
    const log = new OptimisticLog<string>(10);
    log.begin('a', 'same');
    log.begin('b', 'same');
    log.applied(at(1), (change) => change === 'same');
    expect(log.pending.map(({ id }) => id)).toEqual(['b']);
    expect(log.accept('a')).toBe(false);
    expect(log.pending.map(({ id }) => id)).toEqual(['b']);
  });

  it('[CLIENT-8] a refusal takes the change back, whatever else is pending', () => {
    const log = new OptimisticLog<string>(10);
    log.begin('a', 'x');
    log.begin('b', 'y');
    expect(log.remove('a')).toBe(true);
    expect(log.remove('a')).toBe(false);
    expect(log.pending.map(({ change }) => change)).toEqual(['y']);
  });

  it('[CLIENT-8] a replaced state contains what was accepted before it, not what is still open', () => {
    const log = new OptimisticLog<string>(10);
    for (const id of ['open', 'contained', 'later', 'placeless', 'old-epoch']) log.begin(id, id);
    log.accept('contained', at(5));
    log.accept('later', at(9));
    log.accept('placeless');
    log.accept('old-epoch', at(50, 'd'));
    log.replaced(at(6));
    expect(log.pending.map(({ id }) => id)).toEqual(['open', 'later']);
  });

  it('[CLIENT-13] changes that may wait are bounded', () => {
    const log = new OptimisticLog<string>(2);
    expect([log.begin('a', ''), log.begin('b', ''), log.begin('c', '')]).toEqual([true, true, false]);
    expect(log.pending).toHaveLength(2);
  });

  it('[CLIENT-8] whatever the order of replies and publications, nothing is left over and nothing is shown twice', () => {
    const order = fc.integer({ min: 1, max: 8 }).chain((count) => {
      const events = Array.from({ length: count }, (_, index) => index);
      return fc.record({
        count: fc.constant(count),
        // Publications keep the channel's order; replies come whenever.
        replies: fc.shuffledSubarray(events, { minLength: count }),
        mix: fc.array(fc.boolean(), { minLength: 2 * count, maxLength: 2 * count }),
        refused: fc.subarray(events),
      });
    });
    fc.assert(
      fc.property(order, ({ count, replies, mix, refused }) => {
        const log = new OptimisticLog<number>(100);
        const confirmed = new Set<number>();
        for (let index = 0; index < count; index++) log.begin(String(index), index);
        // Only accepted changes get an offset.
        const accepted = Array.from({ length: count }, (_, index) => index).filter(
          (index) => !refused.includes(index),
        );
        const publications = accepted.map((change, index) => ({ change, offset: index + 1 }));
        const waiting = [...replies];
        const shown = (change: number): number =>
          (confirmed.has(change) ? 1 : 0) + (log.pending.some((item) => item.change === change) ? 1 : 0);
        for (const takeReply of [...mix, ...mix.map((turn) => !turn)]) {
          if (takeReply) {
            const change = waiting.shift();
            if (change === undefined) continue;
            if (refused.includes(change)) log.remove(String(change));
            else log.accept(String(change), at(accepted.indexOf(change) + 1));
          } else {
            const next = publications.shift();
            if (next === undefined) continue;
            confirmed.add(next.change);
            log.applied(at(next.offset));
          }
          // Something accepted never disappears, not even for a moment.
          for (const change of accepted) expect(shown(change)).toBeGreaterThan(0);
        }
        expect(log.pending).toEqual([]);
        expect([...confirmed].sort()).toEqual([...accepted].sort());
      }),
      { numRuns: 1_000 },
    );
  });
});
