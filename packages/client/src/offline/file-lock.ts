/**
 * One process per file: a file beside it that names the process. One that is left by a process which is no more is taken over, so that a program
 * that was killed can start again at once. A process is known by its number and, where the platform tells, by when it started, since numbers are used again.
 */
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { randomId, type Random } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';

/** More tries than this mean that others are at it too. */
const MAX_TRIES = 5;

/** Resolves with what gives the lock back (idempotent). Rejects with a `CodedError` (conflict) while a living process has it. */
export async function lockFile(path: string, random: Random): Promise<() => Promise<void>> {
  const mine = `${path}.${randomId(random, 8)}`;
  const content = `${process.pid} ${await startOf(process.pid)} ${mine}`;
  await writeFile(mine, content, { mode: 0o600 });
  try {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (await succeeds(link(mine, path), 'EEXIST')) return () => unlock(path, content);
      const held = await readFile(path, 'utf8').catch(() => undefined);
      if (held === undefined) continue;
      if (await isAlive(held)) break;
      await takeAway(path, held, `${mine}.old`);
    }
  } finally {
    await rm(mine, { force: true });
  }
  throw new CodedError('conflict', `another process holds ${path}`);
}

async function unlock(path: string, content: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === content) await rm(path, { force: true });
}

/** Of two that find the same dead lock, one moves it; whoever moved a fresh one instead puts it back. */
async function takeAway(path: string, held: string, aside: string): Promise<void> {
  if (!(await succeeds(rename(path, aside), 'ENOENT'))) return;
  if ((await readFile(aside, 'utf8')) !== held) await succeeds(link(aside, path), 'EEXIST');
  await rm(aside, { force: true });
}

async function isAlive(content: string): Promise<boolean> {
  const [pid = '', start = ''] = content.split(' ');
  try {
    process.kill(Number(pid), 0);
  } catch (cause) {
    // Somebody else's process is one all the same.
    if ((cause as { code?: string }).code !== 'EPERM') return false;
  }
  return (await startOf(Number(pid))) === start;
}

/** When the process started, in the platform's own measure; '-' where it does not tell. */
async function startOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may hold spaces; the 22nd field is the 20th after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '-';
  } catch {
    return '-';
  }
}

/** False where it failed for the expected reason. */
async function succeeds(doing: Promise<unknown>, expected: string): Promise<boolean> {
  try {
    await doing;
    return true;
  } catch (cause) {
    if ((cause as { code?: string }).code === expected) return false;
    throw cause;
  }
}
