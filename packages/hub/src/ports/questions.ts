/**
 * Questions between the nodes of a deployment, as both sides see them. A kind of question is one object that both share; it checks at the door what
 * came from elsewhere.
 */
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
