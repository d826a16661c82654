/** Calls from the server: handlers by method, answered with `tl.answer` (EXT-4, EXT-5). Bounded; a handler's failure becomes a coded answer. */
import { CodedError, ERROR_CODES, type ErrorData } from '@trunkline/protocol';
import type { Connection } from './connection.js';
import { toCodedError } from './errors.js';
import type { ResolvedOptions } from './options.js';

/** Gets the call's data; what it returns (or resolves to) is the answer. A thrown `CodedError` travels with its code and message, anything else as code 100. */
export type CallHandler = (data: unknown) => unknown;

export class Calls {
  readonly #connection: Connection;
  readonly #options: ResolvedOptions;
  readonly #handlers = new Map<string, CallHandler>();
  #running = 0;

  constructor(connection: Connection, options: ResolvedOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** One handler per method: a second one throws a `CodedError` (conflict). Returns what removes it. */
  on(method: string, handler: CallHandler): () => void {
    if (this.#handlers.has(method)) throw new CodedError('conflict', `a handler of "${method}" exists`);
    this.#handlers.set(method, handler);
    return () => {
      if (this.#handlers.get(method) === handler) this.#handlers.delete(method);
    };
  }

  async handle(id: string, method: string, data: unknown): Promise<void> {
    const client = this.#connection.client;
    const answer = await this.#answer(method, data);
    // The caller waits on the connection it called on; another one knows nothing of this call.
    if (this.#connection.client !== client || client === '') return;
    try {
      await this.#connection.centrifuge.rpc('tl.answer', { id, ...answer });
    } catch (cause) {
      this.#options.report(toCodedError(cause, `answering "${method}"`), { where: 'call' });
    }
  }

  async #answer(
    method: string,
    data: unknown,
  ): Promise<{ result: unknown } | { error: Pick<ErrorData, 'code' | 'message'> }> {
    const handler = this.#handlers.get(method);
    if (handler === undefined) return refusal(new CodedError('methodNotFound', method));
    if (this.#running >= this.#options.maxCallsInFlight)
      return refusal(new CodedError('tooManyRequests', 'maxCallsInFlight'));
    this.#running++;
    try {
      return { result: (await handler(data)) ?? null };
    } catch (error) {
      this.#options.report(error, { where: 'call' });
      return error instanceof CodedError
        ? refusal(error)
        : { error: { code: ERROR_CODES.internal.code, message: ERROR_CODES.internal.message } };
    } finally {
      this.#running--;
    }
  }
}

function refusal({ code, message }: CodedError): { error: Pick<ErrorData, 'code' | 'message'> } {
  return { error: { code, message } };
}
