/**
 * One watch of one viewer: let in by their rights, fed by the feed that all share, and asked about again for as long as it lives. Whatever ends it (a refusal, a right that was taken
 * away, a version that nobody knows any more) is told once, and nothing after it.
 */
import type { Clock, Timer } from '@trunkline/base';
import type { Principal } from '@trunkline/hub';
import { KUBE_CODES, KubeError, type KubeQuestion } from '@trunkline/kube-client';
import { CodedError } from '@trunkline/protocol';
import type { Access, Identity, Sight } from '../ports.js';
import type { WatchTarget } from './api-path.js';
import { listEarlier, type EarlierList, type EarlierObject } from './earlier.js';
import type { WatchEvent } from './event.js';
import type { FeedReader, Seat, Wish } from './seat.js';
import type { Feeds } from './feeds.js';

export interface ViewedWatchDeps {
  readonly clock: Clock;
  readonly access: Access;
  readonly feeds: Feeds;
}

export interface ViewedWatchOptions {
  /** How long a watch goes on while nobody can say whether it may, in milliseconds. */
  readonly doubtMs: number;
  /** Between questions meanwhile. */
  readonly doubtAgainMs: number;
  /** Objects of a list that is compared. */
  readonly maxCompared: number;
  /** Between attempts to begin while the cluster cannot be asked: the first, and the longest, in milliseconds. */
  readonly againMs: number;
  readonly againMaxMs: number;
}

/** Who wants to watch what. */
export interface Asked {
  readonly principal: Principal;
  readonly cluster: string;
  readonly target: WatchTarget;
  /** See `Wish`. Default `never`. */
  readonly wasShown?: Wish['wasShown'];
}

/** A yes. */
export interface Admission {
  readonly identity: Identity;
  readonly sight: Sight;
}

/** @param newcomer whether an answer of earlier is of no use (see `Access.sight`). Throws the refusal, where nothing of the list may be seen. */
export async function admit(
  access: Access,
  principal: Principal,
  cluster: string,
  question: KubeQuestion,
  newcomer: boolean,
): Promise<Admission> {
  const { upstream } = await access.enter(principal, cluster);
  return { identity: upstream, sight: await access.sight(principal, cluster, question, newcomer) };
}

/** What a watch tells. */
export interface WatchReader extends FeedReader {
  /** Only a part of the list is shown, in words that name it. Said before the first event. */
  onPart(words: string): void;
}

export class ViewedWatch {
  readonly #deps: ViewedWatchDeps;
  readonly #options: ViewedWatchOptions;
  readonly #asked: Asked;
  readonly #reader: WatchReader;
  readonly #life = new AbortController();
  #identity: Identity | undefined;
  /** Namespaces to which the sight is restricted. */
  #part: readonly string[] | undefined;
  #seat: Seat | undefined;
  #timer: Timer | undefined;
  #doubtSinceMs: number | undefined;
  #attempts = 0;

  /** `reader` is told nothing before `start`, and nothing after `onEnd` or `dispose`. */
  constructor(deps: ViewedWatchDeps, options: ViewedWatchOptions, asked: Asked, reader: WatchReader) {
    this.#deps = deps;
    this.#options = options;
    this.#asked = asked;
    this.#reader = reader;
  }

  get ended(): boolean {
    return this.#life.signal.aborted;
  }

