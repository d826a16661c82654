/**
 * `trunkline key …`: keys of the HTTP API. They live in the server's directory, where they can be listed, rotated and revoked while it runs; with
 * `--for-config`, `create` makes one that lives in the configuration instead (`key-config.ts`): the first key of an installation is one of those.
 */
import { createHash } from 'node:crypto';
import type { KeyRecord } from '@trunkline/contracts/directory';
import type { Command } from 'commander';
import { parseDuration } from '../arguments.js';
import { withDirectory, withExample, type ConnectionOptions } from '../connection-options.js';
import { directoryOf, listUpTo, type CallDirectory } from '../directory.js';
import { CliError } from '../exit.js';
import { dateTime, duration } from '../format.js';
import type { Io } from '../io.js';
import { collect, limitOf, printDone, printList, type ListOptions } from './directory-parts.js';
import { requireKeyName, requireOrg, requireScopes, createConfigKey } from './key-config.js';

interface CreateOptions extends ConnectionOptions {
  readonly name: string;
  readonly scope?: readonly string[];
  readonly allOrgs?: boolean;
  readonly expiresIn?: string;
  readonly forConfig?: boolean;
}

interface ListKeysOptions extends ListOptions {
  readonly revoked?: boolean;
}

interface RotateOptions extends ConnectionOptions {
  readonly overlap: string;
  readonly expiresIn?: string;
}

export function addKey(program: Command, io: Io): void {
  const key = program.command('key').summary('API keys').description('Keys of the HTTP API.');
  withExample(
    withDirectory(key.command('create'))
      .summary('make an API key')
      .description(
        "Makes an API key in the server's directory and prints it: it is shown once and kept nowhere. With --for-config no server is asked: the key is made here, and the lines of the configuration that let it in are printed with it.",
      )
      .option('--name <name>', 'name of the key, for logs and audits', 'cli')
      .option('--scope <method>', 'API method or module it may use; may be repeated; absent: all', collect)
      .option('--all-orgs', 'a key of all orgs, which names one with each request; for operators')
      .option('--expires-in <duration>', 'life of the key; absent: without end')
      .option('--for-config', 'make a key of the configuration; org "*" for all')
      .action((options: CreateOptions) => create(io, options)),
    'trunkline key create --name ci --org acme --scope publish --scope broadcast',
    "trunkline key create --for-config --name operator --org '*'",
  );
  withExample(
    withDirectory(key.command('list'))
      .summary('keys of the org')
      .description(
        "Lists the org's keys in the directory, newest first; for operators those of all orgs too. Keys of the configuration are not among them: `config show`.",
      )
      .option('--revoked', 'those that were revoked too')
      .option('--limit <n>', 'keys at most', '1000')
      .action((options: ListKeysOptions) => list(io, options)),
    'trunkline key list --org acme',
  );
  withExample(
    withDirectory(key.command('rotate').argument('<key>', 'name or id'))
      .summary('a new key in the place of one, which works for a while yet')
      .description(
        'Makes a key of the same name and scopes and prints it once. The one before works for --overlap more, so that its users can change over.',
      )
      .option('--overlap <duration>', 'how long both work, at most 90d; 0s: the old one ends now', '24h')
      .option('--expires-in <duration>', 'life of the new key; absent: without end')
      .action((which: string, options: RotateOptions) => rotate(io, which, options)),
    'trunkline key rotate ci --overlap 1h --org acme',
  );
  withExample(
    withDirectory(key.command('revoke').argument('<key>', 'name or id'))
      .summary('end a key for good')
      .description('Ends a key for good, on every node within seconds.')
      .action((which: string, options: ConnectionOptions) => revoke(io, which, options)),
    'trunkline key revoke ci --org acme',
  );
}

async function create(io: Io, options: CreateOptions): Promise<void> {
  const { name, scope, allOrgs, expiresIn } = options;
  requireKeyName(name);
  if (options.forConfig === true) {
    if (expiresIn !== undefined)
      throw new CliError('usage', '--expires-in: a key of the configuration does not end by itself');
    return createConfigKey(io, {
      name,
      scope,
      json: options.json,
      org: allOrgs === true ? '*' : options.org,
    });
  }
  if (options.org === '*')
    throw new CliError('usage', '--org names one org', {
      advice: 'A key of all orgs is made with --all-orgs.',
    });
  requireOrg(options.org);
  await requireScopes(scope, true);
  const expiresMs = expiresIn === undefined ? undefined : endOf(io, expiresIn);
  const { key, secret } = await directoryOf(io, options, { installation: allOrgs === true })(
    'directory.createKey',
    {
      name,
      ...(scope === undefined ? {} : { scopes: [...scope] }),
      ...(allOrgs === true ? { allOrgs } : {}),
      ...(expiresMs === undefined ? {} : { expiresMs }),
    },
  );
  await printNew(io, options, key, secret, '');
}

