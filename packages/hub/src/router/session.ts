/**
 * One connection's conversation, from its first command to its end: which commands are legal when, how many run at once, and the
 * single place where a thrown error becomes a reply. Commands start in the order they came; those about one subscription run one
 * after another; a peer that sends faster than it is served is not read from.
 */
import { randomId, type Timer } from '@trunkline/base';
import {
  CLOSE_CODES,
  closeOf,
  CodedError,
  ERROR_CODES,
  type Close,
  type Command,
  type ConnectCommand,
  type Decoded,
  type Refused,
} from '@trunkline/protocol';
import type { Client } from '../clients/client.js';
import type { Connection } from '../connection/connection.js';
import { connectClient, type SessionLink } from './connecting.js';
import {
  handleHistory,
  handlePresence,
  handlePresenceStats,
  handlePublish,
  handleRefresh,
  handleRpc,
  handleSubRefresh,
  handleSubscribe,
  handleUnsubscribe,
  type Answer,
  type HandlerDeps,
} from './handlers.js';
import { startSpan } from './spans.js';

/** Refusals for its own rate, within a window, after which a peer is closed: it does not listen. */
const RATE_REFUSALS_MAX = 1_000;
const RATE_REFUSALS_WINDOW_MS = 10_000;
/** Time in which a new connection's subscribes are not counted against its rate: a reconnect subscribes to everything at once. */
const OPENING_MS = 10_000;

type State =
  | { readonly kind: 'awaiting'; readonly timer: Timer }
  | { readonly kind: 'connecting' }
  | { readonly kind: 'ready'; readonly client: Client; readonly sinceMs: number; readonly maxAgeMs: number }
  | { readonly kind: 'closed' };

export class Session {
  readonly #deps: HandlerDeps;
  readonly #connection: Connection;
  readonly #link: SessionLink;
  readonly #onEnd: (session: Session) => void;
  readonly #queue: (Command | Refused)[] = [];
  readonly #chains = new Map<string, Promise<void>>();
  #state: State;
  #fatal: Close | undefined;
  #inFlight = 0;
  #held = false;
  #rateRefusals = 0;
  #rateRefusalsSinceMs = 0;
  /** Answers that wait until the peer has read some of those before. */
  #congested: (() => void)[] = [];

  constructor(
    deps: HandlerDeps,
    connection: Connection,
    link: SessionLink,
    onEnd: (session: Session) => void,
  ) {
    this.#deps = deps;
    this.#connection = connection;
    this.#link = link;
    this.#onEnd = onEnd;
    const timer = deps.clock.setTimeout(
      () => connection.close(closeOf('stale')),
      connection.profile.firstCommandTimeoutMs,
    );
    this.#state = { kind: 'awaiting', timer };
  }

  get client(): Client | undefined {
    return this.#state.kind === 'ready' ? this.#state.client : undefined;
  }

