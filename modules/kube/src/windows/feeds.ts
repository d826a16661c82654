/**
 * What the engine's tables are fed with: one reflector's store each, sent over in cuts. A cut is what was told up to one moment, the last of each object, so that a burst is sent once and
 * what waits is never more than the objects there are. Parts of all cuts take turns; no more is on its way than the engine has room for, and the hub's
 * thread copies a few hundred kilobytes at a time.
 *
 * A list that nobody had yet takes seconds to arrive, and the engine seconds to read it. So that they do it side by side, its cut is begun while it arrives and ended when it is whole: the engine
 * counts a cut when its last part is there, and shows nothing before.
 */
import { Backoff, type Clock, type Logger, type Random, type Timer } from '@trunkline/base';
import type {
  Change,
  KubeObject,
  KubeQuestion,
  ReflectorLease,
  ReflectorState,
} from '@trunkline/kube-client';
import { CodedError } from '@trunkline/protocol';
import type { Identity, Upstreams } from '../ports.js';
import { takePart, type Cut } from './cut.js';
import type { RowKind } from './engine/columns.js';
import type { CutPart, SourceFacts, ToEngine } from './messages.js';
import type { WindowsOptions } from './options.js';

/** A batch larger than this is sent as a whole: noting each key would cost the hub more than reading all. */
const BATCH_MAX = 5_000;
/** What a part weighs beside its bytes. */
const PART_WEIGHT = 1_024;
const LEASE_AGAIN = { minDelayMs: 500, maxDelayMs: 30_000 };

export interface FeedsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly upstreams: Pick<Upstreams, 'lease'>;
  readonly send: (message: ToEngine, transfer?: readonly ArrayBuffer[]) => void;
}

/** What is read: whose list, and of what. */
export interface FeedSource {
  readonly cluster: string;
  readonly upstream: Identity;
  readonly question: KubeQuestion;
  readonly rows: RowKind;
}

interface Feed {
  readonly table: number;
  readonly key: string;
  readonly source: FeedSource;
  readonly backoff: Backoff;
  users: number;
  linger: Timer | undefined;
  lease: ReflectorLease | undefined;
  again: Timer | undefined;
  /** It was leased anew: once that list is loaded, what the engine has is compared with all of it. */
  renewed: boolean;
  /** Why there is no lease. */
  fault: SourceFacts | undefined;
  /** The engine wants its rows; before that there is nothing to add to. */
  begun: boolean;
  /** All rows are needed: because the engine said so, or since what was told is too much, or not all. */
  wanted: boolean;
  whole: boolean;
  stateChanged: boolean;
  /** What was told since the last cut, by key; undefined: gone. */
  readonly dirty: Map<string, KubeObject | undefined>;
  /** What was told last: a lease may keep back what the store has already, and then it must not be read from there. */
  state: ReflectorState;
  sequence: number;
  /** Of a first list that is not whole yet, the objects that have arrived; undefined where there is none, or not all were told. */
  arrived: KubeObject[] | undefined;
  cut: Cut | undefined;
  isQueued: boolean;
}

export class Feeds {
  readonly #deps: FeedsDeps;
  readonly #options: WindowsOptions;
  readonly #byKey = new Map<string, Feed>();
  readonly #byTable = new Map<number, Feed>();
  /** Those with parts to send, in turn. */
  readonly #queue: Feed[] = [];
  /** Weights of the parts on their way, in order. */
  #inFlight: number[] = [];
  #weight = 0;
  #lastTable = 0;
  #turn: Timer | undefined;
  #lastTurnMs = -Infinity;

