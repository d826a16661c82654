/** The client's numbers and switches, resolved once by `createClient`; inside nothing is optional. */
import {
  createSystemClock,
  createSystemRandom,
  mergeOptions,
  requireNumber,
  type Clock,
  type Random,
} from '@trunkline/base';
import { EXTENSIONS, type Extension } from './extensions.js';
import type { BatchMode, ErrorPlace, ReportError } from './store.js';
import type { TransportPlan, WebSocketConstructor } from './transports.js';

export interface ClientOptions {
  /** `ws(s)://host/path`, or an `http(s)://host` origin; without a path, `/connection/websocket`. A relative URL is resolved in a browser. */
  readonly url: string;
  /** A connection token (JWT). Default '': anonymous, or whatever a cookie says. */
  readonly token: string;
  /** Fetches a token when there is none or it expired. Reject with `UnauthorizedError` to stay away. */
  readonly getToken: (() => Promise<string>) | undefined;
  /** Shown to operators. Default `trunkline`. */
  readonly name: string;
  /** The application's version, shown to operators. Default ''. */
  readonly version: string;
  /** Sent with each connect. */
  readonly data: unknown;
  /** Default: `globalThis.WebSocket`. Required where there is none (Node below 22: pass the `ws` package's class). */
  readonly websocket: WebSocketConstructor | undefined;
  /** `websocket`, or `fallbacks()` of `@trunkline/client/fallbacks`, which also goes through proxies that refuse WebSockets. Default `websocket`. */
  readonly transport: 'websocket' | TransportPlan;
  /** Whether `createClient` connects at once. Default true. */
  readonly autoConnect: boolean;
  /** First step of the reconnect delay, which is drawn with full jitter. Default 500. */
  readonly minDelayMs: number;
  /** Its cap. Default 30,000. */
  readonly maxDelayMs: number;
  /** Failed attempts in a row after which the state is `failed`. Default `Infinity`: never. */
  readonly maxAttempts: number;
  /** Time for a socket to open and the connect command to be answered. Default 10,000. */
  readonly connectTimeoutMs: number;
  /** Longest wait for any reply. Default 30,000, the server's own limit of a call. */
  readonly timeoutMs: number;
  /** Allowance after the server's ping interval before the connection counts as dead. Default 10,000. */
  readonly pingGraceMs: number;
  /** How long a subscription is `recovering` before it is called `stale`. Default 5,000. */
  readonly staleAfterMs: number;
  /** How long a channel stays subscribed after its last reader left. Default 500: a remounted component finds it open. */
  readonly lingerMs: number;
  /** Publications one reader holds back while its state is loading; more and it loads again. Default 1,000. */
  readonly bufferMaxPublications: number;
  /** Calls of this client that may wait for an answer. Default 1,000. */
  readonly maxRpcInFlight: number;
  /** Calls of the server that may be worked on at once. Default 64. */
  readonly maxCallsInFlight: number;
  /** Optimistic changes of one store that may wait for the server. Default 1,000. */
  readonly maxPendingChanges: number;
  /** When map, state and presence stores notify. Default `frame`: with the next frame, or at the end of the turn where nothing is drawn (Node, workers). Handlers of publications are never batched. */
  readonly batch: BatchMode;
  /** Extensions offered to the server. Default: all. */
  readonly extensions: readonly Extension[];
  /** Every error that has no caller: handlers that threw, messages that could not be decoded, sockets, refused subscriptions. Default: `reportError` where the platform has it, for the application's own errors. */
  readonly onError: (
    error: unknown,
    context: { readonly where: ErrorPlace; readonly channel?: string },
  ) => void;
  readonly clock: Clock;
  readonly random: Random;
}

export const CLIENT_DEFAULTS: Omit<ClientOptions, 'url' | 'clock' | 'random'> = {
  token: '',
  getToken: undefined,
  name: 'trunkline',
  version: '',
  data: undefined,
  websocket: undefined,
  transport: 'websocket',
  autoConnect: true,
  minDelayMs: 500,
  maxDelayMs: 30_000,
  maxAttempts: Infinity,
  connectTimeoutMs: 10_000,
  timeoutMs: 30_000,
  pingGraceMs: 10_000,
  staleAfterMs: 5_000,
  lingerMs: 500,
  bufferMaxPublications: 1_000,
  maxRpcInFlight: 1_000,
  maxCallsInFlight: 64,
  maxPendingChanges: 1_000,
  batch: 'frame',
  extensions: EXTENSIONS,
  onError: reportOwn,
};

export interface ResolvedOptions extends ClientOptions {
  /** `onError`, guarded: it never throws. */
  readonly report: ReportError;
}

const DEFAULT_PATH = '/connection/websocket';

/** Throws a TypeError or RangeError that names the field. */
export function resolveClientOptions(
  given: Partial<ClientOptions> & { readonly url: string },
): ResolvedOptions {
  const defaults: ClientOptions = {
    ...CLIENT_DEFAULTS,
    url: '',
    clock: createSystemClock(),
    random: createSystemRandom(),
  };
  const options = mergeOptions(defaults, given);
  for (const [field, value] of Object.entries(options))
    if (typeof value === 'number') requireNumber(field, value, 0);
  requireNumber('maxAttempts', options.maxAttempts, 1);
  if (options.maxDelayMs < options.minDelayMs)
    throw new RangeError('maxDelayMs must not be below minDelayMs');
  const { onError } = options;
  const report: ReportError = (error, context) => {
    try {
      onError(error, context);
    } catch {
      // An error handler that fails has nobody left to tell.
    }
  };
  return { ...options, url: resolveUrl(options.url), websocket: resolveWebSocket(options), report };
}

/** The endpoint for a URL as options take it. Throws a TypeError for anything that is neither ws(s) nor http(s). */
export function resolveUrl(given: string): string {
  const base = (globalThis as { location?: { href?: string } }).location?.href;
  let url: URL;
  try {
    url = base === undefined ? new URL(given) : new URL(given, base);
  } catch (cause) {
    throw new TypeError(`url must be a WebSocket or HTTP address, got "${given}"`, { cause });
  }
  if (url.protocol === 'http:' || url.protocol === 'https:')
    url.protocol = url.protocol === 'http:' ? 'ws:' : 'wss:';
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:')
    throw new TypeError(`url must begin with ws, wss, http or https, got "${given}"`);
  if (url.pathname === '/' || url.pathname === '') url.pathname = DEFAULT_PATH;
  url.hash = '';
  return url.toString();
}

function resolveWebSocket({ websocket, transport }: ClientOptions): WebSocketConstructor | undefined {
  const found = websocket ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
  if (typeof found !== 'function' && transport === 'websocket') {
    throw new TypeError(
      'websocket is required: this platform has no global WebSocket (on Node below 22, pass the class of the "ws" package)',
    );
  }
  return found;
}

/** Network trouble is shown by the connection's state; a console line for each would drown the application's own errors. */
function reportOwn(error: unknown, { where }: { readonly where: ErrorPlace }): void {
  if (where === 'transport' || where === 'connection' || where === 'subscription') return;
  (globalThis as { reportError?: (error: unknown) => void }).reportError?.(error);
}
