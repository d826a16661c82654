/**
 * The console's one way to the server: a client of `@trunkline/client`, opened with tokens of the login session, and the few hooks that the
 * screens need of it. Everything live passes through this file, and so does every word about continuity.
 */
import {
  createClient,
  UnauthorizedError,
  type Client,
  type Continuity as ClientContinuity,
  type Position,
  type Reset,
  type StreamPublication,
  type StreamSubscription,
} from '@trunkline/client';
import { TrunklineProvider, useConnection, useMap, useTrunkline } from '@trunkline/react';
import {
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
  type ReactNode,
} from 'react';
import type { ConsoleContract, Method, Params, Result } from './contract.js';
import { plural } from './format.js';
import { fetchToken, SessionError, socketAddress } from './session.js';

declare module '@trunkline/client' {
  interface Register {
    contract: ConsoleContract;
  }
}

/** What a screen may say of what it shows. `off`: nothing was asked for. Times are Unix ms of this browser. */
export type Continuity =
  | { readonly state: 'off' }
  /** Nothing was shown yet; `reason`: why that takes, where something is wrong. */
  | { readonly state: 'connecting'; readonly sinceMs?: number; readonly reason?: string }
  | { readonly state: 'live' }
  | { readonly state: 'recovering'; readonly sinceMs: number; readonly reason: string }
  | { readonly state: 'stale'; readonly sinceMs: number; readonly reason: string }
  | { readonly state: 'failed'; readonly reason: string };

export type Call = <M extends Method>(method: M, params: Params<M>) => Promise<Result<M>>;

/**
 * Opens the connection while mounted, in one org: another org is another provider. `onSignedOut`: the session has ended, and with it the right to a
 * token. `onOrgLost`: the session lives, but its user may not enter the org any more.
 */
export function LiveProvider({
  org,
  onSignedOut,
  onOrgLost,
  children,
}: {
  readonly org: string;
  readonly onSignedOut: () => void;
  readonly onOrgLost: () => void;
  readonly children: ReactNode;
}) {
  const [client, setClient] = useState<Client>();
  const leave = useRef({ onSignedOut, onOrgLost });
  leave.current = { onSignedOut, onOrgLost };
  useEffect(() => {
    const made = createClient({
      url: socketAddress(),
      name: 'console',
      batch: 'frame',
      maxDelayMs: 10_000,
      getToken: async () => {
        try {
          return await fetchToken(org);
        } catch (error) {
          if (!(error instanceof SessionError) || (error.status !== 401 && error.status !== 404)) throw error;
          if (error.status === 401) leave.current.onSignedOut();
          else leave.current.onOrgLost();
          throw new UnauthorizedError(error.message);
        }
      },
    });
    setClient(made);
    return () => made.dispose();
  }, [org]);
  return client && <TrunklineProvider client={client}>{children}</TrunklineProvider>;
}

/** Calls a method of the server. Waits for a connection while there is none. The same function for as long as the connection's client lives. */
export function useCall(): Call {
  const client = useTrunkline();
  return useCallback<Call>((method, params) => client.rpc(method, params as never) as never, [client]);
}

/** The connection itself. */
export function useLink(): Continuity {
  const state = useConnection();
  const [everConnected, setEverConnected] = useState(state.kind === 'connected');
  useEffect(() => {
    if (state.kind === 'connected') setEverConnected(true);
  }, [state.kind]);
  switch (state.kind) {
    case 'connected':
      return { state: 'live' };
    case 'connecting':
      // The first attempt is no loss; the second says that something is wrong.
      if (!everConnected && state.attempt <= 1) return { state: 'connecting' };
      return {
        state: 'recovering',
        sinceMs: state.sinceMs,
        reason: state.reason === '' ? RESTORING : state.reason,
      };
    case 'disconnected':
      return { state: 'stale', sinceMs: state.sinceMs, reason: 'disconnected' };
    case 'failed':
      return { state: 'failed', reason: `${state.reason} (${state.code})` };
  }
}

export interface Received {
  /** 0 and '': the channel numbers nothing. */
  readonly offset: number;
  readonly epoch: string;
  readonly data: unknown;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** When it came here. */
  readonly timeMs: number;
  readonly info?: { readonly user: string } | undefined;
}

export interface Stream {
  readonly continuity: Continuity;
  /** The last complete position. */
  readonly position: Position | undefined;
}

/** Told of what is missing, before what comes after it. `anew`: offsets from here on cannot be compared with earlier ones. */
export type OnHole = (text: string, offset: number, anew: boolean) => void;

