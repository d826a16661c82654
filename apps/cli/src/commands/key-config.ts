/** A key of the configuration: random, with the lines of `trunkline.yaml` that let it in. Nothing is sent and nothing is kept. */
import { createHash } from 'node:crypto';
import { randomId } from '@trunkline/base';
import { isOrgId } from '@trunkline/protocol';
import { CliError } from '../exit.js';
import type { Io } from '../io.js';

export interface ConfigKeyOptions {
  readonly name: string;
  readonly org?: string | undefined;
  readonly scope?: readonly string[] | undefined;
  readonly json?: boolean | undefined;
}

export function requireKeyName(name: string): void {
  if (!/^[\w.:@-]{1,64}$/.test(name))
    throw new CliError('usage', `--name: "${name}" is no name of a key (1 to 64 of A-Z a-z 0-9 _ . : @ -)`);
}

export function requireOrg(org: string | undefined): void {
  if (org !== undefined && org !== '*' && !isOrgId(org))
    throw new CliError('usage', `--org: "${org}" is no org id`, {
      advice: 'An org id is 1 to 64 of A-Z a-z 0-9 . _ -, or "*" for all orgs.',
    });
}

/** Modules whose routes and methods a scope may name. */
export const MODULES: readonly string[] = ['directory', 'kube', 'node', 'store'];

/** The words are those of the contract of the API, which is loaded only where there are any: it brings its schema library along. */
export async function requireScopes(scopes: readonly string[] | undefined, modules: boolean): Promise<void> {
  if (scopes === undefined) return;
  const { apiMethods } = await import('@trunkline/contracts/api');
  for (const scope of scopes) {
    if (scope === '*' || Object.hasOwn(apiMethods, scope) || (modules && MODULES.includes(scope))) continue;
    throw new CliError('usage', `--scope: there is no API method "${scope}"`, {
      advice: `There are: ${[...Object.keys(apiMethods), ...(modules ? MODULES : [])].join(', ')}.`,
    });
  }
}

export async function createConfigKey(
  io: Io,
  { name, org = 'default', scope, json }: ConfigKeyOptions,
): Promise<void> {
  requireOrg(org);
  await requireScopes(scope, true);
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
