import { describe, expect, it } from 'vitest';
import { compareTimes, LogLines, type LogNews } from './log-lines.js';

const at = (second: number): string => `2026-01-01T00:00:${String(second).padStart(2, '0')}.000000000Z`;
const line = (second: number, text = `line ${second}`): { time: string; text: string } => ({
  time: at(second),
  text,
});
const lines = (...seconds: number[]): LogNews => ({ lines: seconds.map((second) => line(second)) });
const texts = (log: LogLines): string[] =>
  log.snapshot().map((entry) => (entry.kind === 'line' ? entry.text : `-- ${entry.reason}`));
const opened = (bounds = { maxLines: 1_000, maxChars: 1_000_000 }): LogLines => new LogLines(bounds);

describe('log lines', () => {
  it('[KSDK-11] the newest lines are kept, within bounds of lines and of characters; what went is counted', () => {
    const log = opened({ maxLines: 3, maxChars: 20 });
    log.apply(lines(1, 2, 3, 4), undefined);
    // "line 2" and its like have 6 characters.
    expect(texts(log)).toEqual(['line 2', 'line 3', 'line 4']);
    log.apply({ lines: [line(5, 'x'.repeat(15))] }, undefined);
    expect(texts(log)).toEqual(['x'.repeat(15)]);
    expect(log.dropped).toBe(4);
    log.apply({ lines: [line(6, 'y'.repeat(100))] }, undefined);
    expect(texts(log)).toEqual(['y'.repeat(100)]);
  });

  it('[KSDK-11] many lines through small bounds keep their numbers', () => {
    const log = opened({ maxLines: 10, maxChars: 1_000_000 });
    for (let turn = 0; turn < 5_000; turn++) log.apply({ lines: [{ text: `${turn}` }] }, undefined);
    expect(log.snapshot().map(({ seq }) => seq)).toEqual(Array.from({ length: 10 }, (_, i) => 4_990 + i));
    expect(log.dropped).toBe(4_990);
  });

  it('[KSDK-11] a gap is a mark between lines, one for one hole, and none before the first line', () => {
    const log = opened();
    log.apply({ gap: { reason: 'reconnected' } }, undefined);
    log.apply(lines(1), undefined);
    log.apply({ gap: { reason: 'reconnected' } }, undefined);
    log.apply({ gap: { reason: 'again' } }, undefined);
    log.apply(lines(2), undefined);
    expect(texts(log)).toEqual(['line 1', '-- reconnected', 'line 2']);
  });

  it('[KSDK-11] an end is shown until lines come again', () => {
    const log = opened();
    log.apply({ end: { reason: 'container terminated' } }, undefined);
    expect(log.ended).toBe('container terminated');
    log.apply(lines(1), undefined);
    expect(log.ended).toBeUndefined();
  });

  it('[KSDK-11] read again in one epoch: what follows the last line, and a mark where history has lost some', () => {
    const log = opened();
    log.load([{ offset: 1, news: lines(1) }], { epoch: 'e', offset: 1 });
    log.apply(lines(2), { epoch: 'e', offset: 2 });
    const kept = [2, 3, 4].map((offset) => ({ offset, news: lines(offset) }));
    log.load(kept, { epoch: 'e', offset: 4 });
    expect(texts(log)).toEqual(['line 1', 'line 2', 'line 3', 'line 4']);
    log.load([{ offset: 8, news: lines(8) }], { epoch: 'e', offset: 8 });
    expect(texts(log).slice(4)).toEqual(['-- lines were lost on the way', 'line 8']);
    log.load([], { epoch: 'e', offset: 10 });
    expect(texts(log).at(-1)).toBe('-- lines were lost on the way');
  });

  it('[KSDK-11] read again in another epoch: known lines are left out by their times, and a mark where the tail does not reach back', () => {
    const log = opened();
    log.load([{ offset: 1, news: { lines: [line(1), line(2), line(3, 'one'), line(3, 'two')] } }], {
      epoch: 'e',
      offset: 1,
    });
    // Two lines of one instant, of which one is new.
    log.load(
      [{ offset: 1, news: { lines: [line(2), line(3, 'one'), line(3, 'two'), line(3, 'two'), line(4)] } }],
      { epoch: 'f', offset: 1 },
    );
    expect(texts(log)).toEqual(['line 1', 'line 2', 'one', 'two', 'two', 'line 4']);
    log.load([{ offset: 1, news: lines(8, 9) }], { epoch: 'g', offset: 1 });
    expect(texts(log).slice(6)).toEqual(['-- the log was opened anew', 'line 8', 'line 9']);
  });

  it('[KSDK-11] times compare to the nanosecond, however many digits they are written with', () => {
    expect(compareTimes('2026-01-01T00:00:05.12Z', '2026-01-01T00:00:05.123Z')).toBeLessThan(0);
    expect(compareTimes('2026-01-01T00:00:05.000000001Z', '2026-01-01T00:00:05Z')).toBeGreaterThan(0);
    expect(compareTimes('2026-01-01T00:00:05.5Z', '2026-01-01T00:00:05.500000000Z')).toBe(0);
    expect(compareTimes('2026-01-01T01:00:00Z', '2026-01-01T00:59:59.9Z')).toBeGreaterThan(0);
  });
});
