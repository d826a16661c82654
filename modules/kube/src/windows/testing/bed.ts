/** What the tests of windows share: objects, lists that change by hand behind the upstream port, rights that are given and taken, and viewers that apply what they are told. */
import { createSeededRandom } from '@trunkline/base';
import { FakeClock, MemoryLogger } from '@trunkline/base/testing';
import type { KindColumn, WindowColumn, WindowOp, WindowRow, WindowSource } from '@trunkline/contracts/kube';
import type { LocalEmitter, ModuleNamespace, Principal } from '@trunkline/hub';
import {
  KubeError,
  KubeObject,
  type Change,
  type KubeQuestion,
  type ReflectorListener,
  type ReflectorState,
  type ReflectorView,
} from '@trunkline/kube-client';
import type { Disposable } from '@trunkline/base';
import type { Position, SourceState } from '@trunkline/protocol';
import type { ToldColumns } from '../../clusters/columns.js';
import type { Access, Sight, Upstreams } from '../../ports.js';
import type { WindowParams } from '../asking.js';
import { startEngineHere } from '../engine-here.js';
import type { StartEngine } from '../engine-port.js';
import { Engine } from '../engine/engine.js';
import type { FromEngine, Published } from '../messages.js';
import type { WindowState } from '../open-windows.js';
import type { WindowsOptions } from '../options.js';
import type { askColumns } from '../kind-columns.js';
import { createWindows, type WindowsParts } from '../windows.js';

type ColumnsParams = Parameters<typeof askColumns>[2];

export interface PodDraft {
  readonly namespace?: string;
  readonly name: string;
  readonly uid?: string;
  readonly phase?: string;
  readonly node?: string;
  readonly restarts?: number;
  readonly createdAt?: string;
  readonly labels?: Readonly<Record<string, unknown>>;
  readonly annotations?: Readonly<Record<string, unknown>>;
}

let version = 0;

export function pod(draft: PodDraft): Record<string, unknown> {
  const { namespace = 'default', name, uid = `uid-${name}`, phase = 'Running', node = 'n1' } = draft;
  const { restarts = 0, createdAt = '2026-01-01T00:00:00Z', labels = {}, annotations = {} } = draft;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace,
      name,
      uid,
      resourceVersion: String(++version),
      creationTimestamp: createdAt,
      labels,
      annotations,
    },
    spec: { nodeName: node, containers: [{ name: 'main', image: 'web:1' }] },
    status: {
      phase,
      containerStatuses: [{ name: 'main', ready: phase === 'Running', restartCount: restarts }],
    },
  };
}

export function toObject(value: Record<string, unknown>): KubeObject {
  const {
    namespace = '',
    name,
    uid = '',
    resourceVersion = '',
  } = value['metadata'] as Record<string, string>;
  const json = new Uint8Array(Buffer.from(JSON.stringify(value)));
  return new KubeObject(
    {
      start: 0,
      end: json.length,
      kind: '',
      apiVersion: '',
      namespace,
      name: name ?? '',
      uid,
      version: resourceVersion,
      cuts: [],
      unusual: false,
    },
    json,
  );
}

/** One list of a cluster, as a reflector would keep it. */
export class FakeList {
  readonly objects = new Map<string, KubeObject>();
  readonly listeners = new Set<ReflectorListener>();
  state: ReflectorState = { kind: 'loading' };
  leases = 0;
  sequence = 0;
  readonly #arriving = new Map<string, KubeObject>();
  /** What is kept back, while rights cannot be asked about: it is in the view, and told by `release`. */
  held: Change[][] | undefined;

  become(state: ReflectorState): void {
    this.state = state;
    for (const listener of this.listeners) listener.onState(state);
  }

  live(): void {
    this.become({ kind: 'live' });
  }

  /** All in one batch, as one step of the cluster. Undefined removes. */
  change(changes: Readonly<Record<string, Record<string, unknown> | undefined>>): void {
    const told: Change[] = [];
    for (const [key, value] of Object.entries(changes)) {
      const before = this.objects.get(key);
      if (value === undefined) {
        if (before === undefined) continue;
        this.objects.delete(key);
        told.push({ kind: 'deleted', key, object: before, version: '1', sequence: ++this.sequence });
      } else {
        const object = toObject(value);
        this.objects.set(object.key, object);
        const kind = before === undefined ? 'added' : 'modified';
        told.push({ kind, key: object.key, object, version: '1', sequence: ++this.sequence });
      }
    }
    this.#tell(told);
  }

