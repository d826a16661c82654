/** What a refused call said. */
import { CodedError } from '@trunkline/protocol';

/** The code of a coded error; anything else is thrown on. */
export function codeOf(cause: unknown): number {
  if (cause instanceof CodedError) return cause.code;
  throw cause;
}
