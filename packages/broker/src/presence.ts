/** Who is on a channel now: one small table per channel that has anybody, one deadline per entry. */
import { CodedError, type ChannelKey, type ClientInfo } from '@trunkline/protocol';
import type { PresenceStats } from './broker.js';
import { Expiring, type ExpiryQueue } from './expiry.js';

class PresenceEntry extends Expiring {
  info: ClientInfo;
  readonly #clientId: string;
  readonly #key: ChannelKey;
  readonly #tables: PresenceTables;

  constructor(tables: PresenceTables, key: ChannelKey, clientId: string, info: ClientInfo) {
    super();
    this.#tables = tables;
    this.#key = key;
    this.#clientId = clientId;
    this.info = info;
  }

  override expire(): void {
    this.#tables.remove(this.#key, this.#clientId);
  }
}

export class PresenceTables {
  readonly #queue: ExpiryQueue;
  readonly #maxChannels: number;
  readonly #tables = new Map<ChannelKey, Map<string, PresenceEntry>>();

  constructor(queue: ExpiryQueue, maxChannels: number) {
    this.#queue = queue;
    this.#maxChannels = maxChannels;
  }

  add(key: ChannelKey, clientId: string, info: ClientInfo, ttlMs: number): void {
    let table = this.#tables.get(key);
    if (table === undefined) {
      if (this.#tables.size >= this.#maxChannels)
        throw new CodedError('limitExceeded', `maxChannels ${this.#maxChannels}`);
      this.#tables.set(key, (table = new Map()));
    }
    let entry = table.get(clientId);
    if (entry === undefined) table.set(clientId, (entry = new PresenceEntry(this, key, clientId, info)));
    entry.info = info;
    this.#queue.schedule(entry, this.#queue.now() + ttlMs);
  }

  remove(key: ChannelKey, clientId: string): void {
    const table = this.#tables.get(key);
    const entry = table?.get(clientId);
    if (table === undefined || entry === undefined) return;
    this.#queue.cancel(entry);
    table.delete(clientId);
    if (table.size === 0) this.#tables.delete(key);
  }

  /** A copy: later changes do not show in it. */
  list(key: ChannelKey): ReadonlyMap<string, ClientInfo> {
    const found = new Map<string, ClientInfo>();
    const now = this.#queue.now();
    for (const [clientId, entry] of this.#tables.get(key) ?? [])
      if (entry.deadline > now) found.set(clientId, entry.info);
    return found;
  }

  stats(key: ChannelKey): PresenceStats {
    const users = new Set<string>();
    let numClients = 0;
    const now = this.#queue.now();
    for (const entry of this.#tables.get(key)?.values() ?? []) {
      if (entry.deadline <= now) continue;
      numClients++;
      users.add(entry.info.user);
    }
    return { numClients, numUsers: users.size };
  }
}
