/** Waiting that ends with a signal, and leaves no listener on it. */
export async function unlessAborted<T>(signal: AbortSignal, waiting: Promise<T>): Promise<T | undefined> {
  if (signal.aborted) {
    waiting.catch(() => undefined);
    return undefined;
  }
  let stop = (): void => undefined;
  const aborted = new Promise<undefined>((resolve) => {
    const onAbort = (): void => resolve(undefined);
    signal.addEventListener('abort', onAbort);
    stop = () => signal.removeEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([waiting, aborted]);
  } finally {
    stop();
  }
}
