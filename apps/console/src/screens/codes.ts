/** Codes with their words, as the table of the protocol has them; one that is not in it (a module's, a transport's) stays a number. */
import { CLOSE_CODES, ERROR_CODES, UNSUBSCRIBE_CODES, type CodeEntry } from '@trunkline/protocol';

/** `103 permission denied`. */
export function codeWords(code: number): string {
  return named(ERROR_CODES, code);
}

/** `2500 insufficient state`. */
export function unsubscribeWords(code: number): string {
  return named(UNSUBSCRIBE_CODES, code);
}

/** `3503 force disconnect`; below 3000 the code is the transport's own. */
export function closeCodeWords(code: number): string {
  return code < 3_000 ? `${code} closed by the transport` : named(CLOSE_CODES, code);
}

function named(table: Readonly<Record<string, CodeEntry>>, code: number): string {
  const found = Object.values(table).find((entry) => entry.code === code);
  return found ? `${code} ${found.message}` : String(code);
}
