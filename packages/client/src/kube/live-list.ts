/**
 * A list of Kubernetes objects that stays current: of one cluster or of many, as one store. Each list goes its own way, so that a cluster that is away makes its own
 * rows old and no others; what is shown of all together is said in one word.
 */
import type { Readable } from '../store.js';
import { keepLists, LIVE, sameFields, together } from './health.js';
import { ListSource } from './list-source.js';
import { resolveLiveOptions, type LiveOptions } from './options.js';
import { Rows } from './rows.js';
import { Told } from './told.js';
import type {
  Health,
  Kind,
  KubeObject,
  ListHealth,
  LiveClient,
  OpenParams,
  Origin,
  Place,
  Selectors,
} from './types.js';

export interface ListQuestion extends Kind, Selectors {
  /** One cluster, with `namespaces` where not all are wanted. */
  readonly cluster?: string;
  readonly namespaces?: readonly string[];
  /** Or several places. */
  readonly lists?: readonly Place[];
  /** JSON paths of what is wanted of the objects, besides what identifies them. Default: everything. */
  readonly fields?: readonly string[];
}

export interface ListOptions<T> extends ListQuestion, Partial<LiveOptions> {
  /** Makes a row of an object; called once for each version of it. Throwing leaves the row out. Default: the object itself. */
  readonly map?: (object: KubeObject, origin: Origin) => T;
}

export interface ListSnapshot<T> extends Health {
  /** In the order in which they came; the same array until one of them changed, and unchanged rows are the same objects. */
  readonly rows: readonly T[];
  readonly total: number;
  /** Each list by itself; a denied one among them is `failed` with its code and reason. */
  readonly lists: readonly ListHealth[];
}

export class LiveList<T> implements Readable<ListSnapshot<T>> {
  readonly #told: Told;
  readonly #rows: Rows<T>;
  readonly #sources: readonly ListSource<T>[];
  #snapshot: ListSnapshot<T>;

  constructor(client: LiveClient, question: ListOptions<T>) {
    const options = resolveLiveOptions(question);
    const toRow = question.map ?? ((object: KubeObject) => object as T);
    this.#rows = new Rows<T>(
      (value, cluster, key) => toRow(value as KubeObject, { cluster, key }),
      (error, cluster, key) => options.onError(error, { cluster, key }),
    );
    this.#told = new Told(client, options, () => this.#update());
    const deps = { client, options, touched: this.#told.touch };
    this.#sources = openings(question).map((params) => new ListSource<T>(deps, this.#rows, params));
    this.#snapshot = { ...LIVE, rows: [], total: 0, lists: [] };
    this.#update();
  }

  readonly get = (): ListSnapshot<T> => this.#snapshot;
  /** Notified at most once per frame, after the snapshot changed. */
  readonly subscribe = (listener: () => void): (() => void) => this.#told.subscribe(listener);

  /** Asks for all lists again, also for those that were refused. */
  retry(): void {
    for (const source of this.#sources) source.retry();
  }

  /** Stops; the last snapshot stays. May be called twice. */
  close(): void {
    if (this.#told.closed) return;
    this.#told.close();
    for (const source of this.#sources) source.close();
  }

  #update(): boolean {
    for (const source of this.#sources) source.apply();
    const before = this.#snapshot;
    const lists = keepLists(
      before.lists,
      this.#sources.flatMap((source) => source.parts()),
    );
    const rows = this.#rows.snapshot();
    const snapshot: ListSnapshot<T> = { ...together(lists), rows, total: rows.length, lists };
    if (sameFields(before, snapshot)) return false;
    this.#snapshot = snapshot;
    return true;
  }
}

/** Objects of a kind, kept current until `close`. Throws a TypeError or RangeError that names a bad option; everything later is `state`. */
export function liveList<T = KubeObject>(client: LiveClient, options: ListOptions<T>): LiveList<T> {
  return new LiveList<T>(client, options);
}

/** What is asked of the server: once for each place. */
function openings(question: ListQuestion): OpenParams[] {
  const { cluster, namespaces, lists } = question;
  if ((cluster === undefined) === (lists === undefined))
    throw new TypeError('either cluster or lists is required');
  if (lists !== undefined && namespaces !== undefined)
    throw new TypeError('namespaces belong into lists, where there are some');
  const places = lists ?? [{ cluster: cluster as string, ...(namespaces ? { namespaces } : {}) }];
  if (places.length === 0) throw new RangeError('lists must name at least one cluster');
  return places.map((place) => openParams(question, place));
}

export function openParams(
  { group, version, resource, labelSelector, fieldSelector, fields }: ListQuestion,
  { cluster, namespaces }: Place,
): OpenParams {
  if (typeof resource !== 'string' || resource === '') throw new TypeError('resource is required');
  return {
    cluster,
    resource,
    ...(group === undefined ? {} : { group }),
    ...(version === undefined ? {} : { version }),
    ...(namespaces === undefined ? {} : { namespaces: [...namespaces] }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
    ...(fields === undefined ? {} : { fields: [...fields] }),
  };
}
