/**
 * One resource of an API server, in memory and behind a `FakeWire`: lists in pages, watches, WatchList, and the ways in which they fail. Smaller than the simulated API server of
 * the product and without HTTP, so that a test can hold it still between any two steps.
 */
import { KubeError } from '../errors.js';
import type { WireAnswer, WireRequest } from '../http/wire.js';
import { answerJson, answerStatus, FakeBody, FakeWire, neverAnswer } from './fake-wire.js';

export interface FakeObject {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
  readonly spec: { readonly value: unknown };
}

interface Event {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly version: number;
  readonly object: FakeObject;
}

interface Watcher {
  readonly body: FakeBody;
  silent: boolean;
}

export interface FakeClusterState {
  readonly version: number;
  readonly objects: ReadonlyMap<string, FakeObject>;
}

export class FakeCluster {
  readonly wire = new FakeWire((request) => this.#handle(request));
  /** `yes` knows WatchList, `no` answers 422, `ignores` takes it for an ordinary watch. */
  watchList: 'yes' | 'no' | 'ignores' = 'yes';
  /** Answers instead of the cluster, once for each entry: a status, or a connection that fails or hangs. */
  readonly spoiled: ((request: WireRequest) => WireAnswer | Promise<WireAnswer>)[] = [];
  /** Every request fails like this while it is set. */
  down: ((request: WireRequest) => WireAnswer | Promise<WireAnswer>) | undefined;
  /** Turns the bytes of an event into chunks. Default: one. */
  cutUp: (line: string) => readonly (string | Uint8Array)[] = (line) => [line];
  #version = 100;
  #objects = new Map<string, FakeObject>();
  #events: Event[] = [];
  /** Watches and pages from before this version get 410. */
  #floor = 0;
  #uids = 0;
  readonly #pages = new Map<string, { readonly items: readonly FakeObject[]; readonly version: number }>();
  readonly #watchers = new Set<Watcher>();

  get version(): number {
    return this.#version;
  }

  /** Watches that are open now. */
  get watches(): number {
    return this.#live().length;
  }

  count(kind: 'list' | 'watch'): number {
    return this.wire.requests.filter(({ path }) => path.includes('watch=1') === (kind === 'watch')).length;
  }

  /** Objects by key, as JSON text: what a fresh list would say. */
  truth(): Map<string, string> {
    return new Map([...this.#objects].map(([key, object]) => [key, JSON.stringify(object)]));
  }

  put(name: string, value: unknown = null, namespace = 'default'): void {
    const before = this.#objects.get(`${namespace}/${name}`);
    const uid = before?.metadata.uid ?? `uid-${++this.#uids}`;
    this.#commit(before === undefined ? 'ADDED' : 'MODIFIED', this.#make(name, namespace, uid, value));
  }

  remove(name: string, namespace = 'default'): void {
    const before = this.#objects.get(`${namespace}/${name}`);
    if (before === undefined) return;
    this.#commit('DELETED', this.#make(name, namespace, before.metadata.uid, before.spec.value));
  }

  /** Something else in the cluster changed. */
  tick(): void {
    this.#version++;
  }

  bookmark(): void {
    this.#write(this.#bookmark({}));
  }

  /** A line as it is, to every watch. */
  write(text: string | Uint8Array): void {
    for (const { body, silent } of this.#live()) if (!silent) body.push(text);
  }

  endWatches(): void {
    for (const { body } of this.#live()) body.end();
  }

  cutWatches(): void {
    for (const { body } of this.#live()) body.cut();
  }

  /** The open watches say nothing more and do not close. */
  silenceWatches(): void {
    for (const watcher of this.#live()) watcher.silent = true;
  }

  /** 410 in the open watches. */
  expireWatches(): void {
    this.write(`${JSON.stringify({ type: 'ERROR', object: this.#expired() })}\n`);
    this.endWatches();
  }

  /** Forgets the past: watches from there, and pages under way, get 410. */
  compact(): void {
    this.#floor = this.#version;
    this.#events = [];
    this.#pages.clear();
  }

  save(): FakeClusterState {
    return { version: this.#version, objects: new Map(this.#objects) };
  }

  /** Back to an older state, as from a backup: versions will be given a second time. */
  restore({ version, objects }: FakeClusterState): void {
    this.cutWatches();
    this.#version = version;
    this.#objects = new Map(objects);
    this.compact();
  }

  // ------------------------------------------------------------ requests

  #handle(request: WireRequest): WireAnswer | Promise<WireAnswer> {
    const spoil = this.down ?? this.spoiled.shift();
    if (spoil !== undefined) return spoil(request);
    const query = new URLSearchParams(request.path.split('?')[1] ?? '');
    return query.has('watch') ? this.#watch(request, query) : this.#list(query);
  }

  #list(query: URLSearchParams): WireAnswer {
    const token = query.get('continue');
    const whole = { items: [...this.#objects.values()], version: this.#version };
    const rest = token === null ? whole : this.#pages.get(token);
    if (rest === undefined) return answerJson(410, this.#expired());
    const limit = Number(query.get('limit') ?? Infinity);
    const items = rest.items.slice(0, limit);
    const metadata = { resourceVersion: String(rest.version), continue: '' };
    if (rest.items.length > limit) {
      metadata.continue = `page-${this.#pages.size}-${this.wire.requests.length}`;
      this.#pages.set(metadata.continue, { items: rest.items.slice(limit), version: rest.version });
    }
    return answerJson(200, { kind: 'ThingList', apiVersion: 'v1', metadata, items });
  }

  #watch(request: WireRequest, query: URLSearchParams): WireAnswer {
    const initial = query.get('sendInitialEvents') === 'true';
    if (initial && this.watchList === 'no')
      return answerStatus(422, 'Invalid', 'sendInitialEvents: Forbidden: the feature gate is off');
    const body = new FakeBody(request.signal);
    const watcher = { body, silent: false };
    this.#watchers.add(watcher);
    const from = Number(query.get('resourceVersion') ?? 0);
    if (from === 0) {
      for (const object of this.#objects.values()) this.#push(body, this.#line('ADDED', object));
      if (initial && this.watchList === 'yes')
        this.#push(body, this.#bookmark({ 'k8s.io/initial-events-end': 'true' }));
    } else if (from < this.#floor) {
      body.push(`${JSON.stringify({ type: 'ERROR', object: this.#expired() })}\n`);
      body.end();
    } else {
      // A version of the future is waited for in silence, as the real one does.
      if (from > this.#version) watcher.silent = true;
      for (const { type, version, object } of this.#events)
        if (version > from) this.#push(body, this.#line(type, object));
    }
    return { status: 200, headers: {}, body };
  }

  // ------------------------------------------------------------ changes

  #commit(type: Event['type'], object: FakeObject): void {
    const { namespace, name, resourceVersion } = object.metadata;
    if (type === 'DELETED') this.#objects.delete(`${namespace}/${name}`);
    else this.#objects.set(`${namespace}/${name}`, object);
    this.#events.push({ type, version: Number(resourceVersion), object });
    this.#write(this.#line(type, object));
  }

  #make(name: string, namespace: string, uid: string, value: unknown): FakeObject {
    const metadata = { namespace, name, uid, resourceVersion: String(++this.#version) };
    return { kind: 'Thing', apiVersion: 'v1', metadata, spec: { value } };
  }

  #line(type: string, object: unknown): string {
    return `${JSON.stringify({ type, object })}\n`;
  }

  #bookmark(annotations: Readonly<Record<string, string>>): string {
    const metadata = { resourceVersion: String(this.#version), annotations };
    return this.#line('BOOKMARK', { kind: 'Thing', apiVersion: 'v1', metadata });
  }

  #write(line: string): void {
    for (const { body, silent } of this.#live()) if (!silent) this.#push(body, line);
  }

  #push(body: FakeBody, line: string): void {
    for (const chunk of this.cutUp(line)) body.push(chunk);
  }

  #expired(): unknown {
    const message = `too old resource version: 1 (${this.#version})`;
    return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 410, reason: 'Expired', message };
  }

  #live(): Watcher[] {
    for (const watcher of this.#watchers) if (!watcher.body.open) this.#watchers.delete(watcher);
    return [...this.#watchers];
  }
}

/** For `spoiled` and `down`: nobody listens. */
export function refuseConnection(): Promise<WireAnswer> {
  return Promise.reject(new KubeError('kubeUnreachable', 'ECONNREFUSED'));
}

/** For `spoiled` and `down`: taken and never answered. */
export const hang = neverAnswer;
