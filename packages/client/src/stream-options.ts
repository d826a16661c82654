/** What an application says when it listens to a stream, and what it gets. */
import type { Position, Tags } from '@trunkline/protocol';
import type { Missing, Reset } from './continuity.js';
import type { ClientInfo, WireOptions } from './reader.js';

export interface StreamPublication<T> {
  readonly channel: string;
  readonly data: T;
  /** Absent where the channel numbers nothing. */
  readonly position?: Position;
  readonly tags?: Tags;
  /** The client that published, where one did. */
  readonly info?: ClientInfo;
}

/** State as of `position`: everything up to it is contained, nothing after it needs to be. Read the position before the state. */
export interface LoadedState<S> {
  readonly state: S;
  readonly position: Position;
}

export interface StreamOptions<T, S = unknown> extends WireOptions {
  /** False opens nothing. Default true. */
  readonly enabled?: boolean;
  /** Continue after this position, for which the application holds state. */
  readonly since?: Position;
  /** Each publication once, in order, never across an unreported gap. */
  readonly onPublication?: (publication: StreamPublication<T>) => void;
  /**
   * Something is missing; called before any publication that follows it. What it returns is awaited, publications wait, and when it is
   * done the subscription is live again. Without this and `getState` the state stays `reset` until `acknowledge()`.
   */
  readonly onReset?: (reset: Reset) => void | Promise<void>;
  /** Older values were folded into newer ones (outcome `latest`, or recovery `cache`): history has a hole, the newest value has not. */
  readonly onGap?: (missing: Missing) => void;
  /** Loads the application's own state; called at the start (unless `since` is given) and after each reset. */
  readonly getState?: () => Promise<LoadedState<S>>;
  /** The state `getState` loaded; publications after it follow. */
  readonly onState?: (state: S, position: Position) => void;
  /** Turns data into what handlers get; throwing makes the message a loss. Default: as it came. */
  readonly decode?: (data: unknown) => T;
  /** Asks for joins and leaves; `client.presence` does. */
  readonly onJoin?: (info: ClientInfo) => void;
  readonly onLeave?: (info: ClientInfo) => void;
  /** Called at each (re)start of the subscription with what the channel's module announced. */
  readonly onSubscribed?: (announced: unknown) => void;
}
