/** Decisions of a seeded world. */
import { createSeededRandom, type Random } from '@trunkline/base';

export class Dice {
  readonly random: Random;

  constructor(seed: number) {
    this.random = createSeededRandom(seed);
    // The first numbers of neighbouring seeds resemble each other.
    for (let turn = 0; turn < 8; turn++) this.random.next();
  }

  chance(probability: number): boolean {
    return this.random.next() < probability;
  }

  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.random.next() * (high - low + 1));
  }

  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.random.next() * items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  /** A name by weight. */
  weighted<T extends string>(weights: Readonly<Record<T, number>>): T {
    const entries = Object.entries(weights) as [T, number][];
    let left = this.random.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) {
      left -= weight;
      if (left < 0) return name;
    }
    return (entries[0] as [T, number])[0];
  }
}
