/**
 * Who is connected to this node, by org, user and client id, and the bounds per org and user. Another org's clients are in another
 * table; no method crosses.
 */
import type { Clock } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import { openAccount, type OrgAccount } from '../connection/connection.js';
import type { HubOptions } from '../options.js';
import type { ClientTarget } from '../ports/api.js';
import type { OrgStats } from '../ports/diagnosis.js';
import type { QuotasOf } from '../ports/quotas.js';
import type { Client } from './client.js';
import { RateLimit } from './quotas.js';

interface OrgTable {
  readonly clients: Map<string, Client>;
  readonly users: Map<string, Set<Client>>;
  readonly account: OrgAccount;
  readonly sinceMs: number;
  readonly rate: RateLimit;
}

const NO_CONNECTIONS: OrgStats = {
  sinceMs: 0,
  connections: 0,
  users: 0,
  subscriptions: 0,
  messagesIn: 0,
  messagesOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  outboxBytes: 0,
};

export class Clients {
  readonly #clock: Clock;
  readonly #options: HubOptions;
  readonly #quotasOf: QuotasOf;
  /** Of orgs with such a quota, of which there are as many as are held. */
  readonly #publications = new Map<string, RateLimit>();
  readonly #orgs = new Map<string, OrgTable>();
  #count = 0;

  constructor(clock: Clock, options: HubOptions, quotasOf: QuotasOf = () => undefined) {
    this.#clock = clock;
    this.#options = options;
    this.#quotasOf = quotasOf;
  }

  get count(): number {
    return this.#count;
  }

  /** Throws `limitExceeded` when the org or the user has too many connections. */
  add(client: Client): void {
    const { org, user } = client.principal;
    const table = this.#table(org);
    const { maxConnectionsPerOrg } = this.#options;
    if (table.clients.size >= lesser(maxConnectionsPerOrg, this.#quotasOf(org)?.maxConnections))
      throw new CodedError('limitExceeded', 'connections of the org');
    const mine = table.users.get(user);
    if (user !== '' && mine && mine.size >= this.#options.maxConnectionsPerUser)
      throw new CodedError('limitExceeded', 'connections of the user');
    table.clients.set(client.id, client);
    if (mine) mine.add(client);
    else table.users.set(user, new Set([client]));
    this.#count++;
    client.connection.joinAccount(table.account);
  }

  remove(client: Client): void {
    const { org, user } = client.principal;
    const table = this.#orgs.get(org);
    if (!table?.clients.delete(client.id)) return;
    this.#count--;
    const mine = table.users.get(user);
    mine?.delete(client);
    if (mine?.size === 0) table.users.delete(user);
    if (table.clients.size === 0) this.#orgs.delete(org);
  }

  /** The org's command rate. */
  rateOf(org: string): RateLimit {
    const { rate } = this.#table(org);
    rate.ratePerSecond = lesser(
      this.#options.maxCommandsPerSecondPerOrg,
      this.#quotasOf(org)?.commandsPerSecond,
    );
    return rate;
  }

  /** Takes one from what the org may publish; throws `tooManyRequests` where nothing is left. */
  takePublication(org: string): void {
    const limit = this.#quotasOf(org)?.publicationsPerSecond ?? undefined;
    if (limit === undefined) return;
    const rate = this.#publications.get(org) ?? new RateLimit(this.#clock, limit);
    this.#publications.set(org, rate);
    rate.ratePerSecond = limit;
    if (!rate.take()) throw new CodedError('tooManyRequests', 'publications per second of the org');
  }

  /** Subscriptions that one connection of the org may have. */
  maxSubscriptionsOf(org: string): number {
    const { maxSubscriptionsPerConnection } = this.#options;
    return lesser(maxSubscriptionsPerConnection, this.#quotasOf(org)?.maxSubscriptionsPerConnection);
  }

  orgs(): readonly string[] {
    return [...this.#orgs.keys()];
  }

  users(): number {
    let users = 0;
    for (const table of this.#orgs.values()) users += signedIn(table);
    return users;
  }

  /** Of one org, matching the target: a client id, a user (or some sessions of it), both, or (with an empty target) all. */
  find(org: string, target: ClientTarget): readonly Client[] {
    const table = this.#orgs.get(org);
    if (!table) return [];
    if (target.client !== undefined) {
      const client = table.clients.get(target.client);
      return client && (target.user === undefined || client.principal.user === target.user) ? [client] : [];
    }
    if (target.user !== undefined) {
      const mine = [...(table.users.get(target.user) ?? [])];
      const { sessions } = target;
      if (sessions === undefined) return mine;
      return mine.filter(({ principal: { session } }) => session !== undefined && sessions.includes(session));
    }
    return [...table.clients.values()];
  }

  /** Counters of an org's connections (spec ORG-1). */
  statsOf(org: string): OrgStats {
    const table = this.#orgs.get(org);
    if (!table) return NO_CONNECTIONS;
    const { messagesIn, messagesOut, bytesIn, bytesOut } = table.account;
    let subscriptions = 0;
    let outboxBytes = 0;
    for (const client of table.clients.values()) {
      subscriptions += client.subscriptions.size;
      outboxBytes += client.connection.outboxBytes;
    }
    return {
      sinceMs: table.sinceMs,
      connections: table.clients.size,
      users: signedIn(table),
      subscriptions,
      messagesIn,
      messagesOut,
      bytesIn,
      bytesOut,
      outboxBytes,
    };
  }

  *all(): IterableIterator<Client> {
    for (const table of this.#orgs.values()) yield* table.clients.values();
  }

  #table(org: string): OrgTable {
    let table = this.#orgs.get(org);
    if (!table) {
      table = {
        clients: new Map(),
        users: new Map(),
        account: openAccount(this.#options.orgOutboxMaxBytes),
        sinceMs: this.#clock.now(),
        rate: new RateLimit(this.#clock, this.#options.maxCommandsPerSecondPerOrg),
      };
      this.#orgs.set(org, table);
    }
    return table;
  }
}

function lesser(option: number, quota: number | null | undefined): number {
  return quota === null || quota === undefined ? option : Math.min(option, quota);
}

function signedIn({ users }: OrgTable): number {
  return users.size - (users.has('') ? 1 : 0);
}
