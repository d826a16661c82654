/**
 * A client: an authenticated principal on a connection, and its subscriptions. It owns what dies with the connection (deliveries,
 * calls under way, expiry) and knows neither commands nor permissions.
 */
import { setMaxListeners } from 'node:events';
import type { Clock, Timer } from '@trunkline/base';
import {
  closeOf,
  CodedError,
  type ChannelKey,
  type ClientInfo,
  type Close,
  type Encoded,
  type ErrorData,
  type Payload,
  type Position,
  type Push,
  type Reply,
  type SourceState,
  type SubscriptionType,
  type UnsubscribeName,
  UNSUBSCRIBE_CODES,
} from '@trunkline/protocol';
import type { Connection } from '../connection/connection.js';
import type { Delivery } from '../delivery/delivery.js';
import type { Namespace } from '../channels/namespaces.js';
import type { ConnectionSummary } from '../ports/api.js';
import type { OpenRequest, SessionPlan } from '../ports/endpoint.js';
import type { Principal } from '../ports/principal.js';
import type { RateLimit } from './quotas.js';

export interface Subscription {
  readonly subId: string;
  readonly channel: string;
  readonly key: ChannelKey;
  readonly namespace: Namespace;
  readonly type: SubscriptionType;
  readonly delivery: Delivery;
  readonly subscribedAtMs: number;
  readonly recoverable: boolean;
  readonly serverSide: boolean;
  /** A channel token or the server stands for the permission, not the principal's own rights. */
  readonly granted: boolean;
  readonly info: ClientInfo;
  expiresAtMs: number | undefined;
  /** Why the server ended it; absent while it lives and where continuity was lost. */
  ended?: UnsubscribeName;
  /** What its result said of the source. */
  announced?: SourceState;
  /** Present while a map's state is being paged: not live yet. */
  paging?: {
    readonly started: Position;
    /** When the last page was answered. */
    readonly sinceMs: number;
    /** Bytes that it was allowed to hold. */
    readonly pageMaxBytes: number;
  };
}

export interface ClientIdentity {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly extensions: ReadonlySet<string>;
  readonly connectedAtMs: number;
  readonly request: OpenRequest;
  readonly plan: SessionPlan | undefined;
  /** The peer speaks a wire without channels: nothing can be subscribed for it. Default false. */
  readonly bare?: boolean;
}

interface Call {
  resolve(result: Payload): void;
  reject(error: Error): void;
  readonly timer: Timer;
}

/** Calls under way on one client. */
const MAX_CALLS = 1_000;

export class Client {
  readonly connection: Connection;
  readonly identity: ClientIdentity;
  readonly rate: RateLimit;
  readonly subscriptions = new Map<string, Subscription>();
  principal: Principal;
  expiresAtMs: number | undefined;
  readonly #clock: Clock;
  // Made when first needed: most clients are never called and call nothing.
  #abort: AbortController | undefined;
  #calls: Map<string, Call> | undefined;
  #nextCall = 1;
  #closed = false;

  constructor(
    clock: Clock,
    connection: Connection,
    identity: ClientIdentity,
    principal: Principal,
    rate: RateLimit,
  ) {
    this.#clock = clock;
    this.connection = connection;
    this.identity = identity;
    this.principal = principal;
    this.rate = rate;
    this.expiresAtMs = principal.expiresAtMs;
  }

  get id(): string {
    return this.identity.id;
  }

