/** Map channels in components: all entries, or one. */
import type { Continuity, DataOf, DefaultContract, MapSubscription, WireOptions } from '@trunkline/client';
import { useMemo, useSyncExternalStore } from 'react';
import { closing, withoutUndefined } from './channel.js';
import { closedContinuity, useEqual, useLazyStore, useTrunkline } from './context.js';
import { LazyStore } from './lazy-store.js';

export interface UseMapOptions extends Omit<WireOptions, 'getToken'> {
  /** False opens nothing. Default true. */
  readonly enabled?: boolean;
}

export interface MapView<T> {
  /** The same object until an entry changed; unchanged values keep their identity. Optimistic changes are included. */
  readonly entries: ReadonlyMap<string, T>;
  readonly continuity: Continuity;
  /** Shown at once; rejects with a `CodedError` after it was taken back. The same functions for as long as the channel is the same. */
  readonly set: (key: string, value: T) => Promise<void>;
  readonly remove: (key: string) => Promise<void>;
}

const NOTHING: ReadonlyMap<string, never> = new Map<string, never>();

/** The entries of a map channel while mounted. `null` opens nothing. */
export function useMap<const Channel extends string>(
  channel: Channel | null,
  options: UseMapOptions = {},
): MapView<DataOf<DefaultContract, Channel, 'map'>> {
  type Data = DataOf<DefaultContract, Channel, 'map'>;
  const client = useTrunkline();
  const { enabled = true, ...rest } = options;
  const wire = useEqual(rest);
  const opens = enabled && channel !== null;
  return useLazyStore<MapSubscription<Data>, MapView<Data>>(() => {
    const closed = closedContinuity(client, opens);
    let opened: MapSubscription<Data> | undefined;
    const mounted = (): MapSubscription<Data> => {
      if (opened === undefined) throw new TypeError('the component is not mounted');
      return opened;
    };
    const set = async (key: string, value: Data): Promise<void> => mounted().set(key, value);
    const remove = async (key: string): Promise<void> => mounted().remove(key);
    return {
      open: (changed) => {
        const map = client.map<Channel>(channel, { ...withoutUndefined(wire), enabled: opens });
        opened = map;
        const stop = map.subscribe(changed);
        const close = closing(map, changed);
        return {
          handle: map,
          close: () => {
            stop();
            opened = undefined;
            close();
          },
        };
      },
      read: (map) => ({
        entries: map?.get() ?? NOTHING,
        continuity: map?.state.get() ?? closed,
        set,
        remove,
      }),
    };
  }, [client, channel, opens, wire]);
}

/** One entry of a map channel; re-renders only when that entry changed. Shares the subscription of all readers of the map. */
export function useMapEntry<const Channel extends string>(
  channel: Channel | null,
  key: string,
  options: UseMapOptions = {},
): DataOf<DefaultContract, Channel, 'map'> | undefined {
  type Data = DataOf<DefaultContract, Channel, 'map'>;
  const client = useTrunkline();
  const { enabled = true, ...rest } = options;
  const wire = useEqual(rest);
  const opens = enabled && channel !== null;
  const store = useMemo(
    () =>
      new LazyStore<MapSubscription<Data>, { readonly value: Data | undefined }>({
        open: (changed) => {
          const map = client.map<Channel>(channel, { ...withoutUndefined(wire), enabled: opens });
          const stop = map.subscribeKey(key, changed);
          return {
            handle: map,
            close: () => {
              stop();
              map.close();
            },
          };
        },
        read: (map) => ({ value: map?.getKey(key) }),
      }),
    [client, channel, key, opens, wire],
  );
  return useSyncExternalStore(store.subscribe, store.get, store.get).value;
}
