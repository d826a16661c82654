/**
 * A list of Kubernetes objects that stays current: of one cluster or of many, as one store. Each list goes its own way, so that a cluster that is away makes its own
 * rows old and no others; what is shown of all together is said in one word.
 */
import type { Readable } from '../store.js';
import { keepLists, LIVE, sameHealth, together } from './health.js';
import { ListSource } from './list-source.js';
import { resolveLiveOptions, type LiveOptions } from './options.js';
import { Rows } from './rows.js';
import type { Picture } from './sequence.js';
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
  /**
   * In the order in which they came; the same array until one of them changed, and unchanged rows are the same objects. Made when it is first read: who shows a few of
   * very many rows reads them with `rowAt`.
   */
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
  /** The rows of the snapshot. */
  #shown: Picture<T>;

  constructor(client: LiveClient, question: ListOptions<T>) {
    const options = resolveLiveOptions(question);
    const { map } = question;
    this.#rows = new Rows<T>(
      map === undefined
        ? (value) => value as T
        : (value, cluster, key) => map(value as KubeObject, { cluster, key }),
      (error, cluster, key) => options.onError(error, { cluster, key }),
    );
    this.#told = new Told(client, options, () => this.#update());
    const deps = { client, options, touched: this.#told.touch };
    this.#sources = openings(question).map((params) => new ListSource<T>(deps, this.#rows, params));
    this.#shown = this.#rows.picture();
    this.#snapshot = toSnapshot(this.#shown, LIVE, []);
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
    const parts = this.#sources.flatMap((source) => source.parts());
    const lists = keepLists(before.lists, parts);
    const health = lists === before.lists ? before : together(lists);
    const picture = this.#rows.picture();
    if (picture === this.#shown && lists === before.lists && sameHealth(before, health)) return false;
    this.#shown = picture;
    this.#snapshot = toSnapshot(picture, health, lists);
    return true;
  }
}

const PICTURES = new WeakMap<object, Picture<unknown>>();

function toSnapshot<T>(
  picture: Picture<T>,
  { state, sinceMs, reason, error }: Health,
  lists: readonly ListHealth[],
): ListSnapshot<T> {
  const snapshot: ListSnapshot<T> = {
    state,
    sinceMs,
    reason,
    error,
    get rows() {
      return picture.all();
    },
    total: picture.size,
    lists,
  };
  PICTURES.set(snapshot, picture);
  return snapshot;
}

/** One row of a snapshot: `snapshot.rows[index]`, without making the array of all rows where nobody asked for it. */
export function rowAt<T>(snapshot: ListSnapshot<T>, index: number): T | undefined {
  const picture = PICTURES.get(snapshot) as Picture<T> | undefined;
  return picture === undefined ? snapshot.rows[index] : picture.at(index);
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
