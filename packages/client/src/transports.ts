/**
 * What carries the frames, as ports: the platform's WebSocket, one attempt at a connection, and the plan by which attempts are made. Core
 * knows one plan, the plain WebSocket; `fallbacks.ts` makes others. Types only.
 */
import type { Options, TransportEndpoint } from 'centrifuge';
import type { Clock } from '@trunkline/base';
import type { ReportError } from './store.js';

export type TransportName = 'websocket' | 'http_stream' | 'sse';

/** What a WebSocket class must offer: the browser's, Node 22's, or that of the `ws` package. */
export type WebSocketConstructor = new (url: string, protocols?: string | string[]) => WebSocketLike;

export interface WebSocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

/** One attempt. */
export interface GuardedSocket {
  /** The connect command was answered: the attempt succeeded. */
  served(): void;
}

export interface SocketHooks {
  readonly clock: Clock;
  readonly report: ReportError;
  readonly connectTimeoutMs: number;
  onOpening(socket: GuardedSocket): void;
  /** The socket is gone and the transport package was told. `served`: its connect command was answered. */
  onClosed(served: boolean): void;
}

/** Where the transport package connects to and with what. `websocket` is undefined where the platform has none. Throws a TypeError where nothing can work. */
export type TransportPlan = (
  url: string,
  websocket: WebSocketConstructor | undefined,
  hooks: SocketHooks,
) => {
  readonly endpoint: string | TransportEndpoint[];
  readonly options: Partial<Options>;
};
