/**
 * One cluster: everything that can be asked of its API server, over one way to it. It owns the connections and the slots for lists; it keeps no objects. Clusters
 * share nothing, so that one that is slow or gone delays no other.
 */
import type { Clock } from '@trunkline/base';
import type { LookupFunction } from 'node:net';
import {
  checkConnection,
  checkImpersonation,
  type Impersonation,
  type KubeConnection,
} from './connection.js';
import { KubeError } from './errors.js';
import { discover, type Discovery } from './http/discovery.js';
import { Exchange, type KubeAnswer, type KubeDial, type KubeRequest } from './http/exchange.js';
import {
  listAll,
  listPage,
  PRUNE_ALL,
  type KubePage,
  type ListAllOptions,
  type ListOptions,
} from './http/list.js';
import { openLogs, readLogs, type LogOptions } from './http/logs.js';
import {
  reviewRules,
  reviewSelf,
  reviewSubject,
  type AccessAnswer,
  type AccessQuestion,
  type AccessRules,
} from './http/reviews.js';
import { readTable, type KubeTable, type TableOptions } from './http/table.js';
import { UndiciWire } from './http/undici-wire.js';
import { openWatch, type KubeWatch, type WatchOptions } from './http/watch.js';
import type { KubeSocket, Wire } from './http/wire.js';
import { resolveKubeClusterOptions, type KubeClusterOptions } from './options.js';
import { toPath, type KubeQuestion } from './question.js';
import { Semaphore } from './semaphore.js';
import { toObject, type KubeObject } from './wire/object.js';
import { scanObject, type PruneOptions } from './wire/scan.js';

export interface KubeClusterDeps {
  readonly clock: Clock;
  /** Default: undici. */
  readonly wire?: Wire;
  /**
   * Turns the names that are dialled into addresses; an error refuses the connection. For clusters that users name, so that a name cannot stand for an address inside. Addresses in
   * digits are not asked about: check `server` before. Not used with a wire of your own. Default: the system's.
   */
  readonly lookup?: LookupFunction;
}

/** Calls fail with a `KubeError`, or with the reason of their signal. None of them shares state with another but the connections. */
export interface KubeCluster {
  /** Slots for lists, in use by reflectors: calls that list by themselves do not take one. */
  readonly listSlots: Semaphore;
  /** API groups whose server has answered that it does not know WatchList. Kept for the life of the cluster object. */
  readonly withoutWatchList: Set<string>;
  readonly options: KubeClusterOptions;
  /** The same cluster in somebody else's name. Has no life of its own: dispose the first one. */
  as(who: Impersonation): KubeCluster;
  /** `GET /version`: the cheapest sign of life. */
  version(signal?: AbortSignal): Promise<{ readonly gitVersion: string }>;
  get(
    question: KubeQuestion,
    name: string,
    options?: { readonly signal?: AbortSignal; readonly prune?: PruneOptions },
  ): Promise<KubeObject>;
  listPage(question: KubeQuestion, options?: ListOptions): Promise<KubePage>;
  /** All objects of one state, page by page. */
  list(question: KubeQuestion, options?: ListAllOptions): Promise<Omit<KubePage, 'continue'>>;
  /** Resolves when the server has accepted the watch. */
  watch(question: KubeQuestion, options?: WatchOptions): Promise<KubeWatch>;
  logs(options: LogOptions): AsyncIterable<readonly Uint8Array[]>;
  /** Resolves when the server has agreed, with what `logs` gives. Read it, or abort its signal. */
  openLogs(options: LogOptions): Promise<AsyncGenerator<readonly Uint8Array[]>>;
  table(question: KubeQuestion, options?: TableOptions): Promise<KubeTable | undefined>;
  discover(signal?: AbortSignal): Promise<Discovery>;
  reviewSelf(question: AccessQuestion, signal?: AbortSignal): Promise<AccessAnswer>;
  reviewSubject(who: Impersonation, question: AccessQuestion, signal?: AbortSignal): Promise<AccessAnswer>;
  reviewRules(namespace: string, signal?: AbortSignal): Promise<AccessRules>;
  /** Any request, e.g. for a proxy: the answer of every status, its body unread. Path and headers are the caller's responsibility; credentials are added. */
  request(request: KubeRequest): Promise<KubeAnswer>;
  /**
   * Opens a WebSocket, for exec, attach and port-forward. Credentials, path and deadline are as for `request`; a refusal is thrown in the words of the server. Nobody watches over the
   * socket but its owner: it is not ended by `suspect`, and `dispose` cuts it.
   */
  dial(request: KubeDial): Promise<KubeSocket>;
  /**
   * Ends, with `kubeSilent`, whatever has waited for a byte since then or longer (milliseconds of the monotonic clock), in whoever's name: for whoever knows that the server does
   * not answer, while `watchSilenceMs` goes on. Logs that are followed are left alone.
   */
  suspect(sinceMs: number): void;
  /** Waits for requests under way: end watches first. */
  dispose(): Promise<void>;
}

