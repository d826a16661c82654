/** Orgs of the installation, for operators: made, limited, looked into, removed. */
import type { OrgRecord } from '@trunkline/contracts/directory';
import { Button } from '@mantine/core';
import { Building2, Plus } from 'lucide-react';
import { useState } from 'react';
import { formatCount, formatDate, formatDateTime } from '../format.js';
import { useSwitch } from '../org-switch.js';
import { Confirm, type Question } from '../parts/confirm.js';
import { CursorPager } from '../parts/cursor-pager.js';
import { Empty } from '../parts/notices.js';
import { Page } from '../parts/page.js';
import { Records, type RecordColumn } from '../parts/records.js';
import { SearchField } from '../parts/search-field.js';
import { seesNode, type Session } from '../session.js';
import { SOURCE, useChanges, useKept, useSearched } from './directory.js';
import { Kept } from './kept-panel.js';
import { OrgDialog } from './org-dialog.js';
import { quotaWords } from './people-words.js';

export function Orgs({ session }: { readonly session: Session }) {
  const { search, setSearch, text, pages, by } = useSearched();
  const orgs = useKept('directory.orgs', by);
  useChanges(['org', 'member'], orgs.ask);
  /** Undefined: closed. `null`: a new one. */
  const [editing, setEditing] = useState<OrgRecord | null>();
  const [question, setQuestion] = useState<Question>();
  const operator = seesNode(session);
  return (
    <Page
      title="Orgs"
      name="Orgs"
      continuity={orgs.continuity}
      source={SOURCE}
      lead="The walls around names, quotas and data. What is not limited here is limited by the node alone."
      actions={
        operator &&
        orgs.data && (
          <Button leftSection={<Plus size={16} aria-hidden="true" />} onClick={() => setEditing(null)}>
            New org
          </Button>
        )
      }
    >
      {orgs.data && (
        <div className="tl-toolbar">
          <SearchField
            label="Search orgs by id or name"
            placeholder="Id or name"
            value={search}
            onChange={setSearch}
          />
        </div>
      )}
      <div className="tl-panel">
        <Kept
          asked={orgs}
          what="the orgs"
          isEmpty={({ orgs: list }) => list.length === 0}
          empty={<Empty icon={Building2} title={text === '' ? 'No orgs' : 'No org matches'} />}
        >
          {({ orgs: list }) => (
            <OrgList
              orgs={list}
              here={session.org}
              operator={operator}
              onEdit={setEditing}
              onRemove={(org) => setQuestion(removal(org))}
            />
          )}
        </Kept>
      </div>
      <CursorPager pages={pages} next={orgs.data?.next} what="orgs" />
      <OrgDialog org={editing} onClose={() => setEditing(undefined)} onSaved={orgs.ask} />
      <Confirm question={question} onClose={() => setQuestion(undefined)} onDone={orgs.ask} />
    </Page>
  );
}

function OrgList({
  orgs,
  here,
  operator,
  onEdit,
  onRemove,
}: {
  readonly orgs: readonly OrgRecord[];
  readonly here: string;
  readonly operator: boolean;
  readonly onEdit: (org: OrgRecord) => void;
  readonly onRemove: (org: OrgRecord) => void;
}) {
  const enter = useSwitch();
  const columns: readonly RecordColumn<OrgRecord>[] = [
    {
      title: 'Org',
      width: 'minmax(0, 1.6fr)',
      cell: ({ id, name }) => (
        <span className="tl-two">
          <b>
            {name}
            {id === here && <span className="tl-default"> here</span>}
          </b>
          <small className="tl-mono">{id}</small>
        </span>
      ),
    },
    {
      title: 'Members',
      width: '84px',
      cell: ({ members }) => <span className="tl-num">{formatCount(members)}</span>,
    },
    {
      title: 'Limits of its own',
      width: 'minmax(0, 1.7fr)',
      cell: ({ quotas }) => <span className="tl-num">{quotaWords(quotas).join(', ') || 'none'}</span>,
    },
    {
      title: 'Namespaces',
      width: 'minmax(0, 1.4fr)',
      cell: ({ kubernetes, clusters }) => (
        <span className="tl-break">
          {[...clusters, ...kubernetes.map(({ cluster, namespace }) => `${cluster}/${namespace}`)]
            .slice(0, 4)
            .join(', ') || 'none'}
          {clusters.length + kubernetes.length > 4 && ` and ${clusters.length + kubernetes.length - 4} more`}
        </span>
      ),
    },
    {
      title: 'Made',
      width: 'minmax(0, 1.1fr)',
      cell: ({ createdMs }) => (
        <span className="tl-num" title={formatDateTime(createdMs)}>
          {formatDate(createdMs)}
        </span>
      ),
    },
    {
      title: '',
      width: '246px',
      cell: (org) => (
        <>
          {org.id !== here && (
            <Button
              variant="default"
              size="compact-sm"
              aria-label={`Enter ${org.name}`}
              onClick={() => enter(org.id)}
            >
              Enter
            </Button>
          )}
          {operator && (
            <>
              <Button
                variant="default"
                size="compact-sm"
                aria-label={`Change ${org.name}`}
                onClick={() => onEdit(org)}
              >
                Change
              </Button>
              {org.id !== here && (
                <Button
                  variant="subtle"
                  color="red"
                  size="compact-sm"
                  className="tl-danger"
                  aria-label={`Remove ${org.name}`}
                  onClick={() => onRemove(org)}
                >
                  Remove
                </Button>
              )}
            </>
          )}
        </>
      ),
    },
  ];
  return <Records label="Orgs" records={orgs} keyOf={({ id }) => id} columns={columns} />;
}

function removal({ id, name }: OrgRecord): Question {
  return {
    title: `Remove org ${name}?`,
    text: 'Its memberships, groups, keys, secrets and invitations go with it and cannot be brought back. Data of other modules stays.',
    action: 'Remove org',
    danger: true,
    word: id,
    run: async (call) => {
      await call('directory.deleteOrg', { id });
      return `Org ${name} is removed.`;
    },
  };
}
