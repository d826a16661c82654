/**
 * Some rows of a large list, filtered, sorted and kept up to date by the server: a page of a table, however long the table is. Another page, order or filter is another
 * window; it is loaded before the one on show is left, so that a reader who scrolls never sees nothing.
 */
import type { Timer } from '@trunkline/base';
import type { WindowColumn, WindowFilter, WindowRow, WindowSort } from '@trunkline/contracts/kube';
import type { CodedError } from '@trunkline/protocol';
import { equalJson } from '../equal.js';
import type { Readable } from '../store.js';
import { Asking } from './asking.js';
import { failed, keepLists, loading, REVOKED, sameFields, together } from './health.js';
import { leaseClient, resolveLiveOptions, type ClientLease, type LiveOptions } from './options.js';
import { Told } from './told.js';
import type {
  Health,
  Kind,
  ListHealth,
  LiveClient,
  Place,
  Selectors,
  WindowAnswer,
  WindowParams,
} from './types.js';
import { WindowPane } from './window-pane.js';

/** What may change while a window is open. */
export interface WindowView {
  readonly filter?: readonly WindowFilter[];
  /** Words that a row must contain, in its name or any other cell. */
  readonly search?: string;
  /** Default: by namespace, then name. */
  readonly sort?: readonly WindowSort[];
  /** First row. Default 0. */
  readonly offset?: number;
  /** Rows. Default 100. */
  readonly limit?: number;
  /** Columns of lower priority that are shown as well, by their names in `kube.columns`. */
  readonly columns?: readonly string[];
}

export interface WindowQuestion extends Kind, Selectors, WindowView {
  /** One cluster, with `namespaces` where not all are wanted. */
  readonly cluster?: string;
  readonly namespaces?: readonly string[];
  /** Or several places. */
  readonly lists?: readonly Place[];
  /** JSON paths of what goes with the rows as `object`. Default: the cells alone. */
  readonly fields?: readonly string[];
}

export interface WindowOptions<T> extends WindowQuestion, Partial<LiveOptions> {
  /** Makes what is shown of a row; called once for each version of it. Default: the row itself. */
  readonly map?: (row: WindowRow) => T;
}

export interface WindowSnapshot<T> extends Health {
  /** The same array until one of them changed; unchanged rows are the same objects. */
  readonly rows: readonly T[];
  /** Rows of the whole list behind the window, after the filter. */
  readonly total: number;
  /** Of the rows on show. */
  readonly offset: number;
  readonly limit: number;
  readonly columns: readonly WindowColumn[];
  /** Each cluster by itself; what is denied is `failed` with its code and reason. */
  readonly lists: readonly ListHealth[];
  /** Other rows than these are on their way. */
  readonly moving: boolean;
}

/** A window that does not load gives way to a newer wish after this long, milliseconds. */
const PATIENCE_MS = 2_000;
const DEFAULT_LIMIT = 100;
const NOTHING: readonly never[] = [];

export class LiveWindow<T> implements Readable<WindowSnapshot<T>> {
  /** Everything of one window goes over one connection: another node would not know it. */
  readonly #lease: ClientLease;
  readonly #options: LiveOptions;
  readonly #told: Told;
  readonly #map: (row: WindowRow) => T;
  readonly #asking: Asking<WindowAnswer>;
  #wanted: WindowParams;
  #asked: WindowParams;
  #shown: WindowPane<T> | undefined;
  #next: WindowPane<T> | undefined;
  #patience: Timer | undefined;
  #waiting: Health;
  #error: CodedError | undefined;
  #snapshot: WindowSnapshot<T>;

