/** Calls from components: a plain function, or a command with its progress, its idempotency key and an optimistic change. */
import type {
  CallOptions,
  CodedError,
  ContractOrNone,
  DefaultContract,
  IdempotentMethodOf,
  MethodOf,
  Mutation,
  ParamsOf,
  ResultOf,
} from '@trunkline/client';
import type { AddOptions, OfflineQueue } from '@trunkline/client/offline';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { withoutUndefined } from './channel.js';
import { useLatest, useTrunkline } from './context.js';

/** A function that calls `method`; the same one until client or method change. */
export function useRpc<M extends MethodOf<DefaultContract>>(
  method: M,
): (params: ParamsOf<DefaultContract, M>, options?: CallOptions) => Promise<ResultOf<DefaultContract, M>> {
  const client = useTrunkline();
  return useCallback((params, options) => client.rpc(method, params, options), [client, method]);
}

export interface UseCommandOptions<C extends ContractOrNone, M extends string, S>
  extends Omit<CallOptions, 'key' | 'order'>, Pick<AddOptions, 'order' | 'expiresInMs'> {
  /** Sent through this queue: kept while there is no connection, with its `order` and `expiresInMs`. Only for methods that their contract calls `idempotent`. */
  readonly queue?: M extends IdempotentMethodOf<C> ? OfflineQueue<C> : never;
  /** Shows the effect before the server confirmed it: `mutate` of `useChannelState` and the change it will probably be. */
  readonly optimistic?: {
    readonly mutate: <R>(mutation: Mutation<S, R>) => Promise<R>;
    readonly apply: (state: S, params: ParamsOf<C, M>) => S;
  };
}

export interface Command<C extends ContractOrNone, M extends string> {
  /** Runs it under a new idempotency key. Rejects with a `CodedError`, which `error` shows as well. The same function until client or method change. */
  readonly run: (params: ParamsOf<C, M>) => Promise<ResultOf<C, M>>;
  /** Runs that have no answer yet. */
  readonly pending: number;
  /** Of the newest run that ended. */
  readonly result: ResultOf<C, M> | undefined;
  readonly error: CodedError | Error | undefined;
  /** Forgets result and error. */
  readonly reset: () => void;
}

interface Progress<R> {
  readonly pending: number;
  readonly result: R | undefined;
  readonly error: Error | undefined;
}

const IDLE = { pending: 0, result: undefined, error: undefined };

/** A mutating call with its progress. It goes on when the component is unmounted; only nobody is shown its end. */
export function useCommand<M extends MethodOf<DefaultContract>, S = unknown>(
  method: M,
  options: UseCommandOptions<DefaultContract, M, S> = {},
): Command<DefaultContract, M> {
  type Result = ResultOf<DefaultContract, M>;
  const client = useTrunkline();
  const latest = useLatest(options);
  const [progress, setProgress] = useState<Progress<Result>>(IDLE);
  const newest = useRef(0);
  const mounted = useMounted();
  const run = useCallback(
    async (params: ParamsOf<DefaultContract, M>): Promise<Result> => {
      const number = ++newest.current;
      const { optimistic, queue, order, expiresInMs, ...call } = latest.current;
      const show = (update: (before: Progress<Result>) => Progress<Result>): void => {
        if (mounted.current) setProgress(update);
      };
      const ended = (outcome: Partial<Progress<Result>>): void =>
        // An older run that ends late says nothing about the newest one.
        show((before) =>
          number === newest.current
            ? { ...IDLE, ...outcome, pending: before.pending - 1 }
            : { ...before, pending: before.pending - 1 },
        );
      show((before) => ({ ...before, pending: before.pending + 1 }));
      const send = (key: string): ReturnType<typeof client.command<M>> =>
        queue === undefined
          ? client.command(method, params, { ...call, key })
          : // A contract without an idempotent method has no method that fits here, and then nobody can give a queue.
            queue.run(
              method as never,
              params as never,
              withoutUndefined({ key, order, expiresInMs, trace: call.trace }),
            );
      try {
        const result = optimistic
          ? await optimistic.mutate({ apply: (state) => optimistic.apply(state, params), run: send })
          : (await send(client.newKey())).result;
        ended({ result });
        return result;
      } catch (error) {
        ended({ error: error instanceof Error ? error : new Error(String(error)) });
        throw error;
      }
    },
    [client, method, latest, mounted],
  );
  const reset = useCallback(() => setProgress((before) => ({ ...IDLE, pending: before.pending })), []);
  return useMemo(() => ({ run, reset, ...progress }), [run, reset, progress]);
}

function useMounted(): { readonly current: boolean } {
  const mounted = useRef(false);
  useEffect(() => {
    mounted.current = true;
    return () => {
      mounted.current = false;
    };
  }, []);
  return mounted;
}
