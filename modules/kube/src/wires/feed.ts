/**
 * What one question says to all readers of the foreign wires: one lease of its reflector, the numbers of its changes, and for each reader a beginning that fits to the version that it
 * has. Readers come from the ring where that reaches back far enough; else what they have is compared with what there is. It knows no connections and no rights.
 */
import type { Clock } from '@trunkline/base';
import {
  compareVersions,
  KubeError,
  type Change,
  type KubeObject,
  type KubeQuestion,
  type ReflectorLease,
  type ReflectorState,
  type ReflectorView,
} from '@trunkline/kube-client';
import { CodedError } from '@trunkline/protocol';
import type { Identity, Upstreams } from '../ports.js';
import { byVersion, differenceTo, type Difference } from './difference.js';
import type { EarlierList } from './earlier.js';
import { toBookmark, toDeleted, WatchEvent, type EventType, type TypeName } from './event.js';
import { Numbering, toNumber, type Place } from './numbering.js';
import {
  isWithin,
  sees,
  type FeedReader,
  type Namespaces,
  type Seat,
  type Taken,
  type Wish,
} from './seat.js';

export interface FeedDeps {
  readonly clock: Clock;
  readonly upstreams: Upstreams;
}

export interface FeedOptions {
  /** Numbers whose place is remembered. */
  readonly maxPlaces: number;
  /** Between attempts to compare while the cluster does not answer: the first, and the longest, in milliseconds. */
  readonly againMs: number;
  readonly againMaxMs: number;
}

const EVENTS: Readonly<Record<Change['kind'], EventType>> = {
  added: 'ADDED',
  modified: 'MODIFIED',
  deleted: 'DELETED',
};

export class Feed {
  readonly #deps: FeedDeps;
  readonly #options: FeedOptions;
  readonly #cluster: string;
  readonly #identity: Identity;
  readonly #question: KubeQuestion;
  readonly #numbering: Numbering;
  readonly #seats = new Set<Taken>();
  readonly #earlier = new Map<string, Promise<EarlierList>>();
  #lease: ReflectorLease | undefined;
  /** Of the lease, or of the last one. */
  #view: ReflectorView | undefined;
  /** Number of the last change that was heard. Behind the view's own while changes are held back. */
  #heard = 0;
  #version = '';
  #type: TypeName | undefined;

  constructor(
    deps: FeedDeps,
    options: FeedOptions,
    of: { readonly cluster: string; readonly identity: Identity; readonly question: KubeQuestion },
  ) {
    this.#deps = deps;
    this.#options = options;
    this.#cluster = of.cluster;
    this.#identity = of.identity;
    this.#question = of.question;
    this.#numbering = new Numbering(options.maxPlaces);
  }

  get readers(): number {
    return this.#seats.size;
  }

