import { FakeClock } from '@trunkline/base/testing';
import { describe, expect, it } from 'vitest';
import { LogBook, type ContainerLog } from './log-book.js';

const make = (options: Partial<{ logLinesPerContainer: number; maxLogs: number }> = {}): LogBook =>
  new LogBook(new FakeClock(), { logLinesPerContainer: 3, maxLogs: 2, ...options });
const linesOf = (log: ContainerLog | undefined): string[] => {
  const lines: string[] = [];
  if (log !== undefined) for (let at = log.first; at < log.next; at++) lines.push(log.at(at)?.text ?? '');
  return lines;
};

describe('logs of containers', () => {
  it('[KSIM-57] a log keeps at least its last lines and at most twice as many', () => {
    const book = make();
    for (let line = 1; line <= 100; line++) {
      book.append('n', 'p', 'c', String(line));
      const log = book.read('n', 'p', 'c', false);
      const kept = linesOf(log);
      expect(kept.length).toBeLessThanOrEqual(6);
      expect(kept.slice(-3)).toEqual([line - 2, line - 1, line].filter((one) => one > 0).map(String));
      expect(log?.next).toBe(line);
    }
  });

  it('[KSIM-57] too many logs forget those that were least recently used, never one that is followed', () => {
    const book = make();
    const followed = book.read('n', 'first', 'c', false);
    const stop = followed?.listen(() => undefined);
    book.append('n', 'first', 'c', 'kept');
    for (const pod of ['b', 'c', 'd']) book.append('n', pod, 'c', 'x');
    expect(linesOf(book.read('n', 'first', 'c', false))).toEqual(['kept']);
    expect([...book.followed()]).toEqual([{ namespace: 'n', pod: 'first', container: 'c' }]);
    stop?.();
    for (const pod of ['e', 'f']) book.append('n', pod, 'c', 'x');
    expect(linesOf(book.read('n', 'first', 'c', false))).toEqual([]);
  });

  it('[KSIM-57] a restarted container has a previous log, whose followers come to its end', () => {
    const book = make();
    expect(book.read('n', 'p', 'c', true)).toBeUndefined();
    book.append('n', 'p', 'c', 'old');
    const before = book.read('n', 'p', 'c', false);
    book.restart('n', 'p', 'c');
    book.append('n', 'p', 'c', 'new');
    expect([
      before?.closed,
      linesOf(book.read('n', 'p', 'c', true)),
      linesOf(book.read('n', 'p', 'c', false)),
    ]).toEqual([true, ['old'], ['new']]);
  });

  it('[KSIM-57] a log is filled when it is first used, by reading or by a restart', () => {
    const book = make();
    book.onFirstUse = () => [{ atMs: 1, text: 'earlier' }];
    expect(linesOf(book.read('n', 'p', 'c', false))).toEqual(['earlier']);
    book.restart('n', 'q', 'c');
    expect([linesOf(book.read('n', 'q', 'c', true)), linesOf(book.read('n', 'q', 'c', false))]).toEqual([
      ['earlier'],
      [],
    ]);
  });
});
