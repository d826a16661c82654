/**
 * A client's subscriptions from request to end: the one place that adds and removes them, whoever asks (the client, its token, the
 * server API, a module's session plan). What others learn of it is `attendance.ts`.
 */
import {
  channelKey,
  closeOf,
  CodedError,
  type FilterNode,
  type MapPhase,
  type Payload,
  type Position,
  type SubscribeResult,
  type SubscriptionType,
  UNSUBSCRIBE_CODES,
  type UnsubscribeName,
} from '@trunkline/protocol';
import { withDeadline } from '../channels/deadline.js';
import type { Namespace } from '../channels/namespaces.js';
import { nextPageBytes } from '../channels/page-size.js';
import { subscribeMap, subscribeStream, type Subscribed } from '../channels/subscribe.js';
import type { Client, Subscription } from '../clients/client.js';
import { Delivery, type DeliveryReport } from '../delivery/delivery.js';
import { MapHolding, StreamHolding } from '../delivery/holding.js';
import { Attendance } from './attendance.js';
import type { RouterDeps } from './deps.js';
import { Rechecks } from './rechecks.js';

export interface SubscribeRequest {
  readonly subId: string;
  readonly channel: string;
  readonly namespace: Namespace;
  readonly type: SubscriptionType;
  readonly recover?: Position;
  readonly rejectUnrecovered: boolean;
  readonly positioned: boolean;
  readonly recoverable: boolean;
  readonly joinLeave: boolean;
  readonly filter?: FilterNode;
  /** Whether its publications come as deltas: asked for, and allowed by the namespace. Default false. */
  readonly delta?: boolean;
  readonly phase: MapPhase;
  readonly cursor: string;
  readonly limit: number;
  readonly since?: Position;
  readonly chanInfo?: Payload;
  readonly expiresAtMs?: number;
  readonly serverSide: boolean;
  /** A channel token or the server stands for the permission. Default: `serverSide`. */
  readonly granted?: boolean;
  /** Monotonic time up to which the permission is known; absent: for as long as nobody says otherwise. */
  readonly knownUntilMs?: number;
  /** What is left of the time for the answer. Default: the whole `subscribeDeadlineMs`. */
  readonly deadlineMs?: number;
}

/** A result and what starts the flow once the result is queued. */
export interface Begun {
  readonly result: SubscribeResult;
  begin(): void;
}

/** How long a map's pages may take before its session is given up. */
const PAGING_TIMEOUT_MS = 60_000;

export class Subscriptions {
  readonly #deps: RouterDeps;
  readonly #attendance: Attendance;
  readonly #rechecks: Rechecks;

