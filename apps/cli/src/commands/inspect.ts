/** `trunkline channel`, `history` and `presence`: one channel as the server holds it, through its HTTP API. */
import type { Command } from 'commander';
import { callApi, callTogether, resultOf } from '../api.js';
import { formatPosition, parseCount, parsePosition } from '../arguments.js';
import { settingsOf, withApi, withExample, type ConnectionOptions } from '../connection-options.js';
import { CliError } from '../exit.js';
import { count, oneLine, plural, table } from '../format.js';
import type { Io } from '../io.js';
import { publicationLine, toJsonPublication, type ApiPublication } from '../publications.js';
import type { Settings } from '../settings.js';

interface PageOptions extends ConnectionOptions {
  readonly limit?: string;
  readonly since?: string;
  readonly stats?: boolean;
}

/** What one call of the API returns at most by default; more is read page by page. */
const PAGE = 1_000;
const MAX_HISTORY = 1_000_000;
/** Clients that `channel` names; `presence` names all. */
const SHOWN_CLIENTS = 10;

interface Attendant {
  readonly client: string;
  readonly user: string;
  readonly connInfo?: unknown;
  readonly chanInfo?: unknown;
}

export function addInspect(program: Command, io: Io): void {
  withExample(
    withApi(program.command('channel'))
      .summary('one channel: subscribers, position, presence, newest publications')
      .description(
        'Shows a channel as the node has it: subscribers, position, who is present, and its newest retained publications (of a map: its first entries).',
      )
      .argument('<channel>')
      .option('--limit <n>', 'publications or entries to show', '5')
      .action((channel: string, options: PageOptions) => showChannel(io, channel, options)),
    'trunkline channel news:today',
  );

  withExample(
    withApi(program.command('history'))
      .summary("a channel's retained publications")
      .description(
        'Prints retained publications, oldest first. Without --since the newest; with it, what follows the position. With --json one object per line.',
      )
      .argument('<channel>')
      .option('--limit <n>', 'publications at most', '20')
      .option('--since <offset@epoch>', 'begin after this position')
      .action((channel: string, options: PageOptions) => printHistory(io, channel, options)),
    'trunkline history news:today --limit 100',
    'trunkline history news:today --since 42@Jx7d --json | jq .data',
  );

  withExample(
    withApi(program.command('presence'))
      .summary('who is on a channel')
      .description('Lists the clients that are on a channel now, on all nodes.')
      .argument('<channel>')
      .option('--stats', 'only how many')
      .action((channel: string, options: PageOptions) => showPresence(io, channel, options)),
    'trunkline presence chat:lobby',
  );
}

async function showChannel(io: Io, channel: string, options: PageOptions): Promise<void> {
  const limit = parseCount('--limit', options.limit ?? '5', 0, PAGE);
  const replies = await callTogether(
    io,
    settingsOf(io, options),
    {
      channels: { pattern: channel, limit: PAGE },
      history: { channel, limit, reverse: true },
      presence: { channel },
      map_state: { channel, limit: Math.max(1, limit) },
    },
    io.signal,
  );
  const { history, map_state: mapState } = replies;
  // What the API says of the name itself: no such channel, denied. "Not kept" is a fact of the channel and no failure.
  const refused = history.kind === 'error' ? history.error : undefined;
  if (refused !== undefined && replies.channels.kind === 'error')
    throw new CliError('denied', `the server refused: ${refused.message} (${refused.code})`, {
      code: refused.code,
    });
  if (refused?.code === 102 || refused?.code === 107)
    throw new CliError(
      refused.code === 102 ? 'notFound' : 'failure',
      `${channel}: ${refused.message} (${refused.code})`,
      {
        code: refused.code,
        advice: '`trunkline namespaces` lists what the server is configured for.',
      },
    );
  const entries = resultOf(mapState)?.entries;
  const retained = resultOf(history);
  const clients = toAttendants(resultOf(replies.presence)?.presence);
  const facts = {
    channel,
    type: entries === undefined ? 'stream' : 'map',
    subscribers: resultOf(replies.channels)?.channels[channel]?.num_clients ?? 0,
    position:
      retained === undefined || retained.epoch === ''
        ? null
        : { offset: retained.offset, epoch: retained.epoch },
    presence: clients ?? null,
  };
  const items: readonly ApiPublication[] = (entries ?? [...(retained?.publications ?? [])].reverse()).slice(
    0,
    limit,
  );
  const epoch = retained?.epoch ?? '';
  if (options.json === true)
    return void (await io.out(
      `${JSON.stringify({
        ...facts,
        [entries === undefined ? 'publications' : 'entries']: items.map((item) =>
          toJsonPublication(item, epoch),
        ),
      })}\n`,
    ));
  const rows: (readonly [string, string])[] = [
    ['channel', channel],
    ['type', facts.type],
    ['subscribers', count(facts.subscribers)],
    ['position', facts.position === null ? 'none: nothing is numbered' : formatPosition(facts.position)],
    ['present', clients === undefined ? 'presence is not kept' : presentLine(clients)],
  ];
  await io.out(rows.map(([name, value]) => `${io.paint.dim(name.padEnd(12))} ${oneLine(value)}\n`).join(''));
  if (items.length > 0)
    await io.out(`\n${items.map((item) => `${publicationLine(item, io.paint)}\n`).join('')}`);
  else if (limit > 0)
    io.err(entries === undefined ? 'no publication is retained\n' : 'the map has no entries\n');
}

