/** `trunkline channels`, `connections` and `disconnect`: what goes on at a node, through its HTTP API. */
import type { ApiResult } from '@trunkline/contracts/api';
import type { Command } from 'commander';
import { callApi } from '../api.js';
import { parseCount } from '../arguments.js';
import { settingsOf, withApi, withExample, type ConnectionOptions } from '../connection-options.js';
import { CliError } from '../exit.js';
import { bytes, count, duration, plural, table } from '../format.js';
import type { Io } from '../io.js';

interface ListOptions extends ConnectionOptions {
  readonly user?: string;
  readonly client?: string;
  readonly limit?: string;
}

interface DisconnectOptions extends ListOptions {
  readonly reconnect?: boolean;
  readonly reason?: string;
}

const MAX_LIMIT = 10_000;
/** Public close codes: come back, and stay away. */
const FORCE_RECONNECT = 3011;
const FORCE_DISCONNECT = 3503;

type Connection = ApiResult<'connections'>['connections'][string];

export function addOperate(program: Command, io: Io): void {
  const channels = withApi(program.command('channels'))
    .summary('channels with subscribers')
    .description(
      'Lists channels that have subscribers at any node. PATTERN matches whole names; * stands for any run of characters.',
    )
    .argument('[pattern]')
    .option('--limit <n>', 'channels to list at most', '1000')
    .action((pattern: string | undefined, options: ListOptions) => listChannels(io, pattern, options));

  withExample(channels, "trunkline channels 'news:*'");

  const connections = withApi(program.command('connections'))
    .summary('connections of all nodes')
    .description('Lists connections of all nodes, newest first.')
    .option('--user <user>', 'only those of this user')
    .option('--client <id>', 'only this one')
    .option('--limit <n>', 'connections to list at most', '100')
    .action((options: ListOptions) => listConnections(io, options));

  withExample(connections, 'trunkline connections --user ann');

  const disconnecting = withApi(program.command('disconnect'))
    .summary("close a user's or a client's connections")
    .description(
      "Closes a user's connections, or one connection. They stay away unless --reconnect is given.",
    )
    .option('--user <user>', 'all connections of this user')
    .option('--client <id>', 'this connection')
    .option('--reconnect', 'let them come back at once')
    .option('--reason <text>', 'shown to the client')
    .action((options: DisconnectOptions) => disconnect(io, options));
  withExample(disconnecting, 'trunkline disconnect --user ann --reconnect');
}

async function listChannels(io: Io, pattern: string | undefined, options: ListOptions): Promise<void> {
  const limit = parseCount('--limit', options.limit ?? '1000', 1, 100_000);
  const { channels } = await callApi(
    io,
    settingsOf(io, options),
    'channels',
    { limit, ...(pattern === undefined ? {} : { pattern }) },
    io.signal,
  );
  const rows = Object.entries(channels)
    .map(([channel, { num_clients }]) => ({ channel, subscribers: num_clients }))
    .sort((a, b) => (a.channel < b.channel ? -1 : 1));
  if (options.json === true) return void (await io.out(`${JSON.stringify(rows)}\n`));
  await io.out(
    table(rows, [
      { title: 'SUBSCRIBERS', value: (row) => count(row.subscribers), align: 'right' },
      { title: 'CHANNEL', value: (row) => row.channel },
    ]),
  );
  io.err(
    rows.length === 0
      ? `no channel${pattern === undefined ? '' : ` like ${pattern}`} has subscribers\n`
      : `${plural(rows.length, 'channel')}${rows.length === limit ? ' (there may be more: --limit)' : ''}\n`,
  );
}

async function listConnections(io: Io, options: ListOptions): Promise<void> {
  const limit = parseCount('--limit', options.limit ?? '100', 1, MAX_LIMIT);
  const {
    connections,
    total,
    incomplete = [],
  } = await callApi(io, settingsOf(io, options), 'connections', { limit, ...targetOf(options) }, io.signal);
  const rows = Object.entries(connections)
    .map(([client, connection]) => ({ client, ...connection }))
    .sort((a, b) => b.connected_at - a.connected_at);
  if (options.json === true)
    return void (await io.out(`${JSON.stringify({ connections: rows, total, incomplete })}\n`));
  const now = io.clock.now();
  // One node's name on every line would say nothing.
  const spread = new Set(rows.map(({ node }) => node)).size > 1;
  await io.out(
    table(rows, [
      { title: 'CLIENT', value: (row) => row.client },
      { title: 'USER', value: (row) => row.user || '(anonymous)' },
      ...(spread ? [{ title: 'NODE', value: (row: (typeof rows)[number]) => row.node ?? '' }] : []),
      { title: 'SINCE', value: (row) => duration(now - row.connected_at), align: 'right' },
      { title: 'FROM', value: (row) => row.remote_address },
      { title: 'TRANSPORT', value: (row) => `${row.transport}/${row.protocol}` },
      {
        title: 'APP',
        value: (row) => [row.app_name, row.app_version].filter((part) => part !== '').join(' '),
      },
      {
        title: 'WAITING',
        value: (row) =>
          row.outbox_bytes === 0 ? '-' : `${count(row.outbox_messages)}, ${bytes(row.outbox_bytes)}`,
        align: 'right',
      },
      { title: 'CHANNELS', value: (row) => channelsOf(row) },
    ]),
  );
  io.err(`${rows.length < total ? `${count(rows.length)} of ` : ''}${plural(total, 'connection')}\n`);
  if (incomplete.length > 0) io.err(`not all nodes answered; missing: ${incomplete.join(', ')}\n`);
}

const SHOWN_CHANNELS = 3;

/** The first few, and those in trouble first: a reader that was cut off or is losing publications. */
function channelsOf(row: Connection): string {
  const all = Object.entries(row.state.channels).map(([channel, { offset, delivery, dropped }]) => ({
    troubled: delivery !== 'flowing' || dropped > 0,
    text: `${channel}@${offset}${delivery === 'flowing' ? '' : ` ${delivery}`}${dropped > 0 ? ` (${count(dropped)} dropped)` : ''}`,
  }));
  all.sort((a, b) => Number(b.troubled) - Number(a.troubled));
  const texts = all.slice(0, SHOWN_CHANNELS).map(({ text }) => text);
  return [...texts, ...(all.length > SHOWN_CHANNELS ? [`and ${all.length - SHOWN_CHANNELS} more`] : [])].join(
    ', ',
  );
}

async function disconnect(io: Io, options: DisconnectOptions): Promise<void> {
  const target = targetOf(options);
  if (target.user === undefined && target.client === undefined)
    throw new CliError('usage', 'whose connections? Give --user, --client or both');
  const code = options.reconnect === true ? FORCE_RECONNECT : FORCE_DISCONNECT;
  const reason = options.reason ?? (options.reconnect === true ? 'force reconnect' : 'force disconnect');
  const { num_clients } = await callApi(
    io,
    settingsOf(io, options),
    'disconnect',
    { ...target, disconnect: { code, reason } },
    io.signal,
  );
  await io.out(
    options.json === true
      ? `${JSON.stringify({ count: num_clients })}\n`
      : `${plural(num_clients, 'connection')} closed\n`,
  );
  if (num_clients === 0) throw new CliError('notFound', 'no such connection');
}

function targetOf({ user, client }: ListOptions): { readonly user?: string; readonly client?: string } {
  return { ...(user === undefined ? {} : { user }), ...(client === undefined ? {} : { client }) };
}
