/** `trunkline config check` and `config show`: what a server would run with, and where each value comes from. Secrets are not shown. */
import type { Command } from 'commander';
import { withExample } from '../connection-options.js';
import { CliError, type ExitName } from '../exit.js';
import { plural, table } from '../format.js';
import type { Io } from '../io.js';
import type { LoadServer } from '../server-port.js';

interface ConfigOptions {
  readonly config?: string;
  readonly dev?: boolean;
  readonly json?: boolean;
}

export function addConfig(
  program: Command,
  io: Io,
  loadServer: LoadServer,
  end: (exit: ExitName) => void,
): void {
  const config = program
    .command('config')
    .summary("check and show a server's configuration")
    .description(
      'Checks and shows the configuration of a server: defaults, then the file, then TRUNKLINE_… variables.',
    );
  const check = withSource(config.command('check'))
    .summary('check the configuration')
    .description('Checks the configuration. Exit code 0 when it fits, 1 when it does not.')
    .action(async (options: ConfigOptions) => {
      const { configCheck, formatProblem } = await loadServer();
      const problems = configCheck(toInput(io, options));
      if (options.json === true) await io.out(`${JSON.stringify({ problems })}\n`);
      else if (problems.length === 0) await io.out('the configuration fits\n');
      else
        io.err(
          `${problems.map((problem) => `${formatProblem(problem)}\n`).join('')}${plural(problems.length, 'problem')}\n`,
        );
      end(problems.length === 0 ? 'ok' : 'failure');
    });
  withExample(check, 'trunkline config check --config trunkline.yaml');
  const show = withSource(config.command('show'))
    .summary('show every value and its origin')
    .description('Shows every value and where it comes from.')
    .action(async (options: ConfigOptions) => {
      const { loadConfig, configShow } = await loadServer();
      try {
        const values = configShow(loadConfig(toInput(io, options)));
        await io.out(
          options.json === true
            ? `${JSON.stringify(values)}\n`
            : table(values, [
                { title: 'OPTION', value: (row) => row.path },
                { title: 'VALUE', value: (row) => (row.value === '' ? '-' : row.value) },
                { title: 'FROM', value: (row) => row.source },
              ]),
        );
      } catch (cause) {
        throw toConfigFailure(cause);
      }
    });
  withExample(show, 'trunkline config show | grep history');
}

function withSource(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration file (YAML); default: trunkline.yaml where there is one')
    .option('--dev', 'as `serve --dev` would run')
    .option('--json', 'output for scripts');
}

function toInput(
  io: Io,
  { config, dev }: ConfigOptions,
): {
  readonly env: Io['env'];
  readonly cwd: string;
  readonly file?: string;
  readonly flags: readonly string[];
} {
  return {
    env: io.env,
    cwd: io.cwd,
    ...(config === undefined ? {} : { file: config }),
    flags: dev === true ? ['--dev'] : [],
  };
}

/** A configuration that does not fit is wrong use; its message lists every problem. Anything else stays what it is. */
export function toConfigFailure(cause: unknown): unknown {
  if (!(cause instanceof Error) || cause.name !== 'ConfigError') return cause;
  return new CliError('usage', `the configuration does not fit\n${cause.message}`, { cause });
}
