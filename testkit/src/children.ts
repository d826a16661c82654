/** Child processes of tests, so that a test file that dies half-way leaves no orphan behind. */
import type { ChildProcess } from 'node:child_process';

const children = new Set<ChildProcess>();
let exitHookInstalled = false;

/** Kills `child` when this process exits, whatever happens to its owner. */
export function guardChild(child: ChildProcess): void {
  if (!exitHookInstalled) {
    exitHookInstalled = true;
    process.on('exit', () => {
      for (const left of children) left.kill('SIGKILL');
    });
  }
  children.add(child);
  child.once('exit', () => children.delete(child));
}
