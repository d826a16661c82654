/** `trunkline console link`: another one-time link into the console, for whoever holds a key of all orgs and cannot read what the server printed. */
import type { Command } from 'commander';
import { send, toCliError } from '../api.js';
import { settingsOf, withApi, withExample, type ConnectionOptions } from '../connection-options.js';
import { CliError } from '../exit.js';
import { dateTime } from '../format.js';
import type { Io } from '../io.js';

export function addConsole(program: Command, io: Io): void {
  withExample(
    withApi(
      program
        .command('console')
        .summary('the way into the console')
        .description('The way into the console.')
        .command('link'),
    )
      .summary('a one-time link into the console')
      .description(
        'Prints a fresh link that signs in once, as the first operator; the link before stops working. It is good at the node that made it. Takes a key of all orgs.',
      )
      .action((options: ConnectionOptions) => link(io, options)),
    'trunkline console link',
  );
}

const DENIED = [401, 403];

async function link(io: Io, options: ConnectionOptions): Promise<void> {
  const settings = settingsOf(io, options);
  const { url, apiKey } = settings;
  const credential = apiKey === undefined ? undefined : { 'x-api-key': apiKey };
  const outcome = await send(io, `${url}/console/link`, credential ?? {}, {}, io.signal);
  if (outcome.kind === 'unreachable' && io.signal.aborted) throw new CliError('interrupted', 'interrupted');
  if (outcome.kind !== 'answered') {
    const { exit, message, code, advice } = toCliError(outcome, settings);
    const denied = outcome.kind === 'refused' && DENIED.includes(outcome.status);
    throw new CliError(exit, message, { code, advice: denied ? ADVICE : advice });
  }
  const found = outcome.result as { readonly link: string; readonly expiresMs: number };
  if (options.json === true) return void (await io.out(`${JSON.stringify(found)}\n`));
  await io.out(`${found.link}\n`);
  io.err(`It works once, until ${dateTime(found.expiresMs)}.\n`);
}

const ADVICE =
  'This takes a key of all orgs, with the scope * or directory. A development server prints a link where it was started.';
