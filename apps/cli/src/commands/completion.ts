/** `trunkline completion`: a script that teaches a shell the commands and options. */
import { Argument, type Command } from 'commander';
import { completionScript, SHELLS, type Shell } from '../completion.js';
import { withExample } from '../connection-options.js';
import type { Io } from '../io.js';

export function addCompletion(program: Command, io: Io): void {
  withExample(
    program
      .command('completion')
      .summary('completion script for a shell')
      .description('Prints a script that completes commands and options in SHELL.')
      .addArgument(new Argument('<shell>').choices(SHELLS))
      .action(async (shell: Shell) => void (await io.out(completionScript(shell, program)))),
    'source <(trunkline completion bash)',
    'trunkline completion fish > ~/.config/fish/completions/trunkline.fish',
  );
}
