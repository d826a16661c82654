import { createSeededRandom, silentLogger } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import { KubeError, type LogOptions } from '@trunkline/kube-client';
import type { SourceState } from '@trunkline/protocol';
import { describe, expect, it } from 'vitest';
import { FedLog } from '../testing/fed-log.js';
import { Follower, type LogReader } from './follower.js';
import { LOGS_DEFAULTS } from './options.js';

const PLACE = { cluster: 'c1', namespace: 'web', pod: 'p', container: 'main', previous: false };

/** One stream of an API server, fed by hand. */
class Stream {
  readonly options: LogOptions;
  readonly #fed = new FedLog();

  constructor(options: LogOptions) {
    this.options = options;
    options.signal?.addEventListener('abort', () => this.push(undefined));
  }

  get taken(): number {
    return this.#fed.taken;
  }

  /** A batch of one line, an error, or the end. */
  push(item: string | Error | undefined): void {
    this.#fed.push(typeof item === 'string' ? [item] : item);
  }

  batches(): AsyncGenerator<readonly Uint8Array[]> {
    return this.#fed.batches();
  }
}

class Reader implements LogReader {
  readonly said: string[] = [];
  readonly states: SourceState['state'][] = [];
  onLines(lines: readonly { readonly text: string }[]): void {
    this.said.push(...lines.map(({ text }) => text));
  }
  onGap({ reason }: { readonly reason: string }): void {
    this.said.push(`gap: ${reason}`);
  }
  onEnd(reason: string): void {
    this.said.push(`end: ${reason}`);
  }
  onState({ state }: SourceState): void {
    this.states.push(state);
  }
}

function begin(options: Partial<typeof LOGS_DEFAULTS> = {}, previous = false) {
  const clock = new FakeClock();
  const streams: Stream[] = [];
  const follower = new Follower(
    {
      clock,
      random: createSeededRandom(1),
      logger: silentLogger,
      open: () =>
        Promise.resolve({
          logs: (asked) => {
            const stream = new Stream(asked);
            streams.push(stream);
            return stream.batches();
          },
        }),
    },
    { ...LOGS_DEFAULTS, ...options },
    { ...PLACE, previous },
  );
  const join = (start: { readonly tail: number; readonly sinceSeconds?: number } = { tail: 10 }) => {
    const reader = new Reader();
    return Object.assign(reader, { leave: follower.join(reader, start) });
  };
  return { clock, streams, follower, join };
}

/** A line with a time of that many nanoseconds. */
const line = (nanos: number, text: string): string =>
  `2026-01-01T00:00:00.${String(nanos).padStart(9, '0')}Z ${text}`;

