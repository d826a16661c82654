/** The options that every command which speaks to a server has, and how they are read. */
import type { Command } from 'commander';
import type { Io } from './io.js';
import { resolveSettings, type Settings } from './settings.js';

export interface ConnectionOptions {
  readonly url?: string;
  readonly apiKey?: string;
  readonly token?: string;
  readonly org?: string;
  readonly json?: boolean;
}

export function withApi(command: Command): Command {
  return withServer(command)
    .option('--api-key <key>', 'key of the HTTP API (TRUNKLINE_API_KEY)')
    .option('--org <org>', 'org to act in, for a key of all orgs (TRUNKLINE_ORG)');
}

/** The directory is asked with a key, or as an operator or administrator with a token. */
export function withDirectory(command: Command): Command {
  return withApi(command).option(
    '--token <jwt>',
    "an administrator's or operator's token, in place of a key (TRUNKLINE_TOKEN)",
  );
}

export function withToken(command: Command): Command {
  return withServer(command).option(
    '--token <jwt>',
    'connection token (TRUNKLINE_TOKEN); absent: as a development server allows',
  );
}

function withServer(command: Command): Command {
  return command.option('--url <url>', 'the server (TRUNKLINE_URL)').option('--json', 'output for scripts');
}

export function settingsOf(io: Io, { url, apiKey, token, org }: ConnectionOptions): Settings {
  return resolveSettings(io, {
    ...(url === undefined ? {} : { url }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(token === undefined ? {} : { token }),
    ...(org === undefined ? {} : { org }),
  });
}

/** What a command line of this kind looks like, below the options of its help. One line each. */
export function withExample(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText(
    'after',
    `\n${lines.length === 1 ? 'Example' : 'Examples'}:\n${lines.map((line) => `  $ ${line}`).join('\n')}`,
  );
}