  /** Resolves after the first attempt, never rejects. `admission`: what was found out already. */
  async start(admission?: Admission): Promise<void> {
    try {
      const { identity, sight } = admission ?? (await this.#admit(true));
      if (this.ended) return;
      this.#identity = identity;
      if (sight.kind === 'namespaces') {
        this.#part = sight.namespaces;
        this.#reader.onPart(partWords(sight));
      }
      this.#join(identity);
      if (!this.ended) this.#askAgainIn(sight.recheckMs);
    } catch (cause) {
      if (!isTemporary(cause)) return this.#end(cause);
      // A client asks once: it is for us to ask again.
      const { againMs, againMaxMs } = this.#options;
      const waitMs = Math.min(againMaxMs, againMs * 2 ** Math.min(10, this.#attempts++));
      this.#tell(() => this.#reader.onFault(cause));
      if (!this.ended) this.#timer = this.#deps.clock.setTimeout(() => void this.start(), waitMs);
    }
  }

  /** Undefined where there is none to send now. Never rejects. */
  async bookmark(initial: boolean): Promise<WatchEvent | undefined> {
    try {
      const found = await this.#seat?.bookmark(initial);
      return this.ended ? undefined : found;
    } catch {
      return undefined;
    }
  }

  dispose(): void {
    this.#life.abort(new Error('the watch is over'));
    this.#timer?.cancel();
    this.#seat?.leave();
  }

  // ------------------------------------------------------------ rights

  #admit(newcomer: boolean): Promise<Admission> {
    const { principal, cluster, target } = this.#asked;
    return admit(this.#deps.access, principal, cluster, target.question, newcomer);
  }

  #askAgainIn(waitMs: number): void {
    this.#timer = this.#deps.clock.setTimeout(() => void this.#askAgain(), waitMs);
  }

  async #askAgain(): Promise<void> {
    try {
      const { identity, sight } = await this.#admit(false);
      if (this.ended) return;
      this.#doubtSinceMs = undefined;
      if (!isSame(identity, this.#identity))
        return this.#end(new KubeError('kubeUnauthorized', 'the credential was replaced'));
      this.#see(sight);
      if (!this.ended) this.#askAgainIn(sight.recheckMs);
    } catch (cause) {
      if (this.ended) return;
      const now = this.#deps.clock.monotonic();
      this.#doubtSinceMs ??= now;
      if (isTemporary(cause) && now - this.#doubtSinceMs < this.#options.doubtMs)
        this.#askAgainIn(this.#options.doubtAgainMs);
      else this.#end(cause);
    }
  }

  /** What may be seen may become more. Where it becomes less the watch is over: what was shown cannot be taken back here. */
  #see(sight: Sight): void {
    const namespaces = sight.kind === 'all' ? undefined : sight.namespaces;
    if (namespaces?.join() === this.#part?.join()) return;
    const outcome = this.#seat?.see(namespaces && new Set(namespaces)) ?? 'later';
    // Asked again with the rights.
    if (outcome === 'later') return;
    if (outcome === 'lost') return this.#end(refusalOf(sight));
    this.#part = namespaces;
    if (sight.kind === 'namespaces') this.#tell(() => this.#reader.onPart(partWords(sight)));
  }

  // ------------------------------------------------------------ the feed

  #join(identity: Identity): void {
    const { cluster, target, wasShown = 'never' } = this.#asked;
    let isCurrent = false;
    const reader: FeedReader = {
      onEvents: (events, live) => this.#tell(() => this.#reader.onEvents(events, live)),
      // Where the list is there already this comes before there is a seat to ask for a bookmark.
      onCurrent: () => {
        if (this.#seat === undefined) isCurrent = true;
        else this.#tell(() => this.#reader.onCurrent());
      },
      onFault: (error) => this.#tell(() => this.#reader.onFault(error)),
      onEnd: (error) => this.#end(error),
    };
    this.#seat = this.#deps.feeds.of(cluster, identity, target.question).join(reader, {
      version: target.version,
      wasShown,
      namespaces: this.#part && new Set(this.#part),
      earlier: (version) => this.#earlier(version),
    });
    // It may have been ended by what it was told meanwhile.
    if (this.ended) this.#seat.leave();
    else if (isCurrent) this.#reader.onCurrent();
  }

  /** In the viewer's own name, and in their namespaces. */
  async #earlier(version: string): Promise<EarlierList> {
    const { principal, cluster, target } = this.#asked;
    const { own } = await this.#deps.access.enter(principal, cluster);
    const { maxCompared } = this.#options;
    // Others may wait for the same list: it outlives this watch.
    const { signal } = new AbortController();
    const found = new Map<string, EarlierObject>();
    for (const namespace of this.#part ?? [undefined]) {
      const question = namespace === undefined ? target.question : { ...target.question, namespace };
      const maxObjects = maxCompared - found.size;
      for (const [key, object] of await listEarlier(own, question, version, { maxObjects, signal }))
        found.set(key, object);
    }
    return found;
  }

  #tell(call: () => void): void {
    if (!this.ended) call();
  }

  #end(cause: unknown): void {
    if (this.ended) return;
    this.dispose();
    this.#reader.onEnd(
      cause instanceof CodedError ? cause : new CodedError('internal', undefined, { cause }),
    );
  }
}

function isTemporary(cause: unknown): cause is CodedError {
  return cause instanceof CodedError && cause.temporary;
}

function isSame(left: Identity, right: Identity | undefined): boolean {
  return left.kind === right?.kind && (left.kind === 'server' || left.id === (right as typeof left).id);
}

type Part = Sight & { readonly kind: 'namespaces' };

/** Longest list of names that is told. */
const NAMES_MAX = 20;

function partWords({ namespaces, reason }: Part): string {
  const more = namespaces.length > NAMES_MAX ? ` and ${namespaces.length - NAMES_MAX} more` : '';
  return `only namespaces ${namespaces.slice(0, NAMES_MAX).join(', ')}${more}: ${reason}`;
}

function refusalOf(sight: Sight): KubeError {
  const reason = sight.kind === 'namespaces' ? sight.reason : 'other rights than before';
  const prefix = `${KUBE_CODES.kubeForbidden.message}: `;
  const words = reason.startsWith(prefix) ? reason.slice(prefix.length) : reason;
  return new KubeError('kubeForbidden', words, { status: 403, reason: 'Forbidden' });
}
