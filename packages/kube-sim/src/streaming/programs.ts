/**
 * The few programs that every simulated container has, each a function over its streams. There is no shell: the words of the command are the program and its arguments. A program that
 * nobody has is an error of the container runtime.
 */

export interface ProgramIo {
  readonly args: readonly string[];
  /** False: whoever listens is behind, and `onDrained` follows. */
  out(data: Uint8Array | string): boolean;
  err(data: Uint8Array | string): boolean;
  exit(code: number): void;
  /** Stops and restarts what comes in. */
  pauseInput(): void;
  resumeInput(): void;
}

export interface Program {
  onInput?(data: Buffer): void;
  onInputEnd?(): void;
  onDrained?(): void;
  onSize?(columns: number, rows: number): void;
}

type Start = (io: ProgramIo) => Program;

const PROGRAMS: Readonly<Record<string, Start>> = {
  echo: (io) => {
    io.out(`${io.args.join(' ')}\n`);
    io.exit(0);
    return {};
  },
  /** `echo`, on the other stream. */
  warn: (io) => {
    io.err(`${io.args.join(' ')}\n`);
    io.exit(0);
    return {};
  },
  exit: (io) => {
    io.exit(Number(io.args[0] ?? 0) & 255);
    return {};
  },
  cat: (io) => ({
    onInput: (data) => {
      if (!io.out(data)) io.pauseInput();
    },
    onDrained: () => io.resumeInput(),
    onInputEnd: () => io.exit(0),
  }),
  /** Takes no input, and goes on. */
  idle: (io) => {
    io.pauseInput();
    return {};
  },
  /** Prints the size of the terminal, each time that it changes. */
  size: (io) => ({
    onSize: (columns, rows) => io.out(`${columns}x${rows}\n`),
    onInputEnd: () => io.exit(0),
  }),
};

export function findProgram(name: string): Start | undefined {
  return Object.hasOwn(PROGRAMS, name) ? PROGRAMS[name] : undefined;
}
