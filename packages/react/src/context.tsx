/** The client of a component tree, its connection, and what the other hooks share. */
import {
  equalJson,
  type Client,
  type ConnectionState,
  type Continuity,
  type ContractOrNone,
} from '@trunkline/client';
import {
  createContext,
  useContext,
  useInsertionEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
  type ReactNode,
  type RefObject,
} from 'react';
import { LazyStore, type LazySource } from './lazy-store.js';

const ClientContext = createContext<Client | undefined>(undefined);

export interface TrunklineProviderProps<C extends ContractOrNone> {
  /** Made by the application, which also disposes it. */
  readonly client: Client<C>;
  readonly children?: ReactNode;
}

/** Gives a client to all hooks below. */
export function TrunklineProvider<C extends ContractOrNone>({
  client,
  children,
}: TrunklineProviderProps<C>): ReactNode {
  // Contracts are types only: what a hook may be given is decided where the hook is called.
  return <ClientContext.Provider value={client as unknown as Client}>{children}</ClientContext.Provider>;
}

/** The client of the nearest provider. Throws a TypeError where there is none. */
export function useTrunkline(): Client {
  const client = useContext(ClientContext);
  if (client === undefined) throw new TypeError('no TrunklineProvider above this component');
  return client;
}

/** The connection's state; re-renders when it changes. */
export function useConnection(): ConnectionState {
  const { state } = useTrunkline();
  return useSyncExternalStore(state.subscribe, state.get, state.get);
}

/** The newest value, for handlers that must not be resubscribed when a component renders. Set after commit. */
export function useLatest<T>(value: T): RefObject<T> {
  const latest = useRef(value);
  // Before any layout effect: a subscription opened by one must find the newest.
  useInsertionEffect(() => {
    latest.current = value;
  });
  return latest;
}

/** The same object for as long as its value is equal. */
export function useEqual<T>(value: T): T {
  const [held, hold] = useState(value);
  if (held === value || equalJson(held, value)) return held;
  hold(value);
  return value;
}

/** What a source shows, opened while the component is mounted; `make` runs again when one of `deps` changed. */
export function useLazyStore<Handle, Value extends object>(
  make: () => LazySource<Handle, Value>,
  deps: readonly unknown[],
): Value {
  const store = useMemo(() => new LazyStore(make()), deps);
  return useSyncExternalStore(store.subscribe, store.get, store.get);
}

/** What is shown before anything was opened. */
export function closedContinuity(client: Client, opens: boolean): Continuity {
  return opens
    ? { kind: 'recovering', sinceMs: client.now() }
    : { kind: 'stale', sinceMs: client.now(), reason: 'disabled' };
}
