/**
 * The plan for networks that refuse WebSockets: the same wire over a streamed HTTP answer or over server-sent events, with commands posted
 * beside it. The transport package tries the list in order until one was open, and stays with that one; this file says where they are
 * and gives each the same guard that a WebSocket has. A door of its own, so that pages which need none of this do not load it.
 */
import type { Options, TransportEndpoint } from 'centrifuge';
import { guardEventSource, type EventSourceConstructor } from './guarded-event-source.js';
import { guardFetch, type Fetch } from './guarded-fetch.js';
import { guardSocket } from './socket.js';
import type { SocketHooks, TransportName, TransportPlan, WebSocketConstructor } from './transports.js';

export type { EventSourceConstructor, EventSourceLike } from './guarded-event-source.js';
export type { Fetch } from './guarded-fetch.js';

export interface FallbackOptions {
  /** In the order they are tried; those the platform has not are left out. Default: WebSocket, streamed HTTP, server-sent events. */
  readonly transports: readonly TransportName[];
  /** Addresses that are not beside the client's `url` in the usual places (`/connection/http_stream`, `/connection/sse`, `/emulation`). */
  readonly endpoints: Partial<Readonly<Record<TransportName | 'emulation', string>>>;
  /** Default: `globalThis.fetch`. */
  readonly fetch: Fetch | undefined;
  /** Default: `globalThis.EventSource`; on Node pass the class of the `eventsource` package, or do without. */
  readonly eventSource: EventSourceConstructor | undefined;
}

const ALL: readonly TransportName[] = ['websocket', 'http_stream', 'sse'];
const WEBSOCKET_PATH = '/connection/websocket';

/** For `createClient({ transport: fallbacks() })`. Throws a TypeError that names the field; the plan itself throws one where the platform has none of the transports. */
export function fallbacks(options: Partial<FallbackOptions> = {}): TransportPlan {
  const { transports = ALL, endpoints = {} } = options;
  if (transports.length === 0) throw new TypeError('transports must not be empty');
  for (const [index, name] of transports.entries()) {
    if (!ALL.includes(name))
      throw new TypeError(`transports[${index}] must be one of ${ALL.join(', ')}, got "${String(name)}"`);
    if (transports.indexOf(name) !== index)
      throw new TypeError(`transports[${index}] is there twice: ${name}`);
  }
  return (url, websocket, hooks) => {
    const places = { ...placesBeside(url), ...endpoints };
    const fetch = options.fetch ?? (globalThis as { fetch?: Fetch }).fetch;
    const eventSource =
      options.eventSource ?? (globalThis as { EventSource?: EventSourceConstructor }).EventSource;
    const has: Readonly<Record<TransportName, unknown>> = {
      websocket,
      http_stream: fetch,
      sse: fetch && eventSource,
    };
    const endpoint = transports
      .filter((name) => has[name])
      .map((transport): TransportEndpoint => ({ transport, endpoint: places[transport] }));
    if (endpoint.length === 0)
      throw new TypeError(`transports: this platform has none of ${transports.join(', ')}`);
    return {
      endpoint,
      options: {
        emulationEndpoint: places.emulation,
        ...guarded(byRounds(hooks, endpoint.length), websocket, fetch, eventSource, places.emulation),
      },
    };
  };
}

function guarded(
  hooks: SocketHooks,
  websocket: WebSocketConstructor | undefined,
  fetch: Fetch | undefined,
  eventSource: EventSourceConstructor | undefined,
  emulation: string,
): Partial<Options> {
  return {
    websocket: websocket && guardSocket(websocket, hooks),
    ...(fetch ? { fetch: guardFetch((url, init) => fetch(url, init), emulation, hooks) } : {}),
    ...(eventSource ? { eventsource: guardEventSource(eventSource, hooks) } : {}),
  };
}

/** Until one was open, a failed attempt is one whole round over the list: `maxAttempts: 1` tries every transport once. */
function byRounds(hooks: SocketHooks, transports: number): SocketHooks {
  let tries = 0;
  let found = false;
  return {
    ...hooks,
    onClosed: (served) => {
      found ||= served;
      if (found || ++tries % transports === 0) hooks.onClosed(served);
    },
  };
}

/** `/prefix/connection/websocket` has its siblings under `/prefix`; for any other path they are at the root. */
function placesBeside(url: string): Record<TransportName | 'emulation', string> {
  const origin = new URL(url);
  const prefix = origin.pathname.endsWith(WEBSOCKET_PATH)
    ? origin.pathname.slice(0, -WEBSOCKET_PATH.length)
    : '';
  const at = (path: string): string => {
    const place = new URL(url);
    place.protocol = origin.protocol === 'ws:' ? 'http:' : 'https:';
    place.pathname = `${prefix}${path}`;
    return place.toString();
  };
  return {
    websocket: url,
    http_stream: at('/connection/http_stream'),
    sse: at('/connection/sse'),
    emulation: at('/emulation'),
  };
}
