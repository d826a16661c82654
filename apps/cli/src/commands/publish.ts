/**
 * `trunkline publish`: one publication from an argument, or one per line of standard input. Lines are published in order; each carries an
 * idempotency key, so that a line whose answer was lost in a restart is not published a second time.
 */
import { randomId } from '@trunkline/base';
import type { Command } from 'commander';
import { callApi, post, toSendOutcome, type SendOutcome } from '../api.js';
import { parseData, parseDuration, parseTags } from '../arguments.js';
import { settingsOf, withApi, withExample, type ConnectionOptions } from '../connection-options.js';
import { CliError, type ExitName } from '../exit.js';
import { plural } from '../format.js';
import type { Io } from '../io.js';
import { LINE_PUBLISHER_DEFAULTS, LinePublisher, type Outgoing } from '../line-publisher.js';
import { readLines } from '../lines.js';
import type { Settings } from '../settings.js';

interface PublishOptions extends ConnectionOptions {
  readonly stdin?: boolean;
  readonly key?: string;
  readonly remove?: boolean;
  readonly tags?: string;
  readonly idempotencyKey?: string;
  readonly retryFor?: string;
  readonly quiet?: boolean;
}

/** What a publication has besides its data. */
export interface Common {
  readonly channel: string;
  readonly key: string | undefined;
  readonly tags: Readonly<Record<string, string>> | undefined;
}

/** Longest line taken; servers refuse longer publications by default. */
const MAX_LINE_UNITS = 1_000_000;

export function addPublish(program: Command, io: Io, end: (exit: ExitName) => void): void {
  const command = withApi(program.command('publish'))
    .summary('publish into a channel')
    .description(
      'Publishes DATA into CHANNEL: JSON where it parses, else the text. With --stdin every line becomes one publication, in order: JSON where it parses, else {"line": "…"}.',
    )
    .argument('<channel>')
    .argument('[data]')
    .option('--stdin', 'publish the lines of standard input')
    .option('--key <key>', 'write this entry of a map channel')
    .option('--remove', 'with --key: remove the entry')
    .option('--tags <tags>', 'tags of the publication: name=value,…')
    .option('--idempotency-key <key>', 'a repeat with the same key publishes nothing')
    .option(
      '--retry-for <duration>',
      'with --stdin: how long to keep trying when the server is away; "forever" may publish lines twice',
      '4m',
    )
    .option('--quiet', 'with --stdin: no summary')
    .action(async (channel: string, data: string | undefined, options: PublishOptions) => {
      const common: Common = {
        channel,
        key: options.key,
        tags: options.tags === undefined ? undefined : parseTags('--tags', options.tags),
      };
      const settings = settingsOf(io, options);
      checkUse(data, options);
      end(
        options.stdin === true
          ? await publishLines(io, settings, common, options)
          : await publishOne(io, settings, common, data, options),
      );
    });
  withExample(
    command,
    `trunkline publish news:today '{"headline": "it works"}'`,
    'tail -F app.log | trunkline publish logs:app --stdin',
  );
}

function checkUse(data: string | undefined, options: PublishOptions): void {
  const refuse = (message: string, advice?: string): never => {
    throw new CliError('usage', message, { advice });
  };
  if (options.remove === true) {
    if (options.key === undefined)
      refuse('--remove needs --key: only entries of a map channel can be removed');
    if (data !== undefined || options.stdin === true) refuse('--remove takes no data');
  } else if (options.stdin === true) {
    if (data !== undefined) refuse('give either data or --stdin, not both');
    if (options.idempotencyKey !== undefined)
      refuse('--idempotency-key is for one publication; lines get keys of their own');
  } else if (data === undefined)
    refuse('nothing to publish', 'Give the data as an argument, or pipe lines and add --stdin.');
}

