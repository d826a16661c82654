/**
 * An API server of pods, nodes and namespaces whose rights are a list of rules, in memory and behind a wire: what the server would list for somebody can be asked directly, for comparison.
 * It has no sockets and no time of its own.
 */
import {
  createKubeCluster,
  KubeError,
  type KubeCluster,
  type KubeClusterOptions,
  type KubeConnection,
  type Wire,
  type WireAnswer,
  type WireRequest,
} from '@trunkline/kube-client';
import { answerJson, answerStatus, FakeBody, neverAnswer } from '@trunkline/kube-client/testing';
import type { Clock } from '@trunkline/base';

export interface Rule {
  readonly user: string;
  readonly verbs: readonly string[];
  readonly resource: string;
  /** Absent: everywhere. */
  readonly namespace?: string;
  readonly name?: string;
}

export interface WorldObject {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: {
    readonly namespace?: string;
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
  readonly spec: { readonly value: unknown; readonly node?: string };
}

interface Scope {
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

interface Event {
  readonly type: string;
  readonly version: number;
  readonly resource: string;
  readonly object: WorldObject;
}

/** Who the connection itself is; it may do everything. */
const SERVER = 'server';
const KINDS: Readonly<Record<string, { readonly kind: string; readonly namespaced: boolean }>> = {
  namespaces: { kind: 'Namespace', namespaced: false },
  nodes: { kind: 'Node', namespaced: false },
  pods: { kind: 'Pod', namespaced: true },
};

export class RuleWorld {
  rules: Rule[] = [];
  /** Tokens of users; a connection without a token is the server's own. */
  readonly tokens = new Map<string, string>();
  /** How reviews fail: refused connections, or no answer. */
  reviews: 'answered' | 'refused' | 'hanging' = 'answered';
  /** Nothing is answered at all. */
  down = false;
  /** Just started: its roles are not read yet, and everything is refused. */
  starting = false;
  /** Groups that the last request took on. */
  groups: readonly string[] = [];
  /** `user verb resource`, for each request. */
  readonly log: string[] = [];
  /** Reviews that were under way at once, at most. */
  mostReviewing = 0;
  #reviewing = 0;
  #version = 100;
  #uids = 0;
  #floor = 0;
  readonly #objects = new Map<string, Map<string, WorldObject>>();
  #events: Event[] = [];
  /** Logs that are read, of whatever pod. */
  readonly #logs = new Set<FakeBody>();
  readonly #watchers = new Set<{ readonly body: FakeBody; readonly scope: Scope }>();

  /** For `KubeDeps.connect`. */
  connect(clock: Clock): (connection: KubeConnection, options?: Partial<KubeClusterOptions>) => KubeCluster {
    const wire: Wire = { send: (request) => this.#send(request), dispose: () => Promise.resolve() };
    return (connection, options) => createKubeCluster({ clock, wire }, connection, options);
  }

  count(entry: string): number {
    return this.log.filter((one) => one === entry).length;
  }

  get openWatches(): number {
    return this.#live().length;
  }

  addNamespace(name: string): void {
    this.put('namespaces', name, undefined);
  }

  put(resource: string, name: string, namespace: string | undefined, value: unknown = null): void {
    const key = keyOf(namespace, name);
    const objects = this.#of(resource);
    const before = objects.get(key);
    const object = this.#make(
      resource,
      name,
      namespace,
      before?.metadata.uid ?? `uid-${++this.#uids}`,
      value,
    );
    objects.set(key, object);
    this.#tell(before === undefined ? 'ADDED' : 'MODIFIED', resource, object);
  }

  remove(resource: string, name: string, namespace: string | undefined): void {
    const objects = this.#of(resource);
    const before = objects.get(keyOf(namespace, name));
    if (before === undefined) return;
    objects.delete(keyOf(namespace, name));
    const last = this.#make(resource, name, namespace, before.metadata.uid, before.spec.value);
    this.#tell('DELETED', resource, last);
  }