/** Throws `kubeconfigInvalid` for a bad connection and a RangeError for a bad option; dials nothing. */
export function createKubeCluster(
  deps: KubeClusterDeps,
  connection: KubeConnection,
  given?: Partial<KubeClusterOptions>,
): KubeCluster {
  const options = resolveKubeClusterOptions(given);
  const checked = checkConnection(connection);
  const wire = deps.wire ?? new UndiciWire(checked, { ...options, lookup: deps.lookup });
  const exchange = new Exchange({
    clock: deps.clock,
    wire,
    connection: checked,
    options,
    impersonate: checked.impersonate,
    waiting: new Set(),
  });
  return new HttpCluster(exchange, wire, new Semaphore(options.maxConcurrentLists), new Set());
}

class HttpCluster implements KubeCluster {
  readonly listSlots: Semaphore;
  readonly withoutWatchList: Set<string>;
  readonly #exchange: Exchange;
  readonly #wire: Wire;

  constructor(exchange: Exchange, wire: Wire, listSlots: Semaphore, withoutWatchList: Set<string>) {
    this.#exchange = exchange;
    this.#wire = wire;
    this.listSlots = listSlots;
    this.withoutWatchList = withoutWatchList;
  }

  get options(): KubeClusterOptions {
    return this.#exchange.options;
  }

  as(who: Impersonation): KubeCluster {
    checkImpersonation(who);
    return new HttpCluster(this.#exchange.as(who), this.#wire, this.listSlots, this.withoutWatchList);
  }

  async version(signal?: AbortSignal): Promise<{ readonly gitVersion: string }> {
    const answer = await this.#exchange.readJson({ path: '/version', ...(signal ? { signal } : {}) }, 0);
    const gitVersion = (answer as { readonly gitVersion?: unknown } | null)?.gitVersion;
    if (typeof gitVersion !== 'string') throw new KubeError('kubeBadAnswer', 'gitVersion: missing');
    return { gitVersion };
  }

  async get(
    question: KubeQuestion,
    name: string,
    { signal, prune = PRUNE_ALL }: { readonly signal?: AbortSignal; readonly prune?: PruneOptions } = {},
  ): Promise<KubeObject> {
    const body = await this.#exchange.read({ path: toPath(question, name), ...(signal ? { signal } : {}) });
    try {
      return toObject(body, scanObject(body, prune), prune);
    } catch (cause) {
      if (!(cause instanceof SyntaxError)) throw cause;
      throw new KubeError('kubeBadAnswer', cause.message, { cause });
    }
  }

  listPage(question: KubeQuestion, options: ListOptions = {}): Promise<KubePage> {
    return listPage(this.#exchange, question, options);
  }

  list(question: KubeQuestion, options: ListAllOptions = {}): Promise<Omit<KubePage, 'continue'>> {
    return listAll(this.#exchange, question, options);
  }

  watch(question: KubeQuestion, options: WatchOptions = {}): Promise<KubeWatch> {
    return openWatch(this.#exchange, question, options);
  }

  logs(options: LogOptions): AsyncIterable<readonly Uint8Array[]> {
    return readLogs(this.#exchange, options);
  }

  openLogs(options: LogOptions): Promise<AsyncGenerator<readonly Uint8Array[]>> {
    return openLogs(this.#exchange, options);
  }

  table(question: KubeQuestion, options: TableOptions = {}): Promise<KubeTable | undefined> {
    return readTable(this.#exchange, question, options);
  }

  discover(signal?: AbortSignal): Promise<Discovery> {
    return discover(this.#exchange, signal);
  }

  reviewSelf(question: AccessQuestion, signal?: AbortSignal): Promise<AccessAnswer> {
    return reviewSelf(this.#exchange, question, signal);
  }

  reviewSubject(who: Impersonation, question: AccessQuestion, signal?: AbortSignal): Promise<AccessAnswer> {
    return reviewSubject(this.#exchange, who, question, signal);
  }

  reviewRules(namespace: string, signal?: AbortSignal): Promise<AccessRules> {
    return reviewRules(this.#exchange, namespace, signal);
  }

  request(request: KubeRequest): Promise<KubeAnswer> {
    return this.#exchange.open(request);
  }

  dial(request: KubeDial): Promise<KubeSocket> {
    return this.#exchange.dial(request);
  }

  suspect(sinceMs: number): void {
    this.#exchange.suspect(sinceMs);
  }

  dispose(): Promise<void> {
    return this.#wire.dispose();
  }
}