  /** Calls of the reader may come before this returns. Throws what a lease throws. */
  join(reader: FeedReader, wish: Wish): Seat {
    const lease = (this.#lease ??= this.#open());
    const seat: Taken = {
      reader,
      wish,
      namespaces: wish.namespaces,
      phase: 'waiting',
      earlier: new Map(),
      ahead: '',
      skips: false,
      again: undefined,
      attempts: 0,
    };
    this.#seats.add(seat);
    this.#begin(seat);
    const { state } = lease.view;
    if (
      'reason' in state &&
      (seat.phase === 'waiting' || state.kind !== 'recovering') &&
      this.#seats.has(seat)
    )
      reader.onFault(state.reason);
    return {
      leave: () => this.#leave(seat),
      see: (namespaces) => this.#see(seat, namespaces),
      bookmark: (initial) => this.#bookmark(seat, initial),
    };
  }

  #leave(seat: Taken): void {
    seat.again?.cancel();
    if (!this.#seats.delete(seat) || this.#seats.size > 0) return;
    this.#lease?.dispose();
    this.#lease = undefined;
  }

  // ------------------------------------------------------------ upstream

  #open(): ReflectorLease {
    const lease = this.#deps.upstreams.lease(this.#cluster, this.#identity, this.#question, {
      onChanges: (changes, version) => this.#onChanges(changes, version),
      onState: (state) => this.#onState(state),
      onLost: (cause) => this.#onLost(cause),
    });
    const { view } = lease;
    const missed = view === this.#view ? view.changesAfter(this.#heard) : undefined;
    if (missed !== undefined) this.#numbering.take(missed, this.#version, view.version, true);
    else {
      this.#numbering.beginAnew();
      const kept = view.changesAfter(view.sequence - view.stats.ringChanges);
      this.#numbering.take(kept ?? [], '', view.version, false);
    }
    this.#view = view;
    this.#heard = view.sequence;
    this.#version = view.version;
    return lease;
  }

  #onChanges(changes: readonly Change[], version: string): void {
    if (changes.length === 0) return;
    const before = this.#version;
    // From where it was the ring leads no further over a gap; and whoever has half of a difference has no version to go on from.
    const difference = before !== '' && changes.length > 1 && this.#view?.changesSince(before) === undefined;
    this.#numbering.take(changes, before, version, difference);
    this.#heard = changes.at(-1)?.sequence ?? this.#heard;
    this.#version = version;
    const wentBack = (compareVersions(version, before) ?? 0) < 0;
    const following = [...this.#seats].filter(({ phase }) => phase === 'following');
    const events =
      following.length === 0
        ? []
        : changes.map((change) => this.#toEvent(change, this.#numbering.of(change)));
    for (const seat of following) {
      if (seat.ahead === '') tellLive(seat, changes, events, 0);
      else if (wentBack)
        this.#end(seat, new KubeError('kubeExpired', 'the cluster has gone back to an older state'));
      else if (!this.#wasOvertaken(seat)) this.#tellNews(seat, changes, events);
    }
    this.#beginAll();
  }

  /**
   * A list that was read over a gap may lie beyond the version of a reader that was ahead: what was gone by then is in no change. It begins anew, and is compared.
   */
  #wasOvertaken(seat: Taken): boolean {
    if (seat.phase !== 'following' || seat.ahead === '') return false;
    if (this.#view?.changesSince(seat.ahead) !== undefined) return false;
    if (!seat.skips && seat.wish.wasShown === 'elsewhere') {
      // A number of ours, whose reader has been told everything since.
      seat.ahead = '';
      return false;
    }
    // Told something meanwhile, it stands at no version.
    if (!seat.skips) this.#end(seat, new KubeError('kubeExpired', 'the version lies in a gap'));
    seat.ahead = '';
    seat.phase = 'waiting';
    return true;
  }

  /** To a reader whose version was ahead of what is known here. */
  #tellNews(seat: Taken, changes: readonly Change[], events: readonly WatchEvent[]): void {
    const { ahead } = seat;
    const isNews = (version: string): boolean => (compareVersions(version, ahead) ?? 1) > 0;
    const first = seat.skips ? changes.findIndex(({ version }) => isNews(version)) : 0;
    if (isNews(changes.at(-1)?.version ?? '')) seat.ahead = '';
    if (first >= 0) tellLive(seat, changes, events, first);
  }

  #onState(state: ReflectorState): void {
    // A gap may have brought no change at all.
    for (const seat of this.#seats) this.#wasOvertaken(seat);
    this.#beginAll();
    if (!('reason' in state)) return;
    for (const seat of [...this.#seats])
      if (this.#seats.has(seat) && (seat.phase === 'waiting' || state.kind !== 'recovering'))
        seat.reader.onFault(state.reason);
  }

  #onLost(cause: unknown): void {
    this.#lease = undefined;
    const error =
      cause instanceof CodedError ? cause : new CodedError('sourceUnavailable', 'the list was lost');
    for (const seat of [...this.#seats]) this.#end(seat, error);
  }

  #end(seat: Taken, error: CodedError): void {
    if (!this.#seats.has(seat)) return;
    this.#leave(seat);
    seat.reader.onEnd(error);
  }

  // ------------------------------------------------------------ beginnings

  #beginAll(): void {
    for (const seat of [...this.#seats]) if (this.#seats.has(seat)) this.#begin(seat);
  }

  /**
   * Once there is a whole list, and nothing of it is held back. A version may be one of a list that the client has read, or a number that it was shown in the place of another; who cannot
   * tell goes on from both.
   */
  #begin(seat: Taken): void {
    const view = this.#view;
    if (seat.phase !== 'waiting' || view?.loaded !== true || view.sequence !== this.#heard) return;
    const { version, wasShown } = seat.wish;
    if (version === '' || version === '0') return this.#tellAll(seat, view);
    const place = this.#numbering.place(version);
    const listed = { version, changes: view.changesSince(version) };
    const isOurs = wasShown === 'here' && place !== undefined;
    const ways = [...(isOurs ? [] : [listed]), ...waysFrom(view, place)];
    const closed = [
      ...new Set(ways.filter(({ changes }) => changes === undefined).map((way) => way.version)),
    ];
    const unread = closed.filter((one) => !seat.earlier.has(one));
    if (unread.length > 0) return void this.#compare(seat, unread);
    seat.ahead = !isOurs && (compareVersions(view.version, version) ?? 0) < 0 ? version : '';
    seat.skips = place === undefined;
    const show = this.#ascending(version, [version, ...(place?.versions ?? []), view.version]);
    const open = ways.flatMap(({ changes }) => (changes === undefined ? [] : [changes]));
    if (closed.length > 0) {
      const lists = closed.flatMap((one) => seat.earlier.get(one) ?? []);
      seat.earlier.clear();
      return this.#tellDifference(seat, view, differenceTo(view, lists, open), show);
    }
    // Both end where the ring does: the longer one has all of the other.
    const changes = open.reduce((longest, one) => (one.length > longest.length ? one : longest), []);
    this.#tell(
      seat,
      changes
        .filter(({ object }) => sees(seat, object))
        .map((change) => this.#toEvent(change, show(this.#numbering.of(change)))),
    );
  }

  #tellAll(seat: Taken, view: ReflectorView): void {
    const show = this.#ascending('0', [view.version]);
    const objects = [...view.values()].filter((object) => sees(seat, object)).sort(byVersion);
    this.#tell(
      seat,
      objects.map((object) => new WatchEvent('ADDED', object, show(object.version))),
    );
  }

  /** What is gone goes first: whoever then has all up to a version is at that version. */
  #tellDifference(
    seat: Taken,
    view: ReflectorView,
    { gone, changed }: Difference,
    show: (own: string) => string,
  ): void {
    const type = this.#type ?? UNKNOWN_TYPE;
    this.#tell(seat, [
      ...gone
        .filter((object) => sees(seat, object))
        .map((object) => toDeleted(type, object, show('') || view.version)),
      ...changed
        .filter(({ object }) => sees(seat, object))
        .map(({ type: kind, object }) => {
          const number = show(object.version);
          return new WatchEvent(kind, object, number, number !== object.version);
        }),
    ]);
  }

  #tell(seat: Taken, events: readonly WatchEvent[]): void {
    seat.phase = 'following';
    if (events.length > 0) seat.reader.onEvents(events, false);
    if (this.#seats.has(seat)) seat.reader.onCurrent();
  }

  /**
   * Numbers for one reader, each above the one before. At those that are not an object's own the reader may have what was there in any of the `states`.
   */
  #ascending(shown: string, states: readonly string[]): (own: string) => string {
    const versions = [...new Set(states)];
    let last = shown === '0' ? 0 : toNumber(shown);
    return (own) => {
      if (last === undefined || (own !== '' && toNumber(own) === undefined)) return own;
      const number = Math.max(toNumber(own) ?? 0, last + 1);
      last = number;
      this.#numbering.raise(number);
      if (String(number) !== own) this.#numbering.remember(number, { versions });
      return String(number);
    };
  }

  #toEvent({ kind, object }: Change, number: string): WatchEvent {
    return new WatchEvent(EVENTS[kind], object, number, this.#numbering.place(number) !== undefined);
  }

  // ------------------------------------------------------------ comparing

  async #compare(seat: Taken, versions: readonly string[]): Promise<void> {
    seat.phase = 'comparing';
    try {
      if (versions.includes('')) throw new KubeError('kubeExpired', 'the version is not known here any more');
      await this.#resolveType();
      for (const version of versions) seat.earlier.set(version, await this.#listEarlier(version, seat));
      this.#goOn(seat);
    } catch (cause) {
      const error = cause instanceof CodedError ? cause : new CodedError('internal', undefined, { cause });
      if (!this.#seats.has(seat)) return;
      if (!error.temporary) return this.#end(seat, error);
      const { againMs, againMaxMs } = this.#options;
      const waitMs = Math.min(againMaxMs, againMs * 2 ** Math.min(10, seat.attempts++));
      seat.again = this.#deps.clock.setTimeout(() => this.#goOn(seat), waitMs);
      seat.reader.onFault(error);
    }
  }

  #goOn(seat: Taken): void {
    if (!this.#seats.has(seat)) return;
    seat.phase = 'waiting';
    this.#begin(seat);
  }

  /** Once for all who come from there at the same time, and see the same. */
  #listEarlier(version: string, { wish, namespaces }: Taken): Promise<EarlierList> {
    const key = JSON.stringify([version, namespaces === undefined ? null : [...namespaces].sort()]);
    const under = this.#earlier.get(key);
    if (under !== undefined) return under;
    const list = wish.earlier(version).finally(() => this.#earlier.delete(key));
    this.#earlier.set(key, list);
    return list;
  }

  // ------------------------------------------------------------ parts of a list

  #see(seat: Taken, namespaces: Namespaces): 'shown' | 'lost' | 'later' {
    const before = { namespaces: seat.namespaces };
    const view = this.#view;
    const isQuiet = view?.loaded === true && view.sequence === this.#heard && seat.ahead === '';
    if (seat.phase === 'waiting') {
      seat.namespaces = namespaces;
      return 'shown';
    }
    if (view === undefined || seat.phase === 'comparing' || !isQuiet)
      return isWithin(before.namespaces, namespaces) ? 'later' : 'lost';
    const objects = [...view.values()];
    if (objects.some((object) => sees(before, object) && !sees({ namespaces }, object))) return 'lost';
    seat.namespaces = namespaces;
    this.#tellAdded(
      seat,
      view,
      objects.filter((object) => !sees(before, object) && sees({ namespaces }, object)),
    );
    return 'shown';
  }

  /** To a reader that follows. Whoever has got to one of their numbers but the last has some of them, and nobody knows which. */
  #tellAdded(seat: Taken, { version }: ReflectorView, objects: readonly KubeObject[]): void {
    const events = [...objects].sort(byVersion).map((object, index) => {
      if (toNumber(version) === undefined) return new WatchEvent('ADDED', object, object.version);
      const number = this.#numbering.last + 1;
      this.#numbering.raise(number);
      this.#numbering.remember(number, { versions: [index === objects.length - 1 ? version : ''] });
      return new WatchEvent('ADDED', object, String(number), true);
    });
    if (events.length > 0) seat.reader.onEvents(events, false);
  }

  async #resolveType(): Promise<TypeName> {
    if (this.#type !== undefined) return this.#type;
    const { group, version, kind } = await this.#deps.upstreams.resolve(
      this.#cluster,
      this.#identity,
      this.#question,
    );
    return (this.#type = { apiVersion: group === '' ? version : `${group}/${version}`, kind });
  }

  async #bookmark(seat: Taken, initial: boolean): Promise<WatchEvent | undefined> {
    const type = await this.#resolveType();
    const view = this.#view;
    if (!this.#seats.has(seat) || seat.phase !== 'following' || seat.ahead !== '') return undefined;
    if (view === undefined || view.sequence !== this.#heard) return undefined;
    const number = toNumber(view.version);
    // Numbers that ran ahead of the versions are caught up with soon.
    if (number !== undefined && number < this.#numbering.last) return undefined;
    return toBookmark(type, view.version, initial);
  }
}

/** `from`: what came before it is no news. */
function tellLive(
  seat: Taken,
  changes: readonly Change[],
  events: readonly WatchEvent[],
  from: number,
): void {
  const isSeen = (index: number): boolean => {
    const change = changes[index];
    return index >= from && change !== undefined && sees(seat, change.object);
  };
  const isWhole = from === 0 && seat.namespaces === undefined;
  const seen = isWhole ? events : events.filter((_event, index) => isSeen(index));
  if (seen.length > 0) seat.reader.onEvents(seen, true);
}

const UNKNOWN_TYPE: TypeName = { apiVersion: '', kind: '' };

/** How to go on from a place: after a change that is still kept, else from each of its states. */
function waysFrom(
  view: ReflectorView,
  place: Place | undefined,
): { readonly version: string; readonly changes: readonly Change[] | undefined }[] {
  if (place === undefined) return [];
  const { sequence, versions } = place;
  const after = sequence === undefined ? undefined : view.changesAfter(sequence);
  if (after !== undefined) return [{ version: '', changes: after }];
  return versions.map((version) => ({ version, changes: view.changesSince(version) }));
}
