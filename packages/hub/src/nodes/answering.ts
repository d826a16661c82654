/**
 * Questions that others ask this node. Handlers are registered by kind and begin in the order in which questions arrive; each question begins once,
 * however often the broker brings it. A question in an org is handled with that org's API and nothing else: here is where the wall stands. What a
 * handler throws becomes a coded refusal; causes stay in the log.
 */
import { every, type Clock, type Disposable, type Logger, type Timer } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import type { OrgApi } from '../ports/api.js';
import type { Answer } from '../ports/nodes.js';
import type { Asked, Kind } from '../ports/questions.js';
import { AT_ONCE } from './asking.js';
import { isKind, type Ask, type Reply } from './message.js';

export interface AnsweringDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly forOrg: (org: string) => OrgApi;
  /** Sends a reply to the node that asked. */
  readonly reply: (to: string, reply: Pick<Reply, 'id' | 'org' | 'outcome'>) => void;
}

/** Ids of questions are remembered for one to two of these: a broker that repeats itself does so within moments. */
const REMEMBERED_MS = 60_000;
/** And so many of them at most. */
const REMEMBERED_MAX = 20_000;

export class Answering {
  readonly #deps: AnsweringDeps;
  readonly #pageBytes: number;
  readonly #answers = new Map<string, Answer>();
  readonly #running = new Map<string, number>();
  readonly #forget: Timer;
  #seen = new Set<string>();
  #seenBefore = new Set<string>();

  constructor(deps: AnsweringDeps, pageBytes: number) {
    this.#deps = deps;
    this.#pageBytes = pageBytes;
    this.#forget = every(deps.clock, REMEMBERED_MS, () => this.#turn());
  }

  /** Throws a RangeError where the kind is taken or has no proper name. */
  register(answer: Answer): Disposable {
    const { name } = answer.kind;
    if (!isKind(name))
      throw new RangeError(`'${name}' is not a kind of question (1 to 100 of A-Z a-z 0-9 . _ -)`);
    if (this.#answers.has(name)) throw new RangeError(`questions of kind '${name}' are answered already`);
    this.#answers.set(name, answer);
    return {
      dispose: () => {
        if (this.#answers.get(name) === answer) this.#answers.delete(name);
      },
    };
  }

  /** This node's own answer to its own question; throws what the handler throws. */
  own(
    org: string | undefined,
    kind: Kind<unknown, unknown>,
    question: unknown,
    asked: Omit<Asked, 'pageBytes'>,
  ): unknown {
    return this.#handle(this.#find(kind.name, org), org, question, { ...asked, pageBytes: Infinity });
  }

  /** A question of another node. The handler begins before this returns. */
  onAsk(ask: Ask): void {
    const { id, from, kind, org, withinMs, value, bytes } = ask;
    const name = `${from} ${id}`;
    if (this.#seen.has(name) || this.#seenBefore.has(name)) return;
    if (this.#seen.size >= REMEMBERED_MAX) this.#turn();
    this.#seen.add(name);
    const answer = (outcome: Reply['outcome']): void =>
      this.#deps.reply(from, { id, ...(org === undefined ? {} : { org }), outcome });
    const refuse = (cause: unknown): void => answer({ error: this.#toError(cause, kind) });
    const over = new AbortController();
    let result: unknown;
    try {
      const found = this.#find(kind, org);
      this.#enter(found.kind);
      try {
        const question = this.#read(found.kind, value);
        result = this.#handle(found, org, question, {
          from,
          bytes,
          pageBytes: this.#pageBytes,
          signal: over.signal,
        });
      } finally {
        if (!(result instanceof Promise)) this.#leave(found.kind.name);
      }
    } catch (cause) {
      refuse(cause);
      return;
    }
    if (!(result instanceof Promise)) {
      answer({ value: result });
      return;
    }
    const timer = this.#deps.clock.setTimeout(() => over.abort(new CodedError('callTimeout')), withinMs);
    (result as Promise<unknown>)
      .then(
        (resolved) => !over.signal.aborted && answer({ value: resolved }),
        (cause: unknown) => !over.signal.aborted && refuse(cause),
      )
      .finally(() => {
        timer.cancel();
        this.#leave(kind);
      });
  }

  dispose(): void {
    this.#forget.cancel();
    this.#answers.clear();
  }

  #find(kind: string, org: string | undefined): Answer {
    const found = this.#answers.get(kind);
    if (!found) throw new CodedError('methodNotFound', `this node answers no questions of kind '${kind}'`);
    if ((found.scope === 'org') !== (org !== undefined))
      throw new CodedError(
        'badRequest',
        found.scope === 'org' ? 'the question names no org' : 'the question names an org',
      );
    return found;
  }

  #read(kind: Kind<unknown, unknown>, value: unknown): unknown {
    try {
      return kind.question(value);
    } catch (cause) {
      if (cause instanceof CodedError) throw cause;
      throw new CodedError('badRequest', cause instanceof Error ? cause.message.slice(0, 200) : undefined);
    }
  }

  #handle(answer: Answer, org: string | undefined, question: unknown, asked: Asked): unknown {
    return answer.scope === 'org'
      ? answer.handle(this.#deps.forOrg(org ?? ''), question, asked)
      : answer.handle(question, asked);
  }

  #enter({ name, atOnce = AT_ONCE }: Kind<unknown, unknown>): void {
    const running = this.#running.get(name) ?? 0;
    if (running >= atOnce)
      throw new CodedError('tooManyRequests', `questions of kind '${name}' at this node`);
    this.#running.set(name, running + 1);
  }

  #leave(name: string): void {
    const left = (this.#running.get(name) ?? 1) - 1;
    if (left <= 0) this.#running.delete(name);
    else this.#running.set(name, left);
  }

  #toError(cause: unknown, kind: string): { readonly code: number; readonly message: string } {
    if (!(cause instanceof CodedError))
      this.#deps.logger.error({ err: cause, kind }, 'a question of another node could not be answered');
    const { code, message } = cause instanceof CodedError ? cause : new CodedError('internal');
    return { code, message };
  }

  #turn(): void {
    this.#seenBefore = this.#seen;
    this.#seen = new Set();
  }
}