async function publishOne(
  io: Io,
  settings: Settings,
  common: Common,
  data: string | undefined,
  options: PublishOptions,
): Promise<ExitName> {
  const { channel, key, tags } = common;
  const shared = {
    channel,
    ...(tags === undefined ? {} : { tags }),
    ...(options.idempotencyKey === undefined ? {} : { idempotency_key: options.idempotencyKey }),
  };
  const value = parseData(data ?? 'null');
  const result =
    key === undefined
      ? await callApi(io, settings, 'publish', { ...shared, data: value }, io.signal)
      : options.remove === true
        ? await callApi(io, settings, 'map_remove', { ...shared, key }, io.signal)
        : await callApi(io, settings, 'map_publish', { ...shared, key, data: value }, io.signal);
  const done = options.remove === true ? 'removed' : 'published';
  await io.out(
    options.json === true
      ? `${JSON.stringify(result)}\n`
      : result.offset > 0
        ? `${done} at offset ${result.offset} of epoch ${result.epoch}\n`
        : `${done} (the channel keeps no history)\n`,
  );
  return 'ok';
}

async function publishLines(
  io: Io,
  settings: Settings,
  common: Common,
  options: PublishOptions,
): Promise<ExitName> {
  if (io.inputIsTerminal) io.err('reading lines from the terminal; end with Ctrl-D\n');
  const retryForMs =
    options.retryFor === undefined
      ? LINE_PUBLISHER_DEFAULTS.retryForMs
      : options.retryFor === 'forever'
        ? Infinity
        : parseDuration('--retry-for', options.retryFor);
  const publisher = new LinePublisher(
    {
      clock: io.clock,
      random: io.random,
      signal: io.signal,
      report: (text) => io.err(`${text}\n`),
      send: createSender(io, settings, common, () => settingsOf(io, options)),
    },
    randomId(io.random),
    { retryForMs },
  );
  const totals = await publisher.run(readLines(io.input, MAX_LINE_UNITS));
  if (options.json === true) await io.out(`${JSON.stringify(totals)}\n`);
  else if (options.quiet !== true) {
    const more = [
      totals.refused > 0 ? `${totals.refused} refused` : '',
      totals.unsent > 0 ? `${totals.unsent} not sent` : '',
    ].filter((text) => text !== '');
    io.err(`${plural(totals.published, 'line')} published${more.length > 0 ? `, ${more.join(', ')}` : ''}\n`);
  }
  if (totals.unsent > 0) return 'interrupted';
  return totals.refused > 0 ? 'failure' : 'ok';
}

/**
 * A development server that was started again has another key, which it leaves where the first was found. A key that worked is therefore not
 * given up at once: it is looked for again, and until there is another, the refusal counts as one that may pass.
 */
export function createSender(
  io: Pick<Io, 'fetch' | 'clock'>,
  first: Settings,
  common: Common,
  lookAgain: () => Settings,
): (lines: readonly Outgoing[]) => Promise<SendOutcome> {
  let settings = first;
  let accepted = false;
  return async (lines) => {
    // Not given the signal of Ctrl-C: a batch that is on its way is awaited, or its fate would be unknown.
    const outcome = await post(io, settings, 'batch', {
      commands: lines.map((line) => toCommand(common, line)),
    });
    if (outcome.kind === 'answered') accepted = true;
    if (outcome.kind === 'refused' && outcome.status === 401 && accepted && settings.keyFromState) {
      settings = tryAgain(lookAgain) ?? settings;
      return { ...outcome, temporary: true };
    }
    return toSendOutcome(outcome, lines.length);
  };
}

/** The file may be half-way between two servers. */
function tryAgain(look: () => Settings): Settings | undefined {
  try {
    const settings = look();
    return settings.keyFromState ? settings : undefined;
  } catch {
    return undefined;
  }
}

function toCommand({ channel, key, tags }: Common, { data, idempotencyKey }: Outgoing): object {
  const params = { channel, data, idempotency_key: idempotencyKey, ...(tags === undefined ? {} : { tags }) };
  return key === undefined ? { publish: params } : { map_publish: { ...params, key } };
}
