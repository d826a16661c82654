/**
 * One channel on this node: its readers and the position up to which it was delivered. Offsets are checked here, once for all readers:
 * what was already delivered is dropped, a jump is repaired from the origin or, where that is impossible, told to every reader
 * (spec CONT-2). It knows deliveries and an origin; no users, rights or commands.
 */
import type { Logger } from '@trunkline/base';
import {
  CodedError,
  type ChannelKey,
  type ClientInfo,
  type Codec,
  type Encoded,
  type Position,
  type Publication,
  type SourceState,
} from '@trunkline/protocol';
import type { Counters } from '../connection/counters.js';
import type { Delivery } from '../delivery/delivery.js';
import { Deltas } from './deltas.js';
import { Documents } from './documents.js';
import type { Namespace } from './namespaces.js';
import type { Origin } from './origin.js';

/** Publications read in one step of a repair. */
const REPAIR_PAGE = 500;

export class Channel {
  readonly key: ChannelKey;
  readonly org: string;
  readonly name: string;
  readonly namespace: Namespace;
  readonly origin: Origin | undefined;
  readonly #counters: Counters;
  readonly #logger: Logger;
  readonly #readers: Delivery[] = [];
  readonly #deltaMemoryMaxBytes: number;
  #readersWithDeltas = 0;
  /** Present while there are such readers. */
  #deltas: Deltas | undefined;
  #position: Position | undefined;
  /** The offset that was learned when delivery started; what lies before it is dropped when it arrives. */
  #startedAt = 0;
  #told = 0;
  #repairing = false;
  #newestSeen = 0;

  constructor(
    key: ChannelKey,
    org: string,
    name: string,
    namespace: Namespace,
    origin: Origin | undefined,
    counters: Counters,
    logger: Logger,
    deltaMemoryMaxBytes: number,
  ) {
    this.key = key;
    this.org = org;
    this.name = name;
    this.namespace = namespace;
    this.origin = origin;
    this.#counters = counters;
    this.#logger = logger;
    this.#deltaMemoryMaxBytes = deltaMemoryMaxBytes;
  }

  get size(): number {
    return this.#readers.length;
  }

  /** Where this node's delivery stands; undefined before the first subscribe learned it. */
  get position(): Position | undefined {
    return this.#position;
  }

  /** The highest offset of this epoch that a subscriber was told as the top, delivered here or not. */
  get told(): number {
    return this.#told;
  }

  add(reader: Delivery): void {
    reader.slot = this.#readers.length;
    this.#readers.push(reader);
    if (reader.holding === undefined) return;
    this.#readersWithDeltas++;
    this.#deltas ??= new Deltas(this.namespace.options.type !== 'stream', this.#deltaMemoryMaxBytes);
  }

