/**
 * The nodes of a deployment as they see one another: who is live, and asking or telling each other something. A kind of question is one object
 * that both sides share; it checks at the door what came from elsewhere. A question inside an org is asked through `OrgApi.ask` and answered with
 * that org's own API, so no answer holds another org's data (spec ASK-4).
 */
import type { Disposable } from '@trunkline/base';
import type { OrgApi } from './api.js';

/** What a node says of itself. Counts are of the whole node, every org together: for operators. */
export interface NodeFacts {
  readonly node: string;
  /** What its operator calls it. */
  readonly name: string;
  readonly version: string;
  /** Unix milliseconds, by that node's clock. */
  readonly startedAtMs: number;
  readonly uptimeMs: number;
  readonly connections: number;
  readonly users: number;
  readonly orgs: number;
  readonly subscriptions: number;
  readonly channels: number;
}

export interface LiveNode extends NodeFacts {
  /** The node that was asked. */
  readonly self: boolean;
  /** Milliseconds since it was heard of; 0 for the node itself. */
  readonly heardMs: number;
}

/** Something nodes ask each other. Both checks throw for what they cannot read; what they throw reaches the asker in words. */
export interface Kind<Q, A> {
  /** 1 to 100 of a-z A-Z 0-9 . _ - */
  readonly name: string;
  readonly question: (value: unknown) => Q;
  readonly answer: (value: unknown) => A;
  /** Questions of this kind that a node has open, or answers, at once. Default 256; more are refused (111). */
  readonly atOnce?: number;
}

/** How a question came. */
export interface Asked {
  /** The node that asks; may be this one. */
  readonly from: string;
  /** What came beside the question. */
  readonly bytes: string | Uint8Array | undefined;
  /** About how many bytes of JSON a page of the answer should hold; what does not fit is cut by whoever answers, and says so. `Infinity` for this node's own questions. */
  readonly pageBytes: number;
  /** Aborted once nobody waits any more. */
  readonly signal: AbortSignal;
}

/** How a node answers one kind of question. Made by `answerInOrg` and `answerOnNode`. */
export type Answer =
  | {
      readonly scope: 'org';
      readonly kind: Kind<unknown, unknown>;
      readonly handle: (org: OrgApi, question: unknown, asked: Asked) => unknown;
    }
  | {
      readonly scope: 'node';
      readonly kind: Kind<unknown, unknown>;
      readonly handle: (question: unknown, asked: Asked) => unknown;
    };

/** Answers inside the org of the question, whose API is all it is given. */
export function answerInOrg<Q, A>(
  kind: Kind<Q, A>,
  handle: (org: OrgApi, question: Q, asked: Asked) => A | Promise<A>,
): Answer {
  return { scope: 'org', kind, handle: handle as (org: OrgApi, question: unknown, asked: Asked) => unknown };
}

/** Answers for the whole node: for what belongs to no org, or to operators. */
export function answerOnNode<Q, A>(
  kind: Kind<Q, A>,
  handle: (question: Q, asked: Asked) => A | Promise<A>,
): Answer {
  return { scope: 'node', kind, handle: handle as (question: unknown, asked: Asked) => unknown };
}

export interface AskOptions {
  /** `all` (default): the live nodes, this one first; `others`: without it; or these. */
  readonly nodes?: 'all' | 'others' | readonly string[];
  /** Time for the answers of others. Default and at most: the hub's `nodeAskTimeoutMs`. */
  readonly deadlineMs?: number;
  /** Travels beside the question, unchanged. */
  readonly bytes?: string | Uint8Array;
}

export interface NodeReply<A> {
  readonly node: string;
  readonly answer: A;
}

/** 1001: no answer in time. 1004: no such node, or it went. 1000: the broker is away. 104: it does not know the kind. Else what it refused with. */
export interface NodeFailure {
  readonly node: string;
  readonly code: number;
  readonly message: string;
}

/** Each node that was asked is in one of the two, once; both in the order of node ids, this node's own answer first. */
export interface Survey<A> {
  readonly replies: readonly NodeReply<A>[];
  readonly failures: readonly NodeFailure[];
}

/** Since the start of the node. */
export interface NodeTraffic {
  readonly sent: number;
  readonly received: number;
  /** Messages that could not be read, or named what does not exist: dropped. */
  readonly malformed: number;
  /** Answers that nobody waits for: late, repeated, or of a node that was not asked. */
  readonly stray: number;
}

export interface Nodes {
  readonly id: string;
  /** Live nodes, this one first, then by id. A node that started a moment ago may be missing, one that died is there for `nodeExpiryMs`. */
  list(): readonly LiveNode[];
  /** Likewise without this one; cheaper, since nothing is counted. */
  others(): readonly LiveNode[];
  isLive(node: string): boolean;
  /** No other node is known. */
  readonly alone: boolean;
  /**
   * Asks nodes something that concerns no org. Settles within the deadline, at once where there is nobody else to ask; never rejects for what a
   * node did. Throws 111 where too many questions of this kind are open, 106 where the question is too large.
   */
  ask<Q, A>(kind: Kind<Q, A>, question: Q, options?: AskOptions): Promise<Survey<A>>;
  /** One way, at most once, in the order of the calls to each node. Resolves when the broker took it; rejects with 1000 or 106. */
  tell(node: string | 'others', kind: string, bytes: string | Uint8Array): Promise<void>;
  /** Throws a RangeError where the kind is taken, and so does `hear`. */
  register(answer: Answer): Disposable;
  /** Hears what others tell. The handler must not throw. */
  hear(kind: string, handle: (from: string, bytes: string | Uint8Array) => void): Disposable;
  traffic(): NodeTraffic;
}
