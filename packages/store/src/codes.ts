/**
 * Codes of the store: the block 1100 to 1199 of the table in docs/spec/errors.md, described in docs/spec/store.md. What a caller did
 * wrong in the usual sense (a row that is not there, a version that moved) is 1003 or 1004; these are the store's own.
 */
import type { CodeEntry } from '@trunkline/protocol';

const entry = (code: number, message: string, retry: CodeEntry['retry']): CodeEntry => ({
  code,
  message,
  retry,
});

export const STORE_CODES = {
  storeUnavailable: entry(1100, 'store unavailable', 'afterBackoff'),
  storeOverloaded: entry(1101, 'store overloaded', 'afterBackoff'),
  outcomeUnknown: entry(1102, 'outcome unknown', 'afterBackoff'),
  storeTimeout: entry(1103, 'store took too long', 'afterBackoff'),
  storeFull: entry(1104, 'store full', 'afterBackoff'),
  idempotencyMismatch: entry(1105, 'idempotency key used with another request', 'never'),
  idempotencyPending: entry(1106, 'same request in progress', 'afterBackoff'),
  storeLocked: entry(1107, 'store in use by another process', 'never'),
  storeUnusable: entry(1108, 'store unusable', 'never'),
  migrationRefused: entry(1109, 'migration refused', 'never'),
  statementRefused: entry(1110, 'statement refused', 'never'),
  sequencePassed: entry(1111, 'a later call took effect', 'never'),
} as const satisfies Record<string, CodeEntry>;

export type StoreCodeName = keyof typeof STORE_CODES;
