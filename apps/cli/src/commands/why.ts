/**
 * `trunkline why`: why a client did not get a message. Collects what the node says of the connections, the channel, its namespace and recent
 * events; the conclusions are those of the console (`@trunkline/contracts/diagnosis`).
 */
import type { ApiResult } from '@trunkline/contracts/api';
import {
  diagnose,
  diagnoseAbsent,
  namespaceFor,
  type ConnectionFacts,
  type Diagnosis,
  type NamespaceFacts,
  type Words,
} from '@trunkline/contracts/diagnosis';
import type { Command } from 'commander';
import { callTogether, resultOf, toCliError } from '../api.js';
import { parseCount } from '../arguments.js';
import { settingsOf, withApi, withExample } from '../connection-options.js';
import { eventLine, toClientEvent, type ClientEvent } from '../events.js';
import type { ExitName } from '../exit.js';
import { bytes, count, oneLine, plural } from '../format.js';
import type { Io } from '../io.js';
import { dateTime } from '../publications.js';
import { audienceOf } from './node.js';
import { requireTarget, withTarget, type TargetOptions } from './subscriptions.js';

interface WhyOptions extends TargetOptions {
  readonly offset?: string;
}

const MAX_CONNECTIONS = 1_000;
const MAX_EVENTS = 1_000;
/** Events shown below a diagnosis. */
const SHOWN_EVENTS = 5;

const WORDS: Words = { count, plural, bytes, dateTime };

interface Answer extends Diagnosis {
  /** Null where there is no connection. */
  readonly client: string | null;
  readonly user: string;
  readonly events: readonly ClientEvent[];
}

export function addWhy(program: Command, io: Io, end: (exit: ExitName) => void): void {
  withExample(
    withTarget(withApi(program.command('why')))
      .summary('why a client did not get a message')
      .description(
        'Explains why a client, or the connections of a user, did not get what was published in CHANNEL: not connected, not subscribed, denied, dropped, behind, cut off, or handed over. It speaks of all nodes that answer. With --json one object per connection and line. Exit 0 where all is well, 1 where something was found.',
      )
      .argument('<channel>')
      .option('--offset <n>', 'the publication in question')
      .action(async (channel: string, options: WhyOptions) => end(await explain(io, channel, options))),
    'trunkline why news:today --user ann --offset 42',
  );
}

async function explain(io: Io, channel: string, options: WhyOptions): Promise<ExitName> {
  const target = requireTarget(options);
  const offset =
    options.offset === undefined
      ? undefined
      : parseCount('--offset', options.offset, 1, Number.MAX_SAFE_INTEGER);
  const settings = settingsOf(io, options);
  const replies = await callTogether(
    io,
    settings,
    {
      connections: { ...target, limit: MAX_CONNECTIONS },
      history: { channel },
      namespaces: {},
      events: { ...target, channel, limit: MAX_EVENTS },
    },
    io.signal,
  );
  if (replies.connections.kind === 'error')
    throw toCliError(
      { kind: 'refused', error: replies.connections.error, status: 200, temporary: false },
      settings,
      'connections',
    );
  const { connections, total } = replies.connections.result;
  const history = resultOf(replies.history);
  const top = history === undefined || history.epoch === '' ? undefined : history;
  const publishedAtMs =
    offset === undefined || top === undefined || offset > top.offset
      ? undefined
      : await publishedAt(io, settings, channel, offset, top.epoch);
  const namespace = toNamespace(channel, resultOf(replies.namespaces)?.namespaces);
  const events = (resultOf(replies.events)?.events ?? []).map(toClientEvent);
  const answers: Answer[] = Object.entries(connections).map(([client, connection]) => {
    const own = events.filter((event) => event.client === client);
    const diagnosis = diagnose(
      {
        connection: toFacts(connection),
        channel,
        top,
        namespace,
        offset,
        publishedAtMs,
        events: own,
      },
      WORDS,
    );
    return { client, user: connection.user, ...diagnosis, events: about(own, channel) };
  });
  if (answers.length === 0) {
    const { user, client } = target;
    const own = events.filter(
      (event) =>
        (user === undefined || event.user === user) && (client === undefined || event.client === client),
    );
    const who = client === undefined ? `User ${user ?? ''}` : `Client ${client}`;
    answers.push({
      client: null,
      user: user ?? '',
      ...diagnoseAbsent(who, channel, own, WORDS),
      events: about(own, channel),
    });
  }
  await io.out(
    answers
      .map((answer) => (options.json === true ? `${JSON.stringify(answer)}\n` : toText(io, answer)))
      .join(options.json === true ? '' : '\n'),
  );
  if (options.json !== true) {
    if (replies.history.kind === 'error')
      io.err(`the channel: ${replies.history.error.message} (${replies.history.error.code})\n`);
    if (replies.events.kind === 'error')
      io.err('this server remembers no events: refusals and losses of the past are not told\n');
    if (total > answers.length)
      io.err(`only the newest ${count(answers.length)} of ${count(total)} connections\n`);
  }
  return answers.some(({ tone }) => tone === 'bad') ? 'failure' : 'ok';
}

type Connection = ApiResult<'connections'>['connections'][string];

function toFacts({ outbox_messages, outbox_bytes, state }: Connection): ConnectionFacts {
  return {
    outboxMessages: outbox_messages,
    outboxBytes: outbox_bytes,
    subscriptions: Object.entries(state.channels).map(([channel, { offset, epoch, ...more }]) => ({
      channel,
      position: { offset, epoch },
      ...more,
    })),
  };
}

function toNamespace(
  channel: string,
  namespaces: ApiResult<'namespaces'>['namespaces'] | undefined,
): NamespaceFacts | undefined {
  const found = namespaces === undefined ? undefined : namespaceFor(channel, namespaces);
  return found === undefined
    ? undefined
    : { name: found.name, allowSubscribe: audienceOf(found, 'allow_subscribe') };
}

/** When the publication was accepted, where the history still has it. */
async function publishedAt(
  io: Io,
  settings: ReturnType<typeof settingsOf>,
  channel: string,
  offset: number,
  epoch: string,
): Promise<number | undefined> {
  const since = { offset: offset - 1, epoch };
  const replies = await callTogether(io, settings, { history: { channel, limit: 1, since } }, io.signal);
  return resultOf(replies.history)?.publications.find((item) => item.offset === offset)?.time;
}

/** Of this channel, and ends of connections, which concern every channel. Newest first. */
function about(events: readonly ClientEvent[], channel: string): readonly ClientEvent[] {
  return events
    .filter((event) => event.channel === undefined || event.channel === channel)
    .slice(0, SHOWN_EVENTS);
}

function toText(io: Io, { client, user, tone, verdict, reasons, events }: Answer): string {
  const colour = { good: io.paint.green, wait: io.paint.yellow, bad: io.paint.red }[tone];
  const who =
    client === null
      ? user === ''
        ? ''
        : `User ${user}: `
      : `${user === '' ? '(anonymous)' : user}, client ${client}: `;
  const lines = [
    `${oneLine(who)}${colour(oneLine(verdict))}`,
    ...reasons.map((reason) => `  ${oneLine(reason)}`),
    ...events.map((event) => `  ${eventLine(event, io.paint)}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}
