/**
 * One cluster's part of a view: asks which channels hold the list as far as the viewer may see it, reads them, asks again when rights may have changed, and goes over
 * to other channels row by row, so that nothing flickers: what stays visible stays, what may not be seen any more goes at once.
 */
import { Asking } from './asking.js';
import { failed, LIVE, loading, refusal, REVOKED } from './health.js';
import { ListFeed, type FeedDeps } from './list-feed.js';
import type { Rows } from './rows.js';
import type { Health, ListHealth, OpenAnswer, OpenParams } from './types.js';

export class ListSource<T> {
  readonly cluster: string;
  readonly #deps: FeedDeps;
  readonly #rows: Rows<T>;
  readonly #asking: Asking<OpenAnswer>;
  readonly #feeds = new Map<string, ListFeed<T>>();
  /** Replaced by others that are still loading; what they hold is shown until then. */
  readonly #leaving = new Set<ListFeed<T>>();
  /** Ended, and asked about since. */
  readonly #ended = new Set<ListFeed<T>>();
  #denied: OpenAnswer['denied'] = [];
  #asked: Health;
  #answered = false;
  /** How many lists were loading when the leaving ones last gave up rows. */
  #waitingFor = -1;
  readonly #denials = new Map<string, Health>();

  constructor(deps: FeedDeps, rows: Rows<T>, params: OpenParams) {
    this.cluster = params.cluster;
    this.#deps = deps;
    this.#rows = rows;
    this.#asked = loading(deps.client.now());
    this.#asking = new Asking<OpenAnswer>(
      deps.client,
      deps.options,
      `opening ${params.resource} of ${params.cluster}`,
      {
        call: () => deps.client.rpc('kube.open', params) as Promise<OpenAnswer>,
        onAnswer: (answer) => this.#onAnswer(answer),
        onError: (error) => {
          this.#asked = error.temporary
            ? loading(this.#asked.sinceMs, error.message, error)
            : failed(error, this.#asked.sinceMs);
          for (const feed of this.#ended) this.#revoke(feed);
          // What fails for a while changes no rights; otherwise nothing of it may be seen any more.
          if (!error.temporary) {
            this.#answered = false;
            this.#denied = [];
            this.#replace([]);
          }
          deps.touched();
        },
      },
    );
  }

  /** Everything the viewer may see is here. */
  get complete(): boolean {
    return (
      this.#answered &&
      this.#denied.length === 0 &&
      this.#feeds.size > 0 &&
      [...this.#feeds.values()].every((feed) => feed.loaded && feed.health.state !== 'failed')
    );
  }

  /** Objects of all lists, also those of which no row could be made. */
  get total(): number {
    return [...this.#feeds.values()].reduce((sum, feed) => sum + feed.total, 0);
  }

  /** Asks anew, now. */
  retry(): void {
    this.#asking.now();
  }

  /** Brings rows and health up to what is known now. */
  apply(): void {
    for (const feed of this.#feeds.values()) {
      feed.apply();
      const code = feed.endedWith;
      if (code === undefined) {
        if (feed.health.state === 'live') this.#asking.settled();
      } else if (!this.#ended.has(feed)) {
        this.#ended.add(feed);
        // Rights ended: whether others take their place, the answer says. Any other end takes the rows with it.
        if (code !== REVOKED) this.#revoke(feed);
        this.#asking.voided();
      }
    }
    this.#letGo();
  }

  parts(): ListHealth[] {
    const { cluster } = this;
    const lists: ListHealth[] = [];
    const nothing = this.#feeds.size === 0 && this.#denied.length === 0;
    if (!this.#answered || nothing)
      lists.push({ ...(this.#answered ? LIVE : this.#asked), cluster, namespace: undefined, total: 0 });
    for (const feed of this.#feeds.values()) {
      const asking = feed.endedWith === REVOKED && this.#ended.has(feed);
      lists.push(asking ? { ...feed.part, state: 'recovering', error: undefined } : feed.part);
    }
    for (const { namespace, code, reason } of this.#denied)
      lists.push({ ...this.#denial(namespace, code, reason), cluster, namespace, total: 0 });
    return lists;
  }

  close(): void {
    this.#asking.close();
    for (const feed of [...this.#feeds.values(), ...this.#leaving]) feed.close();
    this.#feeds.clear();
    this.#leaving.clear();
  }

  #onAnswer({ lists, denied, askAgainMs }: OpenAnswer): number {
    this.#answered = true;
    this.#denied = denied;
    this.#replace(lists);
    this.#deps.touched();
    return askAgainMs;
  }

  #replace(lists: OpenAnswer['lists']): void {
    const before = new Map(this.#feeds);
    this.#feeds.clear();
    for (const { channel, namespace } of lists) {
      const held = before.get(channel);
      before.delete(channel);
      if (held !== undefined && this.#ended.delete(held)) held.reopen();
      this.#feeds.set(
        channel,
        held ?? new ListFeed<T>(this.#deps, this.#rows, { cluster: this.cluster, namespace, channel }),
      );
    }
    for (const feed of before.values()) {
      this.#ended.delete(feed);
      this.#leaving.add(feed);
    }
    this.#waitingFor = -1;
    this.#letGo();
  }

  /** Rows of replaced lists stay until the list that takes them over has loaded. */
  #letGo(): void {
    if (this.#leaving.size === 0) return;
    const loadingFeeds = [...this.#feeds.values()].filter(
      (feed) => !feed.loaded && feed.endedWith === undefined,
    );
    if (loadingFeeds.length === this.#waitingFor) return;
    this.#waitingFor = loadingFeeds.length;
    for (const feed of this.#leaving) {
      if (loadingFeeds.length > 0) {
        feed.freeze((namespace) =>
          loadingFeeds.some((next) => next.namespace === undefined || next.namespace === namespace),
        );
      } else {
        feed.close();
        this.#leaving.delete(feed);
      }
    }
  }

  #revoke(feed: ListFeed<T>): void {
    feed.freeze(() => false);
  }

  #denial(namespace: string | undefined, code: number, reason: string): Health {
    const known = this.#denials.get(namespace ?? '');
    if (known !== undefined && known.error?.code === code && known.reason === reason) return known;
    const health = failed(refusal(code, reason), undefined);
    this.#denials.set(namespace ?? '', health);
    return health;
  }
}
