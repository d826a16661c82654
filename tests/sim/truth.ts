/**
 * What really happened in a world: every publication that was accepted, by channel, epoch and offset, in the order of acceptance. An engine
 * that lost acknowledged writes gives an offset a second time; both were true once, the later one is in force.
 */
import { splitChannelKey, type ChannelKey, type Position, type Publication } from '@trunkline/protocol';

export interface Fact {
  readonly offset: number;
  readonly data: unknown;
  readonly text: string;
  readonly key: string;
  readonly removed: boolean;
  readonly tags: Readonly<Record<string, string>>;
  readonly atMs: number;
}

interface History {
  readonly epoch: string;
  readonly beganMs: number;
  /** By offset - 1; in force. */
  facts: Fact[];
  /** By offset: everything that was ever true there. */
  readonly ever: Map<number, Fact[]>;
  /** What was acknowledged was lost, so offsets are given again. */
  truncated: boolean;
}

export class ChannelTruth {
  readonly key: ChannelKey;
  readonly org: string;
  readonly channel: string;
  readonly #histories = new Map<string, History>();
  /** Place of each payload in the order of acceptance, over all epochs; payloads are unique. */
  readonly #order = new Map<string, number>();
  readonly #publishedMs = new Map<string, number>();
  #current: History | undefined;
  /** The engine delivered publications without a number more than once. */
  repeated = false;
  /** An offset that was given to two publications although nothing was lost. */
  reused: string | undefined;

  constructor(key: ChannelKey) {
    this.key = key;
    const { org, channel } = splitChannelKey(key);
    this.org = org;
    this.channel = channel;
  }

  get position(): Position {
    return { epoch: this.#current?.epoch ?? '', offset: this.#current?.facts.length ?? 0 };
  }

  /** An epoch began or is in force again. */
  enter(epoch: string, nowMs: number): History {
    let history = this.#histories.get(epoch);
    if (!history) {
      history = { epoch, beganMs: nowMs, facts: [], ever: new Map(), truncated: false };
      this.#histories.set(epoch, history);
    }
    this.#current = history;
    return history;
  }

  record(publication: Publication, epoch: string, nowMs: number): void {
    const place = this.#order.size;
    const again = this.#order.has(String(publication.data));
    if (!again) {
      this.#order.set(String(publication.data), place);
      this.#publishedMs.set(String(publication.data), nowMs);
    }
    if (publication.offset === 0) {
      this.repeated ||= again;
      return;
    }
    const history = this.enter(epoch, nowMs);
    const { offset, key = '', removed = false, tags = {} } = publication;
    const text = String(publication.data);
    const known = history.facts[offset - 1];
    if (known?.text === text && known.key === key) return;
    const fact: Fact = { offset, data: JSON.parse(text), text, key, removed, tags, atMs: nowMs };
    if (history.ever.has(offset) && !history.truncated) this.reused ??= `${offset} of ${epoch}`;
    if (history.facts.length >= offset) history.facts = history.facts.slice(0, offset - 1);
    history.facts[offset - 1] = fact;
    history.ever.set(offset, [...(history.ever.get(offset) ?? []), fact]);
  }

  /** What lies beyond `top` was lost. */
  truncate(epoch: string, top: number): void {
    const history = this.#histories.get(epoch);
    if (!history) return;
    history.facts = history.facts.slice(0, top);
    history.truncated = true;
  }

  has(epoch: string): boolean {
    return this.#histories.has(epoch);
  }

  /** When an epoch began. */
  beganMs(epoch: string): number {
    return this.#histories.get(epoch)?.beganMs ?? 0;
  }

  /** Whether `data` was ever published at that place. */
  everHeld(epoch: string, offset: number, data: unknown): boolean {
    const text = JSON.stringify(data);
    return (
      this.#histories
        .get(epoch)
        ?.ever.get(offset)
        ?.some((fact) => fact.text === text) === true
    );
  }

  /** Everything that was ever published at an offset. */
  ever(epoch: string, offset: number): readonly Fact[] {
    return this.#histories.get(epoch)?.ever.get(offset) ?? [];
  }

  /** Place in the order of acceptance; undefined: never published here. */
  placeOf(data: unknown): number | undefined {
    return this.#order.get(JSON.stringify(data));
  }

  /** When it was accepted for the first time. */
  publishedMs(data: unknown): number | undefined {
    return this.#publishedMs.get(JSON.stringify(data));
  }

  /** Facts in force with offsets from `from` to `to`. */
  between(epoch: string, from: number, to: number): readonly Fact[] {
    return this.#histories.get(epoch)?.facts.slice(Math.max(0, from - 1), to) ?? [];
  }

  /** Entries of a map as of an offset. */
  entries(epoch: string, upTo = Infinity): Map<string, Fact> {
    const entries = new Map<string, Fact>();
    for (const fact of this.between(epoch, 1, upTo)) {
      if (fact.removed) entries.delete(fact.key);
      else entries.set(fact.key, fact);
    }
    return entries;
  }
}

export class Truth {
  readonly #channels = new Map<ChannelKey, ChannelTruth>();

  of(key: ChannelKey): ChannelTruth {
    let channel = this.#channels.get(key);
    if (!channel) this.#channels.set(key, (channel = new ChannelTruth(key)));
    return channel;
  }

  all(): Iterable<ChannelTruth> {
    return this.#channels.values();
  }
}
