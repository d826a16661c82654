/**
 * A store that opens what is behind it with its first listener and closes it with its last. It closes at once, so that another component may take
 * the channel over with other options in the same commit; a listener that comes straight back (StrictMode) is what the client's linger is for.
 * Free of React.
 */
export interface LazySource<Handle, Value extends object> {
  /** `changed` may be called at any time, also while opening. */
  readonly open: (changed: () => void) => { readonly handle: Handle; readonly close: () => void };
  /** What is shown; `undefined` while closed. A value equal in all fields to the last one is not a new one. */
  readonly read: (handle: Handle | undefined) => Value;
}

export class LazyStore<Handle, Value extends object> {
  readonly #source: LazySource<Handle, Value>;
  readonly #listeners = new Set<() => void>();
  #opened: { readonly handle: Handle; readonly close: () => void } | undefined;
  #value: Value;

  constructor(source: LazySource<Handle, Value>) {
    this.#source = source;
    this.#value = source.read(undefined);
  }

  readonly get = (): Value => this.#value;

  readonly subscribe = (listener: () => void): (() => void) => {
    const own = (): void => listener();
    this.#listeners.add(own);
    if (this.#opened === undefined) {
      this.#opened = this.#source.open(() => this.#changed());
      this.#changed();
    }
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size === 0) this.#close();
    };
  };

  #close(): void {
    const opened = this.#opened;
    this.#opened = undefined;
    opened?.close();
  }

  #changed(): void {
    const next = this.#source.read(this.#opened?.handle);
    if (sameFields(this.#value, next)) return;
    this.#value = next;
    for (const listener of [...this.#listeners]) listener();
  }
}

function sameFields(left: object, right: object): boolean {
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every(
    (key) =>
      Object.hasOwn(right, key) &&
      Object.is((left as Record<string, unknown>)[key], (right as Record<string, unknown>)[key]),
  );
}
