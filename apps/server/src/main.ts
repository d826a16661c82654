/**
 * The life of the server process: configuration, start, a word to whoever started it, signals, end. Exit codes: 0 ended in order, 1
 * failed, 2 could not listen, 78 wrong configuration (EX_CONFIG of sysexits). It ends the process itself only where waiting is over: a
 * second signal, the deadline of a drain, an exception that nobody caught.
 */
import { createServer, type ServerContext, type StartedServer, type TrunklineServer } from './compose.js';
import {
  ConfigError,
  formatProblem,
  loadConfig,
  type ConfigInput,
  type ResolvedConfig,
} from './config/load.js';
import { formatDuration } from './config/quantity.js';
import { ListenError } from './listening.js';
import { VERSION } from './version.js';

export const EXIT = { ok: 0, failure: 1, cannotListen: 2, config: 78 } as const;

/** The process as this file needs it; tests give their own. */
export interface ProcessPort {
  out(text: string): void;
  err(text: string): void;
  readonly outIsTerminal: boolean;
  /** Calls `run` for every SIGTERM and SIGINT, and `fail` for what nobody caught, until the returned function is called. */
  watch(run: (signal: string) => void, fail: (cause: unknown) => void): () => void;
  exit(code: number): void;
}

/**
 * Runs a server until it is told to stop; `context` brings modules of an application's own. Resolves with the exit code; the caller ends the process with it. Never rejects for what an
 * operator can do wrong: that is explained on standard error.
 */
export async function runServer(
  input: ConfigInput,
  port: ProcessPort = processPort(),
  context: ServerContext = {},
): Promise<number> {
  let config: ResolvedConfig;
  try {
    config = loadConfig(input);
  } catch (cause) {
    return explain(cause, port);
  }
  const server = createServer(config, context);
  let started: StartedServer;
  try {
    started = await server.start();
  } catch (cause) {
    return explain(cause, port);
  }
  greet(port, config, started);
  const end = await waitForEnd(port, server, config);
  // Closing is last: whatever happens in it must not keep the process.
  await server.stop().catch((err: unknown) => server.logger.error({ err }, 'closing failed'));
  server.logger.info({}, 'ended');
  end.unwatch();
  return EXIT.ok;
}

/** Resolves when a first signal came and the drain that it began is over. A second signal, or the deadline, does not wait for that. */
function waitForEnd(
  port: ProcessPort,
  server: TrunklineServer,
  { values }: ResolvedConfig,
): Promise<{ readonly unwatch: () => void }> {
  const { logger } = server;
  return new Promise((resolve) => {
    let ending = false;
    let deadline: NodeJS.Timeout | undefined;
    const onSignal = (signal: string): void => {
      if (ending) {
        logger.warn({ signal }, 'second signal: ending at once');
        port.exit(EXIT.failure);
        return;
      }
      ending = true;
      logger.info({ signal, windowMs: values.drain.window }, 'draining');
      if (port.outIsTerminal)
        port.out(
          `\nMoving connections away for up to ${formatDuration(values.drain.window)}. Press Ctrl+C again to end at once.\n`,
        );
      deadline = setTimeout(() => {
        logger.error(
          { deadlineMs: values.drain.deadline },
          'deadline of the drain is over: ending with what is left',
        );
        port.exit(EXIT.failure);
      }, values.drain.deadline);
      const over = (): void =>
        resolve({
          unwatch: () => {
            clearTimeout(deadline);
            unwatch();
          },
        });
      server.drain().then(over, (err: unknown) => {
        logger.error({ err }, 'draining failed');
        over();
      });
    };
    const unwatch = port.watch(onSignal, (err) => {
      logger.error({ err }, 'uncaught exception: ending');
      port.exit(EXIT.failure);
    });
  });
}

function explain(cause: unknown, port: ProcessPort): number {
  if (cause instanceof ConfigError) {
    const lines = cause.problems.map((problem) => `  ${formatProblem(problem)}\n`).join('');
    port.err(
      `The configuration does not fit:\n${lines}\n\`trunkline config show\` lists every option with its value and where it comes from.\n`,
    );
    return EXIT.config;
  }
  if (cause instanceof RangeError) {
    port.err(`The configuration does not fit:\n  ${cause.message}\n`);
    return EXIT.config;
  }
  if (cause instanceof ListenError) {
    port.err(`Cannot start: ${cause.message}\n`);
    return EXIT.cannotListen;
  }
  port.err(`Cannot start: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}\n`);
  return EXIT.failure;
}

/** For people: at a terminal, or in development. Elsewhere the log says it, and the link into the console stays out of it. */
function greet(
  port: ProcessPort,
  { values, file }: ResolvedConfig,
  { url, consoleLink, stateFile }: StartedServer,
): void {
  if (!port.outIsTerminal && !values.development) return;
  const lines = [
    [
      'Console',
      consoleLink === undefined
        ? undefined
        : `${consoleLink}  (works once, for ${formatDuration(values.console.linkTtl)})`,
    ],
    ['WebSocket', `${url.replace(/^http/, 'ws')}/connection/websocket`],
    ...(values.server.transports.includes('uni_sse')
      ? [['Events (SSE)', `${url}/connection/uni_sse?channel=<name>`] as const]
      : []),
    ['HTTP API', `${url}/api`],
    ['Health', `${url}/health/ready`],
    ['Configuration', file ?? 'defaults, environment and flags'],
    ['Key and address', stateFile === undefined ? undefined : `${stateFile} (read by the trunkline command)`],
  ] as const;
  const rows = lines.flatMap(([name, text]) =>
    text === undefined ? [] : [`  ${name.padEnd(16)} ${text}\n`],
  );
  port.out(
    `\nTrunkline ${VERSION} is running at ${url}${values.development ? ' (development: anybody on this machine may use it)' : ''}\n\n${rows.join('')}\n${hint(values)}`,
  );
}

function hint({ auth, client }: ResolvedConfig['values']): string {
  if (client.insecure) return '  client.insecure is on: every client may do everything inside its org.\n\n';
  const open = auth.allowAnonymous || auth.keys.length > 0 || auth.jwksUrl !== undefined;
  return open
    ? ''
    : '  No client can connect yet: configure auth.keys, auth.jwksUrl or auth.allowAnonymous, or start with --dev to look around.\n\n';
}

function processPort(): ProcessPort {
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    outIsTerminal: process.stdout.isTTY,
    exit: (code) => process.exit(code),
    watch: (run, fail) => {
      const signals = ['SIGTERM', 'SIGINT'] as const;
      for (const signal of signals) process.on(signal, run);
      process.on('uncaughtException', fail);
      process.on('unhandledRejection', fail);
      return () => {
        for (const signal of signals) process.off(signal, run);
        process.off('uncaughtException', fail);
        process.off('unhandledRejection', fail);
      };
    },
  };
}
