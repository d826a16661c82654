/**
 * `trunkline serve`: runs a server in this process; the exit code is the server's. Flags are handed to the server's own configuration, which knows every option by its
 * dotted name (`trunkline config show` lists them) and suggests the nearest one to a misspelt flag.
 */
import type { Command } from 'commander';
import { withExample } from '../connection-options.js';
import type { Io } from '../io.js';
import type { LoadServer } from '../server-port.js';

export function addServe(
  program: Command,
  io: Io,
  loadServer: LoadServer,
  end: (exitCode: number) => void,
): void {
  const serve = program
    .command('serve')
    .summary('run a server')
    .description(
      'Runs a server until it is told to stop. Any option of the configuration can be given as --<dotted.name> <value>; `trunkline config show` lists them.',
    )
    .usage('[--config <file>] [--dev] [--demo] [--port <port>] [--host <host>] [--<option> <value>…]')
    .addHelpText(
      'after',
      '\n  --config, -c <file>  configuration file (YAML); default: trunkline.yaml where there is one\n  --dev                a server for one person at one machine: open channels, a link into the console\n  --demo               with a simulated Kubernetes cluster, where no other is configured\n  --port <port>        port to listen on (default 8000)\n  --host <host>        address to listen on (default 127.0.0.1)',
    )
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async (_options: object, command: Command) => {
      const { runServer } = await loadServer();
      end(await runServer({ flags: command.args, env: io.env, cwd: io.cwd }));
    });
  withExample(serve, 'trunkline serve --dev', 'trunkline serve --config trunkline.yaml --port 9000');
}