  /** Aborted when the connection closes. */
  get signal(): AbortSignal {
    this.#abort ??= longLived();
    if (this.#closed) this.#abort.abort(closeOf('connectionClosed'));
    return this.#abort.signal;
  }

  get open(): boolean {
    return !this.#closed && this.connection.open;
  }

  can(extension: string): boolean {
    return this.identity.extensions.has(extension);
  }

  /** How others see this client. */
  info(chanInfo?: Payload): ClientInfo {
    const { user, info } = this.principal;
    return {
      user,
      client: this.id,
      ...(info === undefined ? {} : { connInfo: info }),
      ...(chanInfo === undefined ? {} : { chanInfo }),
    };
  }

  /** Whether a live subscription to `channel` exists, under whatever subId. */
  isSubscribed(channel: string): boolean {
    const native = this.subscriptions.get(channel);
    if (native) return native.channel === channel && native.paging === undefined;
    for (const subscription of this.subscriptions.values())
      if (subscription.channel === channel && subscription.paging === undefined) return true;
    return false;
  }

  /** Queues a reply, or holds it until its `after` position was handed to this client (spec ORD-3). */
  reply(reply: Reply): void {
    const { after } = reply;
    const subscription = after && this.subscriptions.get(after.subId);
    const send = (): void => this.#send(this.connection.codec.encodeReply(reply));
    // A map whose pages are still fetched is not shown yet.
    if (after && subscription && subscription.paging === undefined)
      subscription.delivery.whenReached(after.position, send);
    else send();
  }

  push(push: Push): void {
    const document = this.connection.codec.encodePush(push);
    if (document) this.#send(document);
  }

  /** Calls the client. Needs the `call` extension (`notAvailable` otherwise). Throws `callTimeout`, `clientGone`, or the client's error. */
  call(method: string, data: Payload, timeoutMs: number): Promise<Payload> {
    if (!this.can('call'))
      return Promise.reject(new CodedError('notAvailable', 'the client did not offer calls'));
    if (!this.open) return Promise.reject(new CodedError('clientGone'));
    const calls = (this.#calls ??= new Map<string, Call>());
    if (calls.size >= MAX_CALLS) return Promise.reject(new CodedError('limitExceeded', 'calls under way'));
    const callId = String(this.#nextCall++);
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimeout(() => {
        calls.delete(callId);
        reject(new CodedError('callTimeout', method));
      }, timeoutMs);
      calls.set(callId, { resolve, reject, timer });
      this.push({ kind: 'call', callId, method, data });
    });
  }

  /** The client's answer; late and unknown ones are ignored. */
  onAnswer(callId: string, outcome: { readonly result: Payload } | { readonly error: ErrorData }): void {
    const call = this.#calls?.get(callId);
    if (!call) return;
    this.#calls?.delete(callId);
    call.timer.cancel();
    if ('result' in outcome) call.resolve(outcome.result);
    else
      call.reject(
        new CodedError({ code: outcome.error.code, message: outcome.error.message, retry: 'never' }),
      );
  }

  /** Tells the peer that a subscription is over. */
  pushUnsubscribed(subscription: Subscription, name: UnsubscribeName): void {
    const { code, message } = UNSUBSCRIBE_CODES[name];
    this.push({
      kind: 'unsubscribed',
      subId: subscription.subId,
      channel: subscription.channel,
      code,
      reason: message,
    });
  }

  disconnect(close: Close): void {
    this.connection.close(close);
  }

  /** The outbox is empty again: readers that fell behind catch up, until it is full once more (then the next time). */
  onDrained(): void {
    for (const { delivery } of this.subscriptions.values()) {
      if (this.connection.blocked) return;
      delivery.catchUp();
    }
  }

  /** The connection is gone. Subscriptions are ended by their owner before. */
  onClosed(): void {
    this.#closed = true;
    this.#abort?.abort(closeOf('connectionClosed'));
    for (const call of this.#calls?.values() ?? []) {
      call.timer.cancel();
      call.reject(new CodedError('clientGone'));
    }
    this.#calls = undefined;
  }

  summary(): ConnectionSummary {
    const { connection, identity, principal } = this;
    return {
      client: this.id,
      user: principal.user,
      org: principal.org,
      transport: connection.transport.name,
      codec: connection.codec.name,
      remoteAddress: identity.request.remoteAddress,
      name: identity.name,
      version: identity.version,
      connectedAtMs: identity.connectedAtMs,
      extensions: [...identity.extensions],
      outboxMessages: connection.outboxMessages,
      outboxBytes: connection.outboxBytes,
      subscriptions: [...this.subscriptions.values()].map((subscription) => ({
        channel: subscription.channel,
        subscribedAtMs: subscription.subscribedAtMs,
        type: subscription.type,
        position: subscription.delivery.position,
        recoverable: subscription.recoverable,
        serverSide: subscription.serverSide,
        delivery: subscription.delivery.kind,
        dropped: subscription.delivery.dropped,
      })),
    };
  }

  #send(document: Encoded): void {
    this.connection.control(document);
  }
}

/** As many listen to its signal as calls are under way, which the hub bounds; more than Node's guess of what would be a leak. */
function longLived(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}
