/** Stream channels in components: publications as they come, or state that they change. */
import type {
  Continuity,
  DataOf,
  DefaultContract,
  LoadedState,
  Mutation,
  Position,
  Readable,
  Reset,
  StateStore,
  StreamOptions,
  StreamPublication,
  StreamSubscription,
  WireOptions,
} from '@trunkline/client';
import { closedContinuity, useEqual, useLatest, useLazyStore, useTrunkline } from './context.js';

export interface UseChannelOptions<T> extends Omit<WireOptions, 'getToken'> {
  /** False opens nothing. Default true. */
  readonly enabled?: boolean;
  /** Continue after this position, for which the application holds state. */
  readonly since?: Position;
  /** Always the newest function is called; giving another one does not subscribe again. Likewise `onReset`. */
  readonly onPublication?: (publication: StreamPublication<T>) => void;
  /** See `StreamOptions.onReset`. Without it the continuity stays `reset` until `acknowledge()`. */
  readonly onReset?: (reset: Reset) => void | Promise<void>;
}

export interface ChannelView<T> {
  readonly continuity: Continuity;
  /** The newest publication since the component was mounted; intermediate ones within a batch are seen by `onPublication` only. */
  readonly last: StreamPublication<T> | undefined;
  /** Declares a reset dealt with. The same function for as long as the channel is the same. */
  readonly acknowledge: () => void;
}

interface Listening<T> {
  readonly sub: StreamSubscription<T>;
  last: StreamPublication<T> | undefined;
}

/** Listens to a stream channel while mounted. `null` opens nothing. Options equal by value never subscribe again. */
export function useChannel<const Channel extends string>(
  channel: Channel | null,
  options: UseChannelOptions<DataOf<DefaultContract, Channel, 'stream'>> = {},
): ChannelView<DataOf<DefaultContract, Channel, 'stream'>> {
  type Data = DataOf<DefaultContract, Channel, 'stream'>;
  const client = useTrunkline();
  const { enabled = true, onPublication: _p, onReset, ...rest } = options;
  const wire = useEqual(rest);
  const latest = useLatest(options);
  const opens = enabled && channel !== null;
  const answers = onReset !== undefined;
  return useLazyStore<Listening<Data>, ChannelView<Data>>(() => {
    const closed = closedContinuity(client, opens);
    let opened: StreamSubscription<Data> | undefined;
    const acknowledge = (): void => opened?.acknowledge();
    return {
      open: (changed) => {
        const handlers: StreamOptions<Data> = {
          onPublication: (publication) => {
            listening.last = publication;
            client.schedule(changed);
            latest.current.onPublication?.(publication);
          },
          ...(answers ? { onReset: (reset: Reset) => latest.current.onReset?.(reset) } : {}),
        };
        const sub = client.stream<Channel>(channel, {
          ...withoutUndefined(wire),
          enabled: opens,
          ...handlers,
        });
        const listening: Listening<Data> = { sub, last: undefined };
        opened = sub;
        return { handle: listening, close: closing(sub, changed) };
      },
      read: (listening) => ({
        continuity: listening?.sub.state.get() ?? closed,
        last: listening?.last,
        acknowledge,
      }),
    };
  }, [client, channel, opens, answers, wire, latest]);
}

export interface UseChannelStateOptions<T, S> extends Omit<WireOptions, 'getToken'> {
  /** False opens nothing. Default true. */
  readonly enabled?: boolean;
  /** Loads state as of a position; called at the start and after each reset. The newest function is used. */
  readonly getState: () => Promise<LoadedState<S>>;
  readonly reduce: (state: S, publication: StreamPublication<T>) => S;
}

export interface ChannelStateView<S> {
  /** Undefined until first loaded. */
  readonly value: S | undefined;
  readonly continuity: Continuity;
  /** Optimistic changes that are not confirmed yet. */
  readonly pending: number;
  /** See `StateStore.mutate`. The same function for as long as the channel is the same. */
  readonly mutate: <R>(mutation: Mutation<S, R>) => Promise<R>;
}

/** State loaded by the application and kept current by a channel while mounted. */
export function useChannelState<const Channel extends string, S>(
  channel: Channel | null,
  options: UseChannelStateOptions<DataOf<DefaultContract, Channel, 'stream'>, S>,
): ChannelStateView<S> {
  type Data = DataOf<DefaultContract, Channel, 'stream'>;
  const client = useTrunkline();
  const { enabled = true, getState: _g, reduce: _r, ...rest } = options;
  const wire = useEqual(rest);
  const latest = useLatest(options);
  const opens = enabled && channel !== null;
  return useLazyStore<StateStore<Data, S>, ChannelStateView<S>>(() => {
    let opened: StateStore<Data, S> | undefined;
    const mutate = <R>(mutation: Mutation<S, R>): Promise<R> =>
      opened ? opened.mutate(mutation) : Promise.reject(new TypeError('the component is not mounted'));
    const closed = closedContinuity(client, opens);
    return {
      open: (changed) => {
        const store = client.channelState(channel, {
          ...withoutUndefined(wire),
          enabled: opens,
          getState: () => latest.current.getState(),
          reduce: (state, publication) => latest.current.reduce(state, publication),
        });
        opened = store;
        const stop = store.subscribe(changed);
        return {
          handle: store,
          close: () => {
            stop();
            opened = undefined;
            store.close();
          },
        };
      },
      read: (store) =>
        store ? { ...store.get(), mutate } : { value: undefined, continuity: closed, pending: 0, mutate },
    };
  }, [client, channel, opens, wire, latest]);
}

/** Tells of continuity until closed. */
export function closing(
  sub: { readonly state: Readable<Continuity>; close(): void },
  changed: () => void,
): () => void {
  const stop = sub.state.subscribe(changed);
  return () => {
    stop();
    sub.close();
  };
}

type Given<O> = { [K in keyof O]?: Exclude<O[K], undefined> };

export function withoutUndefined<O extends object>(options: O): Given<O> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Given<O>;
}
