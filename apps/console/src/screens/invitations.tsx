/** Invitations that can still be accepted. */
import type { InvitationRecord } from '@trunkline/contracts/directory';
import { Button } from '@mantine/core';
import { MailPlus } from 'lucide-react';
import type { Asked, Result } from '../asked.js';
import { formatDuration } from '../format.js';
import type { Question } from '../parts/confirm.js';
import { Empty } from '../parts/notices.js';
import { useNow } from '../parts/now.js';
import { Records, type RecordColumn } from '../parts/records.js';
import { Kept } from './kept-panel.js';

export function Invitations({
  asked,
  onQuestion,
}: {
  readonly asked: Asked<Result<'directory.invitations'>>;
  readonly onQuestion: (question: Question) => void;
}) {
  const now = useNow();
  const columns: readonly RecordColumn<InvitationRecord>[] = [
    { title: 'Address', width: 'minmax(0, 2.2fr)', cell: ({ email }) => <b className="tl-break">{email}</b> },
    {
      title: 'Roles',
      width: 'minmax(0, 1.5fr)',
      cell: ({ roles }) => (
        <span className="tl-chips">
          {roles.map((role) => (
            <span key={role} className="tl-chip">
              {role}
            </span>
          ))}
        </span>
      ),
    },
    { title: 'Invited by', width: 'minmax(0, 1.1fr)', cell: ({ invitedBy }) => invitedBy },
    {
      title: 'Open for',
      width: 'minmax(0, 1fr)',
      cell: ({ expiresMs }) => <span className="tl-num">{formatDuration(expiresMs - now)}</span>,
    },
    {
      title: '',
      width: '156px',
      cell: ({ id, email }) => (
        <Button
          variant="subtle"
          color="red"
          size="compact-sm"
          className="tl-danger"
          aria-label={`Take the invitation of ${email} back`}
          onClick={() =>
            onQuestion({
              title: `Take the invitation of ${email} back?`,
              text: 'Its link leads nowhere afterwards. Whoever accepted one already stays a member.',
              action: 'Take back',
              danger: true,
              run: async (call) => {
                await call('directory.revokeInvitation', { id });
                return 'Taken back.';
              },
            })
          }
        >
          Take back
        </Button>
      ),
    },
  ];
  return (
    <Kept
      asked={asked}
      what="the invitations"
      isEmpty={({ invitations }) => invitations.length === 0}
      empty={
        <Empty icon={MailPlus} title="No open invitation">
          An invitation is open until somebody signs in with its address, or its time is over.
        </Empty>
      }
    >
      {({ invitations }) => (
        <Records label="Open invitations" records={invitations} keyOf={({ id }) => id} columns={columns} />
      )}
    </Kept>
  );
}
