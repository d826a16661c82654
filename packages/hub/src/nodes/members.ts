/**
 * The table of other nodes: learned from what they announce, forgotten when they say goodbye or were not heard of for a while. Bounded: what
 * does not fit is not there. It sends nothing and has no timer.
 */
import type { Clock } from '@trunkline/base';
import type { LiveNode, NodeFacts } from '../ports/questions.js';

interface Member {
  readonly facts: NodeFacts;
  readonly boot: string;
  /** At the broker. */
  readonly address: string;
  readonly heardAtMs: number;
}

export interface MembersOptions {
  readonly expiryMs: number;
  readonly max: number;
}

export class Members {
  readonly #clock: Clock;
  readonly #options: MembersOptions;
  readonly #members = new Map<string, Member>();

  constructor(clock: Clock, options: MembersOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** False where the table is full. An earlier life of the same node is replaced. */
  learn(facts: NodeFacts, boot: string, address: string): boolean {
    if (!this.#members.has(facts.node) && this.#members.size >= this.#options.max) {
      this.expire();
      if (this.#members.size >= this.#options.max) return false;
    }
    this.#members.set(facts.node, { facts, boot, address, heardAtMs: this.#clock.monotonic() });
    return true;
  }

  /** A goodbye of an earlier life changes nothing. */
  leave(node: string, boot: string): boolean {
    return this.#members.get(node)?.boot === boot && this.#members.delete(node);
  }

  /** Forgets those not heard of for too long, and names them. */
  expire(): readonly string[] {
    const gone: string[] = [];
    for (const [node, member] of this.#members) if (!this.#isLive(member)) gone.push(node);
    for (const node of gone) this.#members.delete(node);
    return gone;
  }

  get size(): number {
    return this.#members.size;
  }

  /** Live ones, by id. */
  ids(): readonly string[] {
    const ids: string[] = [];
    for (const [node, member] of this.#members) if (this.#isLive(member)) ids.push(node);
    return ids.sort();
  }

  has(node: string): boolean {
    const member = this.#members.get(node);
    return member !== undefined && this.#isLive(member);
  }

  bootOf(node: string): string | undefined {
    return this.#members.get(node)?.boot;
  }

  addressOf(node: string): string | undefined {
    return this.#members.get(node)?.address;
  }

  list(): readonly LiveNode[] {
    return this.ids().flatMap((node) => {
      const member = this.#members.get(node);
      if (!member) return [];
      const heardMs = this.#clock.monotonic() - member.heardAtMs;
      const { facts } = member;
      return [{ ...facts, uptimeMs: facts.uptimeMs + heardMs, self: false, heardMs }];
    });
  }

  #isLive({ heardAtMs }: Member): boolean {
    return this.#clock.monotonic() - heardAtMs < this.#options.expiryMs;
  }
}
