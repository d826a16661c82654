/** The logger port over pino: JSON lines for machines, or one readable line each for people. The only file that knows pino. */
import type { Logger } from '@trunkline/base';
import { pino, stdTimeFunctions, type DestinationStream, type Logger as PinoLogger } from 'pino';

export interface LoggingOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly pretty: boolean;
  /** Identity on every JSON line. */
  readonly node: string;
}

/** Lines go to `destination`, one write each; standard output where absent. Written before the call returns. */
export function createLogger(
  { level, pretty, node }: LoggingOptions,
  destination?: DestinationStream,
): Logger {
  const to: DestinationStream = destination ?? pino.destination({ fd: 1, sync: true });
  const settings = {
    level,
    base: { node },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return adapt(pino(settings, pretty ? { write: (line: string) => to.write(toReadable(line)) } : to));
}

function adapt(logger: PinoLogger): Logger {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    child: (fields) => adapt(logger.child(fields)),
  };
}

/** `12:04:31 WARN  console sign-in refused  remoteAddress=::1`; the stack of an error on the lines below. */
function toReadable(line: string): string {
  const {
    time,
    level,
    msg,
    node: _node,
    err,
    ...fields
  } = JSON.parse(line) as Readonly<Record<string, unknown>>;
  const pairs = Object.entries(fields).map(
    ([name, value]) => `  ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const { stack, message } = (err ?? {}) as { readonly stack?: string; readonly message?: string };
  const trace = err === undefined ? '' : String(stack ?? message ?? JSON.stringify(err));
  // A peer may have had a hand in any of it: control characters must not reach a terminal, line breaks must not forge a line.
  const lines = [
    `${String(time).slice(11, 19)} ${String(level).toUpperCase().padEnd(5)} ${String(msg)}${pairs.join('')}`,
    ...trace.split('\n').filter((text) => text !== ''),
  ];
  return `${lines.map((text) => text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '·')).join('\n  ')}\n`;
}
