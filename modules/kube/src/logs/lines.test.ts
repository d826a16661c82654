import { describe, expect, it } from 'vitest';
import { advance, Beyond, compareTimes, parseLine } from './lines.js';
import { formatLogName, parseLogName, type LogName } from './names.js';

const at = (nanos: string, text = ''): { time: string; text: string } => ({
  time: `2026-01-01T00:00:00.${nanos}Z`,
  text,
});

describe('lines', () => {
  it('[KWIRE-61] the time in front of a line is taken off; what has none is the rest of a line', () => {
    const time = '2026-01-01T00:00:00.123456789Z';
    expect(parseLine(Buffer.from(`${time} hello world`))).toEqual({ time, text: 'hello world' });
    expect(parseLine(Buffer.from(`${time} `))).toEqual({ time, text: '' });
    expect(parseLine(Buffer.from('2026 is no time'))).toEqual({ text: '2026 is no time' });
    expect(parseLine(Buffer.from('2026-01-01T02:00:00+02:00 ü'))).toEqual({
      time: '2026-01-01T02:00:00+02:00',
      text: 'ü',
    });
  });

  it('[KWIRE-62] times are compared to the nanosecond, whatever their zone and however many digits', () => {
    expect(compareTimes('2026-01-01T00:00:00.1Z', '2026-01-01T00:00:00.100000001Z')).toBeLessThan(0);
    expect(compareTimes('2026-01-01T00:00:00Z', '2026-01-01T02:00:00+02:00')).toBe(0);
    expect(compareTimes('2026-01-01T00:00:01Z', '2026-01-01T00:00:00.999999999Z')).toBeGreaterThan(0);
  });

  it('[KWIRE-62] a stream from an earlier time continues where the one before ended, line for line', () => {
    const seen = [at('1', 'a'), at('2', 'b'), at('2', 'c')];
    const mark = advance(undefined, seen);
    expect(mark).toEqual({ time: at('2').time, lines: 2 });
    const again = [at('2', 'b'), at('2', 'c'), { text: 'rest of c' }, at('2', 'd'), { text: 'rest of d' }];
    const beyond = new Beyond(mark);
    expect(beyond.filter(again).map(({ text }) => text)).toEqual(['d', 'rest of d']);
    expect(beyond.filter([at('1', 'a clock that went back')])).toHaveLength(1);
    expect(new Beyond(undefined).filter(again)).toHaveLength(5);
  });
});

describe('names of logs', () => {
  const name: LogName = {
    cluster: 'c1',
    namespace: 'web',
    pod: 'a-1.b',
    container: 'main',
    previous: false,
    tail: 200,
  };

  it('[KWIRE-60] a name is read as it was written, and no other name is one', () => {
    const names: LogName[] = [
      name,
      { ...name, container: '' },
      { ...name, previous: true, sinceSeconds: 60 },
      { ...name, credential: 'ada_1.2', previous: true },
    ];
    for (const one of names) expect(parseLogName(formatLogName(one, 255))).toEqual(one);
    for (const other of [
      'kubelog:c1/web/p/main',
      'kubelog:c1/web/p/main?t=0200',
      'kubelog:c1/web/p/main?t=1&p&x',
      'kubelog:c1/web/p/m%2Fx?t=1',
      'kubelog:c1/web/../main?t=1&s=01',
    ])
      expect(parseLogName(other), other).toBeUndefined();
    expect(() => formatLogName({ ...name, pod: 'x'.repeat(250) }, 255)).toThrow(/too long/);
  });
});
