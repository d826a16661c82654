/**
 * The one connection: options turned into a `Centrifuge` object, its events turned into a state that can be observed, the offer and grant of
 * extensions, and moving away from a node that drains. It knows no channels; notices about them are handed up through `ConnectionEvents`.
 */
import { Centrifuge, type Options } from 'centrifuge';
import { randomInt, type Timer } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import { localError, toCodedError } from './errors.js';
import { OFFER_HEADER, parseConnectData, parseNotice, type Extension, type Notice } from './extensions.js';
import type { ResolvedOptions } from './options.js';
import { guardSocket } from './socket.js';
import { Cell, type Readable } from './store.js';
import type { GuardedSocket, TransportName, TransportPlan } from './transports.js';

/** Times are Unix milliseconds. */
export type ConnectionState =
  /** `attempt` counts from 1 since the last success; `reason` says why the connection before was lost. */
  | {
      readonly kind: 'connecting';
      readonly sinceMs: number;
      readonly attempt: number;
      readonly reason: string;
    }
  /** `client` is this connection's id; `transport` is what carries it; `data` is what the server's authenticator answered. */
  | {
      readonly kind: 'connected';
      readonly sinceMs: number;
      readonly transport: TransportName;
      readonly client: string;
      readonly extensions: ReadonlySet<Extension>;
      readonly data: unknown;
    }
  /** Not started, or closed by the application. */
  | { readonly kind: 'disconnected'; readonly sinceMs: number }
  /** The server sent us away for good, or `maxAttempts` failed. Only `connect()` tries again. */
  | { readonly kind: 'failed'; readonly sinceMs: number; readonly code: number; readonly reason: string };

export interface ConnectionEvents {
  onNotice(notice: Exclude<Notice, { kind: 'drain' }>): void;
  /** A message push that is not ours. */
  onMessage(data: unknown): void;
}

const NO_EXTENSIONS: ReadonlySet<Extension> = new Set();
/** The part of a drain's window over which clients spread; the rest is for the move itself. */
const DRAIN_SPREAD = 0.8;
const GAVE_UP = 4;

const plainWebSocket: TransportPlan = (url, websocket, hooks) => ({
  endpoint: url,
  options: { websocket: websocket && guardSocket(websocket, hooks) },
});

export class Connection {
  readonly centrifuge: Centrifuge;
  readonly #options: ResolvedOptions;
  readonly #events: ConnectionEvents;
  readonly #state: Cell<ConnectionState>;
  #socket: GuardedSocket | undefined;
  #failures = 0;
  #lastReason = '';
  /** Set while a disconnect is ours and means something else than "closed by the application". */
  #disconnecting: 'drain' | 'gaveUp' | undefined;
  #drain: Timer | undefined;
  #busy = 0;
  #whenIdle: (() => void) | undefined;

