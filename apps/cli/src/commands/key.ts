/** `trunkline key create`: a random key of the HTTP API, and the line of the configuration that lets it in. Nothing is sent and nothing is kept. */
import { createHash } from 'node:crypto';
import { randomId } from '@trunkline/base';
import { isOrgId } from '@trunkline/protocol';
import type { Command } from 'commander';
import { withExample } from '../connection-options.js';
import { CliError } from '../exit.js';
import type { Io } from '../io.js';

interface KeyOptions {
  readonly name: string;
  readonly org: string;
  readonly scope?: readonly string[];
  readonly json?: boolean;
}

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

export function addKey(program: Command, io: Io): void {
  withExample(
    program
      .command('key')
      .summary('API keys')
      .description('Keys of the HTTP API.')
      .command('create')
      .summary('make a random API key')
      .description(
        'Prints a random API key and the configuration for it, which holds only its SHA-256 digest. The key is shown once and kept nowhere.',
      )
      .option('--name <name>', 'name of the key, for logs and audits', 'cli')
      .option('--org <org>', 'org of the key; "*" for all', 'default')
      .option('--scope <method>', 'API method it may call; may be repeated; absent: all', collect)
      .option('--json', 'output for scripts')
      .action((options: KeyOptions) => createKey(io, options)),
    'trunkline key create --name ci --org acme --scope publish --scope broadcast',
  );
}

async function createKey(io: Io, { name, org, scope, json }: KeyOptions): Promise<void> {
  if (org !== '*' && !isOrgId(org))
    throw new CliError('usage', `--org: "${org}" is no org id`, {
      advice: 'An org id is 1 to 64 of A-Z a-z 0-9 . _ -, or "*" for all orgs.',
    });
  if (!/^[\w.:@-]{1,64}$/.test(name))
    throw new CliError('usage', `--name: "${name}" is no name of a key (1 to 64 of A-Z a-z 0-9 _ . : @ -)`);
  // Loaded here: the contract brings its schema library along, which no other command needs.
  const { apiMethods } = await import('@trunkline/contracts/api');
  for (const method of scope ?? []) {
    if (method !== '*' && !Object.hasOwn(apiMethods, method))
      throw new CliError('usage', `--scope: there is no API method "${method}"`, {
        advice: `There are: ${Object.keys(apiMethods).join(', ')}.`,
      });
  }
  // 256 bits in letters and digits; the prefix lets scanners of repositories find a key that leaked.
  const key = `tlk_${randomId(io.random)}${randomId(io.random)}`;
  const sha256 = createHash('sha256').update(key).digest('hex');
  if (json === true)
    return void (await io.out(`${JSON.stringify({ key, sha256, name, org, scopes: scope ?? ['*'] })}\n`));
  const scopes = scope === undefined ? '' : `, scopes: [${scope.map(quote).join(', ')}]`;
  await io.out(
    `${key}\n\n# trunkline.yaml\napi:\n  keys:\n    - { name: ${quote(name)}, org: ${quote(org)}, sha256: ${sha256}${scopes} }\n`,
  );
  io.err('Keep the key: it cannot be shown again. The server reads its configuration at start.\n');
}

/** YAML plain where it can be, quoted where it might mean something else. */
function quote(text: string): string {
  return /^[a-z][a-z_-]*$/i.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text)
    ? text
    : JSON.stringify(text);
}
