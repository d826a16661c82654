import { FakeClock } from '@trunkline/base/testing';
import { describe, expect, test } from 'vitest';
import { createPaint } from './io.js';
import { createTailPrinter } from './tail-printer.js';

function setUp(options: { json?: boolean; withChannel?: boolean } = {}) {
  const written = { out: '', err: '' };
  const clock = new FakeClock(new Date(2026, 0, 2, 3, 4, 5, 6).getTime());
  const printer = createTailPrinter(
    'logs:a',
    {
      out: (text) => void (written.out += text),
      err: (text) => void (written.err += text),
      paint: createPaint(false),
      clock,
    },
    { json: options.json ?? false, withChannel: options.withChannel ?? false },
  );
  return {
    printer,
    written,
    events: () =>
      written.out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

describe('what tail prints', () => {
  test('[CLI-11] a publication is one line: time, offset, data', () => {
    const { printer, written } = setUp();
    printer.publication({ data: { line: 'a\nb' }, offset: 42 }, 'e1');
    printer.publication({ data: 'x', offset: 0, tags: { level: 'error' } }, '');
    expect(written.out).toBe(
      '03:04:05.006      42  {"line":"a\\nb"}\n03:04:05.006       -  "x"  level=error\n',
    );
  });

  test('[CLI-11] several channels are told apart; keys and removals of maps are shown', () => {
    const { printer, written } = setUp({ withChannel: true });
    printer.publication({ data: 1, offset: 7, key: 'k' }, 'e1');
    printer.publication({ data: null, offset: 8, key: 'k', removed: true }, 'e1');
    expect(written.out).toBe(
      '03:04:05.006  logs:a       7  k  1\n03:04:05.006  logs:a       8  k  (removed)\n',
    );
  });

  test('[CLI-12] continuity is told on standard error, each change once', () => {
    const { printer, written } = setUp();
    printer.state({ kind: 'recovering' });
    printer.state({ kind: 'live' });
    printer.publication({ data: 1, offset: 5 }, 'e1');
    printer.state({ kind: 'live' });
    printer.state({ kind: 'recovering', reason: 'transport closed' });
    printer.state({ kind: 'live' });
    expect(written.err.split('\n').map((line) => line.slice('03:04:05.006  '.length))).toEqual([
      'logs:a: recovering',
      'logs:a: live',
      'logs:a: recovering (transport closed) after 5@e1',
      'logs:a: live',
      '',
    ]);
    expect(written.out.split('\n')).toHaveLength(2);
  });

  test('[CLI-12] a loss is loud and names what is missing', () => {
    const { printer, written } = setUp();
    printer.gap({ epoch: 'e1', from: 3, to: 3 });
    printer.reset('epoch', undefined);
    printer.reset('overflow', { epoch: 'e1', from: 10, to: 1_209 });
    expect(written.err).toContain('GAP, offset 3 will not come');
    expect(written.err).toContain('RESET (epoch), publications may be missing; what follows begins anew');
    expect(written.err).toContain('RESET (overflow), offsets 10 to 1209 (1,200 publications) will not come');
    expect(written.out).toBe('');
  });

  test('[CLI-11] for scripts every event is a line of JSON, in order', () => {
    const { printer, events } = setUp({ json: true });
    printer.state({ kind: 'live' });
    printer.publication({ data: { a: 1 }, offset: 5 }, 'e1');
    printer.state({ kind: 'reset' });
    printer.gap({ epoch: 'e1', from: 6, to: 8 });
    printer.reset('epoch', undefined);
    printer.snapshot([{ data: 1, offset: 0, key: 'k' }]);
    const timeMs = new Date(2026, 0, 2, 3, 4, 5, 6).getTime();
    expect(events()).toEqual([
      { type: 'state', state: 'live', channel: 'logs:a', timeMs },
      { type: 'publication', data: { a: 1 }, offset: 5, epoch: 'e1', channel: 'logs:a', timeMs },
      { type: 'gap', epoch: 'e1', from: 6, to: 8, channel: 'logs:a', timeMs },
      { type: 'reset', reason: 'epoch', channel: 'logs:a', timeMs },
      { type: 'snapshot', entries: [{ data: 1, offset: 0, key: 'k' }], channel: 'logs:a', timeMs },
    ]);
  });
});
