import { FakeClock, settle } from '@trunkline/base/testing';
import { createSeededRandom } from '@trunkline/base';
import { describe, expect, test } from 'vitest';
import { CliError } from './exit.js';
import {
  LinePublisher,
  toData,
  type LinePublisherOptions,
  type LineTotals,
  type Outgoing,
} from './line-publisher.js';
import type { SendOutcome } from './api.js';
import { readLines } from './lines.js';
import { FakeInput } from './testing.js';

const OK = Symbol('ok');
type Answer = typeof OK | SendOutcome | Promise<SendOutcome>;

function setUp(
  answer: (lines: readonly Outgoing[], index: number) => Answer = () => OK,
  options?: Partial<LinePublisherOptions>,
) {
  const clock = new FakeClock();
  const input = new FakeInput();
  const interruption = new AbortController();
  interruption.signal.addEventListener('abort', () => input.end());
  const sent: Outgoing[][] = [];
  const reports: string[] = [];
  const publisher = new LinePublisher(
    {
      clock,
      random: createSeededRandom(7),
      signal: interruption.signal,
      report: (text) => reports.push(text),
      send: async (lines) => {
        sent.push([...lines]);
        const outcome = await answer(lines, sent.length - 1);
        return outcome === OK ? { kind: 'replies', replies: lines.map(() => undefined) } : outcome;
      },
    },
    'run',
    options,
  );
  const run = (): Promise<LineTotals> => publisher.run(readLines(input, 1_000));
  const numbers = (): number[][] => sent.map((lines) => lines.map((line) => line.number));
  return { clock, input, sent, reports, run, numbers, interrupt: () => interruption.abort() };
}

const unreachable: SendOutcome = { kind: 'unreachable', reason: 'connection refused' };

