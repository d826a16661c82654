/** One Kubernetes object that stays current, its end included: whether it is there, is gone, or was made anew. */
import type { Readable } from '../store.js';
import { LIVE, sameFields, together } from './health.js';
import { openParams } from './live-list.js';
import { ListSource } from './list-source.js';
import { resolveLiveOptions, type LiveOptions } from './options.js';
import { Rows } from './rows.js';
import { Told } from './told.js';
import type { Health, Kind, KubeObject, LiveClient, Origin } from './types.js';

export interface ObjectQuestion extends Kind {
  readonly cluster: string;
  /** Absent for a kind without namespaces. */
  readonly namespace?: string;
  readonly name: string;
  /** JSON paths of what is wanted of it, besides what identifies it. Default: everything. */
  readonly fields?: readonly string[];
}

export interface ObjectOptions<T> extends ObjectQuestion, Partial<LiveOptions> {
  /** Called once for each version. Default: the object itself. */
  readonly map?: (object: KubeObject, origin: Origin) => T;
}

export interface ObjectSnapshot<T> extends Health {
  /** Undefined: not loaded yet, not there, or not to be seen; `state` and `deleted` tell. */
  readonly object: T | undefined;
  /** Of `object`; another one when it was deleted and created again. */
  readonly uid: string | undefined;
  /** It was here and is gone. */
  readonly deleted: boolean;
  /** What it was last, where it is deleted. */
  readonly last: T | undefined;
}

interface Version<T> {
  readonly uid: string;
  readonly shown: T;
}

export class LiveObject<T> implements Readable<ObjectSnapshot<T>> {
  readonly #told: Told;
  readonly #rows: Rows<Version<T>>;
  readonly #source: ListSource<Version<T>>;
  #snapshot: ObjectSnapshot<T>;

  constructor(client: LiveClient, question: ObjectOptions<T>) {
    const options = resolveLiveOptions(question);
    const { cluster, namespace, name, map = (object: KubeObject): T => object as T } = question;
    if (typeof name !== 'string' || name === '') throw new TypeError('name is required');
    this.#rows = new Rows<Version<T>>(
      (value, _, key) => {
        const object = value as KubeObject;
        return { uid: object.metadata.uid, shown: map(object, { cluster, key }) };
      },
      (error, _, key) => options.onError(error, { cluster, key }),
    );
    this.#told = new Told(client, options, () => this.#update());
    const place = namespace === undefined ? { cluster } : { cluster, namespaces: [namespace] };
    this.#source = new ListSource<Version<T>>({ client, options, touched: this.#told.touch }, this.#rows, {
      ...openParams(question, place),
      name,
    });
    this.#snapshot = { ...LIVE, object: undefined, uid: undefined, deleted: false, last: undefined };
    this.#update();
  }

  readonly get = (): ObjectSnapshot<T> => this.#snapshot;
  /** Notified at most once per frame, after the snapshot changed. */
  readonly subscribe = (listener: () => void): (() => void) => this.#told.subscribe(listener);

  /** Asks again, also after a refusal. */
  retry(): void {
    this.#source.retry();
  }

  /** Stops; the last snapshot stays. May be called twice. */
  close(): void {
    if (this.#told.closed) return;
    this.#told.close();
    this.#source.close();
  }

  #update(): boolean {
    this.#source.apply();
    const health = together(this.#source.parts());
    const before = this.#snapshot;
    const version = this.#rows.picture().at(0);
    const next: ObjectSnapshot<T> =
      version === undefined
        ? { ...health, object: undefined, uid: undefined, ...this.#absence(before) }
        : { ...health, object: version.shown, uid: version.uid, deleted: false, last: undefined };
    if (sameFields(before, next)) return false;
    this.#snapshot = next;
    return true;
  }

  /** Only a list that may be seen and is loaded can say that the object is gone. */
  #absence({ object, deleted, last }: ObjectSnapshot<T>): Pick<ObjectSnapshot<T>, 'deleted' | 'last'> {
    if (deleted) return { deleted, last };
    return object !== undefined && this.#source.complete && this.#source.total === 0
      ? { deleted: true, last: object }
      : { deleted: false, last: undefined };
  }
}

/** One object, kept current until `close`. Throws a TypeError that names a bad option; everything later is `state`. */
export function liveObject<T = KubeObject>(client: LiveClient, options: ObjectOptions<T>): LiveObject<T> {
  return new LiveObject<T>(client, options);
}
