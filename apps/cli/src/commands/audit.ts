/** `trunkline audit …`: who did what in an org, or, for operators, to the installation. `tail` asks again every other second, and waits for a server
 * that is away. */
import { sleep } from '@trunkline/base';
import type { AuditRecord } from '@trunkline/contracts/directory';
import type { Command } from 'commander';
import { parseDuration } from '../arguments.js';
import { withDirectory, withExample } from '../connection-options.js';
import { directoryOf, listUpTo, type CallDirectory, type DirectoryParams } from '../directory.js';
import { CliError } from '../exit.js';
import { count, dateTime, oneLine, plural } from '../format.js';
import type { Io } from '../io.js';
import { limitOf, type ListOptions } from './directory-parts.js';

interface AuditOptions extends ListOptions {
  readonly actor?: string;
  readonly action?: string;
  readonly target?: string;
  readonly since?: string;
  readonly installation?: boolean;
}

type Filter = Omit<DirectoryParams<'directory.audit'>, 'limit' | 'after'>;

const INTERVAL_MS = 2_000;
/** Records of one question: few come between two of `tail`. */
const PAGE = 200;
/** Records that may come between two questions of `tail`; of more, the newest are shown and the others are said to be missing. */
const MAX_BETWEEN = 5_000;

export function addAudit(program: Command, io: Io): void {
  const audit = program
    .command('audit')
    .summary('who did what')
    .description('The audit log: who did what in an org, or to the installation.');
  withExample(
    withFilter(audit.command('list'))
      .summary('what was done, newest last')
      .description('Prints the newest records, oldest first; with --json one object per line.')
      .option('--since <duration>', 'only those of the last so long')
      .option('--limit <n>', 'records at most, the newest', '100')
      .action((options: AuditOptions) => list(io, options)),
    'trunkline audit list --action key. --since 7d --org acme',
    'trunkline audit list --installation',
  );
  withExample(
    withFilter(audit.command('tail'))
      .summary('what is done, as it is done')
      .description('Prints records as they are made, until Ctrl-C; with --json one object per line.')
      .option('--limit <n>', 'records of before to begin with', '10')
      .action((options: AuditOptions) => tail(io, options)),
    'trunkline audit tail --org acme --json',
  );
}

function withFilter(command: Command): Command {
  return withDirectory(command)
    .option('--actor <user>', 'only what this user did, or apikey:<name>')
    .option('--action <action>', 'only this, e.g. key.revoked, or a family: key.')
    .option('--target <id>', 'only what was done to this')
    .option('--installation', 'what concerns no org: orgs, users, operators; for operators');
}

function filterOf(io: Io, { actor, action, target, since, installation }: AuditOptions): Filter {
  return {
    ...(actor === undefined ? {} : { actor }),
    ...(action === undefined ? {} : { action }),
    ...(target === undefined ? {} : { target }),
    ...(installation === undefined ? {} : { installation }),
    ...(since === undefined
      ? {}
      : { sinceMs: Math.max(0, Math.floor(io.clock.now() - parseDuration('--since', since))) }),
  };
}

async function list(io: Io, options: AuditOptions): Promise<void> {
  const limit = limitOf(options);
  const filter = filterOf(io, options);
  const call = directoryOf(io, options, { installation: options.installation === true });
  const { items, more } = await newest(call, filter, limit);
  await print(io, options, items);
  if (options.json !== true)
    io.err(
      items.length === 0
        ? 'nothing of the kind was done\n'
        : `${plural(items.length, 'record')}${more ? ' (there are more: --limit)' : ''}\n`,
    );
}

async function tail(io: Io, options: AuditOptions): Promise<void> {
  const limit = limitOf(options);
  const filter = filterOf(io, options);
  const call = directoryOf(io, options, { installation: options.installation === true });
  const before = (await newest(call, filter, limit)).items;
  await print(io, options, before);
  let last = before[0]?.id ?? 0;
  let away = false;
  for (;;) {
    await pause(io);
    if (io.signal.aborted) return;
    try {
      const { items, more } = await newest(call, filter, MAX_BETWEEN, last);
      if (away) io.err('the server answers again\n');
      away = false;
      if (more)
        io.err(
          `${io.paint.yellow('RECORDS ARE MISSING HERE')}: more than ${count(MAX_BETWEEN)} came at once\n`,
        );
      await print(io, options, items);
      last = items[0]?.id ?? last;
    } catch (error) {
      if (io.signal.aborted) return;
      if (!(error instanceof CliError) || error.exit !== 'unreachable') throw error;
      // A server that is started again keeps its log: nothing is lost by waiting.
      if (!away) io.err(`${error.message}; trying again\n`);
      away = true;
    }
  }
}

/** Newest first, those after `last` only; pages older than it are not asked for. */
async function newest(
  call: CallDirectory,
  filter: Filter,
  limit: number,
  last = 0,
): Promise<{ readonly items: readonly AuditRecord[]; readonly more: boolean }> {
  return listUpTo(limit, async (page) => {
    const { records, next } = await call('directory.audit', {
      ...filter,
      ...page,
      limit: Math.min(page.limit, PAGE),
    });
    const items = records.filter(({ id }) => id > last);
    return { items, next: items.length < records.length ? undefined : next };
  });
}

async function print(io: Io, options: AuditOptions, records: readonly AuditRecord[]): Promise<void> {
  const lines = [...records]
    .reverse()
    .map((record) => (options.json === true ? JSON.stringify(record) : lineOf(io, record)));
  if (lines.length > 0) await io.out(`${lines.join('\n')}\n`);
}

function lineOf({ paint }: Io, { atMs, actor, action, target, details, address }: AuditRecord): string {
  const more = Object.keys(details).length === 0 ? '' : ` ${JSON.stringify(details)}`;
  const from = address === '' ? '' : paint.dim(` from ${oneLine(address)}`);
  return `${paint.dim(dateTime(atMs))}  ${oneLine(action).padEnd(20)}  ${oneLine(target)}  by ${oneLine(actor)}${from}${paint.dim(oneLine(more))}`;
}

/** Ends early with Ctrl-C. */
async function pause(io: Io): Promise<void> {
  if (io.signal.aborted) return;
  let stop = (): void => undefined;
  const interrupted = new Promise<void>((resolve) => {
    stop = resolve;
    io.signal.addEventListener('abort', stop, { once: true });
  });
  await Promise.race([sleep(io.clock, INTERVAL_MS), interrupted]);
  io.signal.removeEventListener('abort', stop);
}