  /** Runs the wire's own commands. Called once, after construction. */
  start(): void {
    if (this.#link.plan) this.onDecoded({ items: this.#link.plan.commands });
  }

  onDecoded(decoded: Decoded): void {
    // After a frame that broke the protocol nothing of the peer is looked at any more; it is closed once the earlier work is done.
    if (this.#state.kind === 'closed' || this.#fatal) return;
    for (const item of decoded.items) this.#queue.push(item);
    this.#fatal = decoded.fatal;
    this.#pump();
  }

  onDrained(): void {
    this.#goOn();
    this.client?.onDrained();
  }

  onClosed(code: number, reason: string, by: 'server' | 'client'): void {
    const state = this.#state;
    this.#state = { kind: 'closed' };
    this.#queue.length = 0;
    this.#goOn();
    if (state.kind === 'awaiting') state.timer.cancel();
    if (state.kind === 'ready') {
      this.#deps.events.add(state.client, { kind: 'disconnected', code, reason, by });
      this.#release(state.client);
      this.#link.plan?.onClose?.(state.client.id);
    }
    this.#onEnd(this);
  }

  #release(client: Client): void {
    this.#deps.subscriptions.endAll(client);
    this.#deps.clients.remove(client);
    client.onClosed();
  }

  /** Whether it was not told to close yet. */
  get open(): boolean {
    return this.#connection.open;
  }

  close(close: Close): void {
    this.#connection.close(close);
  }

  /** Periodic checks: expiry with its grace, greatest age, stale map pages. */
  sweep(): void {
    const state = this.#state;
    if (state.kind !== 'ready') return;
    const { clock, options, subscriptions } = this.#deps;
    const { client } = state;
    if (client.expiresAtMs !== undefined && clock.now() > client.expiresAtMs + options.expiryGraceMs)
      this.close(closeOf('connectionExpired'));
    else if (clock.monotonic() - state.sinceMs > state.maxAgeMs) this.close(closeOf('maxAge'));
    else subscriptions.sweep(client);
  }

  // ------------------------------------------------------------ order of work

  #pump(): void {
    while (
      this.#connection.open &&
      this.#queue.length > 0 &&
      this.#state.kind !== 'connecting' &&
      this.#state.kind !== 'closed'
    ) {
      if (this.#inFlight >= this.#deps.options.maxCommandsInFlight) break;
      const item = this.#queue.shift();
      if (item) this.#take(item);
    }
    // Once the connection closes nothing more of its peer is carried out, and its farewell must be read.
    if (!this.#connection.open) this.#queue.length = 0;
    const waiting = this.#queue.length > 0 && this.#state.kind !== 'closed';
    if (waiting && !this.#held) {
      this.#held = true;
      this.#connection.hold();
    } else if (!waiting && this.#held) {
      this.#held = false;
      this.#connection.release();
    }
    if (this.#fatal && !waiting && this.#inFlight === 0) this.#connection.close(this.#fatal);
  }

  #take(item: Command | Refused): void {
    const state = this.#state;
    if (item.kind === 'refused') {
      // A command that could not be read counts against the rate like any other.
      if (state.kind === 'ready' && this.#overRate(state.client, item.id)) return;
      this.#refuse(
        item.id,
        new CodedError({ code: item.error.code, message: item.error.message, retry: 'never' }),
      );
      if (state.kind === 'awaiting') this.#connection.close(closeOf('badRequest', 'connect expected'));
      return;
    }
    this.#deps.counters.command(item.kind);
    if (item.kind === 'pong') return;
    if (state.kind === 'awaiting') {
      if (item.kind !== 'connect') {
        this.#connection.close(closeOf('badRequest', 'connect must come first'));
        return;
      }
      state.timer.cancel();
      this.#state = { kind: 'connecting' };
      void this.#connect(item);
      return;
    }
    if (state.kind === 'ready') this.#run(state.client, state.sinceMs, item);
  }

  #run(client: Client, sinceMs: number, command: Command): void {
    const { clock } = this.#deps;
    const opening = command.kind === 'subscribe' && clock.monotonic() - sinceMs < OPENING_MS;
    if (!opening && this.#overRate(client, command.id)) return;
    this.#inFlight++;
    const chain = 'subId' in command ? command.subId : undefined;
    const before = chain === undefined ? undefined : this.#chains.get(chain);
    const work = before ? before.then(() => this.#answer(client, command)) : this.#answer(client, command);
    const done = work.then(() => {
      this.#inFlight--;
      if (chain !== undefined && this.#chains.get(chain) === done) this.#chains.delete(chain);
      this.#pump();
    });
    if (chain !== undefined) this.#chains.set(chain, done);
  }

  /** Takes one from the allowances of client and org. Where nothing is left the command is refused, and a peer that does not listen is closed. */
  #overRate(client: Client, id: number): boolean {
    const within = client.rate.take();
    if (within && this.#deps.clients.rateOf(client.principal.org).take()) return false;
    this.#refuse(id, new CodedError('tooManyRequests', 'commands per second'));
    // What others of its org use up is not this peer's doing.
    if (!within && this.#isDeaf()) this.#connection.close(closeOf('tooManyRequests'));
    return true;
  }

  /** Whether a refusal was one too many. Counted in windows, not in a row: a peer that sends twice its rate has every other command accepted. */
  #isDeaf(): boolean {
    const now = this.#deps.clock.monotonic();
    if (now - this.#rateRefusalsSinceMs > RATE_REFUSALS_WINDOW_MS) {
      this.#rateRefusalsSinceMs = now;
      this.#rateRefusals = 0;
    }
    return ++this.#rateRefusals > RATE_REFUSALS_MAX;
  }

  /** The single catch. */
  async #answer(client: Client, command: Command): Promise<void> {
    if (!client.open) return;
    const span = startSpan(this.#deps, client, command);
    try {
      const answer = await this.#handle(client, command);
      while (client.open && this.#connection.congested())
        await new Promise<void>((resolve) => this.#congested.push(resolve));
      if (!answer || !client.open) return;
      if (command.id > 0)
        client.reply({
          id: command.id,
          outcome: { result: answer.result },
          ...(answer.after ? { after: answer.after } : {}),
        });
      answer.onQueued?.();
    } catch (cause) {
      const { code, message } = this.#refuse(command.id, cause, command.kind);
      span?.fail(code, message);
    } finally {
      span?.end();
    }
  }

  /** Each looks again, in order, whether there is room for it now. */
  #goOn(): void {
    for (const resolve of this.#congested.splice(0)) resolve();
  }

  #handle(client: Client, command: Command): Promise<Answer> | Answer | undefined {
    const deps = this.#deps;
    switch (command.kind) {
      case 'subscribe':
        return handleSubscribe(deps, client, command);
      case 'unsubscribe':
        return handleUnsubscribe(deps, client, command);
      case 'publish':
        return handlePublish(deps, client, command);
      case 'presence':
        return handlePresence(deps, client, command);
      case 'presenceStats':
        return handlePresenceStats(deps, client, command);
      case 'history':
        return handleHistory(deps, client, command);
      case 'rpc':
        return handleRpc(deps, client, command);
      case 'refresh':
        return handleRefresh(deps, client, command);
      case 'subRefresh':
        return handleSubRefresh(deps, client, command);
      case 'ping':
        return { result: { kind: 'ping' } };
      case 'answer':
        client.onAnswer(command.callId, command.outcome);
        return { result: { kind: 'rpc' } };
      case 'send':
        // No reply exists for it, and dropping it would be silent: the public meaning of 3508.
        this.#connection.close(closeOf('notAvailable', 'nothing here takes asynchronous messages'));
        return undefined;
      case 'connect':
        throw new CodedError('badRequest', 'connect: already connected');
      case 'pong':
        return undefined;
    }
  }

  #refuse(id: number, cause: unknown, kind = 'command'): CodedError {
    let error: CodedError;
    if (cause instanceof CodedError) error = cause;
    else {
      const correlation = randomId(this.#deps.random, 12);
      this.#deps.logger.error(
        {
          correlation,
          kind,
          client: this.client?.id,
          cause: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
        },
        'command failed',
      );
      error = new CodedError('internal', `correlation ${correlation}`);
    }
    this.#deps.counters.error(error.code);
    if (id > 0 && this.#connection.open)
      this.#connection.control(
        this.#connection.codec.encodeReply({ id, outcome: { error: error.toData() } }),
      );
    return error;
  }

  // ------------------------------------------------------------ connect

  async #connect(command: ConnectCommand): Promise<void> {
    try {
      const { client, result, begin } = await connectClient(
        this.#deps,
        this.#connection,
        this.#link,
        command,
        () => this.#state.kind === 'connecting',
      );
      const { clock, options, random } = this.#deps;
      if (this.#state.kind !== 'connecting') {
        // The connection went between the last check and this turn.
        this.#release(client);
        return;
      }
      // Up to a tenth earlier than the limit, so that connections made together do not leave together.
      this.#state = {
        kind: 'ready',
        client,
        sinceMs: clock.monotonic(),
        maxAgeMs: options.maxConnectionAgeMs * (0.9 + 0.1 * random.next()),
      };
      client.reply({ id: command.id, outcome: { result } });
      begin();
      this.#connection.startHeartbeat();
      this.#link.plan?.onOpen?.(client.id);
    } catch (cause) {
      if (this.#state.kind === 'connecting') this.#refuseConnect(command, cause);
      else if (this.#state.kind === 'ready') {
        this.#deps.logger.error({ cause: String(cause) }, 'a session could not begin');
        this.#connection.close(closeOf('serverError'));
      }
    }
    this.#pump();
  }

  /** Refusals of connect: a wrong credential and a full house close with their own code; anything else is answered, then closed. */
  #refuseConnect(command: ConnectCommand, cause: unknown): void {
    const code = cause instanceof CodedError ? cause.code : undefined;
    this.#queue.length = 0;
    if (code === ERROR_CODES.unauthorized.code && cause instanceof CodedError) {
      this.#deps.counters.error(cause.code);
      this.#connection.close(closeOf('invalidToken', cause.message));
    } else if (code === ERROR_CODES.limitExceeded.code && cause instanceof CodedError) {
      this.#deps.counters.error(cause.code);
      this.#connection.close(closeOf('connectionLimit', cause.message));
    } else {
      this.#refuse(command.id, cause, 'connect');
      this.#connection.close({ code: CLOSE_CODES.connectionClosed.code, reason: 'connect refused' });
    }
  }
}
