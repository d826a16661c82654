/** What the server's own side saw: requests, watches, lists and bytes. Tests assert on these instead of believing the client. */

export interface RequestCount {
  readonly verb: string;
  /** `pods`, `deployments.apps`, `pods/log`; `''` for paths that are no resource. */
  readonly resource: string;
  readonly user: string;
  readonly code: number;
  readonly count: number;
}

export interface ServerStats {
  /** Watches that are open now, in total and by resource. */
  readonly openWatches: number;
  readonly openWatchesByResource: Readonly<Record<string, number>>;
  readonly openLogs: number;
  /** Of exec, attach and port-forward. */
  readonly openSessions: number;
  readonly openConnections: number;
  /** Since the start or the last `reset`. */
  readonly watchesOpened: number;
  readonly lists: number;
  readonly bytesOut: number;
  /** By `verb resource`, e.g. `watch pods`. */
  readonly bytesByRequest: Readonly<Record<string, number>>;
  readonly requests: readonly RequestCount[];
}

/** Different users in a long run could be many; the rest is counted under this name. */
const MAX_ENTRIES = 10_000;
const OTHERS = { verb: 'other', resource: '', user: '', code: 0 };

export class Counters {
  #openWatches = new Map<string, number>();
  #openLogs = 0;
  #openSessions = 0;
  #openConnections = 0;
  #watchesOpened = 0;
  #lists = 0;
  #bytesOut = 0;
  #bytes = new Map<string, number>();
  #requests = new Map<string, { readonly of: Omit<RequestCount, 'count'>; count: number }>();

  /** Counted when the status of the answer is known. */
  answered(of: Omit<RequestCount, 'count'>): void {
    let key = `${of.verb} ${of.resource} ${of.code} ${of.user}`;
    if (!this.#requests.has(key) && this.#requests.size >= MAX_ENTRIES) {
      of = OTHERS;
      key = 'other';
    }
    const entry = this.#requests.get(key) ?? { of, count: 0 };
    entry.count++;
    this.#requests.set(key, entry);
    if (of.verb === 'list' && of.code === 200) this.#lists++;
  }

  wrote(verb: string, resource: string, bytes: number): void {
    this.#bytesOut += bytes;
    const key = resource === '' ? verb : `${verb} ${resource}`;
    this.#bytes.set(key, (this.#bytes.get(key) ?? 0) + bytes);
  }

  /** Returns the function that counts the end; calling it again does nothing. */
  watchOpened(resource: string): () => void {
    this.#watchesOpened++;
    this.#openWatches.set(resource, (this.#openWatches.get(resource) ?? 0) + 1);
    return once(() => this.#openWatches.set(resource, (this.#openWatches.get(resource) ?? 1) - 1));
  }

  logOpened(): () => void {
    this.#openLogs++;
    return once(() => void this.#openLogs--);
  }

  sessionOpened(): () => void {
    this.#openSessions++;
    return once(() => void this.#openSessions--);
  }

  connectionOpened(): () => void {
    this.#openConnections++;
    return once(() => void this.#openConnections--);
  }

  stats(): ServerStats {
    const open = [...this.#openWatches].filter(([, count]) => count > 0);
    return {
      openWatches: open.reduce((sum, [, count]) => sum + count, 0),
      openWatchesByResource: Object.fromEntries(open),
      openLogs: this.#openLogs,
      openSessions: this.#openSessions,
      openConnections: this.#openConnections,
      watchesOpened: this.#watchesOpened,
      lists: this.#lists,
      bytesOut: this.#bytesOut,
      bytesByRequest: Object.fromEntries(this.#bytes),
      requests: [...this.#requests.values()].map(({ of, count }) => ({ ...of, count })),
    };
  }

  /** Everything but what is open now starts at zero again. */
  reset(): void {
    this.#watchesOpened = 0;
    this.#lists = 0;
    this.#bytesOut = 0;
    this.#bytes.clear();
    this.#requests.clear();
  }
}

function once(run: () => void): () => void {
  let done = false;
  return () => {
    if (!done) run();
    done = true;
  };
}
