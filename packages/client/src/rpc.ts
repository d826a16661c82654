/**
 * Calls to the server. Where the extension was granted, params travel in the envelope of EXT-6 and the reply may name the publication that shows
 * the effect. A call with an idempotency key survives a lost connection: it is sent again, under the same key, until its deadline.
 */
import { CodedError, type Position } from '@trunkline/protocol';
import type { Connection } from './connection.js';
import { definedOnly } from './defined.js';
import { isConnectionLoss, LOCAL_CODES, localError, toCodedError } from './errors.js';
import type { ResolvedOptions } from './options.js';

export interface CallOptions {
  /** Idempotency key: the server executes it once and stores the result, however often it is sent. Without one, a call is never repeated. */
  readonly key?: string;
  /** Longest wait for the answer, waiting for a connection included. Default and maximum: the client's `timeoutMs`. */
  readonly timeoutMs?: number;
  /** Number of this call among the caller's own: the server takes those of one connection and `order` one after another, lower numbers first. */
  readonly seq?: number;
  /**
   * Who counts, where the numbers outlive a connection: a random name, at most 64 characters. Calls of one instance and `order` then take effect with
   * growing numbers, over whichever connection and node they come; one that comes too late is refused with 1009.
   */
  readonly instance?: string;
  /** With `seq`: calls of different orders do not wait for each other. Default ''. */
  readonly order?: string;
  /** Shown in the server's logs. */
  readonly trace?: string;
}

export interface CommandResult<R> {
  readonly result: R;
  /** Where the publication that shows the effect is; it arrives before this answer on the same connection. */
  readonly position?: Position & { readonly channel: string };
}

/** Sends of one call under one key; more would mean that it takes the connection down. */
const MAX_SENDS = 5;

export class Rpc {
  readonly #connection: Connection;
  readonly #options: ResolvedOptions;

  constructor(connection: Connection, options: ResolvedOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** Rejects with a `CodedError`: the server's code, or one below 100 where no answer came. */
  async command(method: string, params: unknown, options: CallOptions = {}): Promise<CommandResult<unknown>> {
    const { timeoutMs = this.#options.timeoutMs } = options;
    if (!(timeoutMs > 0 && timeoutMs <= this.#options.timeoutMs))
      throw new RangeError(
        `timeoutMs must be above 0 and at most ${this.#options.timeoutMs}, got ${timeoutMs}`,
      );
    return this.#connection.busy(() =>
      this.#withDeadline(method, timeoutMs, (left) => this.#send(method, params, options, left)),
    );
  }

  async #send(
    method: string,
    params: unknown,
    options: CallOptions,
    leftMs: () => number,
  ): Promise<CommandResult<unknown>> {
    for (let sends = 1; ; sends++) {
      await this.#connection.ready(Math.max(1, leftMs()));
      const enveloped = this.#connection.extensions.has('rpc');
      try {
        const { data } = await this.#connection.centrifuge.rpc(
          method,
          enveloped ? envelope(params, options) : (params ?? null),
        );
        return enveloped ? openEnvelope(data) : { result: data as unknown };
      } catch (cause) {
        const error = toCodedError(cause, method);
        // Nobody knows whether it was executed: only a key makes a repeat safe, and only where the server reads keys.
        const repeatable =
          options.key !== undefined &&
          enveloped &&
          isConnectionLoss(error) &&
          sends < MAX_SENDS &&
          leftMs() > 0;
        if (!repeatable) throw error;
      }
    }
  }

  async #withDeadline<R>(
    method: string,
    timeoutMs: number,
    run: (leftMs: () => number) => Promise<R>,
  ): Promise<R> {
    const { clock } = this.#options;
    const end = clock.monotonic() + timeoutMs;
    return new Promise<R>((resolve, reject) => {
      const timer = clock.setTimeout(
        () => reject(localError(LOCAL_CODES.timeout, `${method}: no answer within ${timeoutMs} ms`)),
        timeoutMs,
      );
      run(() => end - clock.monotonic())
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }
}

function envelope(params: unknown, { key, seq, order, instance, trace }: CallOptions): object {
  return definedOnly({ params: params ?? null, key, seq, order, instance, trace });
}

function openEnvelope(data: unknown): CommandResult<unknown> {
  if (typeof data !== 'object' || data === null)
    throw new CodedError('internal', 'the reply is not an envelope');
  const { result, position } = data as { result?: unknown; position?: unknown };
  return isPosition(position) ? { result, position } : { result };
}

function isPosition(value: unknown): value is Position & { channel: string } {
  if (typeof value !== 'object' || value === null) return false;
  const { channel, epoch, offset } = value as Record<string, unknown>;
  return typeof channel === 'string' && typeof epoch === 'string' && typeof offset === 'number';
}
