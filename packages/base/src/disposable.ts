/** What has a `start` has a `dispose`. `dispose` works after half a start and may be called twice. */
export interface Disposable {
  dispose(): void | Promise<void>;
}

/** Disposes what it was given in reverse order; a failing one does not stop the rest (the first failure is thrown at the end). */
export class DisposeStack implements Disposable {
  #stack: (() => void | Promise<void>)[] = [];

  /** Registers `item` and returns it. */
  use<T extends Disposable>(item: T): T {
    this.#stack.push(() => item.dispose());
    return item;
  }

  defer(run: () => void | Promise<void>): void {
    this.#stack.push(run);
  }

  async dispose(): Promise<void> {
    const stack = this.#stack;
    this.#stack = [];
    let failure: { cause: unknown } | undefined;
    for (const run of stack.reverse()) {
      try {
        await run();
      } catch (cause) {
        failure ??= { cause };
      }
    }
    if (failure) throw failure.cause;
  }
}
