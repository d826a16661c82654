import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createSystemRandom } from '@trunkline/base';
import { FakeClock, MemoryLogger, settle } from '@trunkline/base/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codeOf } from '../testing/outcomes.js';
import {
  LOCK_STALE_MS,
  LOCK_TOUCH_MS,
  lockDirectory,
  type DirectoryLock,
  type LastEnd,
  type Owner,
} from './lock.js';

describe('the lock of a data directory', () => {
  let directory: string;
  let clock: FakeClock;
  const ends: LastEnd[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'trunkline-lock-'));
    clock = new FakeClock();
    ends.length = 0;
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const file = (): string => join(directory, 'lock');
  const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);
  const owner = async (): Promise<Owner> => JSON.parse(await readFile(file(), 'utf8')) as Owner;
  const lock = (onLost = (): void => undefined): Promise<DirectoryLock> => {
    const onLeftBehind = (end: LastEnd): Promise<void> => Promise.resolve(void ends.push(end));
    return lockDirectory(
      { clock, random: createSystemRandom(), logger: new MemoryLogger(), onLeftBehind },
      directory,
      onLost,
    );
  };
  /** Lets fake time pass while files are really read. */
  const whilePassing = async <T>(
    work: Promise<T>,
    stepMs = 1_000,
    each = (): Promise<void> => Promise.resolve(),
  ): Promise<T> => {
    let ended = false;
    const settled = work.finally(() => (ended = true));
    settled.catch(() => undefined);
    while (!ended) {
      await each();
      await clock.advance(stepMs);
    }
    return settled;
  };

  it('[STORE-70] one at a time; given back, the next one has it', async () => {
    const first = await lock();
    expect(first.lastEnd).toBe('none');
    expect(await lock().catch(codeOf)).toBe(1107);
    await first.release();
    await first.release();
    const second = await lock();
    expect([second.lastEnd, ends]).toEqual(['none', []]);
    await second.release();
  });

  it("[STORE-71] a process that is gone has left it; its number in another process's hands is not it", async () => {
    await (await lock()).release();
    const held = await lock();
    const me = await owner();
    await held.release();
    for (const left of [
      { ...me, pid: 2 ** 22 + 1 },
      { ...me, startedAt: '1' },
    ]) {
      await writeFile(file(), JSON.stringify(left));
      const next = await lock();
      expect([next.lastEnd, ends.pop()]).toEqual(['process', 'process']);
      await next.release();
    }
  });

  it('[STORE-71] the machine was started since: that is another end, and said before the lock is taken', async () => {
    const held = await lock();
    const me = await owner();
    await held.release();
    await writeFile(file(), JSON.stringify({ ...me, boot: 'an earlier one' }));
    const next = await lock();
    expect([next.lastEnd, ends]).toEqual(['machine', ['machine']]);
    await next.release();
  });

  it("[STORE-71] a stranger's lock counts while it is touched", async () => {
    const stranger = {
      id: 'x',
      pid: 1,
      startedAt: '1',
      host: `not-${hostname()}`,
      boot: 'b',
      namespace: 'n',
      sinceMs: 0,
    };
    await writeFile(file(), JSON.stringify(stranger));
    let beat = 0;
    const touching = lock().catch(codeOf);
    expect(await whilePassing(touching, LOCK_TOUCH_MS, () => utimes(file(), 1_000, 1_000 + ++beat))).toBe(
      1107,
    );
    const began = clock.monotonic();
    const next = await whilePassing(lock());
    expect(clock.monotonic() - began).toBeGreaterThanOrEqual(LOCK_STALE_MS);
    expect(next.lastEnd).toBe('machine');
    await next.release();
  });

  it('[STORE-71] of many that find a dead owner one has it', async () => {
    for (let round = 0; round < 25; round++) {
      const held = await lock();
      const me = await owner();
      await held.release();
      await writeFile(file(), JSON.stringify({ ...me, pid: 2 ** 22 + 1 }));
      const outcomes = await Promise.all(Array.from({ length: 8 }, () => lock().catch(codeOf)));
      const got = outcomes.filter((outcome) => typeof outcome !== 'number');
      expect(got).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === 1107)).toHaveLength(7);
      await (got[0] as DirectoryLock).release();
    }
  });

  it('[STORE-71] a successor that died on its way is succeeded too', async () => {
    const held = await lock();
    const me = await owner();
    await held.release();
    const dead = JSON.stringify({ ...me, pid: 2 ** 22 + 1 });
    const posts = [dead, JSON.stringify({ ...me, id: 'taker', pid: 2 ** 22 + 1 })];
    await writeFile(file(), dead);
    for (const [index, post] of posts.entries())
      await writeFile(
        `${file()}.after-${hashOf(post)}`,
        posts[index + 1] ?? JSON.stringify({ ...me, id: 'last', pid: 2 ** 22 + 1 }),
      );
    const next = await lock();
    expect(next.lastEnd).toBe('process');
    await next.release();
    expect((await readdir(dirname(file()))).filter((name) => name.startsWith('lock'))).toEqual([]);
    // One that lives has it.
    await writeFile(file(), dead);
    await writeFile(`${file()}.after-${hashOf(dead)}`, JSON.stringify(me));
    expect(await lock().catch(codeOf)).toBe(1107);
  });

  it('[STORE-70] an owner that lost it hears of it, and gives back nothing that is not its own', async () => {
    let losses = 0;
    const held = await lock(() => losses++);
    const other = JSON.stringify({ ...(await owner()), id: 'other' });
    await clock.advance(LOCK_TOUCH_MS);
    await expect.poll(() => losses).toBe(0);
    await writeFile(file(), other);
    await whilePassing(expect.poll(() => losses).toBe(1), LOCK_TOUCH_MS);
    await held.release();
    expect(await readFile(file(), 'utf8')).toBe(other);
    await settle();
  });
});
