/** `trunkline invite …`: an org's word that whoever proves to have an e-mail address may join it. For the org's administrators. */
import type { Command } from 'commander';
import { parseDuration } from '../arguments.js';
import { settingsOf, withDirectory, withExample, type ConnectionOptions } from '../connection-options.js';
import { directoryOf, listUpTo, type CallDirectory } from '../directory.js';
import { CliError } from '../exit.js';
import { dateTime } from '../format.js';
import type { Io } from '../io.js';
import { limitOf, printDone, printList, roleOption, rolesOf, type ListOptions } from './directory-parts.js';

interface InviteOptions extends ConnectionOptions {
  readonly role?: readonly string[];
  readonly ttl: string;
}

export function addInvite(program: Command, io: Io): void {
  const invite = program
    .command('invite')
    .summary('invitations into an org')
    .description(
      'Invitations into an org. Whoever signs in with the address, verified by the identity provider, becomes a member.',
    );
  withExample(
    withDirectory(invite.command('create').argument('<email>'))
      .summary('invite an e-mail address')
      .description(
        'Invites an e-mail address and prints the link to send. It takes the place of an open invitation of the same address. The link leads to sign-in: it opens nothing by itself.',
      )
      .addOption(roleOption())
      .option('--ttl <duration>', 'how long it is open, at most 90d', '7d')
      .action((email: string, options: InviteOptions) => create(io, email, options)),
    'trunkline invite create ann@example.com --role member --org acme',
  );
  withExample(
    withDirectory(invite.command('list'))
      .summary('open invitations')
      .description("Lists the org's invitations that can still be accepted, newest first.")
      .option('--limit <n>', 'invitations at most', '1000')
      .action((options: ListOptions) => list(io, options)),
    'trunkline invite list --org acme',
  );
  withExample(
    withDirectory(invite.command('revoke').argument('<id>', 'id or e-mail address'))
      .summary('take an invitation back')
      .description('Takes an open invitation back, by its id or by its e-mail address.')
      .action((which: string, options: ConnectionOptions) => revoke(io, which, options)),
    'trunkline invite revoke ann@example.com --org acme',
  );
}

async function create(io: Io, email: string, options: InviteOptions): Promise<void> {
  const ttlMs = parseDuration('--ttl', options.ttl);
  const roles = rolesOf(options.role, 'member');
  const { invitation, token } = await directoryOf(io, options)('directory.invite', { email, roles, ttlMs });
  const link =
    token === undefined
      ? undefined
      : `${settingsOf(io, options).url}/console/invitation?token=${encodeURIComponent(token)}`;
  if (options.json === true)
    return void (await io.out(
      `${JSON.stringify({ ...invitation, ...(link === undefined ? {} : { link }) })}\n`,
    ));
  await io.out(link === undefined ? '' : `${link}\n`);
  io.err(
    `${invitation.email} may join as ${invitation.roles.join(', ')} until ${dateTime(invitation.expiresMs)}. Send the link: nobody else does.\n`,
  );
}

async function list(io: Io, options: ListOptions): Promise<void> {
  const listed = await open(directoryOf(io, options), limitOf(options));
  await printList(io, options, listed, 'open invitation', [
    { title: 'E-MAIL', value: ({ email }) => email },
    { title: 'ROLES', value: ({ roles }) => roles.join(', ') },
    { title: 'UNTIL', value: ({ expiresMs }) => dateTime(expiresMs) },
    { title: 'BY', value: ({ invitedBy }) => invitedBy },
    { title: 'ID', value: ({ id }) => id },
  ]);
}

async function revoke(io: Io, which: string, options: ConnectionOptions): Promise<void> {
  const call = directoryOf(io, options);
  const id = which.includes('@') ? await idOf(call, which) : which;
  await call('directory.revokeInvitation', { id });
  await printDone(io, options, { revoked: id }, `the invitation of ${which} is taken back`);
}

async function idOf(call: CallDirectory, email: string): Promise<string> {
  const { items } = await open(call, 100_000);
  const found = items.find((one) => one.email === email.trim().toLowerCase());
  if (found === undefined) throw new CliError('notFound', `there is no open invitation of ${email}`);
  return found.id;
}

function open(call: CallDirectory, limit: number) {
  return listUpTo(limit, async (page) => {
    const { invitations, next } = await call('directory.invitations', page);
    return { items: invitations, next };
  });
}
