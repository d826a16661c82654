/** `trunkline info`, `namespaces` and `events`: the node, what it is configured for, and what lately went wrong, through its HTTP API. */
import type { ApiParams, ApiResult } from '@trunkline/contracts/api';
import type { Command } from 'commander';
import { callApi } from '../api.js';
import { parseCount } from '../arguments.js';
import { settingsOf, withApi, withExample, type ConnectionOptions } from '../connection-options.js';
import { eventLine, toClientEvent } from '../events.js';
import { count, duration, plural, table } from '../format.js';
import type { Io } from '../io.js';

interface EventsOptions extends ConnectionOptions {
  readonly user?: string;
  readonly client?: string;
  readonly channel?: string;
  readonly kind?: string;
  readonly limit?: string;
}

type Namespace = ApiResult<'namespaces'>['namespaces'][number];
type EventKind = NonNullable<ApiParams<'events'>['kinds']>[number];

const MAX_EVENTS = 10_000;

export function addNode(program: Command, io: Io): void {
  withExample(
    withApi(program.command('info'))
      .alias('node')
      .summary('the nodes: version, uptime, totals')
      .description(
        'Shows the nodes of the deployment: totals for a key of all orgs, otherwise the numbers of its org.',
      )
      .action((options: ConnectionOptions) => showInfo(io, options)),
    'trunkline info',
  );
  withExample(
    withApi(program.command('namespaces'))
      .summary('what channels the server is configured for')
      .description('Lists the namespaces of channels with their options, those of modules included.')
      .action((options: ConnectionOptions) => listNamespaces(io, options)),
    'trunkline namespaces',
  );
  withExample(
    withApi(program.command('events'))
      .summary('recent refusals, cuts and disconnects of the org')
      .description(
        'Prints what lately happened to clients of the org, at whatever node, oldest first: refused subscribes, recoveries, overflows, cuts, ends of connections. With --json one object per line.',
      )
      .option('--user <user>', 'only those of this user')
      .option('--client <id>', 'only those of this client')
      .option('--channel <channel>', 'only those of this channel, and ends of connections')
      .option('--kind <kind>', 'only those of this kind, e.g. subscribeRefused or disconnected')
      .option('--limit <n>', 'events at most, the newest', '100')
      .action((options: EventsOptions) => printEvents(io, options)),
    'trunkline events --user ann',
    'trunkline events --kind disconnected --json',
  );
}

async function showInfo(io: Io, options: ConnectionOptions): Promise<void> {
  const { nodes } = await callApi(io, settingsOf(io, options), 'info', {}, io.signal);
  const rows = nodes.map(
    ({ uid, name, version, num_clients, num_users, num_subs, num_channels, uptime }) => ({
      uid,
      name,
      version,
      connections: num_clients,
      users: num_users,
      subscriptions: num_subs,
      channels: num_channels,
      uptimeMs: uptime * 1_000,
    }),
  );
  if (options.json === true) return void (await io.out(`${JSON.stringify(rows)}\n`));
  await io.out(
    table(rows, [
      { title: 'NODE', value: (row) => row.name || row.uid },
      { title: 'VERSION', value: (row) => row.version },
      { title: 'UP', value: (row) => duration(row.uptimeMs), align: 'right' },
      { title: 'CONNECTIONS', value: (row) => count(row.connections), align: 'right' },
      { title: 'USERS', value: (row) => count(row.users), align: 'right' },
      { title: 'SUBSCRIPTIONS', value: (row) => count(row.subscriptions), align: 'right' },
      { title: 'CHANNELS', value: (row) => count(row.channels), align: 'right' },
    ]),
  );
}

async function listNamespaces(io: Io, options: ConnectionOptions): Promise<void> {
  const { namespaces } = await callApi(io, settingsOf(io, options), 'namespaces', {}, io.signal);
  if (options.json === true) return void (await io.out(`${JSON.stringify(namespaces)}\n`));
  await io.out(
    table(namespaces, [
      { title: 'NAMESPACE', value: ({ name }) => (name === '' ? '(default)' : name) },
      { title: 'TYPE', value: (row) => row.type },
      { title: 'CLASS', value: (row) => row.class },
      {
        title: 'HISTORY',
        value: (row) =>
          row.history_size === 0 ? '-' : `${count(row.history_size)} for ${duration(row.history_ttl_ms)}`,
      },
      { title: 'BEHIND', value: (row) => row.overflow },
      { title: 'KEEPS', value: (row) => kept(row) },
      { title: 'SUBSCRIBE', value: (row) => audience(row, 'allow_subscribe') },
      { title: 'PUBLISH', value: (row) => audience(row, 'allow_publish') },
    ]),
  );
  io.err(`${plural(namespaces.length, 'namespace')}\n`);
}

function kept(row: Namespace): string {
  const facts = [
    row['presence'] === true ? 'presence' : '',
    row['join_leave'] === true ? 'joins' : '',
    row['force_recovery'] === true ? 'recovery' : '',
  ].filter((text) => text !== '');
  return facts.length === 0 ? '-' : facts.join(', ');
}

/** Who may, as the server lists them; nobody where it lists none. */
export function audience(row: Readonly<Record<string, unknown>>, field: string): string {
  return audienceOf(row, field).join(', ') || 'nobody';
}

export function audienceOf(row: Readonly<Record<string, unknown>>, field: string): readonly string[] {
  const value = row[field];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

async function printEvents(io: Io, options: EventsOptions): Promise<void> {
  const limit = parseCount('--limit', options.limit ?? '100', 1, MAX_EVENTS);
  const { user, client, channel, kind } = options;
  const { events } = await callApi(
    io,
    settingsOf(io, options),
    'events',
    {
      limit,
      ...(user === undefined ? {} : { user }),
      ...(client === undefined ? {} : { client }),
      ...(channel === undefined ? {} : { channel }),
      // The server knows its kinds, and names them where this is none.
      ...(kind === undefined ? {} : { kinds: [kind as EventKind] }),
    },
    io.signal,
  );
  const shown = [...events].reverse();
  await io.out(
    shown
      .map((event) =>
        options.json === true
          ? `${JSON.stringify(event)}\n`
          : `${eventLine(toClientEvent(event), io.paint)}\n`,
      )
      .join(''),
  );
  if (options.json !== true)
    io.err(
      shown.length === 0
        ? `nothing of the kind is remembered\n`
        : `${plural(shown.length, 'event')}${shown.length === limit ? ' (there may be more: --limit)' : ''}\n`,
    );
}
