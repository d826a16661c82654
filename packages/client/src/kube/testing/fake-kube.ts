/** The kube module as a client sees it, scripted on a `FakeServer`: which channels hold a list, who may see it, and the objects in them. For tests. */
import type { FakeConnection, FakeServer } from '../../testing.js';
import type { KubeObject, OpenAnswer, OpenParams } from '../types.js';

/** What a scripted method throws: the reply's error. */
export interface Refusal {
  readonly code: number;
  readonly message: string;
  readonly temporary?: boolean;
}

export class FakeKube {
  readonly server: FakeServer;
  /** Namespaces that the viewer may see, by cluster; absent: all. */
  readonly allowed = new Map<string, readonly string[]>();
  /** Clusters whose `kube.open` is refused. */
  readonly refuses = new Map<string, Refusal>();
  askAgainMs = 4_000;
  /** Params of all calls, by method. */
  readonly calls = new Map<string, unknown[]>();
  /** Answers of other methods, and of these in place of the scripted ones. */
  readonly answers = new Map<string, (params: never) => unknown>();
  #versions = 0;

  constructor(server: FakeServer) {
    this.server = server;
    this.answers.set('kube.open', (params: OpenParams) => this.#open(params));
    server.handlers.rpc = (method, data) => {
      const { params } = data as { params: unknown };
      this.calls.set(method, [...(this.calls.get(method) ?? []), params]);
      const answer = this.answers.get(method);
      if (answer === undefined) throw refusal(104, `no method ${method}`);
      return { result: answer(params as never) };
    };
  }

  count(method: string): number {
    return this.calls.get(method)?.length ?? 0;
  }

  channel(cluster: string, namespace = '*', resource = 'pods'): string {
    return `kube:${cluster}/core/v1/${resource}~${namespace}`;
  }

  /** An object of a new version. */
  object(
    name: string,
    extra: Partial<KubeObject> = {},
    namespace = 'default',
    uid = `uid-${name}`,
  ): KubeObject {
    const resourceVersion = String(++this.#versions);
    return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, uid, resourceVersion }, ...extra };
  }

  /** Into the list of its namespace and the list of all. */
  put(cluster: string, object: KubeObject): KubeObject {
    for (const [channel, key] of this.#places(cluster, object)) this.server.publish(channel, object, { key });
    return object;
  }

  remove(cluster: string, object: KubeObject): void {
    for (const [channel, key] of this.#places(cluster, object))
      this.server.publish(channel, null, { key, removed: true });
  }

  /** As `put`, and every reader misses it. */
  putUnseen(cluster: string, object: KubeObject): void {
    for (const [channel, key] of this.#places(cluster, object))
      this.server.channel(channel).append(object, { key });
  }

  removeUnseen(cluster: string, object: KubeObject): void {
    for (const [channel, key] of this.#places(cluster, object))
      this.server.channel(channel).append(null, { key, removed: true });
  }

  /** The source was loaded anew: another epoch over these entries, and readers take the state again. */
  load(channel: string, objects: readonly KubeObject[]): void {
    const fake = this.server.channel(channel);
    fake.epoch = `${fake.epoch}+`;
    fake.top = 0;
    fake.history = [];
    fake.entries.clear();
    for (const object of objects) fake.append(object, { key: keyOf(object) });
    this.unsubscribe(channel, 2500, 'insufficient state');
  }

  /** Ends the subscriptions of everybody. */
  unsubscribe(channel: string, code: number, reason = 'permission revoked'): void {
    for (const connection of this.#living()) {
      if (!connection.subscribed.delete(channel)) continue;
      connection.push({ channel, unsubscribe: { code, reason } });
    }
  }

  /** Tells how the source of a channel is. */
  source(channel: string, source: { state: string; sinceMs?: number; reason?: string }): void {
    this.server.channel(channel).announced = { class: 'local', outcome: 'recover', source };
    for (const connection of this.#living()) connection.notice({ source: { channel, ...source } });
  }

  cutAll(): void {
    for (const connection of this.#living()) connection.close();
  }

  /** Clients that read a channel now. */
  readers(channel: string): number {
    return this.#living().filter((connection) => connection.subscribed.has(channel)).length;
  }

  #living(): FakeConnection[] {
    return this.server.connections.filter((connection) => connection.open);
  }

  #places(cluster: string, object: KubeObject): [string, string][] {
    const key = keyOf(object);
    return [
      [this.channel(cluster, object.metadata.namespace), key],
      [this.channel(cluster), key],
    ];
  }

  #open({ cluster, namespaces, resource }: OpenParams): OpenAnswer {
    const refused = this.refuses.get(cluster);
    if (refused !== undefined) throw refusal(refused.code, refused.message, refused.temporary);
    const { askAgainMs } = this;
    const allowed = this.allowed.get(cluster);
    if (allowed === undefined && namespaces === undefined)
      return { lists: [{ channel: this.channel(cluster, '*', resource) }], denied: [], askAgainMs };
    const wanted = namespaces ?? allowed ?? [];
    const seen = wanted.filter((namespace) => allowed === undefined || allowed.includes(namespace));
    if (seen.length === 0) throw refusal(1308, `cluster forbids this: cannot list ${resource}`);
    return {
      lists: seen.map((namespace) => ({ namespace, channel: this.channel(cluster, namespace, resource) })),
      denied: wanted
        .filter((namespace) => !seen.includes(namespace))
        .map((namespace) => ({ namespace, code: 1308, reason: `cannot list ${resource} in ${namespace}` })),
      askAgainMs,
    };
  }
}

export function keyOf({ metadata }: KubeObject): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}

export function refusal(code: number, message: string, temporary = false): Error {
  return Object.assign(new Error(message), { code, temporary });
}
