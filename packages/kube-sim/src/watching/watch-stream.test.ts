import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseLabelSelector } from '../query/label-selector.js';
import type { Cluster } from '../cluster/cluster.js';
import { selectionOf } from '../http/selection.js';
import { chooseRepresentation } from '../http/representation.js';
import { createTestKubeSim, type TestKubeSim } from '../testing.js';
import type { KubeSimOptions } from '../options.js';
import type { Sink, SinkEvents } from './sink.js';
import { WatchStream, type WatchPlan } from './watch-stream.js';

interface Event {
  readonly type: string;
  readonly object: {
    readonly metadata: {
      readonly name?: string;
      readonly resourceVersion: string;
      readonly annotations?: object;
    };
    readonly code?: number;
  };
}

/** A reader that takes everything, or nothing until it is told. */
class Reader implements Sink {
  readonly lines: string[] = [];
  readonly parts: string[] = [];
  state: 'open' | 'ended' | 'cut' = 'open';
  taking = true;
  #events: SinkEvents | undefined;

  get events(): Event[] {
    return this.lines.map((line) => JSON.parse(line) as Event);
  }

  get types(): string[] {
    return this.events.map(({ type, object }) => `${type} ${object.metadata.name ?? ''}`.trim());
  }

  listen(events: SinkEvents): void {
    this.#events = events;
  }

  write(lines: readonly string[]): boolean {
    this.lines.push(...lines);
    return this.taking;
  }

  writePart(text: string, onWritten: () => void): void {
    this.parts.push(text);
    onWritten();
  }

  end(): void {
    this.state = 'ended';
  }

  cut(): void {
    this.state = 'cut';
  }

  drain(): void {
    this.taking = true;
    this.#events?.onDrain();
  }
}

interface Bench extends TestKubeSim {
  readonly cluster: Cluster;
  put(name: string, labels?: Record<string, string>): void;
  remove(name: string): void;
  watch(
    plan?: Partial<WatchPlan>,
    labelSelector?: string,
  ): { readonly stream: WatchStream; readonly reader: Reader };
}

function setUp(options: Partial<KubeSimOptions> = {}): Bench {
  const made = createTestKubeSim(options);
  const { cluster } = made.sim;
  const maps = cluster.registry.require('configmaps');
  return {
    ...made,
    cluster,
    put: (name, labels = {}) => void cluster.put(maps, { metadata: { name, namespace: 'n', labels } }),
    remove: (name) => void cluster.remove(maps, 'n', name),
    watch: (plan = {}, labelSelector = '') => {
      const reader = new Reader();
      const whole: WatchPlan = {
        selection: selectionOf(maps, 'n', { labelSelector, fieldSelector: '' }),
        representation: chooseRepresentation(undefined, maps, new URLSearchParams(), made.clock),
        from: cluster.version,
        announceInitialEnd: false,
        bookmarks: false,
        timeoutMs: 1_000_000,
        ...plan,
      };
      const timing = { bookmarkIntervalMs: 60_000, bookmarkBeforeEndMs: 2_000 };
      const stream = new WatchStream(
        made.clock,
        cluster.collection(maps),
        () => cluster.version,
        whole,
        timing,
        reader,
        () => undefined,
      );
      stream.start();
      return { stream, reader };
    },
  };
}

