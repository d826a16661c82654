/** One value, read when it is asked for and too old; those who ask meanwhile share the reading. Who asks says how old it may be. */
import type { Clock } from '@trunkline/base';
import { KubeError } from '@trunkline/kube-client';

export class Kept<T> {
  readonly #clock: Clock;
  readonly #read: () => Promise<T>;
  #value: { readonly of: T; readonly atMs: number } | undefined;
  #reading: Promise<T> | undefined;

  constructor(clock: Clock, read: () => Promise<T>) {
    this.#clock = clock;
    this.#read = read;
  }

  async get(maxAgeMs: number, orOlder: boolean): Promise<T> {
    const value = this.#value;
    if (value !== undefined && this.#clock.monotonic() - value.atMs <= maxAgeMs) return value.of;
    try {
      return await (this.#reading ??= this.#again());
    } catch (error) {
      if (orOlder && value !== undefined && error instanceof KubeError && error.temporary) return value.of;
      throw error;
    }
  }

  async #again(): Promise<T> {
    const atMs = this.#clock.monotonic();
    try {
      const of = await this.#read();
      this.#value = { of, atMs };
      return of;
    } finally {
      this.#reading = undefined;
    }
  }
}
