/** A promise with a deadline on the hub's clock. The late result, if any, goes to `onLate`, so that what it took can be given back. */
import type { Clock } from '@trunkline/base';

export function withDeadline<T>(
  clock: Clock,
  work: Promise<T>,
  ms: number,
  onDeadline: () => Error,
  onLate: (value: T) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let late = false;
    const timer = clock.setTimeout(() => {
      late = true;
      reject(onDeadline());
    }, ms);
    work.then(
      (value) => {
        timer.cancel();
        if (late) onLate(value);
        else resolve(value);
      },
      (cause: unknown) => {
        timer.cancel();
        if (!late) reject(cause instanceof Error ? cause : new Error(String(cause)));
      },
    );
  });
}
