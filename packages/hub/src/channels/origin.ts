/**
 * Where a channel's numbers come from, one implementation per class: the broker (live), the store (durable), this node (local). An origin
 * answers "what came after this position, and what is the top now"; the channel asks it at subscribe, at recovery and when offsets jump.
 */
import type { Clock } from '@trunkline/base';
import type { Broker, HistoryOutcome } from '@trunkline/broker';
import { CodedError, type ChannelKey, type Position, type Publication } from '@trunkline/protocol';
import type { DurableLog } from '../ports/durable-log.js';
import type { NamespaceOptions } from '../ports/namespace.js';
import { withDeadline } from './deadline.js';

export interface Origin {
  /** Publications after `since` (ascending, at most `limit`) and the top. A foreign epoch returns none. */
  read(since: Position | undefined, limit: number, reverse?: boolean): Promise<HistoryOutcome>;
}

export function createLiveOrigin(broker: Broker, key: ChannelKey, options: NamespaceOptions): Origin {
  return {
    read: (since, limit, reverse = false) => {
      const filter = { limit, reverse, ...(since ? { since } : {}) };
      return options.type === 'stream'
        ? broker.history(key, filter, options.metaTtlMs)
        : broker.mapStream(key, filter, options.metaTtlMs);
    },
  };
}

export function createDurableOrigin(log: DurableLog, key: ChannelKey): Origin {
  return {
    read: (since, limit, reverse = false) => log.read(key, since, limit, reverse),
  };
}

/** An answer that does not come is a failure (`sourceUnavailable`): whoever waits for it holds up a whole channel. */
export function createTimedOrigin(clock: Clock, origin: Origin, ms: number): Origin {
  return {
    read: (since, limit, reverse) =>
      withDeadline(
        clock,
        origin.read(since, limit, reverse),
        ms,
        () => new CodedError('sourceUnavailable', 'history was not read in time'),
        () => undefined,
      ),
  };
}

/** A ring of this node's own publications; its epoch is renewed by `reset`. */
export class LocalRing implements Origin {
  readonly #size: number;
  readonly #newEpoch: () => string;
  #epoch: string;
  #top = 0;
  #items: Publication[] = [];

  constructor(size: number, newEpoch: () => string) {
    this.#size = size;
    this.#newEpoch = newEpoch;
    this.#epoch = newEpoch();
  }

  get position(): Position {
    return { epoch: this.#epoch, offset: this.#top };
  }

  /** Numbers and keeps a publication. */
  add(publication: Omit<Publication, 'offset'>): Publication {
    return this.keep({ ...publication, offset: this.#top + 1 });
  }

  /** The same for one that has its number, which must be the next one. */
  protected keep(next: Publication): Publication {
    this.#top = next.offset;
    this.#items.push(next);
    // Trimmed in blocks, so that a push stays O(1) amortised.
    if (this.#items.length > this.#size * 2) this.#items = this.#newest();
    return next;
  }

  /** A new epoch with nothing in it. */
  clear(): void {
    this.reset();
  }

  /** A new epoch whose first `top` offsets were never kept. */
  reset(top = 0): void {
    this.#epoch = this.#newEpoch();
    this.#top = top;
    this.#items = [];
  }

  read(since: Position | undefined, limit: number, reverse = false): Promise<HistoryOutcome> {
    const kept = this.#newest();
    let chosen: Publication[] = [];
    if (since === undefined || since.epoch === '' || since.epoch === this.#epoch) {
      chosen = reverse
        ? kept
            .filter((item) => since === undefined || since.offset === 0 || item.offset < since.offset)
            .reverse()
        : kept.filter((item) => item.offset > (since?.offset ?? 0));
    }
    return Promise.resolve({
      publications: limit === Infinity ? chosen : chosen.slice(0, limit),
      position: this.position,
    });
  }

  #newest(): Publication[] {
    return this.#items.slice(Math.max(0, this.#items.length - this.#size));
  }
}
