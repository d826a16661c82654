/**
 * Who is here: what the arrival and the departure of a subscriber mean to others. Presence in the broker, joins and leaves, and the maps of
 * clients and users that a namespace may keep. Entries expire unless renewed, so that a dead node's clients disappear. A client has one
 * seat per channel, whatever its subscriptions there; what is done about a seat is done one thing after the other, so that leaving
 * and coming back never overtake one another, and a departure undoes whatever an arrival got done.
 */
import { every, type Timer } from '@trunkline/base';
import type { MapPublishOptions } from '@trunkline/broker';
import { channelKey, type ChannelKey } from '@trunkline/protocol';
import type { Namespace } from '../channels/namespaces.js';
import type { Client, Subscription } from '../clients/client.js';
import type { RouterDeps } from './deps.js';

interface Seat {
  readonly client: Client;
  /** The one it was taken for; its information is what others see. */
  readonly subscription: Subscription;
  /** Subscriptions that hold it; empty: it is to be given up. */
  readonly holders: Set<Subscription>;
  /** `partly`: begun and not finished, or failed halfway. */
  present: 'no' | 'partly' | 'yes';
  /** Whether the user's count includes it. */
  counted: boolean;
  /** Whether others were told of a join. */
  joined: boolean;
  /** The last thing under way; undefined: idle. */
  tail: Promise<void> | undefined;
}

export class Attendance {
  readonly #deps: RouterDeps;
  readonly #renewal: Timer;
  readonly #seats = new Map<ChannelKey, Map<string, Seat>>();
  /** How many clients of a user are on a channel with a users map, on this node. */
  readonly #userCounts = new Map<ChannelKey, Map<string, number>>();

  constructor(deps: RouterDeps) {
    this.#deps = deps;
    this.#renewal = every(deps.clock, Math.max(1_000, deps.options.presenceTtlMs / 3), () => this.#renew());
  }

  dispose(): void {
    this.#renewal.cancel();
  }

  /** Before the subscribe reply: whoever asks next finds this client. After a failure, too, the caller calls `depart`. */
  arrive(client: Client, subscription: Subscription): Promise<void> {
    if (!isAttended(subscription.namespace)) return Promise.resolve();
    const seats = this.#seats.get(subscription.key) ?? new Map<string, Seat>();
    this.#seats.set(subscription.key, seats);
    const seat: Seat = seats.get(client.id) ?? {
      client,
      subscription,
      holders: new Set(),
      present: 'no',
      counted: false,
      joined: false,
      tail: undefined,
    };
    seats.set(client.id, seat);
    seat.holders.add(subscription);
    return this.#next(seat, () => this.#settle(seat));
  }

