/**
 * The nodes of a deployment as they see one another: who is live, and asking or telling each other something. A question inside an org is asked through `OrgApi.ask` and answered with
 * that org's own API, so no answer holds another org's data (spec ASK-4).
 */
import type { Disposable } from '@trunkline/base';
import type { OrgApi } from './api.js';
import type { Asked, AskOptions, Kind, LiveNode, Survey } from './questions.js';

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
