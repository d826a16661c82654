/**
 * The lock of a data directory: a file that says which process has it open. The embedded database has no lock of its own, and two processes
 * in one directory destroy it. Whether the owner still lives is asked of the system where it can know (same machine, same boot, same process
 * namespace); otherwise by watching for a time whether the file is still being touched. The file outlives a crash on purpose: the next owner
 * learns from it whether the last one ended cleanly and whether the machine was restarted since.
 */
import { createHash } from 'node:crypto';
import { link, readFile, readlink, rename, rm, unlink, utimes, writeFile, stat } from 'node:fs/promises';
import { hostname, uptime } from 'node:os';
import { join } from 'node:path';
import { every, randomId, sleep, type Clock, type Logger, type Random, type Timer } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import { STORE_CODES } from '../codes.js';

export interface LockDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Awaited before a lock that was left behind is taken: what the next owner must know is written down first. */
  readonly onLeftBehind?: (lastEnd: LastEnd) => Promise<void>;
}

/** How often the owner touches its file, and how long a file must stand still before a stranger's lock counts as left behind. */
export const LOCK_TOUCH_MS = 2_000;
export const LOCK_STALE_MS = 10_000;

/** Looks at a lock that is given back again and again, and successors that died in a row, before it is called somebody else's. */
const CLAIMS = 10;
const MAX_DEAD_SUCCESSORS = 100;

/** Who holds a directory. */
export interface Owner {
  readonly id: string;
  readonly pid: number;
  /** When the process began, as the system counts it: tells a process from a later one with the same number. */
  readonly startedAt: string;
  readonly host: string;
  /** Changes with every start of the machine. */
  readonly boot: string;
  /** The process namespace: within another one, process numbers mean nothing. */
  readonly namespace: string;
  readonly sinceMs: number;
}

/** How the last owner left the directory. `none`: nobody had it open. `machine`: it died with the machine, so unsynced writes may be lost. */
export type LastEnd = 'none' | 'process' | 'machine';

export interface DirectoryLock {
  readonly lastEnd: LastEnd;
  /** Gives the directory back. */
  release(): Promise<void>;
}

/**
 * Takes the directory, which exists. `onLost` is called if somebody else took it although we live (a stopped process that went on): the owner
 * must stop writing at once. Fails with 1107 where another process has it.
 */
export async function lockDirectory(
  deps: LockDeps,
  directory: string,
  onLost: () => void,
): Promise<DirectoryLock> {
  const file = join(directory, 'lock');
  const me = await describeProcess(deps);
  const mine = `${file}.${me.id}`;
  await writeFile(mine, JSON.stringify(me), { flag: 'wx' });
  try {
    const lastEnd = await take(deps, file, mine, me);
    return hold(deps, file, me, lastEnd, onLost);
  } finally {
    await rm(mine, { force: true });
  }
}

async function take(deps: LockDeps, file: string, mine: string, me: Owner): Promise<LastEnd> {
  const found = await claimOrRead(mine, file);
  if (found === undefined) return 'none';
  const owner = parseOwner(found);
  if (await isAlive(deps, file, owner, me)) throw inUse(owner);
  const posts = await succeed(deps, file, mine, found, me);
  try {
    // Whoever succeeded first has written its own name and left its post.
    const now = await readFile(file, 'utf8').catch(() => '');
    if (now !== found) throw inUse(parseOwner(now));
    const lastEnd = owner !== undefined && owner.boot === me.boot ? 'process' : 'machine';
    deps.logger.warn(
      { pid: owner?.pid, host: owner?.host, lastEnd },
      'the data directory was left without a clean end',
    );
    await deps.onLeftBehind?.(lastEnd);
    // In one step: a lock that is gone for a moment would be anybody's.
    await rename(mine, file);
    return lastEnd;
  } finally {
    for (const post of posts) await rm(post, { force: true });
  }
}

/** Undefined: it was free, and is ours. Otherwise what it says. */
async function claimOrRead(mine: string, file: string): Promise<string | undefined> {
  for (let attempt = 0; attempt < CLAIMS; attempt++) {
    if (await claim(mine, file)) return undefined;
    try {
      return await readFile(file, 'utf8');
    } catch (cause) {
      // Given back in this moment.
      if (!isCode(cause, 'ENOENT')) throw cause;
    }
  }
  throw inUse(undefined);
}

/**
 * The post of successor to what a lock says can be held by one process at a time; only its holder replaces the lock. A holder that died there is succeeded in the same
 * way. Returns the posts to be given up in the end.
 */