  /** After it. */
  announce(subscription: Subscription, client: Client): void {
    const seat = this.#seats.get(subscription.key)?.get(client.id);
    if (!subscription.namespace.options.joinLeave || !seat?.holders.has(subscription)) return;
    this.#ignoreFailure(
      this.#next(seat, async () => {
        if (seat.joined || seat.holders.size === 0) return;
        seat.joined = true;
        await this.#deps.broker.publishJoin(subscription.key, seat.subscription.info);
      }),
    );
  }

  /** Undoes what `arrive` and `announce` did; harmless where nothing was done. */
  depart(client: Client, subscription: Subscription): void {
    const seat = this.#seats.get(subscription.key)?.get(client.id);
    if (seat?.holders.delete(subscription) && seat.holders.size === 0)
      this.#ignoreFailure(this.#next(seat, () => this.#settle(seat)));
  }

  /** Runs `step` after what is under way about this seat; at once where nothing is. */
  #next(seat: Seat, step: () => Promise<void>): Promise<void> {
    const done = seat.tail ? seat.tail.then(step) : step();
    const tail = done
      .catch(() => undefined)
      .then(() => {
        if (seat.tail !== tail) return;
        seat.tail = undefined;
        if (seat.holders.size === 0 && seat.present === 'no') this.#clear(seat);
      });
    seat.tail = tail;
    return done;
  }

  #clear(seat: Seat): void {
    const { key } = seat.subscription;
    const seats = this.#seats.get(key);
    if (seats?.get(seat.client.id) !== seat) return;
    seats.delete(seat.client.id);
    if (seats.size === 0) this.#seats.delete(key);
  }

  /** Brings what others see in line with whether anybody holds the seat. */
  async #settle(seat: Seat): Promise<void> {
    const { broker, options } = this.#deps;
    const { client, subscription } = seat;
    const { namespace, key, info } = subscription;
    if (seat.holders.size > 0) {
      if (seat.present === 'yes') return;
      seat.present = 'partly';
      if (namespace.options.presence) await broker.addPresence(key, client.id, info, options.presenceTtlMs);
      await this.#keepMaps(seat, true);
      seat.present = 'yes';
      return;
    }
    if (seat.present === 'no') return;
    seat.present = 'no';
    // One failure does not keep the rest from being undone; what stays behind expires.
    if (namespace.options.presence) await this.#tried(seat, () => broker.removePresence(key, client.id));
    if (seat.joined) await this.#tried(seat, () => broker.publishLeave(key, info));
    seat.joined = false;
    await this.#tried(seat, () => this.#keepMaps(seat, false));
  }

  async #tried(seat: Seat, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (cause) {
      this.#deps.logger.warn(
        { channel: seat.subscription.channel, cause: String(cause) },
        'removing presence failed',
      );
    }
  }

  async #keepMaps(seat: Seat, present: boolean): Promise<void> {
    const { client, subscription } = seat;
    const { mapClientsPrefix, mapUsersPrefix } = subscription.namespace.options;
    const users = mapUsersPrefix !== '' && this.#count(seat, present);
    if (mapClientsPrefix !== '')
      await this.#keepMap(mapClientsPrefix, 'client', client, subscription, present);
    if (users) await this.#keepUser(seat, present);
  }

  /** The last word about a user is the count's at the moment of writing, whoever's turn it is. */
  #keepUser(seat: Seat, present: boolean): Promise<void> {
    const { client, subscription } = seat;
    const still = (this.#userCounts.get(subscription.key)?.get(client.principal.user) ?? 0) > 0;
    return present === still
      ? this.#keepMap(subscription.namespace.options.mapUsersPrefix, 'user', client, subscription, present)
      : Promise.resolve();
  }

  /** Counts a seat in or out, once each; false where the user's entry is not touched by it. */
  #count(seat: Seat, present: boolean): boolean {
    if (seat.counted === present) return present;
    seat.counted = present;
    const { user } = seat.client.principal;
    const { key } = seat.subscription;
    const counts = this.#userCounts.get(key) ?? new Map<string, number>();
    const count = (counts.get(user) ?? 0) + (present ? 1 : -1);
    if (count > 0) counts.set(user, count);
    else counts.delete(user);
    if (counts.size > 0) this.#userCounts.set(key, counts);
    else this.#userCounts.delete(key);
    return present || count <= 0;
  }

  async #keepMap(
    prefix: string,
    by: 'client' | 'user',
    client: Client,
    subscription: Subscription,
    present: boolean,
  ): Promise<void> {
    const channel = prefix + subscription.channel;
    const namespace = this.#deps.namespaces.find(channel);
    if (!namespace || namespace.options.type === 'stream') return;
    const key = channelKey(client.principal.org, channel);
    const options: MapPublishOptions = {
      streamSize: namespace.options.map.streamSize,
      streamTtlMs: namespace.options.map.streamTtlMs,
      metaTtlMs: namespace.options.metaTtlMs,
      keyTtlMs: this.#deps.options.presenceTtlMs,
      maxKeys: namespace.options.map.maxKeys,
      ...(by === 'client' ? { info: subscription.info } : {}),
      renew: true,
    };
    const { user } = client.principal;
    // A user's entry is the same from each of their connections, so that renewing it changes nothing. Anonymous clients share one.
    const entry = by === 'client' ? client.id : user === '' ? 'anonymous' : user;
    if (present)
      await this.#deps.broker.mapPublish(
        key,
        entry,
        JSON.stringify(by === 'client' ? { user, client: client.id } : { user }),
        options,
      );
    else await this.#deps.broker.mapRemove(key, entry, options);
  }

  #renew(): void {
    const { broker, options } = this.#deps;
    for (const seats of this.#seats.values()) {
      for (const seat of seats.values()) {
        // What is under way about it renews it, or ends it.
        if (seat.present !== 'yes' || seat.tail) continue;
        const { namespace, key, info } = seat.subscription;
        this.#ignoreFailure(
          this.#next(seat, async () => {
            if (seat.present !== 'yes') return;
            if (namespace.options.presence)
              await broker.addPresence(key, seat.client.id, info, options.presenceTtlMs);
            await this.#keepMaps(seat, true);
          }),
        );
      }
    }
  }

  #ignoreFailure(work: Promise<unknown>): void {
    work.catch((cause: unknown) =>
      this.#deps.logger.warn({ cause: String(cause) }, 'presence update failed'),
    );
  }
}

/** Whether anything is kept or told of who is on such a channel. */
function isAttended({ options }: Namespace): boolean {
  return (
    options.presence || options.joinLeave || options.mapClientsPrefix !== '' || options.mapUsersPrefix !== ''
  );
}