  #tell(told: Change[]): void {
    if (this.held !== undefined) this.held.push(told);
    else for (const listener of this.listeners) listener.onChanges(told, '1');
  }

  /** Objects of a list that is being read: `begin` comes before, `arrived` tells it, whole, as one batch. */
  arrive(...values: readonly Record<string, unknown>[]): void {
    const objects = values.map(toObject);
    for (const object of objects) this.#arriving.set(object.key, object);
    for (const listener of this.listeners) listener.onArriving?.(objects);
  }

  begin(): void {
    this.#arriving.clear();
    for (const listener of this.listeners) listener.onArriving?.(undefined);
  }

  /** The list is whole. */
  arrived(): void {
    const told: Change[] = [];
    for (const [key, object] of this.#arriving) {
      this.objects.set(key, object);
      told.push({ kind: 'added', key, object, version: '1', sequence: ++this.sequence });
    }
    if (told.length > 0) this.#tell(told);
  }

  /** As while rights cannot be asked about. */
  hold(): void {
    this.held = [];
    const reason = new KubeError('kubeUnreachable', 'rights cannot be asked about');
    for (const listener of this.listeners) listener.onState({ kind: 'recovering', sinceMs: 5, reason });
  }

  release(): void {
    const held = this.held ?? [];
    this.held = undefined;
    for (const told of held) for (const listener of this.listeners) listener.onChanges(told, '1');
    for (const listener of this.listeners) listener.onState(this.state);
  }

  put(...values: readonly Record<string, unknown>[]): void {
    this.change(Object.fromEntries(values.map((value) => [toObject(value).key, value])));
  }

  get view(): ReflectorView {
    const state = (): ReflectorState => this.state;
    const sequence = (): number => this.sequence;
    const view = {
      get state() {
        return state();
      },
      get loaded() {
        return state().kind !== 'loading';
      },
      get sequence() {
        return sequence();
      },
      get: (key: string) => this.objects.get(key),
      values: () => this.objects.values(),
    };
    return view as unknown as ReflectorView;
  }
}

/** What principals may see, by user: all, or the namespaces. Absent: nothing. */
export type Rights = Map<string, 'all' | readonly string[]>;

export interface ListedRow extends WindowRow {
  readonly object?: unknown;
}

/** A viewer of a channel: takes the state once and every publication after it. */
export class Viewer implements LocalEmitter {
  readonly publications: { readonly ops: readonly WindowOp[]; readonly text: string }[] = [];
  readonly states: SourceState[] = [];
  readonly resets: string[] = [];
  rows: ListedRow[] = [];
  total = 0;
  sources: readonly WindowSource[] = [];
  epoch = 1;
  offset = 0;
  /** The rows are those at this offset and follow from there. */
  follows = false;
  onPublication: (() => void) | undefined;

  publish(data: string | Uint8Array): Position {
    this.offset++;
    const read = JSON.parse(String(data)) as { ops: WindowOp[]; total: number; sources?: WindowSource[] };
    this.publications.push({ ops: read.ops, text: String(data) });
    if (this.follows) {
      this.rows = applyOps(this.rows, read.ops);
      this.total = read.total;
      this.sources = read.sources ?? this.sources;
    }
    this.onPublication?.();
    return { epoch: String(this.epoch), offset: this.offset };
  }

  state(source: SourceState): void {
    this.states.push(source);
  }

  reset(reason: string): void {
    this.resets.push(reason);
    this.epoch++;
    this.offset = 0;
    this.follows = false;
  }

  /** Takes what `kube.windowState` answered. */
  take({ rows, total, sources }: Omit<WindowState, 'position'>): void {
    this.rows = rows as ListedRow[];
    this.total = total;
    this.sources = sources;
    this.follows = true;
  }
}

/** As the contract says: in order, each to what the one before left. */
export function applyOps(rows: readonly ListedRow[], ops: readonly WindowOp[]): ListedRow[] {
  const next = [...rows];
  for (const op of ops) {
    if (op.op === 'enter') next.splice(op.at, 0, op.row);
    else if (op.op === 'leave') next.splice(op.at, 1);
    else if (op.op === 'move') next.splice(op.to, 0, ...next.splice(op.from, 1));
    else {
      const row = next[op.at];
      if (row === undefined) throw new Error(`a patch of no row: ${op.at}`);
      const cells = [...row.cells];
      for (const [index, cell] of op.cells ?? []) cells[index] = cell;
      const merged = 'merge' in op ? mergePatch(row.object, op.merge) : row.object;
      const object = 'object' in op ? op.object : merged;
      next[op.at] = { id: row.id, uid: op.uid ?? row.uid, cells, ...(object !== undefined && { object }) };
    }
  }
  return next;
}