async function list(io: Io, options: ListKeysOptions): Promise<void> {
  const limit = limitOf(options);
  const listed = await keysOf(directoryOf(io, options), limit, options.revoked === true);
  const now = io.clock.now();
  await printList(io, options, listed, 'key', [
    { title: 'NAME', value: ({ name }) => name },
    { title: 'ORG', value: ({ org }) => org },
    { title: 'SCOPES', value: ({ scopes }) => scopes.join(', ') },
    { title: 'STATE', value: (one) => stateOf(one, now) },
    { title: 'USED', value: ({ lastUsedMs }) => dateTime(lastUsedMs) },
    { title: 'CREATED', value: ({ createdMs, createdBy }) => `${dateTime(createdMs)} by ${createdBy}` },
    { title: 'ID', value: ({ id }) => id },
  ]);
}

async function rotate(io: Io, which: string, options: RotateOptions): Promise<void> {
  const overlapMs = parseDuration('--overlap', options.overlap);
  const expiresMs = options.expiresIn === undefined ? undefined : endOf(io, options.expiresIn);
  const call = directoryOf(io, options);
  const old = await find(call, which, io.clock.now());
  const { key, replaced, secret } = await call('directory.rotateKey', {
    id: old.id,
    overlapMs,
    ...(expiresMs === undefined ? {} : { expiresMs }),
  });
  const until =
    overlapMs === 0 ? 'does not work any more' : `works for ${duration(overlapMs)} more (${replaced.id})`;
  await printNew(io, options, key, secret, `The one before ${until}.\n`, { replaced });
}

async function revoke(io: Io, which: string, options: ConnectionOptions): Promise<void> {
  const call = directoryOf(io, options);
  const found = await find(call, which, io.clock.now());
  const { key } = await call('directory.revokeKey', { id: found.id });
  await printDone(io, options, key, `key ${key.name} (${key.id}) is revoked`);
}

/** The key alone on standard output, so that it can be piped; what goes with it beside. */
async function printNew(
  io: Io,
  { json }: ConnectionOptions,
  { id, name, org, scopes, expiresMs }: KeyRecord,
  secret: string | undefined,
  more: string,
  fields: object = {},
): Promise<void> {
  if (secret === undefined) throw new CliError('failure', 'the server did not show the key');
  const sha256 = createHash('sha256').update(secret).digest('hex');
  if (json === true)
    return void (await io.out(
      `${JSON.stringify({ key: secret, sha256, id, name, org, scopes, expiresMs, ...fields })}\n`,
    ));
  await io.out(`${secret}\n`);
  io.err(
    `Key ${name} (${id}) of ${org === '*' ? 'all orgs' : `org ${org}`}. Keep it: it cannot be shown again.\n${more}`,
  );
}

/** By id, or by name among those that work: of two of a name (a rotation), the newer one. */
async function find(call: CallDirectory, which: string, nowMs: number): Promise<KeyRecord> {
  const { items } = await keysOf(call, 100_000, true);
  const found =
    items.find(({ id }) => id === which) ??
    items.find((one) => one.name === which && one.revokedMs === null) ??
    items.find((one) => one.name === which && (one.revokedMs ?? 0) > nowMs);
  if (found === undefined)
    throw new CliError('notFound', `there is no key ${which} in the directory`, {
      advice: '`trunkline key list` shows those there are; keys of the configuration are changed there.',
    });
  return found;
}

function keysOf(call: CallDirectory, limit: number, revoked: boolean) {
  return listUpTo(limit, async (page) => {
    const { keys, next } = await call('directory.keys', { ...page, ...(revoked ? { revoked } : {}) });
    return { items: keys, next };
  });
}

function stateOf({ expiresMs, revokedMs }: KeyRecord, nowMs: number): string {
  if (revokedMs !== null)
    return revokedMs > nowMs
      ? `replaced, works until ${dateTime(revokedMs)}`
      : `revoked ${dateTime(revokedMs)}`;
  if (expiresMs === null) return 'works';
  return expiresMs > nowMs ? `works until ${dateTime(expiresMs)}` : `ended ${dateTime(expiresMs)}`;
}

function endOf(io: Io, text: string): number {
  return Math.round(io.clock.now() + parseDuration('--expires-in', text));
}
