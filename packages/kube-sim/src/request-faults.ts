/** Rules that spoil requests: answered with an error, late, cut short, or not at all. The first rule that fits decides. */
import type { RequestInfo } from './http/request-info.js';
import { requireNumber } from '@trunkline/base';

/** Absent fields match everything. `resource` is the plural, without group. */
export interface RequestMatch {
  readonly verb?: string;
  readonly resource?: string;
  readonly namespace?: string;
  readonly user?: string;
}

export type RequestEffect =
  /** A Status with that code; 429 and 503 with `Retry-After` (`retryAfterSeconds`, default 1). */
  | {
      readonly kind: 'status';
      readonly code: number;
      readonly message?: string;
      readonly retryAfterSeconds?: number;
    }
  /** Answered as usual, `delayMs` late. */
  | { readonly kind: 'delay'; readonly delayMs: number }
  /** The connection breaks without an answer. */
  | { readonly kind: 'cut' }
  /** No answer, and no end either. */
  | { readonly kind: 'hang' }
  /** The connection breaks after that many bytes of body. */
  | { readonly kind: 'truncate'; readonly afterBytes: number };

export interface RequestFault {
  readonly match?: RequestMatch;
  /** How often it strikes. Default: until it is removed. */
  readonly times?: number;
  readonly effect: RequestEffect;
}

export class RequestFaults {
  /** The roles are not read yet: nobody but `system:masters` may do anything. */
  rolesUnread = false;
  readonly #rules = new Set<{ readonly match: RequestMatch; left: number; readonly effect: RequestEffect }>();

  /** Returns the function that removes the rule. */
  add({ match = {}, times = Infinity, effect }: RequestFault): () => void {
    requireNumber('times', times, 1);
    const rule = { match, left: times, effect };
    this.#rules.add(rule);
    return () => void this.#rules.delete(rule);
  }

  clear(): void {
    this.#rules.clear();
  }

  /** The effect for a request, counted; undefined for most. */
  take(info: RequestInfo, user: string): RequestEffect | undefined {
    for (const rule of this.#rules) {
      if (!fits(rule.match, info, user)) continue;
      if (--rule.left <= 0) this.#rules.delete(rule);
      return rule.effect;
    }
    return undefined;
  }
}

function fits(
  { verb, resource, namespace, user: asUser }: RequestMatch,
  info: RequestInfo,
  user: string,
): boolean {
  const subject = info.kind === 'resource' ? info : { verb: info.verb, resource: '', namespace: '' };
  return (
    (verb === undefined || verb === subject.verb) &&
    (resource === undefined || resource === subject.resource) &&
    (namespace === undefined || namespace === subject.namespace) &&
    (asUser === undefined || asUser === user)
  );
}
