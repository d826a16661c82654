/** What the commands of the directory share: repeated options, roles, lists as tables, and the question before something is lost. */
import type { OrgRole } from '@trunkline/contracts/directory';
import { Option } from 'commander';
import { parseCount } from '../arguments.js';
import type { ConnectionOptions } from '../connection-options.js';
import type { Listed } from '../directory.js';
import { CliError } from '../exit.js';
import { plural, table, type Column } from '../format.js';
import type { Io } from '../io.js';

export interface ListOptions extends ConnectionOptions {
  readonly limit?: string;
  readonly search?: string;
}

const MAX_LISTED = 100_000;

export function limitOf({ limit }: ListOptions): number {
  return parseCount('--limit', limit ?? '1000', 1, MAX_LISTED);
}

export const collect = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  value,
];

const ROLES: readonly OrgRole[] = ['viewer', 'member', 'admin'];

export function roleOption(): Option {
  const option = new Option('--role <role>', 'viewer, member or admin; may be repeated');
  // Known to completion scripts; checked by `rolesOf`, since a parser of one's own takes the place of the check.
  option.choices([...ROLES]);
  return option.argParser(collect);
}

/** Throws for a word that is no role, and for none at all. */
export function rolesOf(given: readonly string[] | undefined, fallback?: OrgRole): OrgRole[] {
  const words = given ?? (fallback === undefined ? [] : [fallback]);
  if (words.length === 0)
    throw new CliError('usage', 'which roles? Give viewer, member or admin', {
      advice: 'A member reads and writes, an admin also manages the org, a viewer only looks.',
    });
  return words.map((word) => {
    const role = ROLES.find((one) => one === word);
    if (role === undefined)
      throw new CliError('usage', `"${word}" is no role`, { advice: `There are: ${ROLES.join(', ')}.` });
    return role;
  });
}

/** One document with `--json`; else a table, and on standard error how many. */
export async function printList<T>(
  io: Io,
  { json }: ConnectionOptions,
  { items, more }: Listed<T>,
  noun: string,
  columns: readonly Column<T>[],
): Promise<void> {
  if (json === true) return void (await io.out(`${JSON.stringify(items)}\n`));
  await io.out(table(items, columns));
  io.err(`${items.length === 0 ? `no ${noun}s` : plural(items.length, noun)}${more ? MORE : ''}\n`);
}

const MORE = ' (there are more: --limit)';

/** The record with `--json`, else the sentence. */
export async function printDone(
  io: Io,
  { json }: ConnectionOptions,
  record: object,
  sentence: string,
): Promise<void> {
  await io.out(json === true ? `${JSON.stringify(record)}\n` : `${sentence}\n`);
}

/** Aligned `name  value` lines. */
export function factLines(facts: readonly (readonly [string, string])[]): string {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('');
}

export interface SureOptions extends ConnectionOptions {
  readonly yes?: boolean;
}

/** A command line asks nothing back: what cannot be undone has to be said twice, in the same line. */
export function requireYes({ yes }: SureOptions, what: string): void {
  if (yes !== true) throw new CliError('usage', what, { advice: 'Add --yes to do it.' });
}