  endWatches(): void {
    for (const { body } of this.#live()) body.end();
  }

  cutWatches(): void {
    for (const { body } of this.#live()) body.cut();
  }

  /** A line in every log that is open. */
  print(text: string): void {
    const time = `2026-01-01T00:00:00.${String(++this.#version).padStart(9, '0')}Z`;
    for (const log of this.#logs) log.push(`${time} ${text}\n`);
  }

  /** Forgets the past: watches from there get 410. */
  compact(): void {
    this.#floor = this.#version;
    this.#events = [];
  }

  may(user: string, verb: string, resource: string, namespace: string | undefined, name?: string): boolean {
    if (user === SERVER) return true;
    return this.rules.some(
      (rule) =>
        rule.user === user &&
        rule.resource === resource &&
        rule.verbs.includes(verb) &&
        (rule.namespace === undefined || rule.namespace === namespace) &&
        (rule.name === undefined || rule.name === name),
    );
  }

  /** What a list and a watch would show them there, as JSON texts by key; undefined: it is forbidden. */
  truthFor(
    user: string,
    resource: string,
    namespace: string | undefined,
  ): ReadonlyMap<string, string> | undefined {
    if (!this.may(user, 'list', resource, namespace) || !this.may(user, 'watch', resource, namespace))
      return undefined;
    const shown = this.#shown({ resource, namespace, name: undefined });
    return new Map(
      shown.map((object) => [keyOf(object.metadata.namespace, object.metadata.name), JSON.stringify(object)]),
    );
  }

  // ------------------------------------------------------------ requests

  #send(request: WireRequest): Promise<WireAnswer> {
    request.signal.throwIfAborted();
    if (this.down) return Promise.reject(new KubeError('kubeUnreachable', 'ECONNREFUSED'));
    const [path = '', query = ''] = request.path.split('?');
    const token = request.credential.token;
    const bearer = token === undefined ? SERVER : this.tokens.get(token);
    if (bearer === undefined) return Promise.resolve(answerStatus(401, 'Unauthorized', 'Unauthorized'));
    const headers = new Map(
      Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value]),
    );
    const user = String(headers.get('impersonate-user') ?? bearer);
    this.groups = [headers.get('impersonate-group') ?? []].flat();
    return this.#route(path, new URLSearchParams(query), user, request);
  }

  async #route(
    path: string,
    query: URLSearchParams,
    user: string,
    request: WireRequest,
  ): Promise<WireAnswer> {
    if (this.starting) return answerStatus(403, 'Forbidden', `User "${user}" cannot do anything`);
    if (path === '/readyz') return answerJson(200, 'ok');
    if (path === '/version') return answerJson(200, { gitVersion: 'v1.36.0' });
    if (path === '/api') return answerJson(200, { versions: ['v1'] });
    if (path === '/apis') return answerJson(200, { groups: [] });
    if (path === '/api/v1') return answerJson(200, { resources: resources() });
    if (path.endsWith('/selfsubjectaccessreviews')) return this.#review(user, request);
    const found = /^\/api\/v1\/(?:namespaces\/([^/]+)\/)?([a-z]+)$/.exec(path);
    if (path.endsWith('/log')) return this.#log(request);
    const [, namespace, resource = ''] = found ?? [];
    if (KINDS[resource] === undefined) return answerStatus(404, 'NotFound', 'not found');
    const name = /metadata\.name=([^,]+)/.exec(query.get('fieldSelector') ?? '')?.[1];
    const verb = query.has('watch') ? 'watch' : 'list';
    this.log.push(`${user} ${verb} ${resource}`);
    if (!this.may(user, verb, resource, namespace, name))
      return answerStatus(403, 'Forbidden', `${resource} is forbidden: User "${user}" cannot ${verb}`);
    const scope = { resource, namespace, name };
    return verb === 'watch' ? this.#watch(scope, query, request) : this.#list(scope);
  }

