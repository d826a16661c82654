/** `trunkline org …`: the installation's orgs, for operators; everybody else sees their own. */
import type { OrgRecord, Quotas } from '@trunkline/contracts/directory';
import type { Command } from 'commander';
import { parseCount } from '../arguments.js';
import { withDirectory, withExample, type ConnectionOptions } from '../connection-options.js';
import { directoryOf, listUpTo, type CallDirectory, type DirectoryParams } from '../directory.js';
import { CliError } from '../exit.js';
import { count, dateTime } from '../format.js';
import type { Io } from '../io.js';
import {
  collect,
  factLines,
  limitOf,
  printDone,
  printList,
  requireYes,
  type ListOptions,
  type SureOptions,
} from './directory-parts.js';

interface OrgOptions extends ConnectionOptions {
  readonly name?: string;
  readonly maxConnections?: string;
  readonly maxSubscriptions?: string;
  readonly commandsPerSecond?: string;
  readonly publicationsPerSecond?: string;
  /** False: `--no-clusters`. */
  readonly cluster?: readonly string[];
  readonly clusters?: boolean;
  readonly namespace?: readonly string[];
  readonly namespaces?: boolean;
}

/** Names of options and of what they set, and the least that makes sense. */
const QUOTAS = [
  ['maxConnections', '--max-connections', 'maxConnections', 0],
  ['maxSubscriptions', '--max-subscriptions', 'maxSubscriptionsPerConnection', 1],
  ['commandsPerSecond', '--commands-per-second', 'commandsPerSecond', 1],
  ['publicationsPerSecond', '--publications-per-second', 'publicationsPerSecond', 1],
] as const satisfies readonly (readonly [keyof OrgOptions, string, keyof Quotas, number])[];

const WHOLE = { installation: true } as const;

export function addOrg(program: Command, io: Io): void {
  const org = program
    .command('org')
    .summary('orgs, their quotas and namespaces')
    .description('Orgs of the installation. Operators make and change them; administrators see their own.');
  withExample(
    withDirectory(org.command('list'))
      .summary('the orgs')
      .description('Lists orgs in the order of their ids, with what they may use.')
      .option('--search <text>', 'only those with this in their id or name')
      .option('--limit <n>', 'orgs at most', '1000')
      .action((options: ListOptions) => list(io, options)),
    'trunkline org list',
  );
  withExample(
    withDirectory(org.command('show').argument('<id>'))
      .summary('one org')
      .description('Shows one org: its members, quotas, clusters and namespaces.')
      .action((id: string, options: ConnectionOptions) => show(io, id, options)),
    'trunkline org show acme',
  );
  withExample(
    withFields(withDirectory(org.command('create').argument('<id>', '1 to 64 of A-Z a-z 0-9 . _ -')))
      .summary('make an org')
      .description('Makes an org. What is not limited here is limited by the node alone.')
      .action((id: string, options: OrgOptions) => create(io, id, options)),
    'trunkline org create acme --name "Acme Corp" --max-connections 500',
  );
  withExample(
    withFields(withDirectory(org.command('set').argument('<id>')))
      .summary('change an org')
      .description(
        'Changes what is named and nothing else. A quota of "none" is taken away; clusters and namespaces replace those before.',
      )
      .option('--no-clusters', 'take all clusters away')
      .option('--no-namespaces', 'take all namespaces away')
      .action((id: string, options: OrgOptions) => set(io, id, options)),
    'trunkline org set acme --max-connections 2000 --publications-per-second none',
  );
  withExample(
    withDirectory(org.command('remove').argument('<id>'))
      .summary('remove an org')
      .description(
        'Removes an org with its memberships, groups, keys, secrets and invitations. Data of other modules stays.',
      )
      .option('--yes', 'do it')
      .action((id: string, options: SureOptions) => remove(io, id, options)),
    'trunkline org remove acme --yes',
  );
}

function withFields(command: Command): Command {
  return command
    .option('--name <name>', 'name for people')
    .option('--max-connections <n>', 'connections on each node; or none')
    .option('--max-subscriptions <n>', 'subscriptions of one connection; or none')
    .option('--commands-per-second <n>', 'commands of the org on each node; or none')
    .option('--publications-per-second <n>', 'publications of the org on each node; or none')
    .option('--cluster <name>', 'a cluster that the org may see; may be repeated', collect)
    .option('--namespace <cluster/name>', 'a namespace it may look into; may be repeated', collect);
}

async function list(io: Io, options: ListOptions): Promise<void> {
  const limit = limitOf(options);
  const call = directoryOf(io, options, WHOLE);
  const { search } = options;
  const listed = await listUpTo(limit, async (page) => {
    const { orgs, next } = await call('directory.orgs', {
      ...page,
      ...(search === undefined ? {} : { search }),
    });
    return { items: orgs, next };
  });
  await printList(io, options, listed, 'org', [
    { title: 'ORG', value: ({ id }) => id },
    { title: 'NAME', value: ({ name }) => name },
    { title: 'MEMBERS', value: ({ members }) => count(members), align: 'right' },
    { title: 'NAMESPACES', value: ({ kubernetes }) => count(kubernetes.length), align: 'right' },
    { title: 'CREATED', value: ({ createdMs }) => dateTime(createdMs) },
    { title: 'QUOTAS', value: ({ quotas }) => quotaWords(quotas) },
  ]);
}

