import { execFile } from 'node:child_process';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createSeededRandom } from '@trunkline/base';
import { FakeClock, settle } from '@trunkline/base/testing';
import { IDBFactory } from 'fake-indexeddb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { begin, defer, end, enqueue, type Draft, type QueueEntry } from './entry.js';
import { fileStore } from './file-store.js';
import { indexedDbStore } from './indexed-db-store.js';
import { LEASE_MS } from './lease.js';
import { memoryStore } from './memory-store.js';
import type { QueueNews, QueueStore } from './store.js';

const BOUNDS = { maxEntries: 3, maxBytes: 100 };
const NEVER = new AbortController().signal;

let folder: string;
let factory: IDBFactory;
let clock: FakeClock;
let opened: QueueStore[];

const draft = (key: string, bytes = 10): Draft => ({
  key,
  order: '',
  method: 'm',
  params: 'x'.repeat(bytes),
  bytes,
  trace: 't',
  createdMs: 1,
  expiresMs: 1_000,
});
const add = (store: QueueStore, key: string, bytes?: number): Promise<QueueEntry> =>
  store.change(key, (meta, present) => enqueue(meta, present, draft(key, bytes), BOUNDS));
const keysOf = async (store: QueueStore): Promise<string[]> =>
  (await store.load()).entries.map(({ key }) => key);

/** Databases answer in turns of the event loop: gives them some, until `check` holds. */
async function happens(check: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 100 && !(await check()); turn++) await settle();
}

/** Web Locks as far as they are used: first come, first served; waiting ends with the signal. */
function fakeLocks(): Pick<LockManager, 'request'> {
  const last = new Map<string, Promise<unknown>>();
  const request = async (
    name: string,
    { signal }: { signal: AbortSignal },
    work: () => Promise<void>,
  ): Promise<void> => {
    const before = last.get(name) ?? Promise.resolve();
    const mine = before.then(() => {
      if (signal.aborted) throw new DOMException('aborted', 'AbortError');
      return work();
    });
    last.set(
      name,
      mine.catch(() => undefined),
    );
    return mine;
  };
  return { request } as unknown as Pick<LockManager, 'request'>;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'queue-'));
  factory = new IDBFactory();
  clock = new FakeClock();
  opened = [];
});
afterEach(async () => {
  for (const store of opened) await store.close();
  await rm(folder, { recursive: true, force: true });
});

interface Kind {
  readonly name: string;
  /** Opens the same store again, as another page or a later life. */
  open(): QueueStore;
  /** What was written is there after it was opened again. */
  readonly lasts: boolean;
}

const locks = fakeLocks();
let shared: QueueStore | undefined;
const KINDS: readonly Kind[] = [
  { name: 'memory', lasts: false, open: () => (shared ??= memoryStore({ random: createSeededRandom(1) })) },
  {
    name: 'IndexedDB with locks',
    lasts: true,
    open: () => indexedDbStore('ada', { indexedDB: factory, locks, clock, random: createSeededRandom(2) }),
  },
  {
    name: 'IndexedDB with leases',
    lasts: true,
    open: () => indexedDbStore('ada', { indexedDB: factory, locks: null, clock }),
  },
  { name: 'file', lasts: true, open: () => fileStore(join(folder, 'deep', 'queue'), {}) },
];

