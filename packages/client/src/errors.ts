/**
 * Errors as applications meet them: always a `CodedError`, whether the server refused (its code) or the call never got an answer (codes
 * below 100, which exist only on this side). The transport package rejects with plain `{code, message}` objects; they stop here.
 */
import { CodedError } from '@trunkline/protocol';

/** Codes that never travel: what went wrong before a server could answer. The numbers are those of the transport package. */
export const LOCAL_CODES = {
  timeout: 1,
  clientDisconnected: 3,
  unsubscribed: 7,
  writeFailed: 10,
  connectionClosed: 11,
} as const;

/** Whether nothing is known about what the server did with a call: it may be repeated only under an idempotency key. */
export function isConnectionLoss(error: CodedError): boolean {
  return error.code === LOCAL_CODES.connectionClosed || error.code === LOCAL_CODES.writeFailed;
}

/** Any rejection as a `CodedError`; an unknown thing becomes code 100 with the original as cause. */
export function toCodedError(cause: unknown, doing: string): CodedError {
  if (cause instanceof CodedError) return cause;
  const { code, message, temporary } = (typeof cause === 'object' && cause !== null ? cause : {}) as {
    code?: unknown;
    message?: unknown;
    temporary?: unknown;
  };
  const text = typeof message === 'string' && message !== '' ? message : 'failed';
  if (typeof code !== 'number')
    return new CodedError({ code: 100, message: `${doing}: ${text}`, retry: 'never' }, undefined, { cause });
  const retry =
    temporary === true || code < 100
      ? 'afterBackoff'
      : code === 109 || code === 110
        ? 'afterReauth'
        : code === 112
          ? 'afterResync'
          : 'never';
  return new CodedError({ code, message: `${doing}: ${text}`, retry }, undefined, { cause });
}

/** A refusal of this package itself, before anything was sent. */
export function localError(code: number, message: string): CodedError {
  return new CodedError({ code, message, retry: code < 100 ? 'afterBackoff' : 'never' });
}
