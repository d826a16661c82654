/**
 * Lists that are asked for again and again, because they have no channel of their own. What is shown carries the time it was true; one question
 * is under way at a time; nothing is asked while the page is hidden. The last answer stays on screen when a later one fails.
 */
import { useCallback, useEffect, useRef, useState } from 'react';
import type { Method, Params, Result } from './contract.js';
import { useCall, useLink, type Continuity } from './live.js';

export type { Method, Params, Result } from './contract.js';

export interface Asked<T> {
  readonly data: T | undefined;
  /** The last question's failure; undefined after an answer. */
  readonly error: Error | undefined;
  readonly continuity: Continuity;
  /** Asks at once. */
  readonly ask: () => void;
}

interface Answer<T> {
  readonly key: string;
  readonly data?: T;
  readonly atMs?: number;
  readonly error?: Error | undefined;
}

/** Answers older than this many intervals are not the present. */
const FRESH_INTERVALS = 2.5;

/**
 * `params` null: nothing is asked. Equal params by value are the same question. `everyMs` 0: once per connection. `keep`: the answer to the
 * question before is shown until there is one to this, so that a list does not vanish with every letter typed; it is not called live.
 */
export function useAsked<M extends Method>(
  method: M,
  params: Params<M> | null,
  everyMs: number,
  { keep = false }: { readonly keep?: boolean } = {},
): Asked<Result<M>> {
  const call = useCall();
  const link = useLink();
  const key = `${method} ${JSON.stringify(params)}`;
  const [answer, setAnswer] = useState<Answer<Result<M>>>({ key });
  const [turn, setTurn] = useState(0);
  const question = useRef(params);
  question.current = params;
  const connected = link.state === 'live';

  useEffect(() => {
    if (question.current === null || !connected) return undefined;
    let over = false;
    let asking = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const next = (): void => {
      if (!over && everyMs > 0) timer = setTimeout(run, everyMs);
    };
    const run = (): void => {
      if (document.hidden) return next();
      asking = true;
      call(method, question.current as Params<M>)
        .then(
          (data) => !over && setAnswer({ key, data, atMs: Date.now() }),
          (error: unknown) =>
            !over &&
            setAnswer((before) => ({ ...(before.key === key ? before : { key }), error: toError(error) })),
        )
        .finally(() => {
          asking = false;
          next();
        });
    };
    run();
    const onShown = (): void => {
      if (document.hidden || asking) return;
      clearTimeout(timer);
      run();
    };
    document.addEventListener('visibilitychange', onShown);
    return () => {
      over = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onShown);
    };
  }, [call, connected, everyMs, key, method, turn]);

  const current: Answer<Result<M>> = answer.key === key ? answer : { key };
  const ask = useCallback(() => setTurn((before) => before + 1), []);
  const continuity: Continuity = params === null ? { state: 'off' } : continuityOf(current, link, everyMs);
  const shown =
    current.data ?? (keep && params !== null && current.error === undefined ? answer.data : undefined);
  return { data: shown, error: current.error, continuity, ask };
}

/** Pure: what may be said of an answer, given the connection. */
export function continuityOf(
  answer: { readonly atMs?: number; readonly error?: Error | undefined },
  link: Continuity,
  everyMs: number,
): Continuity {
  const { atMs, error } = answer;
  if (link.state === 'failed') return link;
  if (atMs === undefined) return error ? { state: 'failed', reason: error.message } : { state: 'connecting' };
  if (link.state !== 'live')
    return { state: 'recovering', sinceMs: atMs, reason: 'the connection is being restored' };
  if (error) return { state: 'stale', sinceMs: atMs, reason: error.message };
  const late = everyMs > 0 && Date.now() - atMs > everyMs * FRESH_INTERVALS + 1_000;
  return late ? { state: 'stale', sinceMs: atMs, reason: 'the server answers late' } : { state: 'live' };
}

function toError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause));
}
