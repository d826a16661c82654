/** Groups of the org's members: made, changed and removed. */
import type { GroupRecord } from '@trunkline/contracts/directory';
import { Button, Textarea, TextInput } from '@mantine/core';
import { Plus, UsersRound } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { Asked, Result } from '../asked.js';
import { plural } from '../format.js';
import { useCall } from '../live.js';
import type { Question } from '../parts/confirm.js';
import { FormDialog } from '../parts/form-dialog.js';
import { Empty } from '../parts/notices.js';
import { Panel } from '../parts/panel.js';
import { Records, type RecordColumn } from '../parts/records.js';
import { Kept } from './kept-panel.js';
import { handleFault, linesOf } from './people-words.js';

const SHOWN = 6;

export function Groups({
  asked,
  onQuestion,
  onChanged,
}: {
  readonly asked: Asked<Result<'directory.groups'>>;
  readonly onQuestion: (question: Question) => void;
  readonly onChanged: () => void;
}) {
  /** Undefined: closed. `null`: a new one. */
  const [editing, setEditing] = useState<GroupRecord | null>();
  const columns: readonly RecordColumn<GroupRecord>[] = [
    { title: 'Group', width: 'minmax(0, 1.2fr)', cell: ({ name }) => <b className="tl-break">{name}</b> },
    {
      title: 'Members',
      width: 'minmax(0, 3fr)',
      cell: ({ members }) => (
        <span className="tl-break">
          {members.length === 0 ? 'nobody' : members.slice(0, SHOWN).join(', ')}
          {members.length > SHOWN && ` and ${members.length - SHOWN} more`}
        </span>
      ),
    },
    {
      title: '',
      width: '176px',
      cell: (group) => (
        <>
          <Button
            variant="default"
            size="compact-sm"
            aria-label={`Change group ${group.name}`}
            onClick={() => setEditing(group)}
          >
            Change
          </Button>
          <Button
            variant="subtle"
            color="red"
            size="compact-sm"
            className="tl-danger"
            aria-label={`Remove group ${group.name}`}
            onClick={() => onQuestion(removal(group))}
          >
            Remove
          </Button>
        </>
      ),
    },
  ];
  return (
    <Panel
      title="Groups"
      flush
      aside={
        <Button
          variant="default"
          size="compact-sm"
          leftSection={<Plus size={14} aria-hidden="true" />}
          onClick={() => setEditing(null)}
        >
          New group
        </Button>
      }
    >
      <Kept
        asked={asked}
        what="the groups"
        isEmpty={({ groups }) => groups.length === 0}
        empty={
          <Empty icon={UsersRound} title="No groups">
            Groups go into the rights of their members, for rules of channels and modules.
          </Empty>
        }
      >
        {({ groups }) => (
          <Records label="Groups" records={groups} keyOf={({ name }) => name} columns={columns} />
        )}
      </Kept>
      <GroupDialog group={editing} onClose={() => setEditing(undefined)} onChanged={onChanged} />
    </Panel>
  );
}

function GroupDialog({
  group,
  onClose,
  onChanged,
}: {
  readonly group: GroupRecord | null | undefined;
  readonly onClose: () => void;
  readonly onChanged: () => void;
}) {
  const call = useCall();
  const [name, setName] = useState('');
  const [text, setText] = useState('');
  useEffect(() => {
    setName(group?.name ?? '');
    setText(group?.members.join('\n') ?? '');
  }, [group]);
  const members = linesOf(text);
  const fault = handleFault(name);
  return (
    <FormDialog
      opened={group !== undefined}
      title={group ? `Group ${group.name}` : 'New group'}
      action="Save"
      unusable={name === '' || fault !== undefined}
      onClose={onClose}
      onSubmit={async () => {
        await call('directory.setGroup', { name, members });
        onChanged();
        onClose();
      }}
    >
      <TextInput
        label="Name"
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        readOnly={Boolean(group)}
        error={fault}
        autoCapitalize="none"
        spellCheck={false}
        data-autofocus
      />
      <Textarea
        label="Members"
        description={`User ids, a line each. All must be members of the org. ${plural(members.length, 'member')}.`}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        rows={6}
        spellCheck={false}
        autoCapitalize="none"
      />
    </FormDialog>
  );
}

function removal({ name }: GroupRecord): Question {
  return {
    title: `Remove group ${name}?`,
    text: 'Its members stay members of the org. Rules that name the group admit nobody by it any more.',
    action: 'Remove',
    danger: true,
    run: async (call) => {
      await call('directory.removeGroup', { name });
      return `Group ${name} is removed.`;
    },
  };
}
