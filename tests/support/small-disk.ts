/**
 * A file system of a few megabytes for what must meet a full disk: a tmpfs, which takes the right to mount. Where that is not given the answer is undefined, and a
 * test says what it does instead.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Disposable } from '@trunkline/base';

const run = promisify(execFile);

export interface SmallDisk extends Disposable {
  readonly directory: string;
  /** Takes all but `leaveBytes` away. */
  fill(leaveBytes: number): Promise<void>;
  /** Gives it back. */
  free(): Promise<void>;
}

export async function mountSmallDisk(megabytes: number): Promise<SmallDisk | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'trunkline-disk-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=700`, 'tmpfs', directory]);
  } catch {
    await rm(directory, { recursive: true, force: true });
    return undefined;
  }
  const ballast = join(directory, 'ballast');
  return {
    directory,
    fill: async (leaveBytes) => {
      const { bavail, bsize } = await statfs(directory);
      await writeFile(ballast, Buffer.alloc(Math.max(0, bavail * bsize - leaveBytes)));
    },
    free: () => rm(ballast, { force: true }),
    dispose: async () => {
      // Lazily: a process that is just being killed may still hold a file.
      await run('umount', ['-l', directory]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