/** Listens to a stream channel while mounted. */
export function useStream(
  channel: string,
  onPublication: (publication: Received) => void,
  onHole: OnHole = () => undefined,
): Stream {
  const client = useTrunkline();
  const [position, setPosition] = useState<Position>();
  const [subscription, setSubscription] = useState<StreamSubscription<unknown>>();
  const handlers = useRef({ onPublication, onHole });
  handlers.current = { onPublication, onHole };

  useEffect(() => {
    const opened: StreamSubscription<unknown> = client.stream(channel, {
      onSubscribed: () => queueMicrotask(() => setPosition(opened.position)),
      onPublication: (publication) => {
        setPosition(publication.position);
        handlers.current.onPublication(toReceived(publication));
      },
      onReset: (reset) => {
        const anew = reset.reason === 'epoch' || reset.reason === 'invalidated';
        handlers.current.onHole(wordsOf(reset), (opened.position?.offset ?? 0) + 1, anew);
      },
      onGap: ({ from, to }) =>
        handlers.current.onHole(
          `${plural(to - from + 1, 'older publication')} folded into the newest`,
          to,
          false,
        ),
    });
    setSubscription(opened);
    return () => opened.close();
  }, [client, channel]);

  const continuity = useSyncExternalStore(
    subscription?.state.subscribe ?? never,
    subscription?.state.get ?? connecting,
  );
  return { continuity: useWords(continuity, subscription), position };
}

export interface MapEntry {
  readonly key: string;
  readonly value: unknown;
}

export interface Entries {
  readonly entries: readonly MapEntry[];
  readonly continuity: Continuity;
}

/** The entries of a map channel while mounted. */
export function useEntries(channel: string): Entries {
  const { entries, continuity } = useMap(channel);
  const list = useMemo(() => Array.from(entries, ([key, value]): MapEntry => ({ key, value })), [entries]);
  return { entries: list, continuity: useWords(continuity, channel) };
}

const RESTORING = 'the connection is being restored';
const CONNECTING: ClientContinuity = { kind: 'recovering', sinceMs: 0 };
const NOTHING = Symbol('nothing');
const never = (): (() => void) => () => undefined;
const connecting = (): ClientContinuity => CONNECTING;

/**
 * In the screens' words. Until it was live once, `recovering` is `connecting`: nothing was shown that could be old. `of` names what it
 * speaks of.
 */
function useWords(continuity: ClientContinuity, of: unknown): Continuity {
  const [seen, setSeen] = useState<unknown>(NOTHING);
  useEffect(() => {
    if (continuity.kind === 'live') setSeen(of);
  }, [continuity.kind, of]);
  switch (continuity.kind) {
    case 'live':
      return { state: 'live' };
    case 'recovering':
      return seen === of
        ? { state: 'recovering', sinceMs: continuity.sinceMs, reason: RESTORING }
        : { state: 'connecting' };
    case 'stale':
      return { state: 'stale', sinceMs: continuity.sinceMs, reason: continuity.reason };
    case 'reset':
      return { state: 'recovering', sinceMs: Date.now(), reason: wordsOf(continuity) };
    case 'failed':
      return { state: 'failed', reason: `${continuity.reason} (${continuity.code})` };
  }
}

const RESETS: Readonly<Record<Reset['reason'], string>> = {
  unrecoverable: 'what was missed is no longer in the history',
  epoch: 'the channel began anew',
  unpositioned: 'the channel keeps no history to recover from',
  overflow: 'this reader was too slow, and publications were dropped',
  conflated: 'this reader was too slow, and older values were replaced',
  jump: 'offsets jumped without a word of the server',
  invalidated: 'the server voided all state',
  undecodable: 'a message could not be read',
  buffer: 'more arrived than could be held back',
};

function wordsOf({ reason, missing }: Reset): string {
  const range =
    missing === undefined
      ? ''
      : missing.from === missing.to
        ? `Offset ${missing.from} is missing: `
        : `Offsets ${missing.from} to ${missing.to} are missing: `;
  const text = RESETS[reason];
  return range === '' ? `Something is missing: ${text}` : `${range}${text}`;
}

function toReceived({ data, position, tags, info }: StreamPublication<unknown>): Received {
  return {
    offset: position?.offset ?? 0,
    epoch: position?.epoch ?? '',
    data,
    tags,
    timeMs: Date.now(),
    info: info && { user: info.user },
  };
}
