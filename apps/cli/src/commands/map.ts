/** `trunkline map get`, `set` and `remove`: entries of map channels, through the HTTP API. */
import type { ApiResult } from '@trunkline/contracts/api';
import type { Command } from 'commander';
import { callApi } from '../api.js';
import { formatPosition, parseCount, parseData, parseTags } from '../arguments.js';
import { settingsOf, withApi, withExample, type ConnectionOptions } from '../connection-options.js';
import { CliError } from '../exit.js';
import type { Io } from '../io.js';
import { publicationLine, toJsonPublication, type ApiPublication } from '../publications.js';

interface MapCommandOptions extends ConnectionOptions {
  readonly expect?: string;
  readonly tags?: string;
  readonly limit?: string;
}

const PAGE = 1_000;
const MAX_ENTRIES = 1_000_000;

export function addMap(program: Command, io: Io): void {
  const map = program
    .command('map')
    .summary('entries of map channels')
    .description('Reads and writes entries of map channels.');

  withExample(
    withApi(map.command('get'))
      .summary('print entries')
      .description(
        'Prints the entries of a map in key order, or one of them: then only its data. With --json one object per line.',
      )
      .argument('<channel>')
      .argument('[key]')
      .option('--limit <n>', 'entries at most', String(MAX_ENTRIES))
      .action((channel: string, key: string | undefined, options: MapCommandOptions) =>
        key === undefined ? printEntries(io, channel, options) : printEntry(io, channel, key, options),
      ),
    'trunkline map get cursors:7',
    'trunkline map get settings:app theme',
  );

  withExample(
    withExpect(withApi(map.command('set')))
      .summary('write an entry')
      .description('Writes DATA (JSON where it parses, else the text) under KEY.')
      .argument('<channel>')
      .argument('<key>')
      .argument('<data>')
      .option('--tags <tags>', 'tags of the change: name=value,…')
      .action((channel: string, key: string, data: string, options: MapCommandOptions) =>
        write(io, channel, key, { data: parseData(data) }, options),
      ),
    'trunkline map set settings:app theme \'"dark"\'',
    'trunkline map set locks:deploy owner \'"ann"\' --expect absent',
  );

  withExample(
    withExpect(withApi(map.command('remove')))
      .summary('remove an entry')
      .description('Removes KEY. A key that is not there is no failure.')
      .argument('<channel>')
      .argument('<key>')
      .action((channel: string, key: string, options: MapCommandOptions) =>
        write(io, channel, key, undefined, options),
      ),
    'trunkline map remove locks:deploy owner --expect 7',
  );
}

function withExpect(command: Command): Command {
  return command.option(
    '--expect <offset>',
    'only where the entry was last written at this offset, or "absent"; otherwise exit 1',
  );
}

async function* readEntries(
  io: Io,
  channel: string,
  options: MapCommandOptions,
  limit: number,
): AsyncGenerator<ApiResult<'map_state'>, void, undefined> {
  const settings = settingsOf(io, options);
  let cursor: string | undefined;
  for (let left = limit; left > 0;) {
    const page = await callApi(
      io,
      settings,
      'map_state',
      { channel, limit: Math.min(PAGE, left), ...(cursor === undefined ? {} : { cursor }) },
      io.signal,
    );
    yield page;
    left -= page.entries.length;
    if (page.cursor === '') return;
    cursor = page.cursor;
  }
}

async function printEntries(io: Io, channel: string, options: MapCommandOptions): Promise<void> {
  const limit = parseCount('--limit', options.limit ?? String(MAX_ENTRIES), 1, MAX_ENTRIES);
  let shown = 0;
  for await (const { entries, epoch } of readEntries(io, channel, options, limit)) {
    shown += entries.length;
    const toLine = (item: ApiPublication): string =>
      options.json === true
        ? JSON.stringify(toJsonPublication(item, epoch))
        : publicationLine(item, io.paint);
    await io.out(entries.map((item) => `${toLine(item)}\n`).join(''));
    if (io.signal.aborted) throw new CliError('interrupted', 'interrupted');
  }
  if (options.json !== true) io.err(shown === 1 ? '1 entry\n' : `${shown} entries\n`);
}

/** The API has no method for one entry: the pages are read up to it. Keys come in their order, so what lies behind is not read. */
async function printEntry(io: Io, channel: string, key: string, options: MapCommandOptions): Promise<void> {
  for await (const { entries, epoch } of readEntries(io, channel, options, MAX_ENTRIES)) {
    const found = entries.find((item) => item.key === key);
    if (found !== undefined)
      return void (await io.out(
        options.json === true
          ? `${JSON.stringify(toJsonPublication(found, epoch))}\n`
          : `${found.b64data ?? JSON.stringify(found.data ?? null, undefined, 2)}\n`,
      ));
    if (io.signal.aborted) throw new CliError('interrupted', 'interrupted');
  }
  throw new CliError('notFound', `${channel} has no entry ${key}`);
}

async function write(
  io: Io,
  channel: string,
  key: string,
  value: { readonly data: unknown } | undefined,
  options: MapCommandOptions,
): Promise<void> {
  const expect =
    options.expect === undefined
      ? undefined
      : options.expect === 'absent'
        ? ('absent' as const)
        : parseCount('--expect', options.expect, 0, Number.MAX_SAFE_INTEGER);
  const settings = settingsOf(io, options);
  const params = {
    channel,
    key,
    ...(expect === undefined ? {} : { expect }),
    ...(options.tags === undefined ? {} : { tags: parseTags('--tags', options.tags) }),
  };
  const result =
    value === undefined
      ? await callApi(io, settings, 'map_remove', params, io.signal)
      : await callApi(io, settings, 'map_publish', { ...params, ...value }, io.signal);
  if (options.json === true) await io.out(`${JSON.stringify(result)}\n`);
  if (!result.applied) {
    const { current } = result;
    throw new CliError('failure', 'nothing was written: the entry is not what --expect says', {
      advice:
        current === undefined || current.removed === true
          ? 'There is no such entry now: --expect absent would hold.'
          : `It was last written at offset ${current.offset ?? 0}: ${JSON.stringify(current.data ?? null)}`,
    });
  }
  if (options.json !== true)
    await io.out(
      `${value === undefined ? 'removed' : 'written'}${result.offset > 0 ? ` at ${formatPosition(result)}` : ''}\n`,
    );
}