  constructor(options: ResolvedOptions, events: ConnectionEvents) {
    this.#options = options;
    this.#events = events;
    this.#state = new Cell<ConnectionState>(
      { kind: 'disconnected', sinceMs: options.clock.now() },
      options.report,
    );
    const { url, websocket, transport, clock, report, connectTimeoutMs } = options;
    const plan = (transport === 'websocket' ? plainWebSocket : transport)(url, websocket, {
      clock,
      report,
      connectTimeoutMs,
      onOpening: (socket) => void (this.#socket = socket),
      onClosed: (served) => this.#attemptEnded(served),
    });
    this.centrifuge = new Centrifuge(plan.endpoint, { ...this.#transportOptions(), ...plan.options });
    this.#listen();
  }

  get state(): Readable<ConnectionState> {
    return this.#state;
  }

  /** What the present connection was granted; nothing while there is none. */
  get extensions(): ReadonlySet<Extension> {
    const state = this.#state.get();
    return state.kind === 'connected' ? state.extensions : NO_EXTENSIONS;
  }

  /** This connection's id, '' while there is none. */
  get client(): string {
    const state = this.#state.get();
    return state.kind === 'connected' ? state.client : '';
  }

  connect(): void {
    this.#failures = 0;
    this.centrifuge.connect();
  }

  disconnect(): void {
    this.#drain?.cancel();
    this.#drain = undefined;
    this.centrifuge.disconnect();
    // Also leaves `failed`, where the transport is already at rest.
    if (this.#state.get().kind !== 'disconnected')
      this.#state.set({ kind: 'disconnected', sinceMs: this.#options.clock.now() });
  }

  /** Resolves once connected; rejects with a `CodedError` after `timeoutMs`, or at once where nothing tries to connect. */
  async ready(timeoutMs: number): Promise<void> {
    try {
      await this.centrifuge.ready(timeoutMs);
    } catch (cause) {
      throw toCodedError(cause, 'connecting');
    }
  }

  /** Counts a call in flight: a drain waits for these, within its window. */
  async busy<T>(run: () => Promise<T>): Promise<T> {
    if (this.#busy >= this.#options.maxRpcInFlight)
      throw new CodedError('tooManyRequests', `maxRpcInFlight is ${this.#options.maxRpcInFlight}`);
    this.#busy++;
    try {
      return await run();
    } finally {
      this.#busy--;
      if (this.#busy === 0) this.#whenIdle?.();
    }
  }

  #transportOptions(): Partial<Options> {
    const {
      token,
      getToken,
      name,
      version,
      data,
      minDelayMs,
      maxDelayMs,
      timeoutMs,
      pingGraceMs,
      extensions,
    } = this.#options;
    return {
      token,
      getToken: getToken === undefined ? null : () => getToken(),
      name,
      version,
      data: data ?? null,
      minReconnectDelay: minDelayMs,
      maxReconnectDelay: maxDelayMs,
      timeout: timeoutMs,
      maxServerPingDelay: pingGraceMs,
      headers: extensions.length === 0 ? {} : { [OFFER_HEADER]: extensions.join(', ') },
    };
  }

  #listen(): void {
    const { clock, report } = this.#options;
    this.centrifuge.on('connecting', ({ reason, code }) => {
      this.#lastReason = code === 0 ? '' : reason;
      this.#setConnecting();
    });
    this.centrifuge.on('connected', ({ client, data, transport }) => {
      this.#socket?.served();
      this.#failures = 0;
      const grants = parseConnectData(data);
      this.#state.set({
        kind: 'connected',
        sinceMs: clock.now(),
        transport: transport as TransportName,
        client,
        extensions: grants.extensions,
        data: grants.data,
      });
    });
    this.centrifuge.on('disconnected', ({ code, reason }) => this.#disconnected(code, reason));
    this.centrifuge.on('message', ({ data }: { data: unknown }) => this.#message(data));
    this.centrifuge.on('error', ({ type, error }) => {
      this.#lastReason = error.message;
      report(toCodedError(error, type), { where: type === 'transport' ? 'transport' : 'connection' });
      // No socket was opened, so none will report the end of this attempt.
      if (type === 'connectToken' || type === 'connectData') this.#attemptEnded(false);
    });
  }

  #setConnecting(): void {
    const before = this.#state.get();
    const sinceMs = before.kind === 'connecting' ? before.sinceMs : this.#options.clock.now();
    this.#state.set({ kind: 'connecting', sinceMs, attempt: this.#failures + 1, reason: this.#lastReason });
  }

  #attemptEnded(served: boolean): void {
    if (served || this.#state.get().kind !== 'connecting') return;
    this.#failures++;
    if (this.#failures < this.#options.maxAttempts) return this.#setConnecting();
    this.#disconnecting = 'gaveUp';
    this.centrifuge.disconnect();
    this.#disconnecting = undefined;
  }

  #disconnected(code: number, reason: string): void {
    const sinceMs = this.#options.clock.now();
    if (this.#disconnecting === 'drain') return;
    if (this.#disconnecting === 'gaveUp') {
      const error = localError(
        GAVE_UP,
        `gave up after ${this.#failures} attempts${this.#lastReason === '' ? '' : `: ${this.#lastReason}`}`,
      );
      this.#state.set({ kind: 'failed', sinceMs, code: GAVE_UP, reason: error.message });
      this.#options.report(error, { where: 'connection' });
      return;
    }
    if (code === 0) return this.#state.set({ kind: 'disconnected', sinceMs });
    this.#state.set({ kind: 'failed', sinceMs, code, reason });
    this.#options.report(localError(code, reason), { where: 'connection' });
  }

  #message(data: unknown): void {
    const notice = parseNotice(data);
    if (notice === undefined) return this.#events.onMessage(data);
    if (notice.kind === 'drain') return this.#planMove(notice.withinMs);
    this.#events.onNotice(notice);
  }

  /** Spreads over the window, waits for calls in flight until its end, then comes back (to another node, where a balancer knows of the drain). */
  #planMove(withinMs: number): void {
    if (this.#drain !== undefined) return;
    const { clock, random } = this.#options;
    const client = this.client;
    const delayMs = randomInt(random, Math.floor(withinMs * DRAIN_SPREAD) + 1);
    const move = (): void => {
      this.#drain?.cancel();
      this.#drain = undefined;
      this.#whenIdle = undefined;
      // Only the connection that was advised moves; a reconnect in between has already moved it.
      if (this.client !== client || client === '') return;
      this.#disconnecting = 'drain';
      this.centrifuge.disconnect();
      this.#disconnecting = undefined;
      this.connect();
    };
    this.#drain = clock.setTimeout(() => {
      if (this.#busy === 0) return move();
      this.#whenIdle = move;
      this.#drain = clock.setTimeout(move, Math.max(0, withinMs - delayMs));
    }, delayMs);
  }
}