describe('a log that is followed', () => {
  it('[KWIRE-60] however many read it, one stream; a later reader gets what is kept', async () => {
    const { clock, streams, join } = begin();
    const first = join({ tail: 2 });
    await clock.advance(0);
    expect(streams[0]?.options).toMatchObject({ tailLines: 2, follow: true, timestamps: true });
    streams[0]?.push(line(1, 'a'));
    streams[0]?.push(line(2, 'b'));
    await clock.advance(0);
    const second = join({ tail: 1 });
    streams[0]?.push(line(3, 'c'));
    await clock.advance(0);
    first.leave();
    streams[0]?.push(line(4, 'd'));
    await clock.advance(0);
    expect([first.said, second.said]).toEqual([
      ['a', 'b', 'c'],
      ['b', 'c', 'd'],
    ]);
    expect(streams).toHaveLength(1);
  });

  it('[KWIRE-60] a reader that wants more of the past reads it once, and is joined to the stream where it fits', async () => {
    const { clock, streams, join } = begin();
    join({ tail: 1 });
    await clock.advance(0);
    streams[0]?.push(line(3, 'c'));
    await clock.advance(0);
    const second = join({ tail: 100 });
    await clock.advance(0);
    expect(streams[1]?.options).toMatchObject({ tailLines: 100, follow: false });
    streams[0]?.push(line(4, 'd'));
    streams[0]?.push(line(5, 'e'));
    await clock.advance(0);
    for (const [nanos, text] of [
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
      [4, 'd'],
    ] as const)
      streams[1]?.push(line(nanos, text));
    streams[1]?.push(undefined);
    await clock.advance(0);
    streams[0]?.push(line(6, 'f'));
    await clock.advance(0);
    expect(second.said).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(second.states.at(-1)).toBe('live');
  });

  it('[KWIRE-62] a stream that breaks is opened from the last time; a mark says so, and no line comes twice', async () => {
    const { clock, streams, join } = begin();
    const reader = join();
    await clock.advance(0);
    streams[0]?.push(line(1, 'a'));
    streams[0]?.push(line(2, 'b'));
    streams[0]?.push(new KubeError('kubeConnectionLost', 'ECONNRESET'));
    await clock.advance(0);
    expect(reader.states.at(-1)).toBe('recovering');
    await clock.advance(2_000);
    expect(streams[1]?.options).toMatchObject({ sinceTime: '2026-01-01T00:00:00.000000002Z' });
    expect(streams[1]?.options.tailLines).toBeUndefined();
    streams[1]?.push(line(2, 'b'));
    streams[1]?.push(line(3, 'c'));
    await clock.advance(0);
    expect(reader.said).toEqual(['a', 'b', 'gap: connection to cluster lost: ECONNRESET', 'c']);
    expect(reader.states.at(-1)).toBe('live');
  });

  it('[KWIRE-63] the end of a container is told once it is sure; an idle stream that the server ended is none', async () => {
    const { clock, streams, join } = begin();
    const reader = join();
    await clock.advance(0);
    streams[0]?.push(line(1, 'a'));
    streams[0]?.push(undefined);
    await clock.advance(2_000);
    expect(streams).toHaveLength(2);
    await clock.advance(5_000);
    expect(reader.said).toEqual(['a', 'gap: the API server ended the log']);
    streams[1]?.push(undefined);
    await clock.advance(600);
    streams[2]?.push(line(1, 'a'));
    streams[2]?.push(undefined);
    await clock.advance(60_000);
    expect(reader.said.slice(2)).toEqual(['end: the container has ended']);
    expect(streams).toHaveLength(3);
    const late = join();
    expect(late.said).toEqual(['a', 'end: the container has ended']);
  });

  it('[KWIRE-63] a refusal ends it in the words of the API server; a container that waits is waited for', async () => {
    const { clock, streams, join } = begin();
    const reader = join();
    await clock.advance(0);
    streams[0]?.push(new KubeError('kubeRefused', 'container "main" is waiting to start'));
    await clock.advance(60_000);
    expect(streams.length).toBeGreaterThan(1);
    expect(reader.said).toEqual([]);
    streams.at(-1)?.push(new KubeError('kubeNotFound', 'pods "p" not found'));
    await clock.advance(60_000);
    expect(reader.said.at(-1)).toBe('end: not found in cluster: pods "p" not found');
  });

  it('[KWIRE-63] the run before is read to its end, without following', async () => {
    const { clock, streams, join } = begin({}, true);
    const reader = join();
    await clock.advance(0);
    expect(streams[0]?.options).toMatchObject({ previous: true, follow: false });
    streams[0]?.push(line(1, 'a'));
    streams[0]?.push(undefined);
    await clock.advance(0);
    expect(reader.said).toEqual(['a', 'end: the container has ended']);
  });

  it('[KWIRE-64] no more is read than may be sent on, and what is kept is bounded', async () => {
    const { clock, streams, follower, join } = begin({ maxBytesPerSecond: 1_000, keptLines: 3 });
    const reader = join({ tail: 100 });
    await clock.advance(0);
    for (let index = 1; index <= 100; index++) streams[0]?.push(line(index, 'x'.repeat(68)));
    await clock.advance(0);
    const atOnce = streams[0]?.taken ?? 0;
    expect(atOnce).toBeLessThan(13);
    await clock.advance(2_000);
    expect((streams[0]?.taken ?? 0) - atOnce).toBeLessThan(23);
    await clock.advance(20_000);
    expect(reader.said).toHaveLength(100);
    expect(join({ tail: 3 }).said).toHaveLength(3);
    follower.dispose();
    await clock.advance(0);
    expect(streams[0]?.options.signal?.aborted).toBe(true);
  });
});
