/**
 * Refusals over HTTP: one body, `{"error": {"code", "message"}}`, with the codes of the wire. The status says the same to programs that
 * look no further. Causes never travel; they are logged with the request id that the answer carries.
 */
import type { Logger } from '@trunkline/base';
import { DIRECTORY_CODES } from '@trunkline/contracts/directory';
import { CodedError, ERROR_CODES, type ErrorName } from '@trunkline/protocol';
import { STORE_CODES } from '@trunkline/store';

export interface ErrorAnswer {
  readonly status: number;
  readonly body: { readonly error: { readonly code: number; readonly message: string } };
}

const STATUS: Readonly<Record<ErrorName, number>> = {
  internal: 500,
  unauthorized: 401,
  unknownChannel: 404,
  permissionDenied: 403,
  methodNotFound: 404,
  alreadySubscribed: 409,
  limitExceeded: 400,
  badRequest: 400,
  notAvailable: 501,
  tokenExpired: 401,
  expired: 401,
  tooManyRequests: 429,
  unrecoverablePosition: 409,
  concurrentPagination: 409,
  sourceUnavailable: 503,
  callTimeout: 504,
  clientGone: 404,
  conflict: 409,
  notFound: 404,
  shuttingDown: 503,
  keyMismatch: 409,
  keyPending: 409,
  outOfTurn: 409,
  overtaken: 409,
};

/** A refusal whose status says more than its code: another method, another encoding. */
export class HttpError extends CodedError {
  readonly status: number;

  constructor(status: number, name: ErrorName, detail: string) {
    super(name, detail);
    this.status = status;
  }
}

const DIRECTORY_STATUS: Readonly<Record<keyof typeof DIRECTORY_CODES, number>> = {
  secretsKeyWrong: 500,
  lastOperator: 409,
  userDisabled: 403,
  notInvited: 403,
  signInFailed: 400,
  providerUnavailable: 503,
  rotationRunning: 409,
};

const STATUS_BY_CODE = new Map([
  ...(Object.keys(STATUS) as ErrorName[]).map((name) => [ERROR_CODES[name].code, STATUS[name]] as const),
  ...Object.entries(DIRECTORY_STATUS).map(
    ([name, status]) => [DIRECTORY_CODES[name as keyof typeof DIRECTORY_CODES].code, status] as const,
  ),
  // What is wrong with the store passes, or is nobody's fault outside.
  ...Object.values(STORE_CODES).map(({ code, retry }) => [code, retry === 'never' ? 500 : 503] as const),
  // Except where two requests of one caller are at odds.
  ...[STORE_CODES.idempotencyMismatch, STORE_CODES.idempotencyPending, STORE_CODES.sequencePassed].map(
    ({ code }) => [code, 409] as const,
  ),
]);

/** The request itself is at fault, wherever that was found; the same one will never be answered otherwise. */
const REQUEST_AT_FAULT: ReadonlySet<number> = new Set([
  ERROR_CODES.badRequest.code,
  ERROR_CODES.limitExceeded.code,
]);

/**
 * The status of what a method refuses: 400 where the request is at fault, otherwise 200, as server libraries of the public API expect;
 * with `fitting` the one that fits the code.
 */
export function statusOfRefusal(code: number, fitting: boolean): number {
  if (REQUEST_AT_FAULT.has(code)) return 400;
  return fitting ? (STATUS_BY_CODE.get(code) ?? 400) : 200;
}

/** Anything thrown, as an answer. What is not coded becomes `internal` and is logged. */
export function toErrorAnswer(
  error: unknown,
  logger: Logger,
  requestId: string,
  bodyMaxBytes?: number,
): ErrorAnswer {
  if (error instanceof HttpError) return answer(error, error.status);
  if (error instanceof CodedError) return answer(error, STATUS_BY_CODE.get(error.code) ?? 400);
  const { statusCode, code, message } = error as {
    readonly statusCode?: number;
    readonly code?: string;
    readonly message?: string;
  };
  // What the HTTP framework refuses by itself: bodies too large, unsupported media types, malformed lengths.
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return answer(
      new CodedError(
        'limitExceeded',
        bodyMaxBytes === undefined
          ? 'the body is too large'
          : `the body is larger than ${bodyMaxBytes} bytes`,
      ),
      413,
    );
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return answer(new CodedError('badRequest', message), statusCode);
  logger.error({ err: error, requestId }, 'request failed');
  return answer(new CodedError('internal'), 500);
}

function answer({ code, message }: CodedError, status: number): ErrorAnswer {
  return { status, body: { error: { code, message } } };
}
