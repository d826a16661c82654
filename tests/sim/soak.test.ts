/** The command that runs fresh seeds: what it says, where it goes on, and its exit code. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../scripts/soak.mjs', import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trunkline-soak-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function soak(...args: readonly string[]): Promise<{ readonly code: number; readonly said: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [SCRIPT, '--processes', '1', ...args], (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), said: stdout + stderr }),
    );
  });
}

it('[SIM-14] runs what it is asked for, notes what was done, goes on where it ended, and says by its exit code whether all is well', async () => {
  const state = join(folder, 'state.json');
  const first = await soak('--seeds', '25', '--from', '1', '--steps', '20', '--state', state);
  expect(first.said).toContain('seeds 1 to 25: 25 run, 0 failed');
  expect(first.code).toBe(0);
  const progress = JSON.parse(await readFile(state, 'utf8')) as { done: number[]; run: number };
  expect(progress.done).toEqual([0, 1]);

  await writeFile(state, JSON.stringify({ ...progress, done: [0], run: 20 }));
  const rest = await soak('--resume', '--state', state);
  expect(rest.said).toContain('seeds 1 to 25: 25 run, 0 failed');
  expect(rest.code).toBe(0);

  // A failure found before is not forgotten.
  await writeFile(state, JSON.stringify({ ...progress, failed: [7] }));
  const failed = await soak('--resume', '--state', state);
  expect(failed.said).toContain('1 failed (7)');
  expect(failed.code).toBe(1);
}, 120_000);
