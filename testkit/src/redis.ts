/** A real Redis (or Valkey) server on a free port, keeping nothing on disk unless told to, for tests that kill, freeze and restart it. */
import { connect } from 'node:net';
import { programPath, startProgram, type Program } from './program.js';

export interface RedisServer extends Program {
  readonly url: string;
  /** Sends one command in the inline form and resolves with the first line of the answer, for tests that look inside. */
  ask(command: string): Promise<string>;
}

export interface RedisServerOptions {
  /** Keeps what it acknowledged across `restart` (append-only file, written at every command). Default false. */
  readonly durable?: boolean;
}

export async function startRedis({ durable = false }: RedisServerOptions = {}): Promise<RedisServer> {
  const program = await startProgram({
    name: 'redis',
    binary: programPath('REDIS_SERVER_BIN', '/usr/bin/redis-server'),
    args: ({ port, directory }) => [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', ''],
      ...['--appendonly', durable ? 'yes' : 'no', '--appendfsync', 'always'],
    ],
    ready: async ({ port }) => (await ask(port, 'PING')) === '+PONG',
  });
  return Object.assign(program, {
    url: `redis://127.0.0.1:${program.port}`,
    ask: (command: string) => ask(program.port, command),
  });
}

function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
    let answer = '';
    socket.setEncoding('utf8');
    socket.setTimeout(2_000, () => socket.destroy(new Error(`${command}: no answer`)));
    socket.on('error', reject);
    socket.on('data', (text: string) => {
      answer += text;
      const end = answer.indexOf('\r\n');
      if (end < 0) return;
      socket.destroy();
      resolve(answer.slice(0, end));
    });
  });
}
