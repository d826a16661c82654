import { expect, it } from 'vitest';
import { whatIsDue } from './due.js';
import type { QueueEntry } from './entry.js';

const NOW = 1_700_000_000_000;
const OPTIONS = { keepDoneMs: 1_000, maxEnded: 10, maxDelayMs: 300_000 };

function queued(key: string, more: Partial<QueueEntry> = {}): QueueEntry {
  return {
    key,
    seq: 1,
    order: '',
    method: 'do',
    params: '1',
    bytes: 1,
    trace: 't',
    createdMs: NOW,
    expiresMs: NOW + 86_400_000,
    status: 'queued',
    sent: false,
    attempts: 0,
    retryAtMs: 0,
    ...more,
  };
}
const due = (...entries: QueueEntry[]) => whatIsDue(entries, new Set(), NOW, OPTIONS);

it('[OFFLINE-4] the first of an order leaves when its delay is over; those behind it wait', () => {
  expect(due(queued('a'), queued('b')).send.map(({ key }) => key)).toEqual(['a']);
  const waiting = due(queued('a', { retryAtMs: NOW + 5_000 }), queued('b'));
  expect(waiting.send).toEqual([]);
  expect(waiting.nextMs).toBe(NOW + 5_000);
});

it('[OFFLINE-4] a clock that was set back does not make a command wait longer than it may', () => {
  const before = queued('a', { attempts: 1, retryAtMs: NOW + 3_600_000 });
  expect(due(before).send).toEqual([before]);
});
