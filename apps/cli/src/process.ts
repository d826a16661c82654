/** The real process behind `Io`: streams, environment, signals. The only file of the command that touches `process`. */
import { readFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { createSystemClock, createSystemRandom } from '@trunkline/base';
import { EXIT } from './exit.js';
import { createPaint, READER_GONE, type Io } from './io.js';
import type { Connect } from './live.js';
import { runCli } from './program.js';
import { loadServer } from './server-port.js';
import type { LoadSockets } from './sockets.js';

/** Loaded by the commands that need them: `--help` and one call of the API pay for neither. */
const connect: Connect = async (settings, lookAgain) =>
  (await import('./live-client.js')).connectLive(settings, lookAgain);
const loadSockets: LoadSockets = async () => (await import('./ws-socket.js')).openSocket;

/** Runs the command line of this process and sets its exit code. */
export async function runProcess(): Promise<void> {
  const interrupt = new AbortController();
  const stop = (reason?: string): void => {
    interrupt.abort(reason);
    // Reading standard input would keep the process; whoever reads it sees the end.
    process.stdin.destroy();
  };
  // A reader that went away (`trunkline tail … | head`) ends the command without a complaint.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    stop(READER_GONE);
  });
  // Nobody reads what is said about the way there: the work goes on without it.
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  // The clock's timers keep no process alive; a command that waits for one does.
  const alive = setInterval(() => undefined, 1_000_000);
  try {
    process.exitCode = await runCli(process.argv.slice(2), {
      io: createIo(interrupt.signal),
      connect,
      loadSockets,
      loadServer,
      version: readVersion(),
      onClientCommand: () => {
        for (const signal of ['SIGINT', 'SIGTERM'] as const) {
          process.once(signal, () => {
            stop();
            process.once(signal, () => process.exit(EXIT.interrupted));
          });
        }
      },
      onServe: tellParent,
    });
  } finally {
    clearInterval(alive);
  }
}

/** Under `npm start`: the parent learns that a signal reached us as well, so that it does not repeat it; without a parent the server ends. */
function tellParent(): void {
  if (process.send === undefined) return;
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => process.connected && process.send?.('stopping'));
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel?.unref();
}

function createIo(signal: AbortSignal): Io {
  const noColour = (process.env['NO_COLOR'] ?? '') !== '';
  const colour = process.env['FORCE_COLOR'] === '1' || (process.stdout.isTTY && !noColour);
  // A terminal beside a file (`2>log`): colours are for the terminal alone.
  const colourErr = process.env['FORCE_COLOR'] === '1' || process.stderr.isTTY;
  return {
    out: (text) => new Promise((resolve) => process.stdout.write(text, () => resolve())),
    err: (text) => void process.stderr.write(colourErr ? text : stripVTControlCharacters(text)),
    input: readInput(signal),
    inputIsTerminal: process.stdin.isTTY,
    outputIsTerminal: process.stdout.isTTY,
    errorIsTerminal: process.stderr.isTTY,
    env: process.env,
    cwd: process.cwd(),
    readFile: (path) => {
      try {
        return readFileSync(path, 'utf8');
      } catch {
        return undefined;
      }
    },
    fetch: (url, init) => fetch(url, init),
    clock: createSystemClock(),
    random: createSystemRandom(),
    signal,
    paint: createPaint(colour),
  };
}

/** Standard input; ends, instead of failing, when it was closed because of an interruption. */
async function* readInput(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of process.stdin) yield chunk as Uint8Array;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function readVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    readonly version: string;
  };
  return manifest.version;
}
