/**
 * Recent events per org: a ring each, so that an operator can see why a client did not get a publication after it happened. Written where
 * things end or fail, never per publication. Rings outlive the org's connections, since the last thing that happens to a client is that it
 * goes; the number of orgs is bounded too.
 */
import type { Clock } from '@trunkline/base';
import type { OrgEvent, OrgEventDetail, OrgEventFilter } from '../ports/diagnosis.js';
import type { Client } from './client.js';

interface Ring {
  /** Overwritten in a circle once full; the newest stands at `(seq - 1) % max`. */
  readonly events: OrgEvent[];
  seq: number;
}

/** Orgs whose events are kept; beyond it the one without a new event for longest is forgotten. */
const ORGS_MAX = 1_000;
/** Texts of a peer's choosing are cut to this. */
const TEXT_MAX = 255;

export class OrgEvents {
  readonly #clock: Clock;
  readonly #max: number;
  /** In the order of the last event. */
  readonly #rings = new Map<string, Ring>();

  /** `max`: events kept per org; 0 keeps none. */
  constructor(clock: Clock, max: number) {
    this.#clock = clock;
    this.#max = Math.floor(max);
  }

  add({ id, principal }: Pick<Client, 'id' | 'principal'>, detail: OrgEventDetail): void {
    if (this.#max === 0) return;
    const { org, user } = principal;
    const ring = this.#rings.get(org) ?? { events: [], seq: 0 };
    this.#rings.delete(org);
    this.#rings.set(org, ring);
    if (this.#rings.size > ORGS_MAX) this.#forgetOldest();
    const place = ring.seq % this.#max;
    ring.seq++;
    ring.events[place] = { ...bounded(detail), seq: ring.seq, timeMs: this.#clock.now(), client: id, user };
  }

  /** Newest first. */
  list(org: string, filter: OrgEventFilter = {}): readonly OrgEvent[] {
    const ring = this.#rings.get(org);
    const found: OrgEvent[] = [];
    if (!ring) return found;
    const { after = 0, limit = Infinity } = filter;
    for (let back = 1; back <= ring.events.length && found.length < limit; back++) {
      const event = ring.events[(ring.seq - back) % this.#max];
      if (event === undefined || event.seq <= after) break;
      if (matches(event, filter)) found.push(event);
    }
    return found;
  }

  #forgetOldest(): void {
    for (const org of this.#rings.keys()) {
      this.#rings.delete(org);
      return;
    }
  }
}

function matches(event: OrgEvent, { client, user, channel, kinds }: OrgEventFilter): boolean {
  return (
    (client === undefined || event.client === client) &&
    (user === undefined || event.user === user) &&
    (channel === undefined || !('channel' in event) || event.channel === channel) &&
    (kinds === undefined || kinds.includes(event.kind))
  );
}

function bounded(detail: OrgEventDetail): OrgEventDetail {
  return 'channel' in detail && detail.channel.length > TEXT_MAX
    ? { ...detail, channel: detail.channel.slice(0, TEXT_MAX) }
    : detail;
}
