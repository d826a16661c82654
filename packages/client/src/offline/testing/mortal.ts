/** A store as seen by a page that may die between any two steps: at a step of its choice the page is gone, the step done or not, and nothing it awaits ever comes. */
import type { QueueStore } from '../store.js';

export interface Mortal {
  readonly store: QueueStore;
  readonly dead: boolean;
  die(): void;
  /** At the step after `steps` more; `applied`: that one still reaches the store. */
  dieAfter(steps: number, applied: boolean): void;
}

export function mortal(inner: QueueStore): Mortal {
  let dead = false;
  let fate: { steps: number; readonly applied: boolean } | undefined;
  let announce = (): void => undefined;
  const death = new Promise<void>((resolve) => (announce = resolve));
  const never = new Promise<never>(() => undefined);
  const die = (): void => {
    dead = true;
    announce();
  };
  const step = async <R>(run: () => Promise<R>): Promise<R> => {
    if (dead) return never;
    if (fate !== undefined && fate.steps-- === 0) {
      if (fate.applied) await run();
      die();
      return never;
    }
    const result = await run();
    return dead ? never : result;
  };
  return {
    get dead() {
      return dead;
    },
    die,
    dieAfter: (steps, applied) => void (fate = { steps, applied }),
    store: {
      load: () => step(() => inner.load()),
      change: (key, decide) => step(() => inner.change(key, decide)),
      remove: (keys) => step(() => inner.remove(keys)),
      // The platform frees what a dead page held.
      exclusively: (work, signal) =>
        inner.exclusively((lost) => (dead ? Promise.resolve() : Promise.race([work(lost), death])), signal),
      tell: (news) => (dead ? undefined : inner.tell(news)),
      watch: (listener) => inner.watch((news) => (dead ? undefined : listener(news))),
      close: () => Promise.resolve(),
    },
  };
}
