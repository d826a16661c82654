/**
 * The unmodified `centrifuge` package on `ws`, as an application in Node would use it, with ways to wait for what it emits. Nothing of
 * the package is patched: what a test sees here is what every stock user sees.
 */
import { Centrifuge, type Options, type Subscription, type TransportEndpoint } from 'centrifuge';
import { Centrifuge as ProtobufCentrifuge } from 'centrifuge/build/protobuf';
import { EventSource } from 'eventsource';
import { WebSocket } from 'ws';
import { createSystemClock, type Disposable } from '@trunkline/base';
import type { StreamChecker } from './stream-checker.js';
import { PATIENCE_MS } from './waiting.js';
import { fromWire, httpUrl, isProtobuf, transportOf, type Wire } from './wires.js';

export interface StockClientOptions extends Partial<Options> {
  /** Default `websocket json`. The package's other transports reach the same server. */
  readonly wire?: Wire;
}

export interface StockClient extends Disposable {
  readonly client: Centrifuge;
  /** Connects and resolves once connected. */
  connect(): Promise<{ readonly client: string; readonly data?: unknown }>;
  /** Disconnects for good; safe to repeat. */
  dispose(): void;
}

/** `url` is the WebSocket address. Reconnect delays are short (20 to 200 ms) unless options say otherwise. */
export function createStockClient(url: string, options: StockClientOptions = {}): StockClient {
  const { wire = 'websocket json', ...given } = options;
  // Both entry points declare the same class; private fields make them two types.
  const Kind = (isProtobuf(wire) ? ProtobufCentrifuge : Centrifuge) as unknown as typeof Centrifuge;
  const client = new Kind(endpointOf(url, wire), {
    websocket: WebSocket,
    eventsource: EventSource,
    emulationEndpoint: httpUrl(url, '/emulation'),
    minReconnectDelay: 20,
    maxReconnectDelay: 200,
    ...given,
  });
  return {
    client,
    connect: () => {
      const connected = nextEvent<{ client: string; data?: unknown }>(client, 'connected');
      client.connect();
      return connected;
    },
    dispose: () => client.disconnect(),
  };
}

function endpointOf(url: string, wire: Wire): string | TransportEndpoint[] {
  const transport = transportOf(wire);
  return transport === 'websocket'
    ? url
    : [{ transport, endpoint: httpUrl(url, `/connection/${transport}`) }];
}

interface Emitter {
  // The package's emitters are typed per event; waiting is the same for all of them.
  on(event: string, listener: (context: never) => void): unknown;
  removeListener(event: string, listener: (context: never) => void): unknown;
}

/** The next `event` that fits `where`; rejects after `timeoutMs` (default 45,000). Listens from the call on. */
export function nextEvent<T>(
  emitter: unknown,
  event: string,
  where: (context: T) => boolean = () => true,
  timeoutMs = PATIENCE_MS,
): Promise<T> {
  return collectEvents<T>(emitter, event, 1, where, timeoutMs).then(([first]) => first as T);
}

/** The next `count` events that fit `where`. */
export function collectEvents<T>(
  emitter: unknown,
  event: string,
  count: number,
  where: (context: T) => boolean = () => true,
  timeoutMs = PATIENCE_MS,
): Promise<T[]> {
  const source = emitter as Emitter;
  return new Promise((resolve, reject) => {
    const found: T[] = [];
    const done = (): void => {
      timer.cancel();
      source.removeListener(event, onEvent as (context: never) => void);
    };
    const onEvent = (context: T): void => {
      if (!where(context)) return;
      found.push(context);
      if (found.length < count) return;
      done();
      resolve(found);
    };
    const timer = createSystemClock().setTimeout(() => {
      done();
      reject(new Error(`'${event}': ${found.length} of ${count} within ${timeoutMs} ms`));
    }, timeoutMs);
    source.on(event, onEvent as (context: never) => void);
  });
}

/** Subscribes and resolves with what the server answered. */
export async function subscribed(
  subscription: Subscription,
  timeoutMs = PATIENCE_MS,
): Promise<SubscribedAnswer> {
  const answer = nextEvent<SubscribedAnswer>(subscription, 'subscribed', undefined, timeoutMs);
  subscription.subscribe();
  return answer;
}

export interface SubscribedAnswer {
  readonly channel: string;
  readonly recoverable: boolean;
  readonly positioned: boolean;
  readonly streamPosition?: { readonly epoch: string; readonly offset: number };
  readonly wasRecovering: boolean;
  readonly recovered: boolean;
  readonly data?: unknown;
}

/** Feeds a checker with a stock subscription whose messages are `{seq}`. What the package tells of lost continuity counts as told. */
export function watchStream(subscription: Subscription, checker: StreamChecker): void {
  subscription.on('publication', ({ data, offset }) =>
    checker.message((fromWire(data) as { seq: number }).seq, offset),
  );
  subscription.on('subscribed', ({ wasRecovering, recovered }) => {
    if (wasRecovering && !recovered) checker.told('recovered: false');
  });
}
