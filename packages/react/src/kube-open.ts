/** What the hooks of live Kubernetes things share: options taken apart into what is asked, which decides what is open, and functions, of which the newest counts. */
import type { Client, Readable } from '@trunkline/client';
import type { Health, LiveOptions } from '@trunkline/client/kube';
import type { RefObject } from 'react';
import { withoutUndefined } from './channel.js';
import { useEqual, useLatest } from './context.js';

/** Functions may be new ones with every render: the newest is called, also `map`, for versions that come later. */
export type UseKube<Options> = Omit<Options, 'clock' | 'random'> & {
  /** False opens nothing. Default true. */
  readonly enabled?: boolean;
};

type Functions = Partial<Pick<LiveOptions, 'newClient' | 'onError'>> & {
  readonly map?: (value: never, origin: never) => unknown;
};

export interface Question<Options> {
  /** The same object while it is equal by value; `null` opens nothing. */
  readonly question: Options | null;
  readonly latest: RefObject<Options | null>;
}

export function useQuestion<Options extends object>(
  options: (Options & { readonly enabled?: boolean }) | null,
): Question<Options> {
  const latest = useLatest<Options | null>(options);
  const question = useEqual(options === null || options.enabled === false ? null : plainOf(options));
  return { question, latest };
}

/** The functions that the options had when they were opened, each calling the newest. */
export function functionsOf<Options extends object>(latest: RefObject<Options | null>): Options {
  const now = (): Functions => (latest.current ?? {}) as Functions;
  const { map, newClient, onError } = now();
  const functions = {
    ...(map === undefined ? {} : { map: (value: never, origin: never) => (now().map ?? map)(value, origin) }),
    ...(newClient === undefined ? {} : { newClient: () => (now().newClient ?? newClient)() }),
    ...(onError === undefined
      ? {}
      : { onError: (...args: Parameters<typeof onError>) => (now().onError ?? onError)(...args) }),
  };
  return functions as unknown as Options;
}

interface LiveStore<Snapshot> extends Readable<Snapshot> {
  close(): void;
}

/** As `LazySource.open` wants it; where nothing is asked, nothing is opened. */
export function opening<Store extends LiveStore<unknown>>(
  changed: () => void,
  make: () => Store | undefined,
): { readonly handle: Store | undefined; readonly close: () => void } {
  const store = make();
  if (store === undefined) return { handle: undefined, close: () => undefined };
  const stop = store.subscribe(changed);
  return {
    handle: store,
    close: () => {
      stop();
      store.close();
    },
  };
}

/** What is shown before anything was opened. */
export function closedHealth(client: Client, opens: boolean): Health {
  return {
    state: opens ? 'loading' : 'stale',
    sinceMs: client.now(),
    reason: opens ? undefined : 'disabled',
    error: undefined,
  };
}

function plainOf<Options extends object>(options: Options): Options {
  const {
    map: _m,
    newClient: _n,
    onError: _e,
    enabled: _,
    ...plain
  } = options as Options & Record<string, unknown>;
  return withoutUndefined(plain) as unknown as Options;
}
