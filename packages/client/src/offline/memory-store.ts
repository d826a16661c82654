/** A store that lives as long as its object: for programs that may forget, and as the reference for the others. Several queues may share one. */
import { createSystemRandom, randomId, type Random } from '@trunkline/base';
import { newMeta, type QueueEntry } from './entry.js';
import type { QueueNews, QueueStore } from './store.js';
import { Turns } from './turns.js';

export function memoryStore({
  random = createSystemRandom(),
}: { readonly random?: Random } = {}): QueueStore {
  const entries = new Map<string, QueueEntry>();
  const listeners = new Set<(news: QueueNews) => void>();
  const turns = new Turns();
  let meta = newMeta(randomId(random));
  return {
    load: () => Promise.resolve({ meta, entries: [...entries.values()] }),
    change: async (key, decide) => {
      const { meta: nextMeta, entry, result } = decide(meta, entries.get(key));
      if (nextMeta) meta = nextMeta;
      if (entry) entries.set(key, entry);
      else if (entry === null) entries.delete(key);
      return result;
    },
    remove: async (keys) => {
      for (const key of keys) entries.delete(key);
    },
    exclusively: (work, signal) => turns.exclusively(work, signal),
    tell: (news) => {
      for (const listener of [...listeners]) queueMicrotask(() => listener(news));
    },
    watch: (listener) => {
      const own = (news: QueueNews): void => listener(news);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    close: () => Promise.resolve(),
  };
}
