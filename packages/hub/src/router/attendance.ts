/**
 * Who is here: what the arrival and the departure of a subscriber mean to others. Presence in the broker, joins and leaves, and the maps of
 * clients and users that a namespace may keep. Entries expire unless renewed, so that a dead node's clients disappear.
 */
import { every, type Timer } from '@trunkline/base';
import type { MapPublishOptions } from '@trunkline/broker';
import { channelKey, type ChannelKey } from '@trunkline/protocol';
import type { Client, Subscription } from '../clients/client.js';
import type { RouterDeps } from './deps.js';

export class Attendance {
  readonly #deps: RouterDeps;
  readonly #renewal: Timer;
  /** How many connections of a user are on a channel with a users map, on this node. */
  readonly #userCounts = new Map<ChannelKey, Map<string, number>>();

  constructor(deps: RouterDeps) {
    this.#deps = deps;
    this.#renewal = every(deps.clock, Math.max(1_000, deps.options.presenceTtlMs / 3), () => this.#renew());
  }

  dispose(): void {
    this.#renewal.cancel();
  }

  /** Before the subscribe reply: whoever asks next finds this client. */
  async arrive(client: Client, subscription: Subscription): Promise<void> {
    const { broker, options } = this.#deps;
    const { namespace, key, info } = subscription;
    if (namespace.options.presence) await broker.addPresence(key, client.id, info, options.presenceTtlMs);
    await this.#keepMaps(client, subscription, true);
  }

  /** After it. */
  announce(subscription: Subscription): void {
    if (subscription.namespace.options.joinLeave) this.#ignoreFailure(this.#deps.broker.publishJoin(subscription.key, subscription.info));
  }

  async depart(client: Client, subscription: Subscription): Promise<void> {
    const { broker } = this.#deps;
    const { namespace, key, info } = subscription;
    try {
      if (namespace.options.presence) await broker.removePresence(key, client.id);
      if (namespace.options.joinLeave) await broker.publishLeave(key, info);
      await this.#keepMaps(client, subscription, false);
    } catch (cause) {
      this.#deps.logger.warn({ channel: subscription.channel, cause: String(cause) }, 'removing presence failed');
    }
  }

  async #keepMaps(client: Client, subscription: Subscription, present: boolean): Promise<void> {
    const { mapClientsPrefix, mapUsersPrefix } = subscription.namespace.options;
    if (mapClientsPrefix !== '') await this.#keepMap(mapClientsPrefix, 'client', client, subscription, present);
    if (mapUsersPrefix === '') return;
    const { user } = client.principal;
    const counts = this.#userCounts.get(subscription.key) ?? new Map<string, number>();
    const count = (counts.get(user) ?? 0) + (present ? 1 : -1);
    if (count > 0) counts.set(user, count);
    else counts.delete(user);
    if (counts.size > 0) this.#userCounts.set(subscription.key, counts);
    else this.#userCounts.delete(subscription.key);
    if (present || count <= 0) await this.#keepMap(mapUsersPrefix, 'user', client, subscription, present);
  }

  async #keepMap(prefix: string, by: 'client' | 'user', client: Client, subscription: Subscription, present: boolean): Promise<void> {
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
    if (present) await this.#deps.broker.mapPublish(key, entry, JSON.stringify(by === 'client' ? { user, client: client.id } : { user }), options);
    else await this.#deps.broker.mapRemove(key, entry, options);
  }

  #renew(): void {
    const { clients, broker, options } = this.#deps;
    for (const client of clients.all()) {
      for (const subscription of client.subscriptions.values()) {
        if (subscription.delivery.buffering) continue;
        if (subscription.namespace.options.presence) {
          this.#ignoreFailure(broker.addPresence(subscription.key, client.id, subscription.info, options.presenceTtlMs));
        }
        const { mapClientsPrefix, mapUsersPrefix } = subscription.namespace.options;
        if (mapClientsPrefix !== '') this.#ignoreFailure(this.#keepMap(mapClientsPrefix, 'client', client, subscription, true));
        if (mapUsersPrefix !== '') this.#ignoreFailure(this.#keepMap(mapUsersPrefix, 'user', client, subscription, true));
      }
    }
  }

  #ignoreFailure(work: Promise<unknown>): void {
    work.catch((cause: unknown) => this.#deps.logger.warn({ cause: String(cause) }, 'presence update failed'));
  }
}
