/**
 * Sessions in pods, from the wish to the open socket: whether the operator, the audit log and the cluster allow it, in this order, and whether there is room. Nothing is dialled before it
 * has been written down who wants what. A log is read by the same way, and is reading: the cluster alone decides about it, and it is as patient as lists are.
 */
import type { Clock, Logger } from '@trunkline/base';
import type { Principal } from '@trunkline/hub';
import { KubeError, type KubeCluster, type KubeSocket } from '@trunkline/kube-client';
import { CodedError, ERROR_CODES } from '@trunkline/protocol';
import { Places } from '../places.js';
import type { Access, Allowed, Audit, DoubtListener, Identity, Upstreams } from '../ports.js';
import { openLog } from './log-socket.js';
import { Session, type SessionOptions } from './session.js';
import type { StreamTarget } from './stream-path.js';

export interface SessionsDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly access: Access;
  readonly upstreams: Pick<Upstreams, 'doubt'>;
  /** Absent: there are no sessions but logs. */
  readonly audit?: Audit | undefined;
}

export interface SessionsOptions extends SessionOptions {
  /** Open at once, of one user and of all; logs are counted apart. */
  readonly maxSessionsPerUser: number;
  readonly maxSessions: number;
  /** Longest frame, either way, in bytes. */
  readonly sessionFrameBytes: number;
}

/** Who wants what. */
export interface Wish {
  readonly principal: Principal;
  readonly cluster: string;
  readonly target: StreamTarget;
  /** Sub-protocols that the client offers, as they came. */
  readonly protocols: readonly string[];
  readonly address: string;
}

/** A yes, for now. */
interface Right {
  readonly identity: Identity;
  /** The cluster in the name of whoever asks. */
  readonly own: KubeCluster;
  /** Monotonic time up to which it is known. */
  readonly untilMs: number;
}

/** Credentials, ours and those of other servers, which no cluster needs to see. */
const PRIVATE_PROTOCOL = /^base64url\./;
const PROTOCOLS_MAX = 20;
const PROTOCOL_MAX_CHARS = 100;

export class Sessions {
  readonly #deps: SessionsDeps;
  readonly #options: SessionsOptions;
  readonly #entered: Places;
  readonly #logs: Places;

  constructor(deps: SessionsDeps, options: SessionsOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#entered = placesOf(options);
    this.#logs = placesOf(options);
  }

  /** Logs included. */
  get size(): number {
    return this.#entered.taken + this.#logs.taken;
  }

  /**
   * Throws the refusal: ours, or the API server's in its own words. Whoever gets a session starts it within `openDeadlineMs`, or it ends; where the signal was aborted meanwhile there is
   * none.
   */
  async open(wish: Wish, signal: AbortSignal): Promise<Session> {
    const { principal, target } = wish;
    if (!isReading(target) && principal.user === '')
      throw new KubeError('kubeForbidden', `${target.verb} is for users who are signed in`);
    const release = (isReading(target) ? this.#logs : this.#entered).take(principal);
    try {
      const right = await this.#right(wish, true);
      signal.throwIfAborted();
      if (!isReading(target)) await this.#note(wish);
      const socket = await this.#dial(wish, right.own, signal);
      try {
        const fresh = await this.#refresh(wish, right);
        signal.throwIfAborted();
        return this.#begin(wish, fresh, socket, release);
      } catch (cause) {
        socket.destroy();
        throw cause;
      }
    } catch (cause) {
      release();
      throw cause;
    }
  }

  #dial({ target, protocols }: Wish, own: KubeCluster, signal: AbortSignal): Promise<KubeSocket> {
    const { sessionFrameBytes } = this.#options;
    const given = { protocols: offered(protocols), signal };
    if (isReading(target)) return openLog(own, target, { ...given, maxLineBytes: sessionFrameBytes });
    const path = `${target.path}?${target.query}`;
    return own.dial({ ...given, path, maxFrameBytes: sessionFrameBytes });
  }

