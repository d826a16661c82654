import { describe, expect, it } from 'vitest';
import {
  addHistory,
  append,
  clear,
  EMPTY_LOG,
  LOG_MAX,
  oldestOffset,
  pause,
  type Log,
  type LoggedPublication,
} from './log.js';

const publication = (offset: number, live = true): LoggedPublication => ({
  kind: 'publication',
  offset,
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
    const paused = [3, 4].reduce((log, offset) => append(log, publication(offset)), pause(logOf(1, 2), true));
    expect(shown(paused)).toEqual([2, 1]);
    expect(paused.held).toHaveLength(2);
    expect(shown(pause(paused, false))).toEqual([4, 3, 2, 1]);
    expect(pause(paused, false).held).toEqual([]);
  });

  it('[CONSOLE-5] holds back a bounded number while paused', () => {
    let log = pause(EMPTY_LOG, true);
    for (let offset = 1; offset <= LOG_MAX + 3; offset++) log = append(log, publication(offset));
    expect(log.held).toHaveLength(LOG_MAX);
    expect(log.held.at(-1)?.offset).toBe(LOG_MAX + 3);
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
    const log = clear(pause(logOf(1), true));
    expect(log).toMatchObject({ entries: [], held: [], paused: true });
    expect(oldestOffset(log)).toBeUndefined();
  });
});
