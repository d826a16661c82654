import { describe, expect, it } from 'vitest';
import {
  addHistory,
  append,
  appendAll,
  clear,
  EMPTY_LOG,
  LOG_MAX,
  narrow,
  oldestOffset,
  pause,
  type Log,
  type LoggedPublication,
} from './log.js';

const publication = (offset: number, live = true): LoggedPublication => ({
  kind: 'publication',
  offset,
  epoch: 'e',
  data: offset,
  live,
});
const shown = (log: Log): readonly (number | string)[] =>
  log.entries.map((entry) => (entry.kind === 'hole' ? entry.text : entry.offset));
const logOf = (...offsets: readonly number[]): Log =>
  offsets.reduce((log, offset) => append(log, publication(offset)), EMPTY_LOG);

describe('the inspector’s log', () => {
  it('[CONSOLE-5] shows the newest first and keeps a bounded number', () => {
    const log = logOf(...Array.from({ length: LOG_MAX + 5 }, (_, index) => index + 1));
    expect(log.entries).toHaveLength(LOG_MAX);
    expect(shown(log)[0]).toBe(LOG_MAX + 5);
  });

  it('[CONSOLE-5] holds back what arrives while paused, and shows it in order afterwards', () => {
    const paused = [3, 4].reduce(
      (log, offset) => append(log, publication(offset)),
      pause(logOf(1, 2), true, 0),
    );
    expect(shown(paused)).toEqual([2, 1]);
    expect(paused.held).toHaveLength(2);
    expect(shown(pause(paused, false, 0))).toEqual([4, 3, 2, 1]);
    expect(pause(paused, false, 0).held).toEqual([]);
  });

  it('[CONSOLE-5] holds back a bounded number while paused, and says on resuming how many it could not', () => {
    let log = pause(EMPTY_LOG, true, 0);
    for (let offset = 1; offset <= LOG_MAX + 3; offset++) log = append(log, publication(offset));
    expect(log.held).toHaveLength(LOG_MAX);
    expect(log.held.at(-1)?.offset).toBe(LOG_MAX + 3);
    expect(log.lost).toBe(3);
    const resumed = pause(log, false, 5);
    expect(resumed).toMatchObject({ lost: 0, held: [], paused: false });
    expect(resumed.entries).toHaveLength(LOG_MAX);
    expect(resumed.entries[0]).toMatchObject({ kind: 'publication', offset: LOG_MAX + 3 });
    expect(resumed.entries.at(-1)).toMatchObject({
      kind: 'hole',
      timeMs: 5,
      offset: 5,
      text: expect.stringMatching(/^4 more came/),
    });
  });

  it('[CONSOLE-5] is narrowed by words in data, tags, publisher and offset; what is missing stays', () => {
    const log = appendAll(EMPTY_LOG, [
      { ...publication(1), data: { text: 'Rolling back' }, tags: { level: 'error' } },
      { ...publication(2), data: { text: 'rolling on' }, publisher: 'ada' },
      { kind: 'hole', offset: 3, text: 'hole', anew: false, timeMs: 0 },
      publication(12),
    ]);
    const found = (search: string) => shown({ ...log, entries: narrow(log.entries, search) });
    expect(found('')).toEqual([12, 'hole', 2, 1]);
    expect(found('ROLLING')).toEqual(['hole', 2, 1]);
    expect(found('rolling level=error')).toEqual(['hole', 1]);
    expect(found('ada')).toEqual(['hole', 2]);
    expect(found('#12')).toEqual([12, 'hole']);
    expect(found('nothing of that')).toEqual(['hole']);
  });

  it('[CONSOLE-6] puts history where it belongs, without repeating what is there', () => {
    const log = addHistory(logOf(5, 6), [
      publication(5, false),
      publication(3, false),
      publication(4, false),
    ]);
    expect(shown(log)).toEqual([6, 5, 4, 3]);
    expect(new Set(log.entries.map((entry) => entry.id)).size).toBe(4);
    expect(oldestOffset(log)).toBe(3);
  });

  it('[CONSOLE-6] does not mix offsets of two epochs', () => {
    const anew = append(logOf(900, 901), { kind: 'hole', offset: 1, text: 'anew', anew: true, timeMs: 0 });
    const log = addHistory(append(anew, publication(3)), [publication(2, false), publication(1, false)]);
    expect(shown(log)).toEqual([3, 2, 1, 'anew', 901, 900]);
    expect(oldestOffset(log)).toBe(1);
  });

  it('[CONSOLE-6] a hole stays where it was met', () => {
    const log = append(
      append(logOf(1), { kind: 'hole', offset: 2, text: 'hole', anew: false, timeMs: 0 }),
      publication(4),
    );
    expect(shown(log)).toEqual([4, 'hole', 1]);
  });

  it('[CONSOLE-5] clearing forgets the entries, not the pause', () => {
    const log = clear(pause(logOf(1), true, 0));
    expect(log).toMatchObject({ entries: [], held: [], paused: true });
    expect(oldestOffset(log)).toBeUndefined();
  });
});
