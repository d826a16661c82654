/**
 * Every number this product puts on a wire, in one table: number, name, meaning and whether a retry makes sense. Errors
 * 100-113, unsubscribe codes and disconnects 3000-3014 and 3500-3509 keep their public meaning (Centrifugal client protocol);
 * ours are errors from 1000 (core 1000-1099, then a block of 100 per module), closes 4000-4499 (come back) and 4500-4999 (stay
 * away). `docs/spec/errors.md` repeats the table; a test compares both ways.
 */

/** What a peer should do about a code. */
export type Retry = 'never' | 'afterBackoff' | 'afterResync' | 'afterReauth';

export interface CodeEntry {
  readonly code: number;
  readonly message: string;
  readonly retry: Retry;
  /** For references; codes of modules say both here, those of the core in `codes-help.ts`. */
  readonly meaning?: string;
  readonly help?: string;
}

const entry = (code: number, message: string, retry: Retry): CodeEntry => ({ code, message, retry });

/** Error codes of replies. `temporary` on the wire is true exactly where `retry` is `afterBackoff`. */
export const ERROR_CODES = {
  internal: entry(100, 'internal server error', 'afterBackoff'),
  unauthorized: entry(101, 'unauthorized', 'never'),
  unknownChannel: entry(102, 'unknown channel', 'never'),
  permissionDenied: entry(103, 'permission denied', 'never'),
  methodNotFound: entry(104, 'method not found', 'never'),
  alreadySubscribed: entry(105, 'already subscribed', 'never'),
  limitExceeded: entry(106, 'limit exceeded', 'never'),
  badRequest: entry(107, 'bad request', 'never'),
  notAvailable: entry(108, 'not available', 'never'),
  tokenExpired: entry(109, 'token expired', 'afterReauth'),
  expired: entry(110, 'expired', 'afterReauth'),
  tooManyRequests: entry(111, 'too many requests', 'afterBackoff'),
  unrecoverablePosition: entry(112, 'unrecoverable position', 'afterResync'),
  concurrentPagination: entry(113, 'concurrent pagination', 'afterBackoff'),
  sourceUnavailable: entry(1000, 'source unavailable', 'afterBackoff'),
  callTimeout: entry(1001, 'call timed out', 'afterBackoff'),
  clientGone: entry(1002, 'client gone', 'never'),
  conflict: entry(1003, 'conflict', 'never'),
  notFound: entry(1004, 'not found', 'never'),
  shuttingDown: entry(1005, 'shutting down', 'afterBackoff'),
  keyMismatch: entry(1006, 'idempotency key used with other params', 'never'),
  keyPending: entry(1007, 'same call in progress', 'afterBackoff'),
  outOfTurn: entry(1008, 'an earlier call is not done', 'afterBackoff'),
  overtaken: entry(1009, 'a later call took effect', 'never'),
} as const satisfies Record<string, CodeEntry>;

export type ErrorName = keyof typeof ERROR_CODES;

/** Codes of an unsubscribe push. Below 2500 the subscription ends; from 2500 on the client subscribes again. */
export const UNSUBSCRIBE_CODES = {
  unsubscribed: entry(2000, 'unsubscribed by server', 'never'),
  sourceClosed: entry(2100, 'source closed', 'never'),
  permissionRevoked: entry(2101, 'permission revoked', 'never'),
  insufficientState: entry(2500, 'insufficient state', 'afterResync'),
  expired: entry(2501, 'subscription expired', 'afterReauth'),
  stateInvalidated: entry(2502, 'state invalidated', 'afterResync'),
} as const satisfies Record<string, CodeEntry>;

export type UnsubscribeName = keyof typeof UNSUBSCRIBE_CODES;

/** Close codes. 3000-3499 and 4000-4499: come back. 3500-3999 and 4500-4999: stay away. */
export const CLOSE_CODES = {
  connectionClosed: entry(3000, 'connection closed', 'afterBackoff'),
  shutdown: entry(3001, 'shutdown', 'afterBackoff'),
  serverError: entry(3004, 'internal server error', 'afterBackoff'),
  connectionExpired: entry(3005, 'connection expired', 'afterReauth'),
  subscriptionExpired: entry(3006, 'subscription expired', 'afterReauth'),
  slow: entry(3008, 'slow', 'afterBackoff'),
  writeError: entry(3009, 'write error', 'afterBackoff'),
  insufficientState: entry(3010, 'insufficient state', 'afterResync'),
  forceReconnect: entry(3011, 'force reconnect', 'afterBackoff'),
  noPong: entry(3012, 'no pong', 'afterBackoff'),
  tooManyRequests: entry(3013, 'too many requests', 'afterBackoff'),
  stateInvalidated: entry(3014, 'state invalidated', 'afterReauth'),
  invalidToken: entry(3500, 'invalid token', 'never'),
  badRequest: entry(3501, 'bad request', 'never'),
  stale: entry(3502, 'stale', 'never'),
  forceDisconnect: entry(3503, 'force disconnect', 'never'),
  connectionLimit: entry(3504, 'connection limit', 'never'),
  channelLimit: entry(3505, 'channel limit', 'never'),
  inappropriateProtocol: entry(3506, 'inappropriate protocol', 'never'),
  permissionDenied: entry(3507, 'permission denied', 'never'),
  notAvailable: entry(3508, 'not available', 'never'),
  tooManyErrors: entry(3509, 'too many errors', 'never'),
  maxAge: entry(4000, 'connection age limit', 'afterBackoff'),
  quotaExceeded: entry(4001, 'org quota exceeded', 'afterBackoff'),
} as const satisfies Record<string, CodeEntry>;

export type CloseName = keyof typeof CLOSE_CODES;

export interface Close {
  readonly code: number;
  readonly reason: string;
}

/** The close of a name; `detail` is appended to the reason (cut to the 123 bytes a close frame can carry, RFC 6455 section 5.5). */
export function closeOf(name: CloseName, detail?: string): Close {
  const { code, message } = CLOSE_CODES[name];
  const reason = detail === undefined ? message : `${message}: ${detail}`;
  return {
    code,
    reason: reason.length > 120 ? `${reason.slice(0, 119)}…`.replace(/[^\x20-\x7e]/g, '.') : reason,
  };
}

/** Whether a client that was closed with this code comes back. */
export function invitesBack(code: number): boolean {
  return code < 3500 || (code >= 4000 && code < 4500);
}

/** What travels of an error. */
export interface ErrorData {
  readonly code: number;
  readonly message: string;
  readonly temporary: boolean;
}

/**
 * A refusal. Thrown anywhere below the router, turned into a reply there and nowhere else. `detail` reaches the peer and names the
 * field or limit at fault; `cause` never travels.
 */
export class CodedError extends Error {
  readonly code: number;
  readonly temporary: boolean;
  readonly retry: Retry;

  constructor(nameOrEntry: ErrorName | CodeEntry, detail?: string, options?: { cause?: unknown }) {
    const found: CodeEntry = typeof nameOrEntry === 'string' ? ERROR_CODES[nameOrEntry] : nameOrEntry;
    super(detail === undefined ? found.message : `${found.message}: ${detail}`, options);
    this.name = 'CodedError';
    this.code = found.code;
    this.retry = found.retry;
    this.temporary = found.retry === 'afterBackoff';
  }

  toData(): ErrorData {
    return { code: this.code, message: this.message, temporary: this.temporary };
  }
}