  constructor(client: LiveClient, question: WindowOptions<T>) {
    this.#options = resolveLiveOptions(question);
    this.#map = question.map ?? ((row) => row as T);
    this.#wanted = this.#asked = windowParams(question);
    this.#told = new Told(client, this.#options, () => this.#update());
    this.#waiting = loading(client.now());
    const { offset = 0, limit = DEFAULT_LIMIT } = this.#wanted;
    this.#snapshot = {
      ...this.#waiting,
      rows: NOTHING,
      total: 0,
      offset,
      limit,
      columns: [],
      lists: [],
      moving: false,
    };
    this.#lease = leaseClient(client, this.#options);
    const own = this.#lease.client;
    this.#asking = new Asking<WindowAnswer>(own, this.#options, `window of ${question.resource}`, {
      call: () => {
        this.#asked = this.#wanted;
        return own.rpc('kube.window', this.#asked) as Promise<WindowAnswer>;
      },
      onAnswer: (answer) => this.#onAnswer(answer),
      onError: (error) => this.#onError(error),
    });
  }

  readonly get = (): WindowSnapshot<T> => this.#snapshot;
  /** Notified at most once per frame, after the snapshot changed. */
  readonly subscribe = (listener: () => void): (() => void) => this.#told.subscribe(listener);

  /** Shows other rows. The ones on show stay until these are loaded; of several wishes in a row the last one counts. */
  scroll(offset: number, limit?: number): void {
    this.change(limit === undefined ? { offset } : { offset, limit });
  }

  /** Shows the list otherwise filtered, sorted or cut. What is not given stays; an empty filter, search or sort is none, and so are no columns. */
  change(view: WindowView): void {
    const next = normalised({ ...this.#wanted, ...viewParams(view) });
    if (this.#told.closed || equalJson(next, this.#wanted)) return;
    this.#wanted = next;
    this.#told.touch();
    // The next window is waited for, so that whoever scrolls on and on sees something.
    if (this.#next === undefined) this.#asking.now();
  }

  /** Asks again, also after a refusal. */
  retry(): void {
    this.#asking.now();
  }

  /** Stops; the last snapshot stays. May be called twice. */
  close(): void {
    if (this.#told.closed) return;
    this.#told.close();
    this.#asking.close();
    this.#patience?.cancel();
    this.#shown?.close();
    this.#next?.close();
    this.#lease.release();
  }

  #onAnswer(answer: WindowAnswer): number | undefined {
    this.#error = undefined;
    if (this.#next?.channel === answer.channel) this.#next.answered(this.#asked, answer);
    else {
      this.#next?.close();
      this.#next = undefined;
      this.#patience?.cancel();
      if (this.#shown?.channel === answer.channel) this.#shown.answered(this.#asked, answer);
      else this.#openNext(answer);
    }
    this.#told.touch();
    if (this.#next === undefined) this.#hurry();
    // Rights that were missing may be given. Older servers do not say when.
    return answer.askAgainMs ?? (answer.denied.length > 0 ? this.#options.maxDelayMs : undefined);
  }

  #openNext(answer: WindowAnswer): void {
    this.#next = new WindowPane<T>(
      {
        client: this.#lease.client,
        options: this.#options,
        touched: this.#told.touch,
        map: this.#map,
      },
      this.#asked,
      answer,
    );
    this.#patience = this.#options.clock.setTimeout(() => this.#hurry(), PATIENCE_MS);
  }

  #onError(error: CodedError): void {
    this.#error = error;
    const code = this.#shown?.endedWith;
    if (code === REVOKED || (code !== undefined && !error.temporary)) {
      // What may not be seen any more is not shown while the question is open.
      this.#shown?.close();
      this.#shown = undefined;
    }
    const { sinceMs } = this.#waiting;
    this.#waiting = error.temporary ? loading(sinceMs, error.message, error) : failed(error, sinceMs);
    this.#told.touch();
  }

  /** Asks for what is wanted by now, where that is something else than what was asked for. */
  #hurry(): void {
    if (!equalJson(this.#asked, this.#wanted)) this.#asking.now();
  }

  #update(): boolean {
    if (this.#next?.loaded) this.#goOver(this.#next);
    for (const each of [this.#shown, this.#next]) if (each?.isVoid()) this.#asking.voided();
    if (this.#shown?.live) this.#asking.settled();
    const pane = this.#shown ?? this.#next;
    const before = this.#snapshot;
    const lists = keepLists(before.lists, pane?.lists() ?? []);
    const health = this.#healthOf(pane, lists);
    const { offset = 0, limit = DEFAULT_LIMIT } = pane?.params ?? this.#wanted;
    const snapshot: WindowSnapshot<T> = {
      ...health,
      // The window on show goes on when another one is refused.
      error: health.error ?? this.#error,
      rows: pane?.rows.snapshot() ?? NOTHING,
      total: pane?.total ?? 0,
      offset,
      limit,
      columns: pane?.columns ?? before.columns,
      lists,
      moving:
        this.#shown !== undefined &&
        (this.#next !== undefined || !equalJson(this.#shown.params, this.#wanted)),
    };
    if (sameFields(before, snapshot)) return false;
    this.#snapshot = snapshot;
    return true;
  }

  /** What stands behind a channel that is well, or was never shown, says more than the channel. */
  #healthOf(pane: WindowPane<T> | undefined, lists: readonly ListHealth[]): Health {
    const own = pane?.health() ?? this.#waiting;
    if (own.state === 'live') return lists.length > 0 ? together(lists) : own;
    const isConnected = this.#lease.client.state.get().kind === 'connected';
    if (own.state !== 'loading' || pane?.loaded !== true || !isConnected) return own;
    const { sinceMs = own.sinceMs, ...all } = together(lists);
    return { ...all, sinceMs };
  }

  #goOver(next: WindowPane<T>): void {
    next.takeOver(this.#shown);
    this.#shown?.close();
    this.#shown = next;
    this.#next = undefined;
    this.#patience?.cancel();
    this.#hurry();
  }
}

/** A window over a list, kept current until `close`. Throws a TypeError that names a bad option; everything later is `state`. */
export function liveWindow<T = WindowRow>(client: LiveClient, options: WindowOptions<T>): LiveWindow<T> {
  return new LiveWindow<T>(client, options);
}

function windowParams(question: WindowQuestion): WindowParams {
  const { cluster, namespaces, lists, group, version, resource } = question;
  const { labelSelector, fieldSelector, fields } = question;
  if ((cluster === undefined) === (lists === undefined))
    throw new TypeError('either cluster or lists is required');
  if (typeof resource !== 'string' || resource === '') throw new TypeError('resource is required');
  const places = lists ?? [{ cluster: cluster as string, ...(namespaces ? { namespaces } : {}) }];
  return normalised({
    sources: places.map((place) => ({
      cluster: place.cluster,
      ...(place.namespaces === undefined ? {} : { namespaces: [...place.namespaces] }),
    })),
    resource,
    ...(group === undefined ? {} : { group }),
    ...(version === undefined ? {} : { version }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
    ...(fields === undefined ? {} : { fields: [...fields] }),
    offset: 0,
    limit: DEFAULT_LIMIT,
    ...viewParams(question),
  });
}

/** Without what says nothing, so that equal windows are asked for in equal words. */
function normalised(params: WindowParams): WindowParams {
  const { filter, search, sort, columns, ...rest } = params;
  return {
    ...rest,
    ...(filter === undefined || filter.length === 0 ? {} : { filter }),
    ...(search === undefined || search === '' ? {} : { search }),
    ...(sort === undefined || sort.length === 0 ? {} : { sort }),
    ...(columns === undefined || columns.length === 0 ? {} : { columns }),
  };
}

function viewParams({ filter, search, sort, offset, limit, columns }: WindowView): Partial<WindowParams> {
  return {
    ...(filter === undefined ? {} : { filter: [...filter] }),
    ...(search === undefined ? {} : { search }),
    ...(sort === undefined ? {} : { sort: [...sort] }),
    ...(offset === undefined ? {} : { offset }),
    ...(limit === undefined ? {} : { limit }),
    ...(columns === undefined ? {} : { columns: [...columns] }),
  };
}