  async #review(user: string, request: WireRequest): Promise<WireAnswer> {
    this.log.push(`${user} review`);
    this.#reviewing++;
    this.mostReviewing = Math.max(this.mostReviewing, this.#reviewing);
    await Promise.resolve();
    this.#reviewing--;
    if (this.reviews === 'refused') throw new KubeError('kubeUnreachable', 'ECONNREFUSED');
    if (this.reviews === 'hanging') return neverAnswer(request);
    const { spec } = JSON.parse(String(request.body)) as {
      spec: { resourceAttributes: { verb: string; resource: string; namespace?: string; name?: string } };
    };
    const { verb, resource, namespace, name } = spec.resourceAttributes;
    return answerJson(201, {
      status: { allowed: this.may(user, verb, resource, namespace, name), reason: '' },
    });
  }

  #list(scope: Scope): WireAnswer {
    const { kind } = KINDS[scope.resource] as { kind: string };
    const metadata = { resourceVersion: String(this.#version) };
    return answerJson(200, { kind: `${kind}List`, apiVersion: 'v1', metadata, items: this.#shown(scope) });
  }

  #log(request: WireRequest): WireAnswer {
    const body = new FakeBody(request.signal);
    this.#logs.add(body);
    return { status: 200, headers: {}, body };
  }

  #watch(scope: Scope, query: URLSearchParams, request: WireRequest): WireAnswer {
    const body = new FakeBody(request.signal);
    this.#watchers.add({ body, scope });
    const from = Number(query.get('resourceVersion') ?? 0);
    if (query.get('sendInitialEvents') === 'true') {
      for (const object of this.#shown(scope)) body.push(line('ADDED', object));
      const annotations = { 'k8s.io/initial-events-end': 'true' };
      const metadata = { resourceVersion: String(this.#version), annotations };
      body.push(line('BOOKMARK', { kind: 'Bookmark', apiVersion: 'v1', metadata }));
    } else if (from < this.#floor) {
      body.push(
        line('ERROR', {
          kind: 'Status',
          status: 'Failure',
          code: 410,
          reason: 'Expired',
          message: 'too old',
        }),
      );
      body.end();
    } else
      for (const { type, version, resource, object } of this.#events)
        if (version > from && isIn(scope, resource, object)) body.push(line(type, object));
    return { status: 200, headers: {}, body };
  }

  // ------------------------------------------------------------ state

  #of(resource: string): Map<string, WorldObject> {
    const found = this.#objects.get(resource) ?? new Map<string, WorldObject>();
    this.#objects.set(resource, found);
    return found;
  }

  #shown(scope: Scope): WorldObject[] {
    return [...this.#of(scope.resource).values()].filter((object) => isIn(scope, scope.resource, object));
  }

  #make(
    resource: string,
    name: string,
    namespace: string | undefined,
    uid: string,
    value: unknown,
  ): WorldObject {
    const { kind } = KINDS[resource] as { kind: string };
    const place = namespace === undefined ? {} : { namespace };
    const metadata = { ...place, name, uid, resourceVersion: String(++this.#version) };
    return { kind, apiVersion: 'v1', metadata, spec: { value } };
  }

  #tell(type: string, resource: string, object: WorldObject): void {
    this.#events.push({ type, version: this.#version, resource, object });
    for (const { body, scope } of this.#live())
      if (isIn(scope, resource, object)) body.push(line(type, object));
  }

  #live(): { readonly body: FakeBody; readonly scope: Scope }[] {
    for (const watcher of this.#watchers) if (!watcher.body.open) this.#watchers.delete(watcher);
    return [...this.#watchers];
  }
}

function isIn(scope: Scope, resource: string, { metadata }: WorldObject): boolean {
  return (
    scope.resource === resource &&
    (scope.namespace === undefined || scope.namespace === metadata.namespace) &&
    (scope.name === undefined || scope.name === metadata.name)
  );
}

function resources(): unknown[] {
  return Object.entries(KINDS).map(([name, { kind, namespaced }]) => ({
    name,
    kind,
    namespaced,
    verbs: ['get', 'list', 'watch'],
    shortNames: [],
  }));
}

function keyOf(namespace: string | undefined, name: string): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function line(type: string, object: unknown): string {
  return `${JSON.stringify({ type, object })}\n`;
}
