/**
 * What one question says to all readers of the foreign wires: what its one intake hears, and for each reader a beginning that fits to the version that it
 * has. Readers come from the ring where that reaches back far enough; else what they have is compared with what there is. It knows no connections and no rights.
 */
import type { Clock } from '@trunkline/base';
import {
  compareVersions,
  KubeError,
  type Change,
  type KubeQuestion,
  type ReflectorState,
  type ReflectorView,
} from '@trunkline/kube-client';
import { CodedError } from '@trunkline/protocol';
import type { Identity, Upstreams } from '../ports.js';
import { differenceTo } from './difference.js';
import type { EarlierList } from './earlier.js';
import { toBookmark, type TypeName, type WatchEvent } from './event.js';
import { Intake, type IntakeDeps } from './intake.js';
import { Numbering, toNumber, type Place } from './numbering.js';
import { ascending, replayAdded, replayAll, replayChanges, replayDifference, toEvent } from './replay.js';
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
  readonly upstreams: Pick<Upstreams, 'lease' | 'resolve'>;
}

export interface FeedOptions {
  /** Numbers whose place is remembered. */
  readonly maxPlaces: number;
  /** Changes of one turn of the event loop; at most `maxPlaces`. */
  readonly turnChanges: number;
  /** Between attempts to compare while the cluster does not answer: the first, and the longest, in milliseconds. */
  readonly againMs: number;
  readonly againMaxMs: number;
}

export class Feed {
  readonly #deps: FeedDeps;
  readonly #options: FeedOptions;
  readonly #cluster: string;
  readonly #identity: Identity;
  readonly #question: KubeQuestion;
  readonly #numbering: Numbering;
  readonly #intake: Intake;
  readonly #seats = new Set<Taken>();
  /** Who is told of the batch that is heard, and from which change on it is news. */
  readonly #told = new Map<Taken, number>();
  readonly #earlier = new Map<string, Promise<EarlierList>>();
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
    const lease: IntakeDeps['lease'] = (listener) =>
      deps.upstreams.lease(of.cluster, of.identity, of.question, listener);
    const slice = Math.min(options.turnChanges, options.maxPlaces);
    this.#intake = new Intake({ clock: deps.clock, lease }, this.#numbering, slice, {
      onBatch: (changes, wentBack) => this.#onBatch(changes, wentBack),
      onSlice: (changes, from, to) => this.#onSlice(changes, from, to),
      onBatchEnd: () => this.#beginAll(),
      onState: (state) => this.#onState(state),
      onLost: (cause) => this.#onLost(cause),
    });
  }

  get readers(): number {
    return this.#seats.size;
  }

  /** Calls of the reader may come before this returns. Throws what a lease throws. */
  join(reader: FeedReader, wish: Wish): Seat {
    const { state } = this.#intake.open();
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
    this.#told.delete(seat);
    if (this.#seats.delete(seat) && this.#seats.size === 0) this.#intake.close();
  }

  // ------------------------------------------------------------ upstream

  #onBatch(changes: readonly Change[], wentBack: boolean): void {
    this.#told.clear();
    for (const seat of [...this.#seats]) {
      if (seat.phase !== 'following') continue;
      if (seat.ahead === '') this.#told.set(seat, 0);
      else if (wentBack)
        this.#end(seat, new KubeError('kubeExpired', 'the cluster has gone back to an older state'));
      else if (!this.#wasOvertaken(seat)) this.#told.set(seat, newsFrom(seat, changes));
    }
  }

  #onSlice(changes: readonly Change[], from: number, to: number): void {
    if (this.#told.size === 0) return;
    const events = changes
      .slice(from, to)
      .map((change) => toEvent(this.#numbering, change, this.#numbering.of(change)));
    for (const [seat, first] of this.#told) tellLive(seat, changes, events, from, first);
  }

  /**
   * A list that was read over a gap may lie beyond the version of a reader that was ahead: what was gone by then is in no change. It begins anew, and is compared.
   */
  #wasOvertaken(seat: Taken): boolean {
    if (seat.phase !== 'following' || seat.ahead === '') return false;
    if (this.#intake.view?.changesSince(seat.ahead) !== undefined) return false;
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
    const { view, isQuiet } = this.#intake;
    if (seat.phase !== 'waiting' || view === undefined || !isQuiet) return;
    const { version, wasShown } = seat.wish;
    if (version === '' || version === '0') return this.#tell(seat, replayAll(this.#numbering, view, seat));
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
    const show = ascending(this.#numbering, version, [version, ...(place?.versions ?? []), view.version]);
    const open = ways.flatMap(({ changes }) => (changes === undefined ? [] : [changes]));
    if (closed.length > 0) {
      const lists = closed.flatMap((one) => seat.earlier.get(one) ?? []);
      seat.earlier.clear();
      const difference = differenceTo(view, lists, open);
      return this.#tell(seat, replayDifference(view, difference, seat, this.#type ?? UNKNOWN_TYPE, show));
    }
    // Both end where the ring does: the longer one has all of the other.
    const changes = open.reduce((longest, one) => (one.length > longest.length ? one : longest), []);
    this.#tell(seat, replayChanges(this.#numbering, changes, seat, show));
  }

  #tell(seat: Taken, events: readonly WatchEvent[]): void {
    seat.phase = 'following';
    if (events.length > 0) seat.reader.onEvents(events, false);
    if (this.#seats.has(seat)) seat.reader.onCurrent();
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
    const { view, isQuiet } = this.#intake;
    if (seat.phase === 'waiting') {
      seat.namespaces = namespaces;
      return 'shown';
    }
    if (view === undefined || seat.phase === 'comparing' || !isQuiet || seat.ahead !== '')
      return isWithin(before.namespaces, namespaces) ? 'later' : 'lost';
    const objects = [...view.values()];
    if (objects.some((object) => sees(before, object) && !sees({ namespaces }, object))) return 'lost';
    seat.namespaces = namespaces;
    const added = objects.filter((object) => !sees(before, object) && sees({ namespaces }, object));
    const events = replayAdded(this.#numbering, view, added);
    if (events.length > 0) seat.reader.onEvents(events, false);
    return 'shown';
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
    const { view, isQuiet } = this.#intake;
    if (!this.#seats.has(seat) || seat.phase !== 'following' || seat.ahead !== '') return undefined;
    if (view === undefined || !isQuiet) return undefined;
    const number = toNumber(view.version);
    // Numbers that ran ahead of the versions are caught up with soon.
    if (number !== undefined && number < this.#numbering.last) return undefined;
    return toBookmark(type, view.version, initial);
  }
}

/** The first change that a reader has not, whose version was ahead of what was known here; it is not ahead of the last one any more, where that is news. */
function newsFrom(seat: Taken, changes: readonly Change[]): number {
  const { ahead } = seat;
  const isNews = (version: string): boolean => (compareVersions(version, ahead) ?? 1) > 0;
  const first = seat.skips ? changes.findIndex(({ version }) => isNews(version)) : 0;
  if (isNews(changes.at(-1)?.version ?? '')) seat.ahead = '';
  return first >= 0 ? first : Infinity;
}

/** `events`: of the changes from `from` on. What comes before `first` is no news. */
function tellLive(
  seat: Taken,
  changes: readonly Change[],
  events: readonly WatchEvent[],
  from: number,
  first: number,
): void {
  const isSeen = (index: number): boolean => {
    const change = changes[index];
    return index >= first && change !== undefined && sees(seat, change.object);
  };
  const isWhole = first <= from && seat.namespaces === undefined;
  const seen = isWhole ? events : events.filter((_event, index) => isSeen(from + index));
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
