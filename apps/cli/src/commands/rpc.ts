/** `trunkline rpc`: calls a method over a live connection, as a client would, and prints the result. */
import type { Command } from 'commander';
import { parseJson } from '../arguments.js';
import { settingsOf, withExample, withToken, type ConnectionOptions } from '../connection-options.js';
import { CliError } from '../exit.js';
import type { Io } from '../io.js';
import type { Connect } from '../live.js';

export function addRpc(program: Command, io: Io, connect: Connect): void {
  const command = withToken(program.command('rpc'))
    .summary('call a method')
    .description(
      'Calls METHOD with PARAMS (JSON; default {}) and prints the result as JSON, on one line with --json.',
    )
    .argument('<method>')
    .argument('[params]')
    .action(async (method: string, params: string | undefined, options: ConnectionOptions) => {
      const value = params === undefined ? {} : parseJson('PARAMS', params);
      const live = await connect(settingsOf(io, options), () => settingsOf(io, options));
      const interrupted = new Promise<never>((_resolve, reject) => {
        io.signal.addEventListener(
          'abort',
          () => reject(new CliError('interrupted', 'interrupted; the call may have had its effect')),
          { once: true },
        );
      });
      try {
        const result = await Promise.race([live.rpc(method, value), live.failed, interrupted]);
        await io.out(`${JSON.stringify(result ?? null, undefined, options.json === true ? undefined : 2)}\n`);
      } finally {
        live.close();
      }
    });
  withExample(command, 'trunkline rpc node.info', `trunkline rpc node.channel '{"channel": "news:today"}'`);
}
