/** Orders to the server of `counter-server.mjs`: where in which transaction it dies, waits, or has no disk left. One at a time. */
import { existsSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '@trunkline/testkit';

export interface Order {
  /** A pattern; the transaction that has a statement like it is meant. */
  readonly sql: string;
  /**
   * After so many steps of that transaction, `BEGIN` and `COMMIT` counted; 0: before the first of the message that matches. `commit`: before the message that
   * ends with the commit.
   */
  readonly at: number | 'commit';
  readonly then: 'die' | 'wait' | 'full';
}

export class ServerOrders {
  readonly #file: string;
  readonly #met: string;

  constructor({ directory }: { readonly directory: string }) {
    this.#file = join(directory, 'order.json');
    this.#met = join(directory, 'order.met.json');
  }

  async give(order: Order): Promise<void> {
    await rm(this.#met, { force: true });
    // Renamed, so that the server never reads half of it.
    await writeFile(`${this.#file}.new`, JSON.stringify(order));
    await rename(`${this.#file}.new`, this.#file);
  }

  /** Resolves when the server is where it was told to be. */
  async met(): Promise<void> {
    await until('the order is met', () => existsSync(this.#met), 20_000, 5);
  }

  /** It goes on; an order that was not met yet is taken back. */
  async takeBack(): Promise<void> {
    for (const file of [this.#file, this.#met]) await rm(file, { force: true });
  }
}