describe.each(KINDS)('a store in $name', ({ open, lasts, name }) => {
  const use = (): QueueStore => {
    const store = open();
    opened.push(store);
    return store;
  };
  beforeEach(() => void (shared = undefined));

  it('[OFFLINE-1] numbers and keeps what is added, in the order it was asked for', async () => {
    const store = use();
    const entries = await Promise.all(['b', 'a', 'c'].map((key) => add(store, key)));
    expect(entries.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    const { meta, entries: loaded } = await store.load();
    expect(loaded).toEqual(entries);
    expect(meta).toMatchObject({ nextSeq: 4, waiting: 3, bytes: 30 });
    expect(meta.instance).toMatch(/^\w{22}$/);
  });

  it('[OFFLINE-1] a key that is there is added once', async () => {
    const store = use();
    const first = await add(store, 'a');
    expect(await add(store, 'a')).toEqual(first);
    expect((await store.load()).meta).toMatchObject({ nextSeq: 2, waiting: 1 });
  });

  it('[OFFLINE-2] bounds are kept, with a coded error, and what ended makes room', async () => {
    const store = use();
    for (const key of ['a', 'b', 'c']) await add(store, key);
    await expect(add(store, 'd')).rejects.toMatchObject({ code: 106, message: /maxEntries/ });
    await store.change('a', (meta, present) => end(meta, present, 'done', 5));
    await add(store, 'd');
    await store.change('b', (meta, present) => end(meta, present, 'failed', 5, { code: 1, message: 'no' }));
    await expect(add(store, 'e', 81)).rejects.toMatchObject({ code: 106, message: /maxBytes/ });
    await add(store, 'e', 80);
    expect((await store.load()).meta).toMatchObject({ waiting: 3, bytes: 100 });
  });

  it('[OFFLINE-1] steps on one entry: begun, deferred, ended once, taken out', async () => {
    const store = use();
    await add(store, 'a');
    await store.change('a', (_, present) => begin(present, 5));
    expect((await store.load()).entries[0]).toMatchObject({ status: 'sending', sent: true, attempts: 1 });
    await store.change('a', (_, present) => defer(present, 77, { code: 100, message: 'later' }));
    expect((await store.load()).entries[0]).toMatchObject({ status: 'queued', sent: true, retryAtMs: 77 });
    await store.change('a', (meta, present) => end(meta, present, 'done', 9));
    await store.change('a', (meta, present) => end(meta, present, 'expired', 10));
    const { entries, meta } = await store.load();
    expect(entries[0]).toMatchObject({ status: 'done', endedMs: 9, params: '' });
    expect(entries[0]).not.toHaveProperty('error');
    expect(meta).toMatchObject({ waiting: 0, bytes: 0 });
    await store.remove(['a', 'never there']);
    expect(await keysOf(store)).toEqual([]);
    expect(await store.change('a', (_, present) => ({ result: present }))).toBeUndefined();
  });

  it('[OFFLINE-1] a step that throws changes nothing, and the next one works', async () => {
    const store = use();
    await add(store, 'a');
    const broken = store.change('a', () => {
      throw new Error('mine');
    });
    await expect(broken).rejects.toThrow('mine');
    await store.change('b', () => ({ entry: null, result: undefined }));
    expect(await keysOf(store)).toEqual(['a']);
  });

  it('[OFFLINE-3] what was written is there in the next life', async () => {
    const store = use();
    await add(store, 'a');
    await store.change('a', (_, present) => begin(present, 5));
    await add(store, 'b');
    const before = await store.load();
    if (lasts) await store.close();
    const again = use();
    expect(await again.load()).toEqual(before);
    expect((await add(again, 'c')).seq).toBe(3);
  });

  it('[OFFLINE-5] one works at a time, in turn, and waiting may be given up', async () => {
    const [one, two] = name === 'file' ? [use()] : [use(), use()];
    const other = two ?? one;
    const log: string[] = [];
    let finish: () => void = () => undefined;
    const first = one?.exclusively(async () => {
      log.push('one');
      await new Promise<void>((resolve) => (finish = resolve));
      log.push('one ends');
    }, NEVER);
    await happens(() => log.length > 0);
    const second = other?.exclusively(async () => void log.push('two'), NEVER);
    const impatient = new AbortController();
    const third = other?.exclusively(async () => void log.push('three'), impatient.signal);
    await settle();
    impatient.abort();
    await settle();
    expect(log).toEqual(['one']);
    finish();
    // A lease is looked at again after a while.
    await happens(async () => {
      await clock.advance(LEASE_MS / 3);
      return log.length > 2;
    });
    await Promise.all([first, second, third]);
    expect(log).toEqual(['one', 'one ends', 'two']);
  });

  it('[OFFLINE-5] word reaches whoever watches, until it stops', async () => {
    const [one, two] = name === 'file' ? [use()] : [use(), use()];
    const heard: QueueNews[] = [];
    const stop = (two ?? one)?.watch((news) => void heard.push(news));
    const news: QueueNews = { from: 'one', ended: { key: 'a', outcome: { status: 'unknown' } } };
    one?.tell(news);
    await happens(() => heard.length > 0);
    expect(heard).toEqual([news]);
    stop?.();
    one?.tell(news);
    for (let turn = 0; turn < 5; turn++) await settle();
    expect(heard).toHaveLength(1);
  });
});

describe.each(KINDS.filter(({ lasts }) => lasts))('a closed store in $name', ({ open }) => {
  it('[OFFLINE-1] rejects, and may be closed twice', async () => {
    const store = open();
    await add(store, 'a');
    await store.close();
    await store.close();
    await expect(add(store, 'b')).rejects.toMatchObject({ code: 108 });
    await expect(store.load()).rejects.toMatchObject({ code: 108 });
  });
});

describe('leases', () => {
  const open = (): QueueStore => {
    const store = indexedDbStore('ada', { indexedDB: factory, locks: null, clock });
    opened.push(store);
    return store;
  };

  it('[OFFLINE-5] are renewed while work goes on, and free at once when it ends', async () => {
    const [one, two] = [open(), open()];
    let finish: () => void = () => undefined;
    let isLost: () => boolean = () => true;
    const first = one.exclusively(async (lost) => {
      isLost = () => lost.aborted;
      await new Promise<void>((resolve) => (finish = resolve));
    }, NEVER);
    await happens(() => !isLost());
    let ran = false;
    const second = two.exclusively(async () => void (ran = true), NEVER);
    for (let turn = 0; turn < 12; turn++) {
      await clock.advance(LEASE_MS / 3);
      await settle();
    }
    expect([ran, isLost()]).toEqual([false, false]);
    finish();
    await settle();
    await first;
    await happens(async () => {
      await clock.advance(LEASE_MS / 3);
      return ran;
    });
    await second;
    expect(ran).toBe(true);
  });

  it('[OFFLINE-5] of a page that died run out; a page that slept through it is told', async () => {
    const [one, two] = [open(), open()];
    let lost: AbortSignal = NEVER;
    let finish: () => void = () => undefined;
    const first = one.exclusively(async (signal) => {
      lost = signal;
      await new Promise<void>((resolve) => (finish = resolve));
    }, NEVER);
    await happens(() => lost !== NEVER);
    // The first page sleeps: its timers do not run, the time passes.
    clock.jumpWall(LEASE_MS + 1);
    const log: string[] = [];
    let finishTwo: () => void = () => undefined;
    const second = two.exclusively(async () => {
      log.push('two');
      await new Promise<void>((resolve) => (finishTwo = resolve));
    }, NEVER);
    await happens(() => log.length > 0);
    expect(log).toEqual(['two']);
    await clock.advance(LEASE_MS / 3);
    await happens(() => lost.aborted);
    expect(lost.aborted).toBe(true);
    finish();
    finishTwo();
    await clock.advance(0);
    await Promise.all([first, second]);
  });

  it('[OFFLINE-5] written before the clock was set back block nobody', async () => {
    const [one, two] = [open(), open()];
    await one.change('', (meta) => ({
      meta: { ...meta, lease: { owner: 'dead', untilMs: clock.now() + 86_400_000 } },
      result: undefined,
    }));
    let ran = false;
    await two.exclusively(async () => void (ran = true), NEVER);
    expect(ran).toBe(true);
  });
});

describe('a file', () => {
  const path = (): string => join(folder, 'queue');
  const open = (): QueueStore => {
    const store = fileStore(path());
    opened.push(store);
    return store;
  };

  it('[OFFLINE-3] a last line that was cut off never counted; one damaged in the middle is said', async () => {
    const store = open();
    await add(store, 'a');
    await add(store, 'b');
    await store.close();
    const whole = await readFile(path(), 'utf8');
    await writeFile(path(), whole.slice(0, -7));
    const again = open();
    expect(await keysOf(again)).toEqual(['a']);
    await add(again, 'c');
    await again.close();
    const third = open();
    expect(await keysOf(third)).toEqual(['a', 'c']);
    await third.close();
    await writeFile(path(), `{"half\n${whole}`);
    await expect(open().load()).rejects.toMatchObject({ code: 100, message: /line 1 of/ });
  });

  it('[OFFLINE-3] at whatever byte a crash cuts the file, what is read is what was there after some step', async () => {
    const store = open();
    await add(store, 'a');
    await store.change('a', (_, present) => begin(present, 5));
    await add(store, 'b');
    await store.change('a', (meta, present) => end(meta, present, 'done', 9));
    await store.close();
    const whole = await readFile(path(), 'utf8');
    const states = new Set<string>();
    for (let cut = 0; cut < whole.length + 23; cut += 23) {
      await writeFile(path(), whole.slice(0, cut));
      const again = fileStore(path());
      const { entries, meta } = await again.load();
      states.add(entries.map(({ key, status }) => `${key} ${status}`).join());
      expect(meta.waiting).toBe(entries.filter(({ status }) => status !== 'done').length);
      await again.close();
    }
    expect([...states]).toEqual(['', 'a queued', 'a sending', 'a sending,b queued', 'a done,b queued']);
  });

  it('[OFFLINE-3] is written anew when most of it is history', async () => {
    const store = open();
    await add(store, 'a');
    for (let turn = 0; turn < 50; turn++)
      await store.change('a', (_, present) =>
        defer(present, turn, { code: 100, message: 'x'.repeat(4_000) }),
      );
    expect((await readFile(path(), 'utf8')).length).toBeLessThan(100_000);
    await store.close();
    expect((await open().load()).entries[0]).toMatchObject({ key: 'a', retryAtMs: 49 });
  });

  it('[OFFLINE-5] is held by one process; a dead one leaves no lock', async () => {
    const store = open();
    await add(store, 'a');
    await expect(open().load()).rejects.toMatchObject({ code: 1003 });
    await store.close();
    // The number of a process that is no more, and that of one that began later than the lock says.
    const running = promisify(execFile)(process.execPath, ['-e', '0']);
    const { pid } = running.child;
    await running;
    for (const content of [`${pid} 1 x`, `${process.pid} 1 x`]) {
      await writeFile(`${path()}.lock`, content);
      const next = open();
      expect(await keysOf(next)).toEqual(['a']);
      await next.close();
    }
  });

  it('[OFFLINE-3] that cannot be written rejects, and is read again', async () => {
    const store = open();
    await add(store, 'a');
    await appendFile(path(), '');
    await rm(folder, { recursive: true });
    await writeFile(folder, 'no folder any more');
    const big = Array.from({ length: 60 }, () =>
      store.change('a', (_, present) => defer(present, 1, { code: 1, message: 'x'.repeat(2_000) })),
    );
    const settled = await Promise.allSettled(big);
    expect(settled.some(({ status }) => status === 'rejected')).toBe(true);
    await rm(folder);
    await expect(add(store, 'b')).resolves.toMatchObject({ key: 'b' });
  });
});
