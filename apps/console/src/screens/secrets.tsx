/** Secrets of the org, by name: kept, replaced, removed, never shown. Operators see the encryption keys beside them. */
import type { SecretRecord } from '@trunkline/contracts/directory';
import { Button } from '@mantine/core';
import { LockKeyhole, Plus } from 'lucide-react';
import { useState } from 'react';
import { formatDate, formatDateTime } from '../format.js';
import { Confirm, type Question } from '../parts/confirm.js';
import { CursorPager } from '../parts/cursor-pager.js';
import { Empty } from '../parts/notices.js';
import { Page } from '../parts/page.js';
import { usePages } from '../parts/pages.js';
import { Records, type RecordColumn } from '../parts/records.js';
import { seesNode, type Session } from '../session.js';
import { PAGE_SIZE, SOURCE, useChanges, useKept } from './directory.js';
import { EncryptionKeys } from './encryption-keys.js';
import { Kept } from './kept-panel.js';
import { SecretDialog } from './secret-dialog.js';

export function Secrets({ session }: { readonly session: Session }) {
  const pages = usePages('');
  const secrets = useKept('directory.secrets', {
    limit: PAGE_SIZE,
    ...(pages.after !== undefined && { after: pages.after }),
  });
  useChanges(['secret'], secrets.ask);
  /** Undefined: closed. '': a new one. */
  const [putting, setPutting] = useState<string>();
  const [question, setQuestion] = useState<Question>();
  const allowed = secrets.data !== undefined;
  return (
    <Page
      title="Secrets"
      name="Secrets"
      continuity={secrets.continuity}
      source={SOURCE}
      lead="Kept encrypted in the store, for the server’s own use. Nothing shows a value again: neither this page nor any method."
      actions={
        allowed && (
          <Button leftSection={<Plus size={16} aria-hidden="true" />} onClick={() => setPutting('')}>
            Keep a secret
          </Button>
        )
      }
    >
      <div className="tl-panel">
        <Kept
          asked={secrets}
          what="the secrets"
          isEmpty={({ secrets: list }) => list.length === 0}
          empty={
            <Empty icon={LockKeyhole} title="No secrets">
              Passwords and tokens that modules need for outside systems are kept here, under a name.
            </Empty>
          }
        >
          {({ secrets: list }) => (
            <SecretList
              secrets={list}
              onReplace={setPutting}
              onRemove={(name) => setQuestion(removal(name))}
            />
          )}
        </Kept>
      </div>
      <CursorPager pages={pages} next={secrets.data?.next} what="secrets" />
      {seesNode(session) && allowed && <EncryptionKeys onRotated={secrets.ask} />}
      <SecretDialog name={putting} onClose={() => setPutting(undefined)} onKept={secrets.ask} />
      <Confirm question={question} onClose={() => setQuestion(undefined)} onDone={secrets.ask} />
    </Page>
  );
}

function SecretList({
  secrets,
  onReplace,
  onRemove,
}: {
  readonly secrets: readonly SecretRecord[];
  readonly onReplace: (name: string) => void;
  readonly onRemove: (name: string) => void;
}) {
  const columns: readonly RecordColumn<SecretRecord>[] = [
    {
      title: 'Name',
      width: 'minmax(0, 2fr)',
      cell: ({ name }) => <b className="tl-mono tl-break">{name}</b>,
    },
    {
      title: 'Changed',
      width: 'minmax(0, 1.5fr)',
      cell: ({ updatedMs, updatedBy }) => (
        <span className="tl-two">
          <span className="tl-num" title={formatDateTime(updatedMs)}>
            {formatDate(updatedMs)}
          </span>
          <small>by {updatedBy}</small>
        </span>
      ),
    },
    {
      title: 'Encryption key',
      width: 'minmax(0, 1.3fr)',
      cell: ({ keyId }) => <code className="tl-break">{keyId}</code>,
    },
    {
      title: '',
      width: '182px',
      cell: ({ name }) => (
        <>
          <Button
            variant="default"
            size="compact-sm"
            aria-label={`Replace secret ${name}`}
            onClick={() => onReplace(name)}
          >
            Replace
          </Button>
          <Button
            variant="subtle"
            color="red"
            size="compact-sm"
            className="tl-danger"
            aria-label={`Remove secret ${name}`}
            onClick={() => onRemove(name)}
          >
            Remove
          </Button>
        </>
      ),
    },
  ];
  return <Records label="Secrets" records={secrets} keyOf={({ name }) => name} columns={columns} />;
}

function removal(name: string): Question {
  return {
    title: `Remove secret ${name}?`,
    text: 'Whatever uses it fails from then on. Its value cannot be brought back.',
    action: 'Remove',
    danger: true,
    run: async (call) => {
      await call('directory.removeSecret', { name });
      return `Secret ${name} is removed.`;
    },
  };
}
