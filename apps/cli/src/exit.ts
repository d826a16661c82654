/**
 * How a command ends: one number per kind of outcome, so that scripts can tell a server that is away from one that refuses, and one
 * error type that carries the number together with a sentence for a person. The table is documented in docs/spec/cli.md.
 */

export const EXIT = {
  ok: 0,
  /** The server or the command failed in a way that has no number of its own. */
  failure: 1,
  /** Wrong arguments or settings. */
  usage: 2,
  /** No server answered at the address, or it went away for longer than the command waits. */
  unreachable: 3,
  /** A credential is missing, wrong, expired or not enough. */
  denied: 4,
  /** What was named does not exist. */
  notFound: 5,
  /** Ctrl-C before the work was complete (128 + SIGINT). */
  interrupted: 130,
} as const;

export type ExitName = keyof typeof EXIT;

/** A failure that was foreseen. `message` says what happened, `advice` what to do about it. */
export class CliError extends Error {
  readonly exit: ExitName;
  readonly advice: string | undefined;
  /** The server's code, where it answered with one. */
  readonly code: number | undefined;

  constructor(
    exit: ExitName,
    message: string,
    more: {
      readonly advice?: string | undefined;
      readonly code?: number | undefined;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'CliError';
    this.exit = exit;
    this.advice = more.advice;
    this.code = more.code;
  }
}

/** Codes that say "not you": 101, 103, 109, 110, and of clusters 1307, 1308, 1331. */
const DENIED = new Set([101, 103, 109, 110, 1307, 1308, 1331]);
/** Codes that say "no such": 102, 104, 1004, and of clusters 1309, 1330. */
const NOT_FOUND = new Set([102, 104, 1004, 1309, 1330]);

/** The outcome that a code of the server's error table means for a command. */
export function exitOfCode(code: number): ExitName {
  if (DENIED.has(code)) return 'denied';
  return NOT_FOUND.has(code) ? 'notFound' : 'failure';
}
