/** The data of a bench's publication: which run and publisher it is of, its number, when it was sent; padded to the size asked for. */

export interface Message {
  readonly publisher: number;
  /** From 1, per publisher and channel. */
  readonly number: number;
  /** The sender's monotonic clock, ms. Sender and reader are one process. */
  readonly sentAt: number;
  /** 0 the first time; greater where an answer was missed and it was sent again. */
  readonly attempt: number;
}

interface Wire {
  readonly b: string;
  readonly p: number;
  readonly n: number;
  readonly t: number;
  readonly a: number;
  readonly x: string;
}

export function toMessage(runId: string, message: Message, bytes: number): object {
  const data: Wire = {
    b: runId,
    p: message.publisher,
    n: message.number,
    t: Math.round(message.sentAt * 1_000) / 1_000,
    a: message.attempt,
    x: '',
  };
  const bare = JSON.stringify(data).length;
  return bare >= bytes ? data : { ...data, x: 'x'.repeat(bytes - bare) };
}

/** Undefined for whatever is no message of this run. */
export function readMessage(data: unknown, runId: string): Message | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const { b, p, n, t, a } = data as Partial<Wire>;
  if (b !== runId || p === undefined || n === undefined || t === undefined) return undefined;
  return { publisher: p, number: n, sentAt: t, attempt: a ?? 0 };
}