describe('publishing lines', () => {
  test('[CLI-6] a line is JSON where it parses, else text under "line"', () => {
    expect(toData('{"a":1}')).toEqual({ a: 1 });
    expect(toData('5')).toBe(5);
    expect(toData('GET / 200')).toEqual({ line: 'GET / 200' });
    expect(toData('')).toEqual({ line: '' });
  });

  test('[CLI-6] lines leave in order, each once, each under its own key', async () => {
    const { input, sent, run } = setUp();
    input.write('a\n{"b":2}\nc\n');
    input.end();
    expect(await run()).toEqual({ published: 3, refused: 0, unsent: 0 });
    expect(sent.flat()).toEqual([
      { number: 1, data: { line: 'a' }, idempotencyKey: 'run-1' },
      { number: 2, data: { b: 2 }, idempotencyKey: 'run-2' },
      { number: 3, data: { line: 'c' }, idempotencyKey: 'run-3' },
    ]);
  });

  test('[CLI-6] one request at a time; what comes meanwhile leaves together', async () => {
    let release: ((outcome: SendOutcome) => void) | undefined;
    const { input, run, numbers } = setUp((_lines, index) =>
      index === 0 ? new Promise((resolve) => (release = resolve)) : OK,
    );
    const done = run();
    input.write('1\n');
    await settle();
    input.write('2\n');
    input.write('3\n');
    await settle();
    expect(numbers()).toEqual([[1]]);
    release?.({ kind: 'replies', replies: [undefined] });
    await settle();
    expect(numbers()).toEqual([[1], [2, 3]]);
    input.end();
    expect(await done).toMatchObject({ published: 3 });
  });

  test('[CLI-6] a request holds a bounded number of lines and characters', async () => {
    const byLines = setUp(() => OK, { maxBatchLines: 2 });
    byLines.input.write('1\n2\n3\n4\n5\n');
    byLines.input.end();
    await byLines.run();
    expect(Math.max(...byLines.numbers().map((batch) => batch.length))).toBe(2);
    expect(byLines.numbers().flat()).toEqual([1, 2, 3, 4, 5]);

    const byUnits = setUp(() => OK, { maxBatchUnits: 10 });
    byUnits.input.write(`x\n${'a'.repeat(6)}\n${'b'.repeat(6)}\n${'c'.repeat(30)}\n`);
    byUnits.input.end();
    expect(await byUnits.run()).toMatchObject({ published: 4 });
    expect(byUnits.numbers()).toEqual([[1, 2], [3], [4]]);
  });

  test('[CLI-6] while the server does not answer, reading stops at the bound', async () => {
    let release: ((outcome: SendOutcome) => void) | undefined;
    const { input, run } = setUp(
      (_lines, index) => (index === 0 ? new Promise((resolve) => (release = resolve)) : OK),
      { maxQueuedLines: 5 },
    );
    const done = run();
    input.write('first\n');
    await settle();
    for (let n = 0; n < 100; n++) input.write('x\n');
    await settle();
    expect(input.taken).toBeLessThan(10);
    release?.({ kind: 'replies', replies: [undefined] });
    input.end();
    expect(await done).toMatchObject({ published: 101 });
  });

  test('[CLI-7] a server that is away is waited for; the same lines go again under the same keys', async () => {
    const { clock, input, sent, reports, run } = setUp((_lines, index) => (index < 3 ? unreachable : OK));
    input.write('a\nb\n');
    input.end();
    const done = run();
    await clock.advance(60_000);
    expect(await done).toEqual({ published: 2, refused: 0, unsent: 0 });
    expect(sent).toHaveLength(4);
    expect(new Set(sent.map((lines) => JSON.stringify(lines))).size).toBe(1);
    expect(reports).toEqual([
      'waiting to publish: connection refused; lines are kept and will be sent again',
      'publishing again',
    ]);
  });

  test('[CLI-7] after the time for retries it gives up and says how far it came', async () => {
    const { clock, input, run } = setUp((_lines, index) => (index === 0 ? OK : unreachable), {
      retryForMs: 10_000,
    });
    const done = run();
    done.catch(() => undefined);
    input.write('a\n');
    await settle();
    input.write('b\n');
    await clock.advance(60_000);
    await expect(done).rejects.toMatchObject({
      exit: 'unreachable',
      message: expect.stringContaining('gave up after 1'),
      advice: '1 line was acknowledged before that.',
    });
  });

  test('[CLI-7] of an answered request only lines that failed for a moment go again', async () => {
    const { clock, input, numbers, run } = setUp((_lines, index) =>
      index === 0
        ? { kind: 'replies', replies: [undefined, { code: 111, message: 'too many requests' }, undefined] }
        : OK,
    );
    input.write('1\n2\n3\n');
    input.end();
    const done = run();
    await clock.advance(5_000);
    expect(await done).toMatchObject({ published: 3 });
    expect(numbers()).toEqual([[1, 2, 3], [2]]);
  });

  test('[CLI-8] a line the server refuses for itself is reported and passed over', async () => {
    const { input, reports, run } = setUp(() => ({
      kind: 'replies',
      replies: [undefined, { code: 106, message: 'limit exceeded: data' }, undefined],
    }));
    input.write('1\n2\n3\n');
    input.end();
    expect(await run()).toEqual({ published: 2, refused: 1, unsent: 0 });
    expect(reports).toEqual(['line 2 was not published: limit exceeded: data (106)']);
  });

  test('[CLI-8] a line that is too long is reported and passed over', async () => {
    const { input, reports, run } = setUp();
    input.write(`1\n${'x'.repeat(1_001)}\n3\n`);
    input.end();
    expect(await run()).toEqual({ published: 2, refused: 1, unsent: 0 });
    expect(reports).toEqual(['line 2 was not published: 1001 characters are too many']);
  });

  test.each([
    [
      'a denied line',
      { kind: 'replies', replies: [{ code: 103, message: 'permission denied' }] } as SendOutcome,
      'denied',
    ],
    [
      'a channel that is not there',
      { kind: 'replies', replies: [{ code: 102, message: 'unknown channel' }] } as SendOutcome,
      'notFound',
    ],
    [
      'a denied request',
      {
        kind: 'refused',
        error: { code: 101, message: 'unauthorized' },
        status: 401,
        temporary: false,
      } as SendOutcome,
      'denied',
    ],
  ])('[CLI-8] %s ends the run at once', async (_name, outcome, exit) => {
    const { input, sent, run } = setUp(() => outcome);
    const done = run();
    input.write('1\n');
    await expect(done).rejects.toMatchObject({ exit });
    await expect(done).rejects.toBeInstanceOf(CliError);
    expect(sent).toHaveLength(1);
  });

  test('[CLI-9] an interruption sends what was read, once, and counts what did not go', async () => {
    const fine = setUp();
    const done = fine.run();
    fine.input.write('1\n2\n');
    await settle();
    fine.interrupt();
    expect(await done).toEqual({ published: 2, refused: 0, unsent: 0 });

    const away = setUp(() => unreachable, { maxBatchLines: 2 });
    const interrupted = away.run();
    away.input.write('1\n2\n3\n4\n5\n');
    await settle();
    away.interrupt();
    expect(await interrupted).toEqual({ published: 0, refused: 0, unsent: 5 });
    expect(away.clock.pending).toBe(0);
  });
});
