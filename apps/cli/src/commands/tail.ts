/** `trunkline tail`: follows channels live, and says so when it is not live. Ends with Ctrl-C, exit 0. */
import { matchesFilter } from '@trunkline/protocol';
import type { Command } from 'commander';
import { parseCount, parseFilter, parsePosition } from '../arguments.js';
import { settingsOf, withExample, withToken, type ConnectionOptions } from '../connection-options.js';
import { CliError } from '../exit.js';
import type { Io } from '../io.js';
import type { Connect, LiveConnection } from '../live.js';
import { createTailPrinter } from '../tail-printer.js';

interface TailCommandOptions extends ConnectionOptions {
  readonly since?: string;
  readonly history?: string;
  readonly map?: boolean;
  readonly filter?: string;
}

/** What one history call returns at most by default. */
const MAX_HISTORY = 1_000;

export function addTail(program: Command, io: Io, connect: Connect): void {
  withExample(
    withToken(program.command('tail'))
      .summary('follow channels live')
      .description(
        'Prints publications as they come: time of arrival, offset, data. Standard error tells whether the channel is live or recovering, and reports every loss. With --json every event is one object per line. A server that was restarted is awaited, and every channel continues from its position.',
      )
      .argument('<channel...>')
      .option('--since <offset@epoch>', 'begin after this position; one channel only')
      .option('--history <n>', 'begin with the newest n retained publications')
      .option('--map', 'the channels are maps: begin with all entries')
      .option(
        '--filter <tags>',
        'only publications whose tags match: name=value,name!=value; a|b for one of several (needs allowTagsFilter in the namespace)',
      )
      .action((channels: string[], options: TailCommandOptions) => tail(io, connect, channels, options)),
    'trunkline tail news:today --history 20',
    'trunkline tail logs:api --filter level=error --json | jq -c .data',
  );
}

async function tail(
  io: Io,
  connect: Connect,
  channels: readonly string[],
  options: TailCommandOptions,
): Promise<void> {
  checkUse(channels, options);
  const since = options.since === undefined ? undefined : parsePosition('--since', options.since);
  const history =
    options.history === undefined ? 0 : parseCount('--history', options.history, 0, MAX_HISTORY);
  const filter = options.filter === undefined ? undefined : parseFilter('--filter', options.filter);
  const live = await connect(settingsOf(io, options), () => settingsOf(io, options));
  const interrupted = new Promise<void>((resolve) => {
    if (io.signal.aborted) resolve();
    else io.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  try {
    await Promise.race([interrupted, live.failed, start()]);
    await Promise.race([interrupted, live.failed]);
  } finally {
    live.close();
  }

  async function start(): Promise<void> {
    for (const channel of new Set(channels)) {
      const printer = createTailPrinter(
        channel,
        { out: (text) => void io.out(text), err: io.err, paint: io.paint, clock: io.clock },
        { json: options.json === true, withChannel: channels.length > 1 },
      );
      const from =
        since ?? (history > 0 ? await printHistory(live, channel, history, printer, filter) : undefined);
      if (io.signal.aborted) return;
      live.follow(channel, { map: options.map === true, since: from, filter }, printer);
    }
  }
}

/** The position after what was printed, so that the subscription continues without a hole. */
async function printHistory(
  live: LiveConnection,
  channel: string,
  limit: number,
  printer: ReturnType<typeof createTailPrinter>,
  filter: ReturnType<typeof parseFilter> | undefined,
): Promise<{ readonly epoch: string; readonly offset: number } | undefined> {
  const { publications, position } = await live.history(channel, limit);
  printer.history(
    publications.filter(({ tags }) => filter === undefined || matchesFilter(filter, tags ?? {})),
    position.epoch,
  );
  return position.epoch === '' ? undefined : position;
}

function checkUse(channels: readonly string[], { since, history, map }: TailCommandOptions): void {
  if (since !== undefined && channels.length > 1)
    throw new CliError('usage', '--since is a position of one channel; give one channel');
  if (since !== undefined && history !== undefined)
    throw new CliError('usage', 'give either --since or --history');
  if (map === true && (since !== undefined || history !== undefined))
    throw new CliError('usage', '--map begins with all entries; --since and --history are for streams');
}
