/**
 * Questions that this node has open: who still owes an answer, and until when. A question settles once, when nobody owes anything any more or its
 * time is over; what comes later, twice, from a node that was not asked, or for another org than the question's, is not its answer.
 */
import type { Clock, Timer } from '@trunkline/base';
import { ERROR_CODES } from '@trunkline/protocol';
import type { Kind, NodeFailure, NodeReply, Survey } from '../ports/questions.js';
import type { Reply } from './message.js';

interface Open {
  readonly kind: Kind<unknown, unknown>;
  readonly org: string | undefined;
  readonly owing: Set<string>;
  readonly replies: NodeReply<unknown>[];
  readonly failures: NodeFailure[];
  readonly timer: Timer;
  readonly settle: () => void;
}

export interface OpenQuestion {
  readonly id: string;
  /** Resolves once; never rejects. */
  readonly settled: Promise<Survey<unknown>>;
}

/** Questions of one kind at once, where the kind does not say. */
export const AT_ONCE = 256;

export class Asking {
  readonly #clock: Clock;
  readonly #self: string;
  readonly #boot: string;
  readonly #open = new Map<string, Open>();
  readonly #ofKind = new Map<string, number>();
  #count = 0;

  constructor(clock: Clock, self: string, boot: string) {
    this.#clock = clock;
    this.#self = self;
    this.#boot = boot;
  }

  isFull({ name, atOnce = AT_ONCE }: Kind<unknown, unknown>): boolean {
    return (this.#ofKind.get(name) ?? 0) >= atOnce;
  }

  /** `nodes`: who owes an answer; without any it settles at once. */
  open(
    kind: Kind<unknown, unknown>,
    org: string | undefined,
    nodes: Iterable<string>,
    deadlineMs: number,
  ): OpenQuestion {
    const id = `${this.#boot}.${(++this.#count).toString(36)}`;
    this.#ofKind.set(kind.name, (this.#ofKind.get(kind.name) ?? 0) + 1);
    const settled = new Promise<Survey<unknown>>((resolve) => {
      const replies: NodeReply<unknown>[] = [];
      const failures: NodeFailure[] = [];
      const open: Open = {
        kind,
        org,
        owing: new Set(nodes),
        replies,
        failures,
        timer: this.#clock.setTimeout(() => this.#expire(id), deadlineMs),
        settle: () => {
          open.timer.cancel();
          this.#open.delete(id);
          this.#release(kind.name);
          resolve({ replies: this.#sorted(replies), failures: this.#sorted(failures) });
        },
      };
      this.#open.set(id, open);
      if (open.owing.size === 0) open.settle();
    });
    return { id, settled };
  }

  /** This node's own answer. */
  answered(id: string, answer: unknown): void {
    this.#take(id, this.#self, (open) => open.replies.push({ node: this.#self, answer }));
  }

  /** False: nobody waits for it. */
  onReply({ id, from, org, outcome }: Reply): boolean {
    const open = this.#open.get(id);
    if (!open || from === this.#self || !open.owing.has(from) || open.org !== org) return false;
    if ('error' in outcome) {
      const { code, message } = outcome.error;
      return this.fail(id, from, code, message);
    }
    let answer: unknown;
    try {
      answer = open.kind.answer(outcome.value);
    } catch (cause) {
      return this.fail(id, from, ERROR_CODES.internal.code, `the answer cannot be read: ${wordsOf(cause)}`);
    }
    return this.#take(id, from, () => open.replies.push({ node: from, answer }));
  }

  fail(id: string, node: string, code: number, message: string): boolean {
    return this.#take(id, node, (open) => open.failures.push({ node, code, message }));
  }

  /** A node that went answers nothing any more. */
  gone(node: string): void {
    const { code, message } = ERROR_CODES.notFound;
    for (const id of [...this.#open.keys()]) this.fail(id, node, code, `${message}: the node went`);
  }

  dispose(): void {
    for (const id of [...this.#open.keys()]) this.#expire(id);
  }

  #expire(id: string): void {
    const { code, message } = ERROR_CODES.callTimeout;
    for (const node of [...(this.#open.get(id)?.owing ?? [])]) this.fail(id, node, code, message);
  }

  #take(id: string, node: string, note: (open: Open) => void): boolean {
    const open = this.#open.get(id);
    if (!open?.owing.delete(node)) return false;
    note(open);
    if (open.owing.size === 0) open.settle();
    return true;
  }

  #release(kind: string): void {
    const left = (this.#ofKind.get(kind) ?? 1) - 1;
    if (left === 0) this.#ofKind.delete(kind);
    else this.#ofKind.set(kind, left);
  }

  #sorted<T extends { readonly node: string }>(items: readonly T[]): readonly T[] {
    const rank = ({ node }: T): string => (node === this.#self ? '' : node);
    return [...items].sort((left, right) => (rank(left) < rank(right) ? -1 : 1));
  }
}

function wordsOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).slice(0, 200);
}
