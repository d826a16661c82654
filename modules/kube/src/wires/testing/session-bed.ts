/** Sessions in pods without a cluster and without a client: rights, audit log and both sockets are moved by hand, on a fake clock. */
import { silentLogger } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import type { Conversation, Line, OpenDecision, Principal } from '@trunkline/hub';
import { testPrincipal } from '@trunkline/hub/testing';
import type { KubeCluster, KubeDial, KubeSocket, KubeSocketEvents, LogOptions } from '@trunkline/kube-client';
import { BinaryEncoded, type Close, type Encoded } from '@trunkline/protocol';
import type { Access, Deed, DoubtListener, Identity } from '../../ports.js';
import { FedLog } from '../../testing/fed-log.js';
import type { Feeds } from '../feeds.js';
import { createMultiplexer } from '../multiplexer.js';
import { profileOf, resolveWiresOptions, type WiresOptions } from '../options.js';
import { createSessionEndpoints } from '../session-endpoint.js';
import { Sessions } from '../sessions.js';

export type Frame = string | readonly number[];

function toFrame(bytes: Uint8Array, binary: boolean): Frame {
  return binary ? [...bytes] : Buffer.from(bytes).toString();
}

/** The way to the API server. */
export class FakeSocket implements KubeSocket {
  readonly protocol: string;
  readonly sent: Frame[] = [];
  pings = 0;
  paused = true;
  behind = false;
  closed: Close | undefined;
  destroyed = false;
  #events: KubeSocketEvents | undefined;

  constructor(protocol: string) {
    this.protocol = protocol;
  }

  start(events: KubeSocketEvents): void {
    this.#events = events;
    this.paused = false;
  }
  send(frame: string | Uint8Array): boolean {
    this.sent.push(typeof frame === 'string' ? frame : [...frame]);
    return !this.behind;
  }
  ping(): void {
    this.pings++;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  close(code: number, reason: string): void {
    this.closed ??= { code, reason };
  }
  destroy(): void {
    this.destroyed = true;
  }

  /** The API server says something. */
  says(...frames: readonly Frame[]): void {
    for (const frame of frames) {
      const text = typeof frame === 'string';
      this.#events?.onFrame(text ? Buffer.from(frame) : Uint8Array.from(frame), !text);
    }
  }
  drains(): void {
    this.behind = false;
    this.#events?.onDrained();
  }
  ends(code: number, reason: string): void {
    this.#events?.onClosed(code, reason);
  }
}

/** The log of a container. */
export class FakeLog {
  readonly options: LogOptions;
  readonly #fed = new FedLog();

  constructor(options: LogOptions) {
    this.options = options;
    options.signal?.addEventListener('abort', () => this.#fed.push(new Error('aborted')));
  }

  get aborted(): boolean {
    return this.options.signal?.aborted === true;
  }
  /** Batches that were read. */
  get taken(): number {
    return this.#fed.taken;
  }
  /** One batch. */
  prints(...lines: readonly string[]): void {
    this.#fed.push(lines);
  }
  ends(): void {
    this.#fed.push(undefined);
  }
  breaks(): void {
    this.#fed.push(new Error('ECONNRESET'));
  }
  batches(): AsyncGenerator<readonly Uint8Array[]> {
    return this.#fed.batches();
  }
}

/** The way to the client: takes what it is sent while it is not `stalled`. */
export class FakeLine implements Line {
  readonly id = 'line';
  readonly principal: Principal;
  readonly sent: Frame[] = [];
  stalled = false;
  holds = 0;
  closed: Close | undefined;

