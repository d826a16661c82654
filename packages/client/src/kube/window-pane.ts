/** One window of the server, read through its channel: state first, then the operations of each publication. */
import type { WindowColumn, WindowOp, WindowRow, WindowSource } from '@trunkline/contracts/kube';
import { toCodedError } from '../errors.js';
import type { StreamSubscription } from '../stream.js';
import { failed, healthOf, LIVE, loading, refusal } from './health.js';
import type { FeedDeps } from './list-feed.js';
import type { Health, ListHealth, Origin, WindowAnswer, WindowParams, WindowState } from './types.js';
import { WindowRows } from './window-rows.js';

/** No such window (`kubeWindowGone`): it was made on another node, or nobody had read it for a while. */
const GONE = 1332;

export interface PaneDeps<T> extends FeedDeps {
  readonly map: (row: WindowRow) => T;
}

type SourceState = WindowSource['state'];

interface WindowChange {
  readonly ops: readonly WindowOp[];
  readonly total: number;
  readonly sources?: readonly WindowSource[];
}

export class WindowPane<T> {
  readonly channel: string;
  readonly rows: WindowRows<T>;
  readonly #deps: PaneDeps<T>;
  #params: WindowParams;
  #answer: WindowAnswer;
  #denied: readonly ListHealth[];
  #stream: StreamSubscription<unknown, WindowState>;
  #sources = new Map<string, WindowSource>();
  /** Clusters of which something was shown, be it that there is nothing. */
  #shown = new Set<string>();
  #total = 0;
  #loaded = false;
  #health: Health;
  /** The server does not know it any more; it was told once. */
  #gone: 'no' | 'found' | 'told' = 'no';

  constructor(deps: PaneDeps<T>, params: WindowParams, answer: WindowAnswer) {
    this.channel = answer.channel;
    this.rows = new WindowRows<T>(deps.map, (error, { id }) => deps.options.onError(error, originOf(id)));
    this.#deps = deps;
    this.#params = params;
    this.#answer = answer;
    this.#denied = denials(params, answer);
    this.#health = loading(deps.client.now());
    this.#stream = this.#open();
  }

  get params(): WindowParams {
    return this.#params;
  }

  get columns(): readonly WindowColumn[] {
    return this.#answer.columns;
  }

  get total(): number {
    return this.#total;
  }

  /** Its rows are here. */
  get loaded(): boolean {
    return this.#loaded;
  }

  /** Ended by the server, with this code; undefined while it goes on, and where it is the connection that gave up. */
  get endedWith(): number | undefined {
    const continuity = this.#stream.state.get();
    return continuity.kind === 'failed' && this.#deps.client.state.get().kind !== 'failed'
      ? continuity.code
      : undefined;
  }

  get live(): boolean {
    return this.#loaded && this.#stream.state.get().kind === 'live';
  }

  /** Whether it has to be asked for again; said once for each time. */
  isVoid(): boolean {
    if (this.#gone === 'no' && this.endedWith !== undefined) this.#gone = 'found';
    if (this.#gone !== 'found') return false;
    this.#gone = 'told';
    return true;
  }

  /** The same window once more: where its channel had ended, it is read again. */
  answered(params: WindowParams, answer: WindowAnswer): void {
    this.#params = params;
    this.#answer = answer;
    this.#denied = denials(params, answer);
    if (this.#gone === 'no') return;
    this.#gone = 'no';
    if (this.endedWith === undefined) return;
    const before = this.#stream;
    this.#stream = this.#open();
    before.close();
  }

  /** Rows that the window before showed alike keep their identity. */
  takeOver(before: WindowPane<T> | undefined): void {
    if (before !== undefined) this.rows.inherit(before.rows);
  }

  /** Of the channel; what stands behind it is in `lists`. */
  health(): Health {
    const shown = this.#loaded && (this.#shown.size > 0 || this.#sources.size === 0);
    this.#health = healthOf(this.#stream.state.get(), shown, this.#health, this.#deps.client.now());
    return this.#health;
  }

  /** The clusters behind it, and what is denied. */
  lists(): ListHealth[] {
    const sources = [...this.#sources.values()].map(({ cluster, state }) => ({
      ...sourceHealth(state, this.#shown.has(cluster)),
      cluster,
      namespace: undefined,
      total: 0,
    }));
    return [...sources, ...this.#denied];
  }

  close(): void {
    this.#stream.close();
  }

  #open(): StreamSubscription<unknown, WindowState> {
    const { client, touched } = this.#deps;
    const stream: StreamSubscription<unknown, WindowState> = client.stream<WindowState>(this.channel, {
      getState: async () => {
        try {
          const state = (await client.rpc('kube.windowState', { channel: this.channel })) as WindowState;
          return { state, position: state.position };
        } catch (cause) {
          const error = toCodedError(cause, 'kube.windowState');
          if (error.code === GONE && this.#stream === stream && this.#gone === 'no') {
            this.#gone = 'found';
            touched();
          }
          throw error;
        }
      },
      onState: (state) => this.#replace(state),
      onPublication: ({ data }) => this.#apply(data as WindowChange),
    });
    stream.state.subscribe(touched);
    return stream;
  }

  #replace({ rows, total, sources }: WindowState): void {
    this.rows.replace(rows);
    this.#total = total;
    this.#sources = new Map(sources.map((source) => [source.cluster, source]));
    this.#loaded = true;
    this.#shown.clear();
    this.#note(rows);
    this.#deps.touched();
  }

  #apply({ ops, total, sources }: WindowChange): void {
    this.rows.apply(ops);
    this.#total = total;
    for (const source of sources ?? []) this.#sources.set(source.cluster, source);
    this.#note(ops.flatMap((op) => (op.op === 'enter' ? [op.row] : [])));
    this.#deps.touched();
  }

  #note(rows: readonly WindowRow[]): void {
    for (const { id } of rows) this.#shown.add(originOf(id).cluster);
    for (const { cluster, state } of this.#sources.values())
      // Rows that are not on this page are this one's, where there is no other.
      if (state.state === 'live' || (this.#total > 0 && this.#sources.size === 1)) this.#shown.add(cluster);
  }
}

function sourceHealth({ state, sinceMs, reason }: SourceState, shown: boolean): Health {
  switch (state) {
    case 'live':
      return LIVE;
    case 'loading':
      return loading(sinceMs, reason);
    case 'recovering':
      // Where rows are on show, changes may be missing since.
      return shown ? { ...LIVE, state: 'stale', sinceMs, reason } : loading(sinceMs, reason);
    case 'denied':
    case 'gone':
    case 'failed':
      return { ...LIVE, state: 'failed', sinceMs, reason: reason ?? state };
  }
}

/** Which cluster it was is not said: with one it is that one, else it stays empty. */
function denials({ sources }: WindowParams, { denied }: WindowAnswer): ListHealth[] {
  const cluster = sources.length === 1 ? (sources[0]?.cluster ?? '') : '';
  return denied.map(({ namespace, code, reason }) => ({
    ...failed(refusal(code, reason), undefined),
    cluster,
    namespace,
    total: 0,
  }));
}

/** `<cluster>/<namespace>/<name>`, or `<cluster>//<name>`. */
function originOf(id: string): Origin {
  const [cluster = '', namespace = '', ...name] = id.split('/');
  const rest = name.join('/');
  return { cluster, key: namespace === '' ? rest : `${namespace}/${rest}` };
}
