/**
 * Everything a command touches outside itself, handed over by `runProcess` and replaced by doubles in tests: the three streams, the
 * environment, the current directory, HTTP, time and chance, and the signal that Ctrl-C aborts.
 */
import type { Clock, Random } from '@trunkline/base';
import pico from 'picocolors';

/** The part of `fetch` that commands use. */
export type Fetch = (
  url: string,
  init: {
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    /** Absent for GET. */
    readonly body?: string;
    readonly signal: AbortSignal;
  },
) => Promise<{
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
}>;

/** Why `Io.signal` was aborted where nobody reads the output any more: the end of the work, and no failure. */
export const READER_GONE = 'the reader of standard output went away';

export interface Io {
  /** Resolves when the reader of standard output has room again; rejects when it is gone. */
  out(text: string): Promise<void> | void;
  err(text: string): void;
  /** Chunks of standard input. */
  readonly input: AsyncIterable<Uint8Array | string>;
  readonly inputIsTerminal: boolean;
  readonly outputIsTerminal: boolean;
  /** Whether `err` reaches a terminal: a line that moves (progress) is for terminals only. */
  readonly errorIsTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** The text of a file, or undefined where there is none. */
  readFile(path: string): string | undefined;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborted by Ctrl-C, SIGTERM, and, with the reason `READER_GONE`, by a reader of standard output that went away. */
  readonly signal: AbortSignal;
  readonly paint: Paint;
}

/** Colours, or none where output is no terminal or NO_COLOR is set. */
export type Paint = ReturnType<typeof pico.createColors>;

export function createPaint(enabled: boolean): Paint {
  return pico.createColors(enabled);
}