  constructor(principal: Principal) {
    this.principal = principal;
  }
  get open(): boolean {
    return this.closed === undefined;
  }
  get blocked(): boolean {
    return this.stalled;
  }
  send(document: Encoded): boolean {
    this.sent.push(toFrame(document.bytes, document instanceof BinaryEncoded));
    return true;
  }
  hold(): void {
    this.holds++;
  }
  release(): void {
    this.holds--;
  }
  close(close: Close): void {
    this.closed ??= close;
  }
}

export const EXEC = '/api/v1/namespaces/default/pods/web/exec';
export const LOG = '/api/v1/namespaces/default/pods/web/log';

export interface Opened {
  readonly line: FakeLine;
  readonly talk: Conversation;
}

export function createSessionBed(given: Partial<WiresOptions> = {}) {
  const clock = new FakeClock();
  const options = resolveWiresOptions(given);
  const sockets: FakeSocket[] = [];
  const dials: KubeDial[] = [];
  const logs: FakeLog[] = [];
  const deeds: Deed[] = [];
  const asked: string[] = [];
  const hands = {
    exec: true,
    identity: { kind: 'server' } as Identity,
    /** Of the API server. */
    may: (): Promise<{ readonly recheckMs: number }> => Promise.resolve({ recheckMs: 4_000 }),
    audit: (): Promise<void> => Promise.resolve(),
    selects: 'v4.channel.k8s.io',
    dial: (): Promise<void> => Promise.resolve(),
  };
  const own = {
    dial: async (request: KubeDial) => {
      dials.push(request);
      await hands.dial();
      const socket = new FakeSocket(hands.selects);
      sockets.push(socket);
      return socket;
    },
    openLogs: async (options: LogOptions) => {
      await hands.dial();
      const log = new FakeLog(options);
      logs.push(log);
      return log.batches();
    },
  } as unknown as KubeCluster;
  const access = {
    enter: (_principal: Principal, id: string) =>
      Promise.resolve({
        id,
        upstream: hands.identity,
        own,
        confinedTo: undefined,
        allows: { writes: false, exec: hands.exec },
      }),
    may: (_principal: Principal, cluster: string, ask: Parameters<Access['may']>[2], newcomer: boolean) => {
      const { verb, resource, subresource, namespace, name } = ask;
      asked.push(`${cluster} ${verb} ${resource}/${subresource} ${namespace}/${name} ${newcomer}`);
      return hands.may();
    },
  } as unknown as Access;
  const audit = async (deed: Deed): Promise<void> => {
    await hands.audit();
    deeds.push(deed);
  };
  const doubters = new Set<DoubtListener>();
  const upstreams = {
    doubt: (_cluster: string, _identity: Identity, listener: DoubtListener) => {
      doubters.add(listener);
      listener.onDoubt(undefined);
      return { dispose: () => void doubters.delete(listener) };
    },
  };
  const create = (withAudit: boolean): Sessions =>
    new Sessions(
      { clock, logger: silentLogger, access, upstreams, audit: withAudit ? audit : undefined },
      options,
    );
  const sessions = create(true);
  const profile = profileOf(options);

  /** Asks an endpoint; time moves as far as it needs. */
  const ask = async (
    path: string,
    {
      principal = testPrincipal(),
      protocols = [],
      using = sessions,
      originAllowed = true,
      signal = new AbortController().signal,
    }: AskOptions = {},
  ): Promise<OpenDecision> => {
    const [plain = '', query = ''] = path.split('?');
    const identify = (): Promise<Principal> => Promise.resolve(principal);
    const [, verb = ''] = /([a-z]+)$/.exec(plain) ?? [];
    const parts = /namespaces\/([^/]+)\/pods\/([^/]+)/.exec(plain) ?? [];
    const found =
      plain === '/wsMultiplexer'
        ? createMultiplexer(
            { clock, access, feeds: {} as Feeds, identify, sessions: using },
            options,
            profile,
          )
        : createSessionEndpoints({ identify, sessions: using }, options, profile).find(
            ({ id }) => id === `kube-${verb}`,
          );
    if (found === undefined) throw new Error(`no endpoint for ${plain}`);
    const decided = found.open(
      {
        method: 'GET',
        path: plain,
        params: { cluster: 'c1', namespace: parts[1] ?? '', pod: parts[2] ?? '' },
        query: new URLSearchParams(query),
        headers: {},
        remoteAddress: '192.0.2.7',
        originAllowed,
        subprotocols: protocols,
      },
      signal,
    );
    return decided;
  };
  const open = async (path = `${EXEC}?command=cat&stdin=1&stdout=1`, more?: AskOptions): Promise<Opened> => {
    const decision = await ask(path, more);
    if (decision.kind !== 'converse') throw new Error(JSON.stringify(decision));
    const line = new FakeLine(decision.principal);
    return { line, talk: decision.begin(line) };
  };
  return {
    clock,
    hands,
    sockets,
    logs,
    dials,
    deeds,
    asked,
    sessions,
    /** Told while rights cannot be asked about. */
    doubters,
    without: () => create(false),
    ask,
    open,
    last: (): FakeSocket => {
      const socket = sockets.at(-1);
      if (socket === undefined) throw new Error('nothing was dialled');
      return socket;
    },
  };
}

export interface AskOptions {
  readonly principal?: Principal;
  readonly protocols?: readonly string[];
  readonly using?: Sessions;
  readonly originAllowed?: boolean;
  readonly signal?: AbortSignal;
}
