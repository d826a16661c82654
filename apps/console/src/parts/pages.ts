/** Where somebody is in a list that is read by cursor: forward by the cursor of the answer, back by those remembered. */
import { useEffect, useState } from 'react';

export interface Pages {
  readonly after: string | undefined;
  /** From 0. */
  readonly page: number;
  readonly forward: (next: string) => void;
  readonly back: () => void;
}

/** Where in a list that is read by cursor; `of` names the list, another one begins anew. */
export function usePages(of: string): Pages {
  const [at, setAt] = useState<{ readonly of: string; readonly cursors: readonly string[] }>({
    of,
    cursors: [],
  });
  useEffect(() => setAt((before) => (before.of === of ? before : { of, cursors: [] })), [of]);
  const cursors = at.of === of ? at.cursors : [];
  return {
    after: cursors.at(-1),
    page: cursors.length,
    forward: (next) => setAt({ of, cursors: [...cursors, next] }),
    back: () => setAt({ of, cursors: cursors.slice(0, -1) }),
  };
}
