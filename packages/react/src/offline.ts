/** What waits on this device, in components. */
import type { ContractOrNone } from '@trunkline/client';
import type { OfflineQueue, QueueState } from '@trunkline/client/offline';
import { useSyncExternalStore } from 'react';

/** The state of a queue that the application made and disposes: its commands, their counts, what they wait for. Renders when it changed. */
export function useOfflineQueue<C extends ContractOrNone>({ state }: OfflineQueue<C>): QueueState {
  return useSyncExternalStore(state.subscribe, state.get, state.get);
}
