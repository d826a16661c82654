import { describe, expect, it, beforeEach, afterEach } from 'vitest';
import { createKubeBed, testCluster, type Followed, type KubeBed } from '../testing.js';
import { formatLogName } from './names.js';

const PLACE = { cluster: 'c1', namespace: 'blue', pod: 'p', container: 'main', previous: false };
const CHANNEL = formatLogName({ ...PLACE, tail: 5 }, 255);
const READ = { verbs: ['get'], resource: 'pods' };

let bed: KubeBed;
beforeEach(async () => {
  bed = await createKubeBed({ setup: { logs: { keptLines: 4 } } });
  bed.world.rules = ['ada', 'bob'].map((user) => ({ user, ...READ }));
});
afterEach(() => bed.dispose());

async function follow(user: string, channel = CHANNEL): Promise<Followed> {
  const viewer = await bed.viewer({ user });
  return bed.during(viewer.follow(channel));
}

/** Prints each, with time between them. */
async function print(...texts: string[]): Promise<void> {
  for (const text of texts) {
    bed.world.print(text);
    await bed.clock.advance(100);
  }
}

/** In the order of their offsets: texts of lines, and marks. */
function said({ publications }: Followed): string[] {
  return [...publications]
    .sort(([left], [right]) => left - right)
    .flatMap(([, data]) => {
      const news = data as { lines?: { text: string }[]; gap?: { reason: string; sinceTime?: string } };
      return [
        ...(news.lines ?? []).map(({ text }) => text),
        ...(news.gap ? [`gap ${news.gap.reason} ${news.gap.sinceTime}`] : []),
      ];
    });
}

describe('logs while rights cannot be asked about', () => {
  it('[KUBE-17] [KWIRE-65] nothing new is shown, the channel says so, and those who may still read it have everything afterwards', async () => {
    const [ada, bob] = [await follow('ada'), await follow('bob')];
    await print('a');
    expect([said(ada), ada.told.at(-1)?.state]).toEqual([['a'], 'live']);
    bed.world.reviews = 'refused';
    await bed.clock.advance(5_000);
    expect(ada.told.at(-1)).toMatchObject({
      state: 'recovering',
      sinceMs: expect.any(Number) as number,
      reason: expect.stringContaining('rights cannot be asked about') as string,
    });
    await print('b', 'c');
    await bed.clock.advance(60_000);
    expect([said(ada), said(bob)]).toEqual([['a'], ['a']]);
    bed.world.rules = [{ user: 'ada', ...READ }];
    bed.world.reviews = 'answered';
    await bed.clock.advance(10_000);
    await print('d');
    expect([said(ada), ada.ends, ada.told.at(-1)?.state]).toEqual([['a', 'b', 'c', 'd'], [], 'live']);
    expect([said(bob), bob.ends]).toEqual([['a'], [2101]]);
  });

  it('[KUBE-17] [KWIRE-65] what is kept back is bounded: a mark stands where lines were let go', async () => {
    const ada = await follow('ada');
    await print('a');
    bed.world.reviews = 'hanging';
    await bed.clock.advance(7_000);
    await print('b', 'c', 'd', 'e', 'f', 'g');
    bed.world.reviews = 'answered';
    await bed.clock.advance(10_000);
    expect(said(ada)).toEqual([
      'a',
      expect.stringMatching(/^gap more lines came than are kept .* 2026-01-01T00:00:00\.\d+Z$/),
      'd',
      'e',
      'f',
      'g',
    ]);
    expect(ada.told.at(-1)?.state).toBe('live');
  });

  it('[KUBE-17] [KWIRE-65] a cluster that is replaced meanwhile is asked in its turn', async () => {
    const ada = await follow('ada');
    await print('a');
    bed.world.reviews = 'refused';
    await bed.clock.advance(5_000);
    await print('b');
    void bed.kube.removeCluster('c1');
    bed.kube.addCluster(testCluster());
    bed.world.reviews = 'answered';
    await bed.clock.advance(20_000);
    await print('c');
    expect(said(ada).filter((text) => !text.startsWith('gap'))).toEqual(['a', 'b', 'c']);
    expect([ada.ends, ada.told.at(-1)?.state]).toEqual([[], 'live']);
  });
});
