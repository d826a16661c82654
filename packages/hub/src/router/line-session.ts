/**
 * A connection whose endpoint speaks for itself: no commands, no channels, no codec. It is a client all the same, so that limits of users and orgs, lists of connections, the end of
 * a login, expiry, age and drain mean for it what they mean for every other. What its frames say, the hub does not know.
 */
import { randomUuid } from '@trunkline/base';
import { closeOf, CodedError, Encoded, type Close, type Codec } from '@trunkline/protocol';
import { Client } from '../clients/client.js';
import { RateLimit } from '../clients/quotas.js';
import type { Connection } from '../connection/connection.js';
import type { Conversation, Line, OpenRequest } from '../ports/endpoint.js';
import type { Principal } from '../ports/principal.js';
import type { RouterDeps } from './deps.js';

const NOTHING = new Encoded(new Uint8Array());

/** What the server side would say in a native frame is not said here. Shared by all lines. */
export const LINE_CODEC: Codec = {
  name: 'line',
  binary: false,
  decode: () => ({ items: [] }),
  encodeReply: () => NOTHING,
  encodePush: () => undefined,
  encodePublication: () => NOTHING,
  ping: NOTHING,
  join: () => NOTHING.bytes,
};

const NO_EXTENSIONS: ReadonlySet<string> = new Set();

export interface LineLink {
  readonly request: OpenRequest;
  readonly principal: Principal;
  begin(line: Line): Conversation;
}

export class LineSession implements Line {
  readonly client: Client;
  readonly #deps: RouterDeps;
  readonly #connection: Connection;
  readonly #link: LineLink;
  readonly #onEnd: (session: LineSession) => void;
  readonly #sinceMs: number;
  readonly #maxAgeMs: number;
  #conversation: Conversation | undefined;
  #counted = false;

  constructor(
    deps: RouterDeps,
    connection: Connection,
    link: LineLink,
    onEnd: (session: LineSession) => void,
  ) {
    const { clock, random, options } = deps;
    this.#deps = deps;
    this.#connection = connection;
    this.#link = link;
    this.#onEnd = onEnd;
    this.#sinceMs = clock.monotonic();
    // Up to a tenth earlier than the limit, so that connections made together do not leave together.
    this.#maxAgeMs = options.maxConnectionAgeMs * (0.9 + 0.1 * random.next());
    this.client = new Client(
      clock,
      connection,
      {
        id: randomUuid(random),
        name: '',
        version: '',
        extensions: NO_EXTENSIONS,
        connectedAtMs: clock.now(),
        request: link.request,
        plan: undefined,
        bare: true,
      },
      link.principal,
      new RateLimit(clock, options.maxCommandsPerSecondPerConnection),
    );
  }

  /** Begins the conversation, or closes where there is no room for another connection. Called once, before any frame. */
  start(): void {
    try {
      this.#deps.clients.add(this.client);
      this.#counted = true;
      this.#conversation = this.#link.begin(this);
      this.#connection.startHeartbeat();
    } catch (cause) {
      const close = this.#closeFor(cause);
      // Whoever opened the transport is not listening to it yet.
      this.#deps.clock.setImmediate(() => this.close(close));
    }
  }

  onFrame(frame: string | Uint8Array): void {
    this.#guard(() => this.#conversation?.onFrame(frame));
  }

  onDrained(): void {
    this.#guard(() => this.#conversation?.onDrained());
  }

  onClosed(code: number, reason: string, by: 'server' | 'client'): void {
    const conversation = this.#conversation;
    this.#conversation = undefined;
    if (this.#counted) {
      this.#deps.events.add(this.client, { kind: 'disconnected', code, reason, by });
      this.#deps.clients.remove(this.client);
    }
    this.client.onClosed();
    this.#onEnd(this);
    this.#guard(() => conversation?.onClosed(code, reason, by));
  }

  /** Periodic checks: expiry with its grace, greatest age. */
  sweep(): void {
    const { clock, options } = this.#deps;
    const { expiresAtMs } = this.client;
    if (expiresAtMs !== undefined && clock.now() > expiresAtMs + options.expiryGraceMs)
      this.close(closeOf('connectionExpired'));
    else if (clock.monotonic() - this.#sinceMs > this.#maxAgeMs) this.close(closeOf('maxAge'));
  }

  // ------------------------------------------------------------ the line

  get id(): string {
    return this.client.id;
  }

  get principal(): Principal {
    return this.client.principal;
  }

  get open(): boolean {
    return this.#connection.open;
  }

  get blocked(): boolean {
    return this.#connection.blocked;
  }

  send(document: Encoded): boolean {
    return this.#connection.enqueue(document);
  }

  hold(): void {
    this.#connection.hold();
  }

  release(): void {
    this.#connection.release();
  }

  close(close: Close): void {
    this.#connection.close(close);
  }

  /** A conversation that throws ends its own connection, not the node. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (cause) {
      this.close(this.#closeFor(cause));
    }
  }

  #closeFor(cause: unknown): Close {
    if (!this.#counted && cause instanceof CodedError) {
      this.#deps.counters.error(cause.code);
      return closeOf('connectionLimit', cause.message);
    }
    this.#deps.logger.error(
      { client: this.id, cause: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) },
      'a conversation failed',
    );
    return closeOf('serverError');
  }
}
