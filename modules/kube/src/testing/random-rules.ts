/** Worlds of random rules, the same on every API server: who has which rights, and how they change. Rules are this room's own shape; what carries them out knows how an API server is told. */
import { randomInt, type Random } from '@trunkline/base';
import type { Rule } from './rule-world.js';

export interface RandomRulesOptions {
  readonly users: readonly string[];
  readonly namespaces: readonly string[];
  readonly names: readonly string[];
  /** Kinds that rules are about, each as often as it is here. The last may lie in no namespace. */
  readonly resources: readonly string[];
}

export class RandomRules {
  readonly #random: Random;
  readonly #options: RandomRulesOptions;

  constructor(random: Random, options: RandomRulesOptions) {
    this.#random = random;
    this.#options = options;
  }

  pick<T>(from: readonly T[]): T {
    return from[randomInt(this.#random, from.length)] as T;
  }

  /** With one verb alone, about one name alone, or about another kind, now and then. */
  rule(): Rule {
    const { users, namespaces, names, resources } = this.#options;
    return {
      user: this.pick(users),
      verbs: this.pick([['list', 'watch'], ['list', 'watch'], ['list'], ['watch']]),
      resource: this.pick(resources),
      ...(this.#random.next() < 0.7 ? { namespace: this.pick(namespaces) } : {}),
      ...(this.#random.next() < 0.1 ? { name: this.pick(names) } : {}),
    };
  }

  /** Some of the rules go, some come. */
  change(rules: readonly Rule[]): Rule[] {
    const kept = rules.filter(() => this.#random.next() < 0.6);
    for (let n = randomInt(this.#random, 5); n > 0; n--) kept.push(this.rule());
    return kept;
  }
}
