/** Who belongs to the org, as what; who is invited; and its groups. Live by the directory's own channel of changes. */
import type { MemberRecord } from '@trunkline/contracts/directory';
import { Button } from '@mantine/core';
import { UserPlus, Users } from 'lucide-react';
import { useState } from 'react';
import { Confirm, type Question } from '../parts/confirm.js';
import { CursorPager } from '../parts/cursor-pager.js';
import { Empty } from '../parts/notices.js';
import { useNow } from '../parts/now.js';
import { Page } from '../parts/page.js';
import { Panel } from '../parts/panel.js';
import { Records, type RecordColumn } from '../parts/records.js';
import { SearchField } from '../parts/search-field.js';
import { ShownOnce, type Shown } from '../parts/shown-once.js';
import type { Session } from '../session.js';
import { SOURCE, useChanges, useKept, useSearched } from './directory.js';
import { Groups } from './groups.js';
import { Invitations } from './invitations.js';
import { InviteDialog } from './invite-dialog.js';
import { Kept } from './kept-panel.js';
import { RolesDialog } from './roles-dialog.js';
import { seenWords } from './people-words.js';

export function Members({ session }: { readonly session: Session }) {
  const { search, setSearch, text, pages, by } = useSearched();
  const members = useKept('directory.members', by);
  const invitations = useKept('directory.invitations', { limit: 200 });
  const groups = useKept('directory.groups', { limit: 200 });
  const askAll = (): void => [members, invitations, groups].forEach(({ ask }) => ask());
  useChanges(['member', 'user', 'invitation', 'group'], askAll);
  const [inviting, setInviting] = useState(false);
  const [changing, setChanging] = useState<MemberRecord>();
  const [question, setQuestion] = useState<Question>();
  const [shown, setShown] = useState<Shown>();
  const allowed = members.data !== undefined;
  return (
    <Page
      title="Members"
      name="Members"
      continuity={members.continuity}
      source={SOURCE}
      lead={`People of org ${session.org}: what they may do follows from their roles, on every node and in open connections too.`}
      actions={
        allowed && (
          <Button leftSection={<UserPlus size={16} aria-hidden="true" />} onClick={() => setInviting(true)}>
            Invite
          </Button>
        )
      }
    >
      {allowed && (
        <div className="tl-toolbar">
          <SearchField
            label="Search members by id, name or address"
            placeholder="Id, name, address"
            value={search}
            onChange={setSearch}
          />
        </div>
      )}
      <div className="tl-panel">
        <Kept
          asked={members}
          what="the members"
          isEmpty={({ members: list }) => list.length === 0}
          empty={
            <Empty icon={Users} title={text === '' ? 'Nobody yet' : 'No member matches'}>
              {text === ''
                ? 'Invite an e-mail address: whoever signs in with it becomes a member.'
                : 'Any part of an id, a name or an address counts.'}
            </Empty>
          }
        >
          {({ members: list }) => (
            <MemberList
              members={list}
              me={session.user}
              onRoles={setChanging}
              onRemove={(member) => setQuestion(removal(member, session))}
            />
          )}
        </Kept>
      </div>
      <CursorPager pages={pages} next={members.data?.next} what="members" />
      {allowed && (
        <>
          <Panel title="Open invitations" flush>
            <Invitations asked={invitations} onQuestion={setQuestion} />
          </Panel>
          <Groups asked={groups} onQuestion={setQuestion} onChanged={groups.ask} />
        </>
      )}
      <InviteDialog opened={inviting} onClose={() => setInviting(false)} onInvited={setShown} />
      <RolesDialog member={changing} onClose={() => setChanging(undefined)} onChanged={members.ask} />
      <ShownOnce shown={shown} onClose={() => (setShown(undefined), invitations.ask())} />
      <Confirm question={question} onClose={() => setQuestion(undefined)} onDone={askAll} />
    </Page>
  );
}

function MemberList({
  members,
  me,
  onRoles,
  onRemove,
}: {
  readonly members: readonly MemberRecord[];
  readonly me: string;
  readonly onRoles: (member: MemberRecord) => void;
  readonly onRemove: (member: MemberRecord) => void;
}) {
  const now = useNow();
  const columns: readonly RecordColumn<MemberRecord>[] = [
    {
      title: 'Who',
      width: 'minmax(0, 2.2fr)',
      cell: ({ user, name, email }) => (
        <span className="tl-two">
          <b>
            {name}
            {user === me && <span className="tl-default"> you</span>}
          </b>
          <small>{email ?? user}</small>
        </span>
      ),
    },
    {
      title: 'Roles',
      width: 'minmax(0, 1.5fr)',
      cell: ({ roles, disabled }) => (
        <span className="tl-chips">
          {roles.map((role) => (
            <span key={role} className="tl-chip">
              {role}
            </span>
          ))}
          {disabled && (
            <span className="tl-chip" data-tone="bad">
              disabled
            </span>
          )}
        </span>
      ),
    },
    {
      title: 'Given by',
      width: 'minmax(0, 1.1fr)',
      cell: ({ source }) => (source === 'provider' ? 'identity provider' : 'this directory'),
    },
    {
      title: 'Seen',
      width: 'minmax(0, 1fr)',
      cell: ({ lastSeenMs }) => <span className="tl-num">{seenWords(lastSeenMs, now)}</span>,
    },
    {
      title: '',
      width: '156px',
      cell: (member) => (
        <>
          <Button
            variant="default"
            size="compact-sm"
            aria-label={`Roles of ${member.name}`}
            onClick={() => onRoles(member)}
          >
            Roles
          </Button>
          <Button
            variant="subtle"
            color="red"
            size="compact-sm"
            className="tl-danger"
            aria-label={`Remove ${member.name}`}
            onClick={() => onRemove(member)}
          >
            Remove
          </Button>
        </>
      ),
    },
  ];
  return <Records label="Members" records={members} keyOf={({ user }) => user} columns={columns} />;
}

function removal({ user, name, source }: MemberRecord, { user: me, org }: Session): Question {
  return {
    title: `Remove ${name} from ${org}?`,
    text: [
      'Connections of this user in the org are closed, and groups lose the member.',
      source === 'provider'
        ? 'The identity provider gave this membership: it comes back with the next sign-in unless the provider’s claims change.'
        : '',
      user === me ? 'This is you: you lose this page.' : '',
    ]
      .filter((text) => text !== '')
      .join(' '),
    action: 'Remove',
    danger: true,
    run: async (call) => {
      await call('directory.removeMember', { user });
      return `${name} is no member any more.`;
    },
  };
}