describe('watch streams', () => {
  it('[KSIM-10] changes of one turn leave in order', async () => {
    const { clock, put, remove, watch } = setUp();
    const { reader } = watch();
    put('a');
    put('a');
    remove('a');
    expect(reader.lines).toEqual([]);
    await clock.advance(0);
    expect(reader.types).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
  });

  it('[KSIM-14] bookmarks come every interval and shortly before the end, carrying the newest version', async () => {
    const { clock, cluster, put, watch } = setUp();
    const { reader } = watch({ bookmarks: true, timeoutMs: 150_000 });
    const { reader: plain } = watch({ timeoutMs: 150_000 });
    const seenAt: number[] = [];
    for (let second = 1; second <= 150; second++) {
      const before = reader.lines.length;
      await clock.advance(1_000);
      if (reader.lines.length > before && reader.state === 'open') seenAt.push(second);
      if (second === 60) put('a');
    }
    expect(seenAt).toEqual([60, 61, 120, 148]);
    expect(reader.types).toEqual(['BOOKMARK', 'ADDED a', 'BOOKMARK', 'BOOKMARK']);
    expect(reader.events.at(-1)?.object.metadata.resourceVersion).toBe(String(cluster.version));
    expect([reader.state, plain.state, plain.types, clock.pending]).toEqual([
      'ended',
      'ended',
      ['ADDED a'],
      0,
    ]);
  });

  it('[KSIM-14] a reader that is behind is not told that it is not', async () => {
    const { clock, put, watch } = setUp();
    const { reader } = watch({ bookmarks: true, timeoutMs: 600_000 });
    reader.taking = false;
    put('a');
    await clock.advance(0);
    put('b');
    await clock.advance(60_000);
    expect(reader.types).toEqual(['ADDED a']);
    reader.drain();
    expect(reader.types).toEqual(['ADDED a', 'ADDED b']);
    await clock.advance(60_000);
    expect(reader.types.at(-1)).toBe('BOOKMARK');
  });

  it('[KSIM-17] what is there, then the annotated bookmark, then changes that came meanwhile', async () => {
    const { clock, put, watch } = setUp();
    for (let index = 0; index < 3_000; index++) put(`m${String(index).padStart(4, '0')}`);
    const opened = watch({ from: undefined, announceInitialEnd: true, bookmarks: true });
    const { reader } = opened;
    // The rest of the state is what it was at the start, though the reader takes its time.
    put('z');
    await clock.advance(0);
    const mark = reader.types.findIndex((line) => line.startsWith('BOOKMARK'));
    expect([mark, reader.types.slice(mark)]).toEqual([3_000, ['BOOKMARK', 'ADDED z']]);
    expect(reader.events[mark]?.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
    expect(Number(reader.events[mark]?.object.metadata.resourceVersion)).toBe(
      Number(reader.events.at(-1)?.object.metadata.resourceVersion) - 1,
    );
  });

  it('[KSIM-64] a slow reader has no queue: it falls behind, and when the log has passed it, it gets 410', async () => {
    const { clock, put, watch } = setUp({ watchCacheSize: 10 });
    const { reader } = watch();
    reader.taking = false;
    for (let index = 0; index < 11; index++) {
      put(`m${index}`);
      await clock.advance(0);
    }
    expect(reader.types).toEqual(['ADDED m0']);
    put('m11');
    reader.drain();
    expect(reader.events.map(({ type, object }) => [type, object.code])).toEqual([
      ['ADDED', undefined],
      ['ERROR', 410],
    ]);
    expect(reader.state).toBe('ended');
  });

  it('[KSIM-16] from a version that the log does not reach comes one ERROR event, then the end', () => {
    const { cluster, put, watch } = setUp();
    put('a');
    cluster.compact();
    const { reader } = watch({ from: cluster.version - 1 });
    expect(reader.events).toMatchObject([{ type: 'ERROR', object: { code: 410, reason: 'Expired' } }]);
    expect(reader.state).toBe('ended');
  });

  it('[KSIM-10] a version of the future waits for what comes after it', async () => {
    const { clock, cluster, put, watch } = setUp();
    const { reader } = watch({ from: cluster.version + 2 });
    for (const name of ['a', 'b', 'c']) put(name);
    await clock.advance(0);
    expect(reader.types).toEqual(['ADDED c']);
  });

  it('[KSIM-61] a list and what follows it is the state, through any selector, from any version', async () => {
    const label = fc.constantFrom('x', 'y', undefined);
    const step = fc.tuple(
      fc.constantFrom('put', 'put', 'remove'),
      fc.constantFrom('a', 'b', 'c', 'd'),
      label,
    );
    const selector = fc.constantFrom('', 'app=x', 'app!=x', 'app', '!app', 'app in (x,y)');
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 30 }),
        fc.nat({ max: 30 }),
        selector,
        async (steps, at, text) => {
          const { clock, cluster, put, remove, watch } = setUp();
          const all = cluster.collection(cluster.registry.require('configmaps'));
          const select = parseLabelSelector(text) ?? ((): boolean => true);
          const state = (): Map<string, string> =>
            new Map(
              all
                .sorted()
                .filter(({ object }) => select(object.metadata.labels))
                .map(({ object }) => [object.metadata.name, object.metadata.resourceVersion ?? '']),
            );
          let seen = state();
          let from = cluster.version;
          for (const [index, [how, name, app]] of steps.entries()) {
            if (how === 'put') put(name, app === undefined ? {} : { app });
            else remove(name);
            if (index !== at) continue;
            seen = state();
            from = cluster.version;
          }
          const { reader } = watch({ from }, text);
          await clock.advance(0);
          let last = from;
          for (const { type, object } of reader.events) {
            const { name = '', resourceVersion } = object.metadata;
            expect(Number(resourceVersion)).toBeGreaterThan(last);
            last = Number(resourceVersion);
            expect(seen.has(name)).toBe(type !== 'ADDED');
            if (type === 'DELETED') seen.delete(name);
            else seen.set(name, resourceVersion);
          }
          expect([...seen].sort()).toEqual([...state()].sort());
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('watch streams with faults', () => {
  it('[KSIM-72] a silent watch says nothing and does not end, not even when its time is over', async () => {
    const { clock, put, watch } = setUp();
    const { stream, reader } = watch({ timeoutMs: 1_000, bookmarks: true });
    stream.silence();
    put('a');
    await clock.advance(100_000);
    expect([reader.lines, reader.state]).toEqual([[], 'open']);
  });

  it.each(['end', 'cut'] as const)(
    '[KSIM-73] the next event is cut in its middle, then comes the %s',
    async (then) => {
      const { clock, put, watch } = setUp();
      const { stream, reader } = watch();
      stream.truncateNext(then);
      put('a');
      put('b');
      await clock.advance(0);
      expect([reader.lines, reader.parts.length, reader.state]).toEqual([
        [],
        1,
        then === 'end' ? 'ended' : 'cut',
      ]);
      expect(() => JSON.parse(reader.parts[0] ?? '') as unknown).toThrow(SyntaxError);
    },
  );

  it('[KSIM-74] the last event comes again with the same version', async () => {
    const { clock, put, watch } = setUp();
    const { stream, reader } = watch();
    expect(stream.repeatLast()).toBe(false);
    put('a');
    await clock.advance(0);
    expect([stream.repeatLast(), reader.lines.length, new Set(reader.lines).size]).toEqual([true, 2, 1]);
  });
});