/** RFC 7396, as the RFC writes it. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const isObject = typeof target === 'object' && target !== null && !Array.isArray(target);
  const result: Record<string, unknown> = isObject ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = mergePatch(result[name], value);
  }
  return result;
}

/** An engine in this thread. @param onStart is given what makes it end */
export function startInline(
  clock: FakeClock,
  onStart?: (end: (reason: string) => void) => void,
): StartEngine {
  return (handlers) => {
    const port = startEngineHere(clock)(handlers);
    onStart?.((reason) => {
      void port.dispose();
      handlers.onEnd(reason);
    });
    return port;
  };
}

export function principalOf(user: string, org = 'acme'): Principal {
  return { user, org, roles: ['member'], groups: [], caps: [], channels: [] };
}

export interface WindowsBed {
  readonly clock: FakeClock;
  readonly logger: MemoryLogger;
  readonly parts: WindowsParts;
  readonly rights: Rights;
  readonly namespace: ModuleNamespace;
  /** Clusters that cannot be entered, with what they throw. */
  readonly closed: Map<string, Error>;
  /** By cluster and namespace; `''`: all of them. Made when asked for. */
  list(cluster?: string, namespace?: string): FakeList;
  /** What leases throw while it is set. */
  refuse: Error | undefined;
  /** Whether rights cannot be asked about. */
  inDoubt: boolean;
  /** The columns of clusters: told, refused, or not answered. */
  told: ToldColumns | Error | 'never';
  /** Namespaces in which columns were asked for. */
  readonly columnsAsked: (string | undefined)[];
  columns(params: Partial<ColumnsParams>, user?: string): Promise<{ columns: KindColumn[]; table: boolean }>;
  ask(
    params: Partial<WindowParams>,
    user?: string,
  ): Promise<{
    channel: string;
    columns: readonly WindowColumn[];
    denied: readonly unknown[];
    askAgainMs?: number;
  }>;
  state(channel: string, user?: string): Promise<WindowState>;
  /** The channel's first reader, without the hub. */
  open(channel: string, org?: string): { readonly viewer: Viewer; close(): void };
  /** What a promise comes to, while time goes on. */
  until<T>(promise: Promise<T>): Promise<T>;
  /** Asks, opens and takes the state. */
  follow(params: Partial<WindowParams>, user?: string): Promise<Viewer>;
}

export function createWindowsBed(
  given: Partial<WindowsOptions> & {
    readonly clock?: FakeClock;
    readonly start?: (clock: FakeClock) => StartEngine;
  } = {},
): WindowsBed {
  const { start = startInline, clock = new FakeClock(), ...options } = given;
  const logger = new MemoryLogger();
  const lists = new Map<string, FakeList>();
  const rights: Rights = new Map([['ada', 'all']]);
  const closed = new Map<string, Error>();
  const list = (cluster = 'one', namespace = ''): FakeList => {
    const key = `${cluster}/${namespace}`;
    const found = lists.get(key) ?? new FakeList();
    lists.set(key, found);
    return found;
  };
  const upstreams: Omit<Upstreams, 'doubt'> = {
    lease: (cluster, _identity, question, listener) => {
      if (bed.refuse !== undefined) throw bed.refuse;
      const leased = list(cluster, question.namespace);
      const own = { ...listener };
      leased.leases++;
      leased.listeners.add(own);
      return { view: leased.view, dispose: () => void leased.listeners.delete(own) };
    },
    resolve: (_cluster, _identity, { group = '', version = 'v1', resource }) =>
      Promise.resolve({
        group,
        version,
        resource,
        kind: resource,
        namespaced: resource !== 'nodes',
        verbs: resource === 'bindings' ? ['create'] : ['list', 'watch'],
        shortNames: [],
        categories: [],
        preferred: true,
      }),
    columns: async (_cluster, _identity, _kind, within) => {
      bed.columnsAsked.push(within);
      if (bed.told === 'never') return new Promise(() => undefined);
      if (bed.told instanceof Error) throw bed.told;
      return bed.told;
    },
  };
  const parts = createWindows(
    {
      context: { clock, random: createSeededRandom(1), logger },
      upstreams,
      access: createAccess(rights, closed, () => bed.inDoubt),
      startEngine: start(clock),
    },
    options,
  );
  const namespace = parts.namespaces[0] as ModuleNamespace;
  const context = (user: string) => ({
    principal: principalOf(user),
    client: 'c',
    requestId: 'r',
    signal: new AbortController().signal,
  });
  const bed = {
    clock,
    logger,
    parts,
    rights,
    namespace,
    closed,
    list,
    refuse: undefined as Error | undefined,
    inDoubt: false,
    told: { columns: [], table: false } as WindowsBed['told'],
    columnsAsked: [] as (string | undefined)[],
    columns: async (params: Partial<ColumnsParams>, user = 'ada') => {
      const whole = { cluster: 'one', resource: 'pods', ...params };
      const outcome = (await parts.rpc['kube.columns'].handle(whole, context(user))) as { result: never };
      return outcome.result;
    },
    ask: async (params: Partial<WindowParams>, user = 'ada') => {
      const whole = { sources: [{ cluster: 'one' }], resource: 'pods', ...params };
      const outcome = (await parts.rpc['kube.window'].handle(whole, context(user))) as { result: never };
      return outcome.result;
    },
    state: async (channel: string, user = 'ada') => {
      const outcome = await parts.rpc['kube.windowState'].handle({ channel }, context(user));
      return (outcome as { result: WindowState }).result;
    },
    open: (channel: string, org = 'acme') => {
      const viewer = new Viewer();
      const opened = namespace.source?.({ org, channel, emit: viewer }) as Disposable;
      return { viewer, close: () => void opened.dispose() };
    },
    follow: async (params: Partial<WindowParams>, user = 'ada') => {
      const { channel } = await bed.ask(params, user);
      const { viewer } = bed.open(channel);
      viewer.take(await bed.until(bed.state(channel, user)));
      return viewer;
    },
    until: async <T>(promise: Promise<T>): Promise<T> => {
      let settled = false;
      const noted = promise.finally(() => (settled = true));
      noted.catch(() => undefined);
      while (!settled) await clock.advance(10);
      return noted;
    },
  };
  return bed;
}