async function show(io: Io, id: string, options: ConnectionOptions): Promise<void> {
  const org = await find(directoryOf(io, options, WHOLE), id);
  await printOrg(io, options, org);
}

async function create(io: Io, id: string, options: OrgOptions): Promise<void> {
  const { org } = await directoryOf(
    io,
    options,
    WHOLE,
  )('directory.createOrg', {
    id,
    ...fieldsOf(options, {}),
  });
  await printOrg(io, options, org);
}

async function set(io: Io, id: string, options: OrgOptions): Promise<void> {
  // Read before anything is sent: wrong use is said first.
  if (Object.keys(fieldsOf(options, {})).length === 0)
    throw new CliError('usage', 'nothing to change: give at least one option', {
      advice: '`trunkline org set --help` lists them.',
    });
  const call = directoryOf(io, options, WHOLE);
  const before = await find(call, id);
  const { org } = await call('directory.updateOrg', { id, ...fieldsOf(options, before.quotas) });
  await printOrg(io, options, org);
}

async function remove(io: Io, id: string, options: SureOptions): Promise<void> {
  requireYes(options, `this removes org ${id} with its members, groups, keys, secrets and invitations`);
  await directoryOf(io, options, WHOLE)('directory.deleteOrg', { id });
  await printDone(io, options, { removed: id }, `org ${id} removed`);
}

/** The search finds parts of ids too. */
async function find(call: CallDirectory, id: string): Promise<OrgRecord> {
  const { items } = await listUpTo(100_000, async (page) => {
    const { orgs, next } = await call('directory.orgs', { ...page, search: id });
    return { items: orgs, next };
  });
  const found = items.find((one) => one.id === id);
  if (found === undefined) throw new CliError('notFound', `there is no org ${id}, or it is not yours to see`);
  return found;
}

/** Quotas are replaced whole by the server: those that are not named stay as they were. */
function fieldsOf(options: OrgOptions, before: Quotas): Omit<DirectoryParams<'directory.updateOrg'>, 'id'> {
  const quotas: Quotas = {};
  for (const [option, flag, field, least] of QUOTAS) {
    const text = options[option];
    if (text !== undefined) quotas[field] = text === 'none' ? null : parseCount(flag, text, least, 1e9);
  }
  const clusters = options.clusters === false ? [] : options.cluster;
  const scopes = options.namespaces === false ? [] : options.namespace;
  return {
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(Object.keys(quotas).length === 0 ? {} : { quotas: { ...before, ...quotas } }),
    ...(clusters === undefined ? {} : { clusters: [...clusters] }),
    ...(scopes === undefined ? {} : { kubernetes: scopes.map(parseScope) }),
  };
}

/** Names of clusters may hold a slash, names of namespaces not. */
function parseScope(text: string): { readonly cluster: string; readonly namespace: string } {
  const at = text.lastIndexOf('/');
  if (at < 1 || at === text.length - 1)
    throw new CliError('usage', `--namespace: "${text}" is no namespace of a cluster`, {
      advice: 'Give cluster/name, e.g. --namespace prod/acme.',
    });
  return { cluster: text.slice(0, at), namespace: text.slice(at + 1) };
}

async function printOrg(io: Io, { json }: ConnectionOptions, org: OrgRecord): Promise<void> {
  if (json === true) return void (await io.out(`${JSON.stringify(org)}\n`));
  await io.out(
    factLines([
      ['org', org.id],
      ['name', org.name],
      ['members', count(org.members)],
      ['quotas', quotaWords(org.quotas)],
      ['clusters', org.clusters.join(', ') || 'none'],
      [
        'namespaces',
        org.kubernetes.map(({ cluster, namespace }) => `${cluster}/${namespace}`).join(', ') || 'none',
      ],
      ['created', dateTime(org.createdMs)],
      ['changed', dateTime(org.updatedMs)],
    ]),
  );
}

const QUOTA_WORDS: Readonly<Record<keyof Quotas, string>> = {
  maxConnections: 'connections',
  maxSubscriptionsPerConnection: 'subscriptions each',
  commandsPerSecond: 'commands/s',
  publicationsPerSecond: 'publications/s',
};

function quotaWords(quotas: Quotas): string {
  const words = QUOTAS.flatMap(([, , field]) => {
    const value = quotas[field];
    return value === null || value === undefined ? [] : [`${count(value)} ${QUOTA_WORDS[field]}`];
  });
  return words.join(', ') || 'none of its own';
}
