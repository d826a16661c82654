/**
 * One channel that is followed, on a client of the SDK: its events turned into `LiveHandlers`. A feed outlives the client it was opened on: it keeps what
 * another needs to continue (the last position of a stream, the entries of a map that were shown).
 */
import type { Client, Continuity, Position, StreamSubscription } from '@trunkline/client';
import { matchesFilter } from '@trunkline/protocol';
import type { FollowOptions, LiveHandlers } from './live.js';

/** Publications of a new history that are read after a reset. */
const REREAD_LIMIT = 1_000;

export interface Feed {
  readonly channel: string;
  /** Opens the channel on `client`, continuing where an earlier client ended. `onState` is told of each change. */
  open(client: Client, onState: (continuity: Continuity) => void): void;
}

export function createFeed(channel: string, options: FollowOptions, handlers: LiveHandlers): Feed {
  return options.map
    ? createMapFeed(channel, options, handlers)
    : createStreamFeed(channel, options, handlers);
}

function createStreamFeed(channel: string, { since, filter }: FollowOptions, handlers: LiveHandlers): Feed {
  let subscription: StreamSubscription<unknown> | undefined;

  /** A new epoch is a history that can be read from its start; publications wait until it is. Where it cannot be, the report of the loss stands. */
  const rereadNew = async (client: Client, top: Position | undefined): Promise<void> => {
    if (top === undefined || top.offset === 0) return;
    const request = {
      limit: REREAD_LIMIT,
      since: { epoch: top.epoch, offset: Math.max(0, top.offset - REREAD_LIMIT) },
    };
    const { publications, position } = await client
      .history(channel, request)
      .catch(() => ({ publications: [], position: top }));
    for (const { data, position: at, tags } of publications) {
      if (at === undefined || position.epoch !== top.epoch || at.offset > top.offset) continue;
      if (filter !== undefined && !matchesFilter(filter, tags ?? {})) continue;
      handlers.publication({ data, offset: at.offset, ...(tags === undefined ? {} : { tags }) }, top.epoch);
    }
  };

  return {
    channel,
    open: (client, onState) => {
      const from = subscription?.position ?? since;
      const opened: StreamSubscription<unknown> = client.stream(channel, {
        ...(from === undefined ? {} : { since: from }),
        ...(filter === undefined ? {} : { filter }),
        onPublication: ({ data, position, tags }) => {
          handlers.publication(
            { data, offset: position?.offset ?? 0, ...(tags === undefined ? {} : { tags }) },
            position?.epoch ?? '',
          );
        },
        onGap: (missing) => handlers.gap(missing),
        onReset: ({ reason, missing }): void | Promise<void> => {
          handlers.reset(reason, missing);
          return reason === 'epoch' ? rereadNew(client, opened.position) : undefined;
        },
      });
      subscription = opened;
      watch(opened.state, onState);
    },
  };
}

/** A map's store tells that something changed, not what: values keep their identity until they really differ. */
function createMapFeed(channel: string, { filter }: FollowOptions, handlers: LiveHandlers): Feed {
  let shown: ReadonlyMap<string, unknown> | undefined;
  return {
    channel,
    open: (client, onState) => {
      const map = client.map(channel, filter === undefined ? {} : { filter });
      let loaded = false;
      const look = (): void => {
        loaded ||= map.state.get().kind === 'live';
        if (!loaded) return;
        const entries = map.get();
        const before = shown;
        shown = entries;
        if (before === undefined)
          return handlers.snapshot([...entries].map(([key, data]) => ({ key, data, offset: 0 })));
        for (const key of before.keys())
          if (!entries.has(key)) handlers.publication({ key, data: null, offset: 0, removed: true }, '');
        for (const [key, data] of entries) {
          if (!before.has(key) || !Object.is(before.get(key), data))
            handlers.publication({ key, data, offset: 0 }, '');
        }
      };
      watch(map.state, onState);
      map.state.subscribe(look);
      map.subscribe(look);
      look();
    },
  };
}

function watch(
  state: { get(): Continuity; subscribe(listener: () => void): () => void },
  onState: (continuity: Continuity) => void,
): void {
  state.subscribe(() => onState(state.get()));
  onState(state.get());
}