function createAccess(rights: Rights, closed: ReadonlyMap<string, Error>, inDoubt: () => boolean): Access {
  const sightOf = (user: string, question: KubeQuestion): Sight => {
    const right = rights.get(user);
    const { namespace } = question;
    if (right === 'all' || (namespace !== undefined && right?.includes(namespace)))
      return { kind: 'all', recheckMs: 4_000 };
    if (right === undefined || namespace !== undefined)
      throw new KubeError('kubeForbidden', `${user} may not list ${question.resource}`, { status: 403 });
    return { kind: 'namespaces', namespaces: right, reason: 'not everywhere', recheckMs: 4_000 };
  };
  return {
    enter: async (principal, cluster) => {
      const error = closed.get(cluster);
      if (error !== undefined) throw error;
      const own = principal.user.startsWith('own-');
      const upstream = own
        ? ({ kind: 'credential', id: principal.user } as const)
        : ({ kind: 'server' } as const);
      return {
        id: cluster,
        upstream,
        own: {} as never,
        confinedTo: undefined,
        allows: { writes: false, exec: false },
      };
    },
    sight: async ({ user }, _cluster, question, newcomer = false) => {
      if (newcomer && inDoubt()) throw new KubeError('kubeUnreachable', 'nobody answers');
      return sightOf(user, question);
    },
    may: async () => ({ recheckMs: 4_000 }),
  };
}

/** An engine by hand: what it sends is kept, and what it puts off runs when told. */
export class EngineBed {
  readonly sent: FromEngine[] = [];
  readonly engine: Engine;
  #soon: (() => void)[] = [];

  constructor() {
    this.engine = new Engine({
      send: (message) => void this.sent.push(structuredClone(message)),
      soon: (run) => void this.#soon.push(run),
    });
  }

  /** Runs what was put off until now. */
  turn(): void {
    for (const run of this.#soon.splice(0)) run();
  }

  /** What was published and is still among what was sent. */
  publications(): readonly Published[] {
    return this.sent.flatMap((message) => (message.kind === 'published' ? message.items : []));
  }

  /** Runs until nothing is put off, and takes what is published as a hub that keeps up. Returns that; wants stay among what was sent. */
  settle(): readonly Published[] {
    const published: Published[] = [];
    while (this.#soon.length > 0) {
      this.turn();
      const now = this.publications();
      if (now.length > 0) this.engine.receive({ kind: 'taken' });
      published.push(...now);
      const kept = this.sent.filter(({ kind }) => kind === 'want');
      this.sent.length = 0;
      this.sent.push(...kept);
    }
    return published;
  }
}