function presentLine(clients: readonly Attendant[]): string {
  const names = clients.slice(0, SHOWN_CLIENTS).map(({ user, client }) => (user === '' ? client : user));
  const more = clients.length - names.length;
  return clients.length === 0
    ? 'nobody'
    : `${plural(clients.length, 'client')}: ${names.join(', ')}${more > 0 ? `, and ${count(more)} more` : ''}`;
}

async function printHistory(io: Io, channel: string, options: PageOptions): Promise<void> {
  const limit = parseCount('--limit', options.limit ?? '20', 1, MAX_HISTORY);
  const given = options.since === undefined ? undefined : parsePosition('--since', options.since);
  const settings = settingsOf(io, options);
  let shown = 0;
  for await (const { publications, epoch } of readHistory(io, settings, channel, limit, given)) {
    shown += publications.length;
    await io.out(
      publications
        .map((item) =>
          options.json === true
            ? `${JSON.stringify(toJsonPublication(item, epoch))}\n`
            : `${publicationLine(item, io.paint)}\n`,
        )
        .join(''),
    );
    if (io.signal.aborted) throw new CliError('interrupted', 'interrupted');
  }
  if (options.json !== true && shown === 0) io.err('no publication is retained there\n');
}

interface Page {
  readonly publications: readonly ApiPublication[];
  readonly epoch: string;
}

/** The newest `limit` publications, or those after `since`, oldest first, a page at a time. */
async function* readHistory(
  io: Io,
  settings: Settings,
  channel: string,
  limit: number,
  since: { readonly offset: number; readonly epoch: string } | undefined,
): AsyncGenerator<Page, void, undefined> {
  if (since === undefined && limit <= PAGE) {
    const { publications, epoch } = await callApi(
      io,
      settings,
      'history',
      { channel, limit, reverse: true },
      io.signal,
    );
    yield { publications: [...publications].reverse(), epoch };
    return;
  }
  let from = since ?? (await before(io, settings, channel, limit));
  for (let left = limit; left > 0 && from !== undefined;) {
    const { publications, epoch, offset } = await callApi(
      io,
      settings,
      'history',
      { channel, limit: Math.min(left, PAGE), since: from },
      io.signal,
    );
    if (epoch !== from.epoch)
      throw new CliError(
        'failure',
        `the history began anew: it is now at ${formatPosition({ offset, epoch })}`,
        {
          advice: 'Offsets of another epoch mean nothing there; leave --since away.',
        },
      );
    yield { publications, epoch };
    left -= publications.length;
    const last = publications.at(-1)?.offset;
    from = last === undefined || last >= offset ? undefined : { offset: last, epoch };
  }
}

/** The position `limit` publications before the top; undefined where nothing is numbered. */
async function before(
  io: Io,
  settings: Settings,
  channel: string,
  limit: number,
): Promise<{ readonly offset: number; readonly epoch: string } | undefined> {
  const { offset, epoch } = await callApi(io, settings, 'history', { channel }, io.signal);
  return epoch === '' ? undefined : { offset: Math.max(0, offset - limit), epoch };
}

async function showPresence(io: Io, channel: string, options: PageOptions): Promise<void> {
  const settings = settingsOf(io, options);
  if (options.stats === true) {
    const { num_clients, num_users } = await callApi(io, settings, 'presence_stats', { channel }, io.signal);
    return void (await io.out(
      options.json === true
        ? `${JSON.stringify({ clients: num_clients, users: num_users })}\n`
        : `${plural(num_clients, 'client')}, ${plural(num_users, 'user')}\n`,
    ));
  }
  const { presence } = await callApi(io, settings, 'presence', { channel }, io.signal);
  const clients = toAttendants(presence) ?? [];
  if (options.json === true) return void (await io.out(`${JSON.stringify(clients)}\n`));
  const info = (value: unknown): string => (value === undefined ? '-' : JSON.stringify(value));
  await io.out(
    table(clients, [
      { title: 'CLIENT', value: (row) => row.client },
      { title: 'USER', value: (row) => row.user || '(anonymous)' },
      { title: 'INFO', value: (row) => info(row.connInfo) },
      { title: 'CHANNEL INFO', value: (row) => info(row.chanInfo) },
    ]),
  );
  io.err(`${plural(clients.length, 'client')}\n`);
}

function toAttendants(
  presence:
    | Readonly<Record<string, { client: string; user: string; conn_info?: unknown; chan_info?: unknown }>>
    | undefined,
): readonly Attendant[] | undefined {
  if (presence === undefined) return undefined;
  return Object.values(presence)
    .map(({ client, user, conn_info, chan_info }) => ({
      client,
      user,
      ...(conn_info === undefined ? {} : { connInfo: conn_info }),
      ...(chan_info === undefined ? {} : { chanInfo: chan_info }),
    }))
    .sort((a, b) => (a.user === b.user ? (a.client < b.client ? -1 : 1) : a.user < b.user ? -1 : 1));
}
