/** Who is on a channel, in components. */
import type { PresenceSnapshot, PresenceStore, WireOptions } from '@trunkline/client';
import { withoutUndefined } from './channel.js';
import { closedContinuity, useEqual, useLazyStore, useTrunkline } from './context.js';

export interface UsePresenceOptions extends Omit<WireOptions, 'getToken'> {
  /** False opens nothing. Default true. */
  readonly enabled?: boolean;
}

const NOBODY: PresenceSnapshot['members'] = new Map();

/** The members of a channel while mounted. `null` opens nothing. */
export function usePresence(channel: string | null, options: UsePresenceOptions = {}): PresenceSnapshot {
  const client = useTrunkline();
  const { enabled = true, ...rest } = options;
  const wire = useEqual(rest);
  const opens = enabled && channel !== null;
  return useLazyStore<PresenceStore, PresenceSnapshot>(() => {
    const closed: PresenceSnapshot = { members: NOBODY, continuity: closedContinuity(client, opens) };
    return {
      open: (changed) => {
        const store = client.presence(channel, { ...withoutUndefined(wire), enabled: opens });
        const stop = store.subscribe(changed);
        return {
          handle: store,
          close: () => {
            stop();
            store.close();
          },
        };
      },
      read: (store) => store?.get() ?? closed,
    };
  }, [client, channel, opens, wire]);
}