async function succeed(
  deps: LockDeps,
  file: string,
  mine: string,
  left: string,
  me: Owner,
): Promise<readonly string[]> {
  const posts: string[] = [];
  for (let predecessor = left; posts.length < MAX_DEAD_SUCCESSORS;) {
    const post = `${file}.after-${createHash('sha256').update(predecessor).digest('hex').slice(0, 16)}`;
    posts.push(post);
    if (await claim(mine, post)) return posts;
    const there = await readFile(post, 'utf8').catch(() => undefined);
    if (there === undefined) throw inUse(undefined);
    const successor = parseOwner(there);
    if (await isAlive(deps, post, successor, me)) throw inUse(successor);
    predecessor = there;
  }
  throw inUse(undefined);
}

function hold(deps: LockDeps, file: string, me: Owner, lastEnd: LastEnd, onLost: () => void): DirectoryLock {
  let lost = false;
  /** False where the file is gone or another one's; undefined where it could not be read for the moment. */
  const isMine = async (): Promise<boolean | undefined> => {
    try {
      return parseOwner(await readFile(file, 'utf8'))?.id === me.id;
    } catch (cause) {
      return isCode(cause, 'ENOENT') ? false : undefined;
    }
  };
  const touch = async (): Promise<void> => {
    const mine = await isMine();
    if (released || lost) return;
    if (mine === false) {
      lost = true;
      timer.cancel();
      deps.logger.error({ file }, 'another process took the data directory');
      onLost();
      return;
    }
    const now = new Date(deps.clock.now());
    await utimes(file, now, now).catch(() => undefined);
  };
  let released = false;
  const timer: Timer = every(deps.clock, LOCK_TOUCH_MS, () => void touch());
  return {
    lastEnd,
    release: async () => {
      if (released) return;
      released = true;
      timer.cancel();
      if (await isMine()) await unlink(file).catch(() => undefined);
    },
  };
}

/** True where the file could be made; false where there is one. */
async function claim(mine: string, file: string): Promise<boolean> {
  try {
    await link(mine, file);
    return true;
  } catch (cause) {
    if (isCode(cause, 'EEXIST')) return false;
    throw cause;
  }
}

async function isAlive(deps: LockDeps, file: string, owner: Owner | undefined, me: Owner): Promise<boolean> {
  if (owner && owner.host === me.host && owner.namespace === me.namespace) {
    if (owner.boot !== me.boot) return false;
    return (await processStart(owner.pid)) === owner.startedAt;
  }
  // A stranger's: alive if its file is touched while we watch. Our own clock measures, so that clocks may differ.
  const before = await touchedMs(file);
  await sleep(deps.clock, LOCK_STALE_MS);
  return (await touchedMs(file)) !== before;
}

async function touchedMs(file: string): Promise<number> {
  try {
    return (await stat(file)).mtimeMs;
  } catch {
    return -1;
  }
}

async function describeProcess({ clock, random }: LockDeps): Promise<Owner> {
  return {
    id: randomId(random, 12),
    pid: process.pid,
    startedAt: (await processStart(process.pid)) ?? '',
    host: hostname(),
    boot: await bootId(clock),
    namespace: await readlink('/proc/self/ns/pid').catch(() => ''),
    sinceMs: clock.now(),
  };
}

/** When a living process began; undefined for one that is gone. Elsewhere than on Linux only whether it lives is known. */
async function processStart(pid: number): Promise<string | undefined> {
  try {
    process.kill(pid, 0);
  } catch (cause) {
    if (!isCode(cause, 'EPERM')) return undefined;
  }
  try {
    const line = await readFile(`/proc/${pid}/stat`, 'utf8');
    // Field 22; the second one is the name in brackets and may hold anything.
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : (fields[19] ?? '');
  } catch (cause) {
    return isCode(cause, 'ESRCH') ? undefined : '';
  }
}

/** Names this start of the machine; where the system has no name for it, the hour it began. */
async function bootId(clock: Clock): Promise<string> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  } catch {
    return `since-${Math.round((clock.now() / 1_000 - uptime()) / 3_600)}`;
  }
}

function parseOwner(text: string): Owner | undefined {
  try {
    const owner = JSON.parse(text) as Partial<Owner> | null;
    return typeof owner?.id === 'string' && typeof owner.pid === 'number' ? (owner as Owner) : undefined;
  } catch {
    return undefined;
  }
}

function inUse(owner: Owner | undefined): CodedError {
  const who = owner ? `process ${owner.pid} on ${owner.host} has it open` : 'another process took it';
  return new CodedError(STORE_CODES.storeLocked, `data directory: ${who}`);
}

function isCode(cause: unknown, code: string): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === code;
}
