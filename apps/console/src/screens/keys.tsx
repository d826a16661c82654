/** API keys of the org, and for operators those of all orgs: made, rotated, revoked. A key itself is shown once. */
import type { KeyRecord } from '@trunkline/contracts/directory';
import { Anchor, Button, Checkbox } from '@mantine/core';
import { KeyRound, Plus } from 'lucide-react';
import { useState } from 'react';
import { formatDate, formatDateTime } from '../format.js';
import { Confirm, type Question } from '../parts/confirm.js';
import { CursorPager } from '../parts/cursor-pager.js';
import { Empty } from '../parts/notices.js';
import { useNow } from '../parts/now.js';
import { Page } from '../parts/page.js';
import { usePages } from '../parts/pages.js';
import { Records, type RecordColumn } from '../parts/records.js';
import { ShownOnce, type Shown } from '../parts/shown-once.js';
import { toHash } from '../router.js';
import { seesNode, type Session } from '../session.js';
import { PAGE_SIZE, SOURCE, useChanges, useKept } from './directory.js';
import { Kept } from './kept-panel.js';
import { KeyDialog } from './key-dialog.js';
import { keyState, seenWords } from './people-words.js';
import { RotateDialog } from './rotate-dialog.js';

export function Keys({ session }: { readonly session: Session }) {
  const [revoked, setRevoked] = useState(false);
  const pages = usePages(String(revoked));
  const keys = useKept('directory.keys', {
    limit: PAGE_SIZE,
    ...(revoked && { revoked }),
    ...(pages.after !== undefined && { after: pages.after }),
  });
  useChanges(['key'], keys.ask);
  const [making, setMaking] = useState(false);
  const [rotating, setRotating] = useState<KeyRecord>();
  const [question, setQuestion] = useState<Question>();
  const [shown, setShown] = useState<Shown>();
  const allowed = keys.data !== undefined;
  return (
    <Page
      title="API keys"
      name="API keys"
      continuity={keys.continuity}
      source={SOURCE}
      lead="Keys of the server API, for services of yours. Keys of the configuration are not listed: they are changed there."
      actions={
        allowed && (
          <Button leftSection={<Plus size={16} aria-hidden="true" />} onClick={() => setMaking(true)}>
            New key
          </Button>
        )
      }
    >
      {allowed && (
        <div className="tl-toolbar">
          <Checkbox
            label="Show those that were revoked"
            checked={revoked}
            onChange={(event) => setRevoked(event.currentTarget.checked)}
          />
        </div>
      )}
      <div className="tl-panel">
        <Kept
          asked={keys}
          what="the keys"
          isEmpty={({ keys: list }) => list.length === 0}
          empty={
            <Empty icon={KeyRound} title="No keys">
              A service needs one to publish or to ask the server. Give each its own, with the methods it
              uses.
            </Empty>
          }
        >
          {({ keys: list }) => (
            <KeyList keys={list} onRotate={setRotating} onRevoke={(key) => setQuestion(revocation(key))} />
          )}
        </Kept>
      </div>
      <CursorPager pages={pages} next={keys.data?.next} what="keys" />
      <KeyDialog
        opened={making}
        operator={seesNode(session)}
        org={session.org}
        onClose={() => setMaking(false)}
        onMade={setShown}
      />
      <RotateDialog of={rotating} onClose={() => setRotating(undefined)} onRotated={setShown} />
      <ShownOnce shown={shown} onClose={() => (setShown(undefined), keys.ask())} />
      <Confirm question={question} onClose={() => setQuestion(undefined)} onDone={keys.ask} />
    </Page>
  );
}

function KeyList({
  keys,
  onRotate,
  onRevoke,
}: {
  readonly keys: readonly KeyRecord[];
  readonly onRotate: (key: KeyRecord) => void;
  readonly onRevoke: (key: KeyRecord) => void;
}) {
  const now = useNow();
  const columns: readonly RecordColumn<KeyRecord>[] = [
    {
      title: 'Key',
      width: 'minmax(0, 1.8fr)',
      cell: ({ id, name, org }) => (
        <span className="tl-two">
          <b>
            {name} {org === '*' && <span className="tl-chip">all orgs</span>}
          </b>
          <small>
            <Anchor
              href={toHash({ screen: 'audit', target: id })}
              className="tl-mono tl-quiet"
              title="What was done to it"
              inherit
            >
              {id}
            </Anchor>
          </small>
        </span>
      ),
    },
    {
      title: 'May',
      width: 'minmax(0, 1.4fr)',
      cell: ({ scopes }) => (
        <span className="tl-break">{scopes.includes('*') ? 'everything' : scopes.join(', ')}</span>
      ),
    },
    {
      title: 'State',
      width: 'minmax(0, 1.3fr)',
      cell: (key) => {
        const { tone, label, note } = keyState(key, now);
        return (
          <span className="tl-two">
            <span className="tl-mark" data-tone={tone}>
              <span className="tl-dot tl-still" aria-hidden="true" />
              {label}
            </span>
            <small className="tl-num">{note}</small>
          </span>
        );
      },
    },
    {
      title: 'Used',
      width: 'minmax(0, 1fr)',
      cell: ({ lastUsedMs }) => <span className="tl-num">{seenWords(lastUsedMs, now)}</span>,
    },
    {
      title: 'Made',
      width: 'minmax(0, 1.4fr)',
      cell: ({ createdMs, createdBy }) => (
        <span className="tl-two">
          <span className="tl-num" title={formatDateTime(createdMs)}>
            {formatDate(createdMs)}
          </span>
          <small>by {createdBy}</small>
        </span>
      ),
    },
    {
      title: '',
      width: '164px',
      cell: (key) =>
        keyState(key, now).works && (
          <>
            {key.revokedMs === null && (
              <Button
                variant="default"
                size="compact-sm"
                aria-label={`Rotate key ${key.name}`}
                onClick={() => onRotate(key)}
              >
                Rotate
              </Button>
            )}
            <Button
              variant="subtle"
              color="red"
              size="compact-sm"
              className="tl-danger"
              aria-label={`Revoke key ${key.name}${key.revokedMs === null ? '' : ' that was replaced'}`}
              onClick={() => onRevoke(key)}
            >
              Revoke
            </Button>
          </>
        ),
    },
  ];
  return (
    <Records
      label="API keys, newest first"
      records={keys}
      keyOf={({ id }) => id}
      columns={columns}
      muted={(key) => !keyState(key, now).works}
    />
  );
}

function revocation({ id, name }: KeyRecord): Question {
  return {
    title: `Revoke key ${name}?`,
    text: 'Whoever uses it is refused within seconds, on every node, for good. To change it without a break, rotate it instead.',
    action: 'Revoke',
    danger: true,
    run: async (call) => {
      await call('directory.revokeKey', { id });
      return `Key ${name} is revoked.`;
    },
  };
}
