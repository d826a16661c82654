/** People of the installation, whatever their orgs, for operators: kept out, let in again, made operators, signed out. */
import type { UserRecord } from '@trunkline/contracts/directory';
import { Button } from '@mantine/core';
import { UserRoundCog } from 'lucide-react';
import { useState } from 'react';
import { Confirm, type Question } from '../parts/confirm.js';
import { CursorPager } from '../parts/cursor-pager.js';
import { Empty } from '../parts/notices.js';
import { useNow } from '../parts/now.js';
import { Page } from '../parts/page.js';
import { Records, type RecordColumn } from '../parts/records.js';
import { SearchField } from '../parts/search-field.js';
import type { Session } from '../session.js';
import { SOURCE, useChanges, useKept, useSearched } from './directory.js';
import { Kept } from './kept-panel.js';
import { seenWords } from './people-words.js';
import { disabling, operating, signingOut } from './user-questions.js';

export function Users({ session }: { readonly session: Session }) {
  const { search, setSearch, text, pages, by } = useSearched();
  const users = useKept('directory.users', by);
  useChanges(['user', 'member'], users.ask);
  const [question, setQuestion] = useState<Question>();
  return (
    <Page
      title="Users"
      name="Users"
      continuity={users.continuity}
      source={SOURCE}
      lead="Everybody who ever signed in, whatever the org. Somebody new comes in by an invitation, or by a group of the identity provider."
    >
      {users.data && (
        <div className="tl-toolbar">
          <SearchField
            label="Search users by id, name or address"
            placeholder="Id, name, address"
            value={search}
            onChange={setSearch}
          />
        </div>
      )}
      <div className="tl-panel">
        <Kept
          asked={users}
          what="the users"
          who="operators"
          isEmpty={({ users: list }) => list.length === 0}
          empty={<Empty icon={UserRoundCog} title={text === '' ? 'Nobody yet' : 'No user matches'} />}
        >
          {({ users: list }) => <UserList users={list} me={session.user} onQuestion={setQuestion} />}
        </Kept>
      </div>
      <CursorPager pages={pages} next={users.data?.next} what="users" />
      <Confirm question={question} onClose={() => setQuestion(undefined)} onDone={users.ask} />
    </Page>
  );
}

function UserList({
  users,
  me,
  onQuestion,
}: {
  readonly users: readonly UserRecord[];
  readonly me: string;
  readonly onQuestion: (question: Question) => void;
}) {
  const now = useNow();
  const columns: readonly RecordColumn<UserRecord>[] = [
    {
      title: 'Who',
      width: 'minmax(0, 1.6fr)',
      cell: ({ id, name, email }) => (
        <span className="tl-two">
          <b>
            {name}
            {id === me && <span className="tl-default"> you</span>}
          </b>
          <small>{email ?? id}</small>
        </span>
      ),
    },
    {
      title: 'State',
      width: 'minmax(0, 1fr)',
      cell: ({ disabled, operator }) => (
        <span className="tl-chips">
          {operator && <span className="tl-chip">operator</span>}
          {disabled && (
            <span className="tl-chip" data-tone="bad">
              disabled
            </span>
          )}
          {!operator && !disabled && 'active'}
        </span>
      ),
    },
    {
      title: 'Vouched for by',
      width: 'minmax(0, 1.5fr)',
      cell: ({ issuer }) => (
        <span className="tl-break">{issuer === 'console' ? 'the one-time link' : issuer}</span>
      ),
    },
    {
      title: 'Seen',
      width: 'minmax(0, 0.9fr)',
      cell: ({ lastSeenMs }) => <span className="tl-num">{seenWords(lastSeenMs, now)}</span>,
    },
    {
      title: '',
      width: '324px',
      cell: (user) => (
        <>
          <Button
            variant="default"
            size="compact-sm"
            aria-label={`${user.operator ? 'Take operator from' : 'Make operator of'} ${user.name}`}
            onClick={() => onQuestion(operating(user))}
          >
            {user.operator ? 'Not operator' : 'Operator'}
          </Button>
          <Button
            variant="default"
            size="compact-sm"
            aria-label={`Sign ${user.name} out`}
            onClick={() => onQuestion(signingOut(user))}
          >
            Sign out
          </Button>
          <Button
            variant="subtle"
            {...(user.disabled ? {} : { color: 'red', className: 'tl-danger' })}
            size="compact-sm"
            aria-label={`${user.disabled ? 'Enable' : 'Disable'} ${user.name}`}
            onClick={() => onQuestion(disabling(user))}
          >
            {user.disabled ? 'Enable' : 'Disable'}
          </Button>
        </>
      ),
    },
  ];
  return (
    <Records
      label="Users"
      records={users}
      keyOf={({ id }) => id}
      columns={columns}
      muted={({ disabled }) => disabled}
    />
  );
}