  constructor(deps: FeedsDeps, options: WindowsOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** The engine's table of a source, to be released. A list that cannot be leased is a table whose source has failed, and is tried again. */
  acquire(source: FeedSource): number {
    const key = JSON.stringify([source.cluster, source.upstream, source.question, source.rows]);
    const feed = this.#byKey.get(key) ?? this.#begin(key, source);
    feed.users++;
    feed.linger?.cancel();
    feed.linger = undefined;
    return feed.table;
  }

  release(table: number): void {
    const feed = this.#byTable.get(table);
    if (feed === undefined || --feed.users > 0) return;
    const { clock } = this.#deps;
    const { questionLingerMs } = this.#options;
    if (questionLingerMs === 0) this.#end(feed);
    else feed.linger = clock.setTimeout(() => this.#end(feed), questionLingerMs);
  }

  /** The engine needs all of a table. */
  want(table: number): void {
    const feed = this.#byTable.get(table);
    if (feed === undefined) return;
    feed.begun = true;
    feed.wanted = true;
    // Rows that have gone over lack what is wanted now, and whoever wants it waits for a first word.
    this.#abandon(feed);
    this.#schedule();
  }

  /** The engine has worked off a part. */
  done(): void {
    this.#weight -= this.#inFlight.shift() ?? 0;
    this.#pump();
  }

  /** The engine is a new one: it is told of the tables again and asks for what it needs. */
  restart(): void {
    this.#inFlight = [];
    this.#weight = 0;
    this.#queue.length = 0;
    for (const feed of this.#byTable.values()) {
      feed.cut = undefined;
      feed.begun = feed.wanted = feed.isQueued = false;
      this.#announce(feed);
    }
  }

  dispose(): void {
    this.#turn?.cancel();
    for (const feed of [...this.#byTable.values()]) this.#end(feed);
  }

  // ------------------------------------------------------------ leases

  #begin(key: string, source: FeedSource): Feed {
    const feed: Feed = {
      table: ++this.#lastTable,
      key,
      source,
      backoff: new Backoff(this.#deps.random, LEASE_AGAIN),
      users: 0,
      linger: undefined,
      lease: undefined,
      again: undefined,
      renewed: false,
      fault: undefined,
      begun: false,
      wanted: false,
      whole: false,
      stateChanged: false,
      dirty: new Map(),
      state: { kind: 'loading' },
      sequence: 0,
      arrived: undefined,
      cut: undefined,
      isQueued: false,
    };
    this.#byKey.set(key, feed);
    this.#byTable.set(feed.table, feed);
    this.#announce(feed);
    this.#lease(feed);
    return feed;
  }

  #announce({ table, source: { cluster, rows } }: Feed): void {
    this.#deps.send({ kind: 'table', table, cluster, rows });
  }

  /** Rows stay while there is no lease, under a source that says so. */
  #lease(feed: Feed): void {
    const { cluster, upstream, question } = feed.source;
    try {
      feed.lease = this.#deps.upstreams.lease(cluster, upstream, question, {
        onChanges: (changes) => this.#onChanges(feed, changes),
        onState: (state) => this.#onState(feed, state),
        onArriving: (objects) => this.#onArriving(feed, objects),
        onLost: (cause) => {
          feed.lease?.dispose();
          this.#withoutLease(feed, 'recovering', cause);
        },
      });
      feed.fault = undefined;
      feed.backoff.reset();
      feed.sequence = feed.lease.view.sequence;
      this.#onState(feed, feed.lease.view.state);
    } catch (cause) {
      this.#deps.logger.warn({ cluster, cause: String(cause) }, 'the list of a window cannot be had');
      const passes = cause instanceof CodedError && cause.temporary;
      this.#withoutLease(feed, passes ? 'recovering' : 'failed', cause);
    }
  }

  #withoutLease(feed: Feed, state: 'recovering' | 'failed', cause: unknown): void {
    const { clock } = this.#deps;
    const reason = cause instanceof Error ? cause.message : String(cause);
    feed.lease = undefined;
    feed.renewed = true;
    feed.arrived = undefined;
    this.#abandon(feed);
    feed.fault = { state, sinceMs: feed.fault?.sinceMs ?? clock.now(), reason };
    feed.again = clock.setTimeout(() => this.#lease(feed), feed.backoff.next());
    this.#onState(feed, feed.state);
  }

