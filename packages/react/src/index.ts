import type { CallOptions, ContractOrNone, DataOf, MethodOf, ParamsOf, ResultOf } from '@trunkline/client';
import {
  useChannel,
  useChannelState,
  type ChannelStateView,
  type ChannelView,
  type UseChannelOptions,
  type UseChannelStateOptions,
} from './channel.js';
import { useCommand, useRpc, type Command, type UseCommandOptions } from './command.js';
import { useOfflineQueue } from './offline.js';
import { useMap, useMapEntry, type MapView, type UseMapOptions } from './map.js';

export { TrunklineProvider, useConnection, useTrunkline, type TrunklineProviderProps } from './context.js';
export { usePresence, type UsePresenceOptions } from './presence.js';
export { useChannel, useChannelState, useCommand, useMap, useMapEntry, useOfflineQueue, useRpc };
export type {
  ChannelStateView,
  ChannelView,
  Command,
  MapView,
  UseChannelOptions,
  UseChannelStateOptions,
  UseCommandOptions,
  UseMapOptions,
};

/** The hooks whose types depend on contracts, for the contracts `C`. */
export interface Hooks<C extends ContractOrNone> {
  useChannel<const Channel extends string>(
    channel: Channel | null,
    options?: UseChannelOptions<DataOf<C, Channel, 'stream'>>,
  ): ChannelView<DataOf<C, Channel, 'stream'>>;
  useChannelState<const Channel extends string, S>(
    channel: Channel | null,
    options: UseChannelStateOptions<DataOf<C, Channel, 'stream'>, S>,
  ): ChannelStateView<S>;
  useMap<const Channel extends string>(
    channel: Channel | null,
    options?: UseMapOptions,
  ): MapView<DataOf<C, Channel, 'map'>>;
  useMapEntry<const Channel extends string>(
    channel: Channel | null,
    key: string,
    options?: UseMapOptions,
  ): DataOf<C, Channel, 'map'> | undefined;
  useRpc<M extends MethodOf<C>>(
    method: M,
  ): (params: ParamsOf<C, M>, options?: CallOptions) => Promise<ResultOf<C, M>>;
  useCommand<M extends MethodOf<C>, S = unknown>(
    method: M,
    options?: UseCommandOptions<C, M, S>,
  ): Command<C, M>;
}

/** The same hooks under the types of `C`, where an application would rather not merge its contracts into `Register`. Nothing happens at run time. */
export function typedHooks<C extends ContractOrNone>(): Hooks<C> {
  return { useChannel, useChannelState, useMap, useMapEntry, useRpc, useCommand } as unknown as Hooks<C>;
}
