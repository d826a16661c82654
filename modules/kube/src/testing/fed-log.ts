/** Batches of a log as `KubeCluster` reads them, fed by hand. */
export class FedLog {
  /** Batches that were read. */
  taken = 0;
  readonly #items: (readonly string[] | Error | undefined)[] = [];
  #wake: () => void = () => undefined;

  /** A batch of lines, an error, or the end. */
  push(item: readonly string[] | Error | undefined): void {
    this.#items.push(item);
    this.#wake();
  }

  async *batches(): AsyncGenerator<readonly Uint8Array[]> {
    for (;;) {
      while (this.#items.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
      const item = this.#items.shift();
      if (item === undefined) return;
      if (item instanceof Error) throw item;
      this.taken++;
      yield item.map((line) => Buffer.from(line));
    }
  }
}