  remove(reader: Delivery): void {
    const { slot } = reader;
    if (slot < 0 || this.#readers[slot] !== reader) return;
    const last = this.#readers.pop();
    if (last && last !== reader) {
      this.#readers[slot] = last;
      last.slot = slot;
    }
    reader.slot = -1;
    if (reader.holding !== undefined && --this.#readersWithDeltas === 0) this.#deltas = undefined;
  }

  /** Present while there are readers with deltas. */
  get deltas(): Deltas | undefined {
    return this.#deltas;
  }

  /**
   * A reader with deltas was given these (ascending, none left out), as of a position: what follows may start from them, as far as delivery has
   * come and not gone beyond.
   */
  seed(publications: readonly Publication[], asOf: Position): void {
    const at = this.#position;
    if (at === undefined || at.epoch !== asOf.epoch || at.offset > asOf.offset) return;
    this.#deltas?.seed(publications.filter(({ offset }) => offset <= at.offset));
  }

  /**
   * A subscriber learned the top; the first one sets where delivery starts. Publications beyond it are still to come. Throws `sourceUnavailable`
   * where it is of another epoch than what is delivered: one of the two is out of date, which the origin is asked about, and offsets of one
   * mean nothing in the other. The same where it is an older answer than the one with which delivery started: what lies between the two is
   * dropped when it arrives, as delivered already.
   */
  learn(position: Position): void {
    const at = this.#position;
    if (at === undefined || at.epoch === '') this.#startAt(position);
    else if (position.epoch === at.epoch) {
      if (position.offset < this.#startedAt)
        throw new CodedError('sourceUnavailable', 'a newer answer came first while subscribing');
      this.#told = Math.max(this.#told, position.offset);
    } else {
      if (this.origin) void this.repair();
      else this.lose('epoch', position);
      throw new CodedError('sourceUnavailable', 'the history began anew while subscribing');
    }
  }

  /** From the broker or a local source. Order per channel is the order of the calls. */
  deliver(publication: Publication, epoch: string): void {
    const { offset } = publication;
    if (offset === 0) {
      this.#fanOut(publication);
      return;
    }
    const at = this.#position;
    if (this.#repairing) {
      this.#newestSeen = Math.max(this.#newestSeen, offset);
      return;
    }
    if (at === undefined || at.epoch === '') {
      this.#position = { epoch, offset };
      this.#fanOut(publication);
      return;
    }
    if (epoch !== at.epoch) {
      this.lose('epoch', { epoch, offset });
      return;
    }
    if (offset <= at.offset) return;
    if (offset === at.offset + 1) {
      this.#position = { epoch, offset };
      this.#fanOut(publication);
      return;
    }
    this.#newestSeen = offset;
    void this.repair();
  }

  /**
   * Compares with the origin and delivers what is missing, in order; what arrives meanwhile is read back from the origin too. Where the
   * origin no longer holds it, every reader is told.
   */
  async repair(): Promise<void> {
    const origin = this.origin;
    const start = this.#position;
    if (this.#repairing || start === undefined) return;
    if (!origin) {
      this.lose('no history', { epoch: start.epoch, offset: Math.max(this.#newestSeen, start.offset) });
      return;
    }
    this.#repairing = true;
    try {
      for (;;) {
        const at = this.#position ?? start;
        const { publications, position: top } = await origin.read(at, REPAIR_PAGE);
        if (top.epoch !== at.epoch || top.offset < at.offset) {
          this.lose('epoch', top);
          break;
        }
        const missed = publications.filter((publication) => publication.offset > at.offset);
        let expected = at.offset + 1;
        for (const publication of missed) {
          if (publication.offset !== expected) break;
          this.#position = { epoch: at.epoch, offset: expected++ };
          this.#fanOut(publication);
        }
        if (expected > top.offset && this.#newestSeen < expected) break;
        if (expected === at.offset + 1) {
          // No progress although more is known to exist: the origin no longer holds it.
          this.lose('trimmed', { epoch: at.epoch, offset: Math.max(top.offset, this.#newestSeen) });
          break;
        }
      }
    } catch (cause) {
      this.#logger.warn(
        { org: this.org, channel: this.name, cause: String(cause) },
        'reading missed publications failed',
      );
      this.lose('source failed', { epoch: start.epoch, offset: Math.max(this.#newestSeen, start.offset) });
    } finally {
      this.#repairing = false;
      this.#newestSeen = 0;
    }
  }

  /** Continuity is lost for all readers, who leave (and the deltas with them); delivery goes on from `position` for those who subscribe again. */
  lose(reason: string, position: Position): void {
    this.#startAt(position);
    const readers = [...this.#readers];
    if (readers.length > 0)
      this.#logger.info(
        { org: this.org, channel: this.name, reason, readers: readers.length },
        'continuity lost',
      );
    for (const reader of readers) reader.cut(reason);
  }

  /** To every reader that asks for joins and leaves. */
  announce(kind: 'join' | 'leave', info: ClientInfo): void {
    for (const reader of this.#readers) {
      if (reader.options.joinLeave)
        reader.push({ kind, subId: reader.options.subId, channel: this.name, info });
    }
  }

  /** The state of the source behind the channel, to every reader that can be told. */
  announceSource(source: SourceState): void {
    for (const reader of this.#readers) {
      if (reader.options.tellsSource)
        reader.push({ kind: 'source', subId: reader.options.subId, channel: this.name, source });
    }
  }

  #startAt(position: Position): void {
    this.#position = position;
    this.#startedAt = position.offset;
    this.#told = position.offset;
  }

  #fanOut(publication: Publication): void {
    this.#counters.publications++;
    if (this.#deltas !== undefined) {
      this.#fanOutForms(publication, this.#deltas);
      return;
    }
    const readers = this.#readers;
    let codec: Codec | undefined;
    let body: Encoded | undefined;
    let others: Map<Codec, Encoded> | undefined;
    // Downwards: a reader that is cut removes itself by swapping in the last one, which was already served.
    for (let index = readers.length - 1; index >= 0; index--) {
      const reader = readers[index];
      if (reader === undefined) continue;
      const its = reader.connection.codec;
      if (its !== codec || body === undefined) {
        if (codec !== undefined && body !== undefined) (others ??= new Map()).set(codec, body);
        codec = its;
        body = others?.get(its) ?? its.encodePublication(this.name, publication);
      }
      reader.offer(publication, its.envelope ? its.envelope(body, reader.options.subId) : body);
    }
  }

  /** The same where some readers have deltas: who holds what the delta starts from gets it, the others of them the whole. */
  #fanOutForms(publication: Publication, deltas: Deltas): void {
    const readers = this.#readers;
    const documents = new Documents(this.name, publication, deltas.advance(publication), deltas);
    const { base } = documents;
    for (let index = readers.length - 1; index >= 0; index--) {
      const reader = readers[index];
      if (reader === undefined) continue;
      const { holding, connection } = reader;
      const { codec } = connection;
      let body: Encoded;
      if (holding === undefined) body = documents.plain(codec);
      // What waits somewhere goes out whole: what it starts from may be replaced before.
      else if (base !== undefined && reader.flowing && holding.holds(base)) body = documents.delta(codec);
      else body = documents.full(codec);
      if (reader.offer(publication, codec.envelope ? codec.envelope(body, reader.options.subId) : body))
        holding?.handed(publication);
    }
  }
}
