/** `GET …/pods/x/exec`: a program in a container, its streams over a WebSocket. How it ended is told on a stream of its own, then the socket closes. */
import type { Exchange, Services } from '../http/exchange.js';
import { isTrue } from '../http/request-info.js';
import { badRequest, internalError } from '../model/status.js';
import { COMMAND_PROTOCOLS, openChannels, type Channels } from './channels.js';
import { containerOf } from './container.js';
import { findProgram, type Program } from './programs.js';

const STDIN = 0;
export const STDOUT = 1;
const STDERR = 2;
const ERROR = 3;
const RESIZE = 4;

export async function handleExec(exchange: Exchange, services: Services): Promise<void> {
  const { query } = exchange;
  containerOf(exchange, services);
  const command = query.getAll('command');
  if (command.length === 0) throw badRequest('you must specify a command');
  const [stdin, stdout, stderr] = ['stdin', 'stdout', 'stderr'].map((name) => isTrue(query.get(name)));
  if (!stdin && !stdout && !stderr) throw badRequest('you must specify at least 1 of stdin, stdout, stderr');
  const channels = await openChannels(exchange, services, COMMAND_PROTOCOLS);
  // An empty frame tells the client that the streams are there.
  channels.send(stdout ? STDOUT : stderr ? STDERR : ERROR, '');
  run(channels, command, { stdin: stdin === true, stdout: stdout === true, stderr: stderr === true });
}

interface Wanted {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

function run(channels: Channels, command: readonly string[], wanted: Wanted): void {
  const [name = '', ...args] = command;
  let over = false;
  const finish = (status: object, plain: string): void => {
    if (over) return;
    over = true;
    if (channels.protocol.version > 1) channels.send(ERROR, JSON.stringify(status));
    else if (plain !== '') channels.send(ERROR, plain);
    channels.end();
  };
  const start = findProgram(name);
  if (start === undefined) {
    const why = `exec: "${name}": executable file not found in $PATH`;
    finish(internalError(why).status, why);
    return;
  }
  const program: Program = start({
    args,
    out: (data) => !wanted.stdout || over || channels.send(STDOUT, data),
    err: (data) => !wanted.stderr || over || channels.send(STDERR, data),
    exit: (code) => finish(statusOf(code), code === 0 ? '' : exitWords(code)),
    pauseInput: () => channels.pause(),
    resumeInput: () => channels.resume(),
  });
  channels.listen({
    onData: (channel, data) => {
      if (over) return;
      if (channel === STDIN && wanted.stdin) program.onInput?.(data);
      if (channel === RESIZE) resize(program, data);
    },
    onEnd: (channel) => {
      if (channel === STDIN && !over) program.onInputEnd?.();
    },
    onDrained: () => program.onDrained?.(),
    onClosed: () => (over = true),
  });
  if (!wanted.stdin) program.onInputEnd?.();
}

function resize(program: Program, data: Buffer): void {
  try {
    const { Width, Height } = JSON.parse(data.toString()) as { Width?: unknown; Height?: unknown };
    if (typeof Width === 'number' && typeof Height === 'number') program.onSize?.(Width, Height);
  } catch {
    // As a real one: what is no size is none.
  }
}

function exitWords(code: number): string {
  return `command terminated with non-zero exit code: exit status ${code}`;
}

function statusOf(code: number): object {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: exitWords(code),
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}