  #onState(feed: Feed, state: ReflectorState): void {
    feed.state = state;
    feed.stateChanged = true;
    if (feed.cut?.phase === 'whole') this.#complete(feed, feed.cut);
    else if (state.kind !== 'loading') {
      // A list that broke off: what it brought may be void, and why it broke off is to be told now.
      feed.arrived = undefined;
      this.#abandon(feed);
    }
    if (feed.renewed && feed.lease?.view.loaded === true) {
      feed.renewed = false;
      feed.whole = true;
    }
    this.#schedule();
  }

  #onArriving(feed: Feed, objects: readonly KubeObject[] | undefined): void {
    if (objects === undefined) {
      this.#abandon(feed);
      feed.arrived = [];
      return;
    }
    if (feed.arrived === undefined) return;
    for (const object of objects) feed.arrived.push(object);
    this.#schedule();
  }

  #onChanges(feed: Feed, changes: readonly Change[]): void {
    const { cut } = feed;
    feed.sequence = changes.at(-1)?.sequence ?? feed.sequence;
    feed.arrived = undefined;
    this.#schedule();
    if (cut?.phase === 'arriving') {
      // The list that has arrived: all of it is in the cut.
      cut.phase = 'whole';
      feed.renewed = false;
      return;
    }
    if (changes.length > BATCH_MAX) feed.whole = true;
    if (!feed.whole)
      for (const { kind, key, object } of changes)
        feed.dirty.set(key, kind === 'deleted' ? undefined : object);
  }

  #end(feed: Feed): void {
    if (!this.#byTable.delete(feed.table)) return;
    this.#byKey.delete(feed.key);
    feed.linger?.cancel();
    feed.again?.cancel();
    feed.lease?.dispose();
    feed.cut = undefined;
    this.#deps.send({ kind: 'drop', table: feed.table });
  }

  // ------------------------------------------------------------ cuts

  /** The next cuts, `turnMs` after the last ones: at once where that is over. */
  #schedule(): void {
    const { clock } = this.#deps;
    const waitMs = Math.max(0, this.#lastTurnMs + this.#options.turnMs - clock.monotonic());
    this.#turn ??= clock.setTimeout(() => {
      this.#turn = undefined;
      this.#lastTurnMs = clock.monotonic();
      for (const feed of this.#byTable.values()) this.#cut(feed);
      this.#pump();
    }, waitMs);
  }

  #cut(feed: Feed): void {
    const { cut, lease, arrived } = feed;
    if (cut?.phase === 'arriving') this.#enqueue(feed);
    if (cut?.phase === 'whole') this.#complete(feed, cut);
    if (!feed.begun || cut !== undefined) return;
    const more = { sentObjects: 0, sentGone: 0, state: feed.fault ?? toFacts(feed.state) };
    if (isDue(feed)) {
      const full = isWhole(feed);
      const objects: KubeObject[] = full && lease !== undefined ? [...lease.view.values()] : [];
      const gone: string[] = [];
      // What was told before a whole was needed is a moment of its own; of a lease that was lost it is none.
      if (!full && !feed.renewed)
        for (const [key, object] of feed.dirty)
          if (object === undefined) gone.push(key);
          else objects.push(object);
      feed.dirty.clear();
      feed.stateChanged = false;
      if (full) feed.wanted = feed.whole = false;
      feed.cut = { full, objects, gone, phase: 'ended', ...more };
    } else if (arrived !== undefined && arrived.length > 0)
      feed.cut = { full: true, objects: arrived, gone: [], phase: 'arriving', ...more };
    else return;
    this.#enqueue(feed);
  }

  /** The list that was arriving is whole: this is the moment of its cut. */
  #complete(feed: Feed, cut: Cut): void {
    cut.phase = 'ended';
    cut.state = toFacts(feed.state);
    feed.stateChanged = false;
    this.#enqueue(feed);
    this.#pump();
  }

  /** The parts of a list that is arriving are worth nothing: the engine forgets them with the first part of the next cut. */
  #abandon(feed: Feed): void {
    if (feed.cut?.phase === 'arriving') feed.cut = undefined;
  }

  #enqueue(feed: Feed): void {
    if (!feed.isQueued) this.#queue.push(feed);
    feed.isQueued = true;
  }

  #pump(): void {
    while (this.#weight < this.#options.inFlightMaxBytes) {
      const feed = this.#queue.shift();
      if (feed === undefined) return;
      feed.isQueued = false;
      const { cut } = feed;
      if (cut === undefined || (cut.phase !== 'ended' && cut.sentObjects === cut.objects.length)) continue;
      const part = takePart(cut, feed.table, this.#options.partMaxBytes);
      this.#post(part);
      if (part.last === undefined) this.#enqueue(feed);
      else {
        feed.cut = undefined;
        if (isDue(feed)) this.#schedule();
      }
    }
  }

  #post(part: CutPart): void {
    const weight = part.bytes.length + PART_WEIGHT;
    this.#inFlight.push(weight);
    this.#weight += weight;
    this.#deps.send(part, [part.bytes.buffer as ArrayBuffer, part.lengths.buffer as ArrayBuffer]);
  }
}

function isDue(feed: Feed): boolean {
  return isWhole(feed) || feed.stateChanged || feed.dirty.size > 0;
}

/** Whether all rows are needed and can be had: the store is read only where everything in it was told. */
function isWhole({ wanted, whole, lease, sequence }: Feed): boolean {
  return lease === undefined ? wanted : (wanted || whole) && lease.view.sequence === sequence;
}

function toFacts(state: ReflectorState): SourceFacts {
  if (!('reason' in state)) return { state: state.kind };
  return { state: state.kind, sinceMs: state.sinceMs, reason: state.reason.message };
}
