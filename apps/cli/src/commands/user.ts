/** `trunkline user …`: the people of the installation, whatever their orgs. For operators. */
import type { UserRecord } from '@trunkline/contracts/directory';
import type { Command } from 'commander';
import { withDirectory, withExample, type ConnectionOptions } from '../connection-options.js';
import { directoryOf, listUpTo, type DirectoryParams } from '../directory.js';
import { CliError } from '../exit.js';
import { dateTime, plural, table } from '../format.js';
import type { Io } from '../io.js';
import { factLines, limitOf, printDone, printList, type ListOptions } from './directory-parts.js';

interface SetOptions extends ConnectionOptions {
  readonly name?: string;
  /** False: `--no-operator`. */
  readonly operator?: boolean;
}

const WHOLE = { installation: true } as const;

export function addUser(program: Command, io: Io): void {
  const user = program
    .command('user')
    .summary('people of the installation, for operators')
    .description('Users of the installation, whatever their orgs. For operators. Membership is `member`.');
  withExample(
    withDirectory(user.command('list'))
      .summary('everybody who ever signed in')
      .description('Lists users in the order of their ids.')
      .option('--search <text>', 'only those with this in their id, name or address')
      .option('--limit <n>', 'users at most', '1000')
      .action((options: ListOptions) => list(io, options)),
    'trunkline user list --search ann',
  );
  withExample(
    withDirectory(user.command('show').argument('<user>'))
      .summary('one user, with orgs and console sessions')
      .description('Shows one user: who vouches for it, its orgs and roles, and where it is signed in.')
      .action((id: string, options: ConnectionOptions) => show(io, id, options)),
    'trunkline user show ann',
  );
  for (const [name, disabled, summary, description] of [
    [
      'disable',
      true,
      'keep a user out',
      'Keeps a user out: ends console sessions and connections, and refuses new ones.',
    ],
    ['enable', false, 'let a user in again', 'Lets a user who was disabled sign in and connect again.'],
  ] as const)
    withExample(
      withDirectory(user.command(name).argument('<user>'))
        .summary(summary)
        .description(description)
        .action((id: string, options: ConnectionOptions) =>
          update(io, { user: id, disabled }, options, `user ${id} ${name}d`),
        ),
      `trunkline user ${name} ann`,
    );
  withExample(
    withDirectory(user.command('set').argument('<user>'))
      .summary('rename a user, or make one an operator')
      .description(
        'Renames a user, or lets one run the installation. The last operator stays one. A user whom the identity provider makes an operator is one again at the next sign-in.',
      )
      .option('--name <name>', 'name for people')
      .option('--operator', 'may run the installation')
      .option('--no-operator', 'may not any more')
      .action((id: string, options: SetOptions) => set(io, id, options)),
    'trunkline user set ann --operator',
  );
  withExample(
    withDirectory(user.command('sign-out').argument('<user>'))
      .summary("end a user's console sessions")
      .description('Ends all console sessions of a user, with the connections that were opened in them.')
      .action((id: string, options: ConnectionOptions) => signOut(io, id, options)),
    'trunkline user sign-out ann',
  );
}

async function list(io: Io, options: ListOptions): Promise<void> {
  const limit = limitOf(options);
  const call = directoryOf(io, options, WHOLE);
  const { search } = options;
  const listed = await listUpTo(limit, async (page) => {
    const { users, next } = await call('directory.users', {
      ...page,
      ...(search === undefined ? {} : { search }),
    });
    return { items: users, next };
  });
  await printList<UserRecord>(io, options, listed, 'user', [
    { title: 'USER', value: ({ id }) => id },
    { title: 'NAME', value: ({ name }) => name },
    { title: 'E-MAIL', value: ({ email }) => email ?? '-' },
    { title: 'STATE', value: stateOf },
    { title: 'SEEN', value: ({ lastSeenMs }) => dateTime(lastSeenMs) },
    { title: 'FROM', value: ({ issuer }) => issuer },
  ]);
}

function stateOf({ disabled, operator }: { readonly disabled: boolean; readonly operator: boolean }): string {
  const words = [...(operator ? ['operator'] : []), ...(disabled ? ['disabled'] : [])];
  return words.join(', ') || 'active';
}

async function show(io: Io, id: string, options: ConnectionOptions): Promise<void> {
  const call = directoryOf(io, options, WHOLE);
  const { user, orgs } = await call('directory.user', { user: id });
  const { sessions } = await call('directory.sessions', { user: id });
  if (options.json === true) return void (await io.out(`${JSON.stringify({ ...user, orgs, sessions })}\n`));
  await io.out(
    factLines([
      ['user', user.id],
      ['name', user.name],
      ['e-mail', user.email ?? '-'],
      ['state', stateOf(user)],
      ['from', `${user.issuer} (${user.subject})`],
      ['since', dateTime(user.createdMs)],
      ['seen', dateTime(user.lastSeenMs)],
      ['orgs', orgs.map(({ org, roles }) => `${org} (${roles.join(', ')})`).join(', ') || 'none'],
    ]),
  );
  if (sessions.length > 0)
    await io.out(
      `\n${table(sessions, [
        { title: 'SESSION', value: (one) => one.id },
        { title: 'BY', value: (one) => one.door },
        { title: 'SEEN', value: (one) => dateTime(one.lastSeenMs) },
        { title: 'UNTIL', value: (one) => dateTime(one.expiresMs) },
        { title: 'FROM', value: (one) => one.address },
      ])}`,
    );
}

async function set(io: Io, id: string, { name, operator, ...options }: SetOptions): Promise<void> {
  if (name === undefined && operator === undefined)
    throw new CliError('usage', 'nothing to change: give --name, --operator or --no-operator');
  const changes = {
    ...(name === undefined ? {} : { name }),
    ...(operator === undefined ? {} : { operator }),
  };
  await update(io, { user: id, ...changes }, options, `user ${id} changed`);
}

async function update(
  io: Io,
  params: DirectoryParams<'directory.updateUser'>,
  options: ConnectionOptions,
  sentence: string,
): Promise<void> {
  const { user } = await directoryOf(io, options, WHOLE)('directory.updateUser', params);
  await printDone(io, options, user, sentence);
}

async function signOut(io: Io, id: string, options: ConnectionOptions): Promise<void> {
  const { ended } = await directoryOf(io, options, WHOLE)('directory.endSessions', { user: id });
  await printDone(
    io,
    options,
    { ended },
    ended === 0 ? `${id} is signed in nowhere` : `${plural(ended, 'session')} ended`,
  );
}