  constructor(deps: RouterDeps) {
    this.#deps = deps;
    this.#attendance = new Attendance(deps);
    this.#rechecks = new Rechecks({
      ...deps,
      unsubscribe: (client, subId, tell) => void this.unsubscribe(client, subId, tell),
    });
  }

  dispose(): void {
    this.#rechecks.dispose();
    this.#attendance.dispose();
  }

  /** Throws `CodedError`. On success the caller queues the result, then calls `begin` in the same turn. */
  async subscribe(client: Client, request: SubscribeRequest): Promise<Begun> {
    const existing = client.subscriptions.get(request.subId);
    if (existing && existing.paging === undefined) throw new CodedError('alreadySubscribed');
    const continued =
      existing !== undefined &&
      request.phase === 'state' &&
      request.cursor !== '' &&
      existing.channel === request.channel;
    if (existing && !continued) this.#forget(client, existing);
    if (!existing && request.phase === 'state' && request.cursor !== '')
      throw new CodedError('unrecoverablePosition', 'the pages took too long');
    if (
      client.subscriptions.size >= this.#deps.clients.maxSubscriptionsOf(client.principal.org) &&
      !continued
    ) {
      throw new CodedError('limitExceeded', 'subscriptions of the connection');
    }
    const subscription = continued ? existing : this.#make(client, request);
    if (!continued) client.subscriptions.set(request.subId, subscription);
    const { clock, options } = this.#deps;
    const dueMs = clock.monotonic() + (request.deadlineMs ?? options.subscribeDeadlineMs);
    const pageMaxBytes = this.#pageBytes(subscription, request);
    try {
      const subscribed = await this.#run(subscription, request, pageMaxBytes, dueMs);
      this.#requireCurrent(client, subscription);
      if (subscribed.phase === 'state') {
        subscription.paging = { started: subscribed.position, sinceMs: clock.monotonic(), pageMaxBytes };
        return { result: this.#result(client, subscription, request, subscribed), begin: () => undefined };
      }
      await this.#inTime(dueMs, this.#attendance.arrive(client, subscription));
      this.#requireCurrent(client, subscription);
      this.#noteRecovery(client, request, subscribed);
      return {
        result: this.#result(client, subscription, request, subscribed),
        begin: () => {
          this.#begin(client, subscription, subscribed);
          if (request.knownUntilMs !== undefined)
            this.#rechecks.add(client, subscription, request.knownUntilMs);
        },
      };
    } catch (cause) {
      if (client.subscriptions.get(request.subId) === subscription) this.#forget(client, subscription);
      throw cause;
    }
  }

  /** Ends a subscription; false where there was none. The peer is told only where `tell` names a code. */
  unsubscribe(client: Client, subId: string, tell?: UnsubscribeName): boolean {
    const subscription = client.subscriptions.get(subId);
    if (!subscription) return false;
    const live = subscription.paging === undefined && !subscription.delivery.buffering;
    if (tell) subscription.ended = tell;
    // Before the replies that waited for its publications: they will not come, and whoever is told "done" has to know.
    if (tell && live) client.pushUnsubscribed(subscription, tell);
    // That may have been one push too many for the connection.
    if (client.subscriptions.get(subId) === subscription) this.#forget(client, subscription);
    const code = tell === undefined ? 0 : UNSUBSCRIBE_CODES[tell].code;
    this.#deps.events.add(client, { kind: 'unsubscribed', channel: subscription.channel, code });
    return true;
  }

  /** Ends all subscriptions of a client that is gone. */
  endAll(client: Client): void {
    for (const subscription of [...client.subscriptions.values()]) this.#forget(client, subscription);
  }

  /** Drops map sessions whose pages stopped coming, and subscriptions whose grant expired. */
  sweep(client: Client): void {
    const { clock, options } = this.#deps;
    for (const subscription of [...client.subscriptions.values()]) {
      if (subscription.paging && clock.monotonic() - subscription.paging.sinceMs > PAGING_TIMEOUT_MS)
        this.#forget(client, subscription);
      else if (
        subscription.expiresAtMs !== undefined &&
        clock.now() > subscription.expiresAtMs + options.expiryGraceMs
      ) {
        this.unsubscribe(client, subscription.subId, 'expired');
      }
    }
  }

  // ------------------------------------------------------------ inside

  /** The result is queued. What happened to the subscription since it was decided is told now, behind it. */
  #begin(client: Client, subscription: Subscription, { channel, position }: Subscribed): void {
    const { delivery } = subscription;
    const current = (): boolean => client.subscriptions.get(subscription.subId) === subscription;
    delete subscription.paging;
    if (!current()) {
      if (delivery.options.endsConnection && subscription.ended === undefined)
        client.disconnect(closeOf('insufficientState'));
      else client.pushUnsubscribed(subscription, subscription.ended ?? 'insufficientState');
      return;
    }
    delivery.begin(position);
    if (!current()) return;
    const source = this.#deps.channels.sourceState(channel);
    const { announced } = subscription;
    if (announced && announced !== source && delivery.options.tellsSource) {
      delivery.push({ kind: 'source', subId: subscription.subId, channel: subscription.channel, source });
    }
    this.#attendance.announce(subscription, client);
  }

  /** Continuity may be lost, or the client may go, while a subscribe is under way. */
  #requireCurrent(client: Client, subscription: Subscription): void {
    if (!client.open) throw new CodedError('clientGone');
    if (client.subscriptions.get(subscription.subId) !== subscription)
      throw new CodedError('sourceUnavailable', 'continuity was lost while subscribing');
  }

  #make(client: Client, request: SubscribeRequest): Subscription {
    const { options, clock, counters } = this.#deps;
    const { namespace, channel, subId } = request;
    const tellsGaps = client.can('gap');
    const profileOutcome = client.connection.profile.overflow;
    const outcome = profileOutcome ?? (tellsGaps ? namespace.options.overflow : 'recover');
    const delivery = new Delivery(
      client.connection,
      counters,
      {
        subId,
        channel,
        outcome,
        tellsGaps,
        tellsSource: client.can('source'),
        // Only a new connection brings back what the credential subscribed to, or a peer that cannot ask.
        endsConnection:
          client.connection.profile.cutEndsConnection === true ||
          (request.serverSide && client.principal.channels.includes(channel)),
        joinLeave: namespace.options.joinLeave && (request.joinLeave || namespace.options.forceJoinLeave),
        bufferMax: options.subscribeBufferMax,
        ...(request.filter ? { filter: request.filter } : {}),
        ...(request.delta
          ? { holding: request.type === 'stream' ? new StreamHolding() : new MapHolding() }
          : {}),
      },
      (report) => this.#onReport(client, subId, delivery, report),
    );
    const { forceRecovery } = namespace.options;
    return {
      subId,
      channel,
      key: channelKey(client.principal.org, channel),
      namespace,
      type: request.type,
      delivery,
      subscribedAtMs: clock.now(),
      recoverable:
        namespace.numbered &&
        (forceRecovery ||
          request.recoverable ||
          request.type !== 'stream' ||
          namespace.options.class !== 'live'),
      serverSide: request.serverSide,
      granted: request.granted ?? request.serverSide,
      info: client.info(request.chanInfo),
      expiresAtMs: request.expiresAtMs,
    };
  }

  /** A page is one document of a connection whose outbox holds `outboxMaxBytes`; what other channels say while it is on its way needs room as well. */
  #pageBytes({ paging, delivery }: Subscription, { cursor }: SubscribeRequest): number {
    const { clock, options } = this.#deps;
    const maxBytes = Math.min(options.mapPageMaxBytes, delivery.connection.profile.outboxMaxBytes / 2);
    const before =
      paging === undefined || cursor === ''
        ? undefined
        : { maxBytes: paging.pageMaxBytes, tookMs: clock.monotonic() - paging.sinceMs };
    return nextPageBytes(maxBytes, before);
  }

  #run(
    subscription: Subscription,
    request: SubscribeRequest,
    pageMaxBytes: number,
    dueMs: number,
  ): Promise<Subscribed> {
    const { key, namespace, delivery } = subscription;
    const common = {
      key,
      namespace,
      reader: delivery,
      ...(request.recover ? { recover: request.recover } : {}),
    };
    const work =
      request.type === 'stream'
        ? subscribeStream(this.#deps, { ...common, rejectUnrecovered: request.rejectUnrecovered })
        : subscribeMap(this.#deps, {
            ...common,
            phase: request.phase,
            cursor: request.cursor,
            limit: request.limit,
            pageMaxBytes,
            ...(request.since ? { since: request.since } : {}),
            ...(subscription.paging && request.cursor !== '' ? { started: subscription.paging.started } : {}),
          });
    return this.#inTime(dueMs, work);
  }

  /** Until `dueMs` of the monotonic clock: one deadline for all steps of a subscribe. */
  #inTime<T>(dueMs: number, work: Promise<T>): Promise<T> {
    const { clock } = this.#deps;
    const late = (): CodedError => new CodedError('sourceUnavailable', 'the channel did not answer in time');
    return withDeadline(clock, work, Math.max(0, dueMs - clock.monotonic()), late, () => undefined);
  }

  #result(
    client: Client,
    subscription: Subscription,
    request: SubscribeRequest,
    subscribed: Subscribed,
  ): SubscribeResult {
    const { namespace, recoverable } = subscription;
    const { options } = namespace;
    const positioned = namespace.numbered && (options.forcePositioning || request.positioned || recoverable);
    const told = client.can('gap') || client.can('source');
    const source = this.#deps.channels.sourceState(subscribed.channel);
    subscription.announced = source;
    return {
      kind: 'subscribe',
      type: subscription.type,
      recoverable,
      positioned,
      position:
        recoverable || positioned || request.type !== 'stream'
          ? subscribed.position
          : { epoch: '', offset: 0 },
      publications: subscribed.publications,
      wasRecovering: subscribed.wasRecovering,
      recovered: subscribed.recovered,
      phase: subscribed.phase,
      cursor: subscribed.cursor,
      state: subscribed.state,
      publishDebounceMs: options.publishDebounceMs,
      delta: subscription.delivery.holding !== undefined,
      ...(subscription.expiresAtMs === undefined
        ? {}
        : { ttlSeconds: Math.max(1, Math.ceil((subscription.expiresAtMs - this.#deps.clock.now()) / 1000)) }),
      ...(told
        ? {
            announced: {
              class: options.class,
              outcome: client.can('gap') ? options.overflow : 'recover',
              source,
            },
          }
        : {}),
    };
  }

  #noteRecovery(client: Client, { recover, channel }: SubscribeRequest, subscribed: Subscribed): void {
    if (recover === undefined) return;
    const { position: to, publications, unrecovered: reason } = subscribed;
    const range = { channel, from: recover, to };
    if (subscribed.recovered)
      this.#deps.events.add(client, { kind: 'recovered', ...range, publications: publications.length });
    else if (reason !== undefined) this.#deps.events.add(client, { kind: 'unrecovered', ...range, reason });
  }

  #onReport(client: Client, subId: string, delivery: Delivery, report: DeliveryReport): void {
    const { channel } = delivery.options;
    if (report.kind === 'overflow') {
      this.#deps.events.add(client, { channel, ...report });
      return;
    }
    const { code, reason, wasLive } = report;
    this.#deps.events.add(client, { kind: 'cut', channel, code, reason, position: delivery.position });
    this.#onCut(client, subId, delivery, wasLive);
  }

  /** The reader was cut and told to subscribe again. */
  #onCut(client: Client, subId: string, delivery: Delivery, wasLive: boolean): void {
    const subscription = client.subscriptions.get(subId);
    if (subscription?.delivery !== delivery) return;
    client.subscriptions.delete(subId);
    this.#deps.channels.leave(subscription.key, delivery);
    this.#attendance.depart(client, subscription);
    if (wasLive && delivery.options.endsConnection) client.disconnect(closeOf('insufficientState'));
  }

  #forget(client: Client, subscription: Subscription): void {
    client.subscriptions.delete(subscription.subId);
    subscription.delivery.end();
    this.#deps.channels.leave(subscription.key, subscription.delivery);
    this.#attendance.depart(client, subscription);
  }
}