  /** An API server may take longer to answer than a yes counts. */
  async #refresh(wish: Wish, right: Right): Promise<Right> {
    return this.#deps.clock.monotonic() < right.untilMs ? right : this.#again(wish, right, true);
  }

  async #again(wish: Wish, { identity }: Right, newcomer: boolean): Promise<Right> {
    const now = await this.#right(wish, newcomer);
    if (isSame(now.identity, identity)) return now;
    throw new KubeError('kubeUnauthorized', 'the credential was replaced');
  }

  #begin(wish: Wish, right: Right, socket: KubeSocket, release: () => void): Session {
    const { cluster, target } = wish;
    const { clock, upstreams } = this.#deps;
    const leftMs = ({ untilMs }: Right): number => Math.max(0, untilMs - clock.monotonic());
    const ask = async (): Promise<number> => leftMs(await this.#again(wish, right, !isReading(target)));
    const doubt = (listener: DoubtListener) => upstreams.doubt(cluster, right.identity, listener);
    return new Session(clock, this.#options, socket, {
      recheckMs: leftMs(right),
      ask,
      release,
      ...(isReading(target) ? { doubt } : {}),
    });
  }

  async #right({ principal, cluster, target }: Wish, newcomer: boolean): Promise<Right> {
    const { access } = this.#deps;
    const { upstream, own, allows } = await access.enter(principal, cluster);
    if (!isReading(target)) this.#check(target, allows);
    const { namespace, pod: name, verb: subresource } = target;
    // Newer API servers want both verbs of whoever enters by WebSocket, older ones `get` alone; that one they ask about themselves.
    const verb = isReading(target) ? 'get' : 'create';
    const ask = { verb, group: '', resource: 'pods', subresource, namespace, name };
    const { recheckMs } = await access.may(principal, cluster, ask, newcomer);
    return { identity: upstream, own, untilMs: this.#deps.clock.monotonic() + recheckMs };
  }

  #check({ verb }: StreamTarget, { exec }: Allowed): void {
    if (!exec)
      throw new KubeError(
        'kubeForbidden',
        `${verb} is not enabled for this cluster (option kube.clusters[].exec)`,
      );
    if (this.#deps.audit === undefined)
      throw new KubeError('kubeForbidden', `${verb} needs an audit log, and this server has none`);
  }

  async #note({ principal, cluster, target, address }: Wish): Promise<void> {
    const { audit, logger } = this.#deps;
    const { path, verb, told: details } = target;
    try {
      await audit?.({
        principal,
        action: 'kube.entered',
        cluster,
        path,
        verb,
        requestId: '',
        address,
        details,
      });
    } catch (cause) {
      logger.error({ err: cause, cluster, path }, 'a session in a pod could not be recorded');
      throw new CodedError(ERROR_CODES.sourceUnavailable, 'the audit log', { cause });
    }
  }
}

/** Whether nothing is done to the cluster by it. */
function isReading({ verb }: StreamTarget): boolean {
  return verb === 'log';
}

function offered(protocols: readonly string[]): readonly string[] {
  return protocols
    .filter((one) => !PRIVATE_PROTOCOL.test(one) && one.length <= PROTOCOL_MAX_CHARS)
    .slice(0, PROTOCOLS_MAX);
}

function isSame(left: Identity, right: Identity): boolean {
  return left.kind === 'server' ? right.kind === 'server' : right.kind !== 'server' && left.id === right.id;
}

function placesOf({ maxSessionsPerUser, maxSessions }: SessionsOptions): Places {
  return new Places({
    perUser: maxSessionsPerUser,
    total: maxSessions,
    refusal: (whose) =>
      new CodedError(
        ERROR_CODES.limitExceeded,
        whose === 'one' ? 'sessions of one user (maxSessionsPerUser)' : 'sessions on this node (maxSessions)',
      ),
  });
}
