/** `trunkline member …` and `trunkline group …`: who belongs to an org, as what, and in which of its groups. For the org's administrators. */
import type { Command } from 'commander';
import { withDirectory, withExample, type ConnectionOptions } from '../connection-options.js';
import { directoryOf, listUpTo } from '../directory.js';
import { CliError } from '../exit.js';
import { dateTime, plural } from '../format.js';
import type { Io } from '../io.js';
import { limitOf, printDone, printList, roleOption, rolesOf, type ListOptions } from './directory-parts.js';

interface AddOptions extends ConnectionOptions {
  readonly role?: readonly string[];
}

export function addMember(program: Command, io: Io): void {
  const member = program
    .command('member')
    .summary('members of an org and their roles')
    .description('Members of an org. Whoever is not in the directory yet is invited: `invite create`.');
  withExample(
    withDirectory(member.command('list'))
      .summary('the members of the org')
      .description("Lists the org's members in the order of their ids.")
      .option('--search <text>', 'only those with this in their id, name or address')
      .option('--limit <n>', 'members at most', '1000')
      .action((options: ListOptions) => list(io, options)),
    'trunkline member list --org acme',
  );
  withExample(
    withDirectory(member.command('add').argument('<user>'))
      .summary('take a user of the directory into the org')
      .description(
        'Takes a user who is in the directory into the org. Of one who is a member, the roles change.',
      )
      .addOption(roleOption())
      .action((user: string, options: AddOptions) =>
        setRoles(io, user, rolesOf(options.role, 'member'), options, `${user} is a member`),
      ),
    'trunkline member add ann --role admin --org acme',
  );
  withExample(
    withDirectory(member.command('role').argument('<user>').argument('<role...>', 'viewer, member or admin'))
      .summary("change a member's roles")
      .description('Gives a member these roles instead of those before. Connections come back with them.')
      .action((user: string, roles: readonly string[], options: ConnectionOptions) =>
        changeRoles(io, user, roles, options),
      ),
    'trunkline member role ann viewer --org acme',
  );
  withExample(
    withDirectory(member.command('remove').argument('<user>'))
      .summary('take a user out of the org')
      .description("Takes a user out of the org and its groups, and closes the user's connections there.")
      .action(async (user: string, options: ConnectionOptions) => {
        await directoryOf(io, options)('directory.removeMember', { user });
        await printDone(io, options, { removed: user }, `${user} is no member any more`);
      }),
    'trunkline member remove ann --org acme',
  );
}

async function list(io: Io, options: ListOptions): Promise<void> {
  const limit = limitOf(options);
  const call = directoryOf(io, options);
  const { search } = options;
  const listed = await listUpTo(limit, async (page) => {
    const { members, next } = await call('directory.members', {
      ...page,
      ...(search === undefined ? {} : { search }),
    });
    return { items: members, next };
  });
  await printList(io, options, listed, 'member', [
    { title: 'USER', value: ({ user }) => user },
    { title: 'NAME', value: ({ name }) => name },
    { title: 'E-MAIL', value: ({ email }) => email ?? '-' },
    { title: 'ROLES', value: ({ roles, disabled }) => `${roles.join(', ')}${disabled ? ' (disabled)' : ''}` },
    { title: 'BY', value: ({ source }) => source },
    { title: 'SINCE', value: ({ sinceMs }) => dateTime(sinceMs) },
    { title: 'SEEN', value: ({ lastSeenMs }) => dateTime(lastSeenMs) },
  ]);
}

async function changeRoles(
  io: Io,
  user: string,
  words: readonly string[],
  options: ConnectionOptions,
): Promise<void> {
  const roles = rolesOf(words);
  const call = directoryOf(io, options);
  const { items } = await listUpTo(100_000, async (page) => {
    const { members, next } = await call('directory.members', { ...page, search: user });
    return { items: members, next };
  });
  if (!items.some((one) => one.user === user))
    throw new CliError('notFound', `${user} is no member of the org`, {
      advice: '`trunkline member add` takes a user of the directory in, `trunkline invite create` anybody.',
    });
  await setRoles(io, user, roles, options, `${user} changed`);
}

async function setRoles(
  io: Io,
  user: string,
  roles: ReturnType<typeof rolesOf>,
  options: ConnectionOptions,
  sentence: string,
): Promise<void> {
  const { member } = await directoryOf(io, options)('directory.setMember', { user, roles });
  await printDone(io, options, member, `${sentence}: ${member.roles.join(', ')}`);
}

export function addGroup(program: Command, io: Io): void {
  const group = program
    .command('group')
    .summary('groups of members')
    .description("Groups of an org's members, for the rules of channels and modules.");
  withExample(
    withDirectory(group.command('list'))
      .summary('the groups of the org')
      .description("Lists the org's groups in the order of their names.")
      .option('--limit <n>', 'groups at most', '1000')
      .action((options: ListOptions) => listGroups(io, options)),
    'trunkline group list --org acme',
  );
  withExample(
    withDirectory(group.command('set').argument('<name>').argument('<user...>', 'members of the org'))
      .summary('make a group, or replace its members')
      .description('Makes a group, or replaces its members. All of them must be members of the org.')
      .action(async (name: string, users: readonly string[], options: ConnectionOptions) => {
        const { group: made } = await directoryOf(io, options)('directory.setGroup', {
          name,
          members: [...users],
        });
        await printDone(io, options, made, `group ${name}: ${plural(made.members.length, 'member')}`);
      }),
    'trunkline group set oncall ann ben --org acme',
  );
  withExample(
    withDirectory(group.command('remove').argument('<name>'))
      .summary('remove a group')
      .description('Removes a group. Its members stay members of the org.')
      .action(async (name: string, options: ConnectionOptions) => {
        await directoryOf(io, options)('directory.removeGroup', { name });
        await printDone(io, options, { removed: name }, `group ${name} removed`);
      }),
    'trunkline group remove oncall --org acme',
  );
}

async function listGroups(io: Io, options: ListOptions): Promise<void> {
  const limit = limitOf(options);
  const call = directoryOf(io, options);
  const listed = await listUpTo(limit, async (page) => {
    const { groups, next } = await call('directory.groups', page);
    return { items: groups, next };
  });
  await printList(io, options, listed, 'group', [
    { title: 'GROUP', value: ({ name }) => name },
    { title: 'CHANGED', value: ({ updatedMs }) => dateTime(updatedMs) },
    { title: 'MEMBERS', value: ({ members }) => members.join(', ') || '-' },
  ]);
}
