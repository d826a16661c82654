/** The audit log: who did what, newest first, narrowed and paged by the server. Operators may look at the installation's in place of the org's. */
import type { AuditRecord } from '@trunkline/contracts/directory';
import { NativeSelect, SegmentedControl, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { ScrollText, UserRound } from 'lucide-react';
import { useMemo, useState } from 'react';
import { formatDateTime } from '../format.js';
import { CursorPager } from '../parts/cursor-pager.js';
import { Empty } from '../parts/notices.js';
import { Page } from '../parts/page.js';
import { usePages } from '../parts/pages.js';
import { seesNode, type Session } from '../session.js';
import { PAGE_SIZE, SOURCE, useChanges, useKept } from './directory.js';
import { Kept } from './kept-panel.js';
import { ACTIONS, detailWords } from './people-words.js';

const PAUSE_MS = 300;
const HOUR_MS = 3_600_000;

const SPANS = [
  { value: '0', label: 'At any time' },
  { value: '1', label: 'In the last hour' },
  { value: '24', label: 'In the last day' },
  { value: '168', label: 'In the last week' },
  { value: '720', label: 'In the last 30 days' },
];

/** `actor`, `target`: what it is narrowed to at first. */
export function Audit({
  session,
  actor: givenActor = '',
  target: givenTarget = '',
}: {
  readonly session: Session;
  readonly actor?: string | undefined;
  readonly target?: string | undefined;
}) {
  const [whose, setWhose] = useState<'org' | 'installation'>('org');
  const [action, setAction] = useState('');
  const [hours, setHours] = useState('0');
  const [actor, setActor] = useState(givenActor);
  const [target, setTarget] = useState(givenTarget);
  const [[by, to]] = useDebouncedValue([actor.trim(), target.trim()] as const, PAUSE_MS);
  // From when the choice was made: a bound that moved would be another question each time.
  const sinceMs = useMemo(() => (hours === '0' ? undefined : Date.now() - Number(hours) * HOUR_MS), [hours]);
  const pages = usePages(`${whose} ${action} ${hours} ${by} ${to}`);
  const records = useKept('directory.audit', {
    limit: PAGE_SIZE,
    ...(whose === 'installation' && { installation: true }),
    ...(action !== '' && { action }),
    ...(by !== '' && { actor: by }),
    ...(to !== '' && { target: to }),
    ...(sinceMs !== undefined && { sinceMs }),
    ...(pages.after !== undefined && { after: pages.after }),
  });
  useChanges(['org', 'user', 'member', 'group', 'key', 'secret', 'invitation'], records.ask);
  const narrowed = action !== '' || hours !== '0' || by !== '' || to !== '';
  return (
    <Page
      title="Audit log"
      name="Audit log"
      continuity={records.continuity}
      source={SOURCE}
      lead={
        whose === 'org'
          ? `Who did what in org ${session.org}, newest first.`
          : 'What concerns no org: users, operators, orgs, encryption keys, keys of all orgs.'
      }
      actions={
        seesNode(session) && (
          <SegmentedControl
            aria-label="Whose log"
            value={whose}
            onChange={(next) => setWhose(next as 'org' | 'installation')}
            data={[
              { value: 'org', label: 'This org' },
              { value: 'installation', label: 'Installation' },
            ]}
          />
        )
      }
    >
      <div className="tl-toolbar tl-narrowing">
        <NativeSelect
          aria-label="Actions"
          data={[...ACTIONS]}
          value={action}
          onChange={(event) => setAction(event.currentTarget.value)}
        />
        <NativeSelect
          aria-label="When"
          data={SPANS}
          value={hours}
          onChange={(event) => setHours(event.currentTarget.value)}
        />
        <TextInput
          className="tl-grow"
          aria-label="Done by"
          placeholder="Done by, e.g. ann or apikey:ci"
          leftSection={<UserRound size={16} aria-hidden="true" />}
          value={actor}
          onChange={(event) => setActor(event.currentTarget.value)}
          spellCheck={false}
          autoCapitalize="none"
        />
        <TextInput
          className="tl-grow"
          aria-label="Done to"
          placeholder="Done to, e.g. key_… or ben"
          value={target}
          onChange={(event) => setTarget(event.currentTarget.value)}
          spellCheck={false}
          autoCapitalize="none"
        />
      </div>
      <div className="tl-panel">
        <Kept
          asked={records}
          what="the audit log"
          isEmpty={({ records: list }) => list.length === 0}
          empty={
            <Empty icon={ScrollText} title={narrowed ? 'No record matches' : 'Nothing was done yet'}>
              {narrowed
                ? 'Names are compared whole.'
                : 'Every change of people, keys and secrets appears here, with who made it.'}
            </Empty>
          }
        >
          {({ records: list }) => (
            <ol className="tl-audit" aria-label="Audit log, newest first">
              {list.map((record) => (
                <li key={record.id}>
                  <AuditRow record={record} />
                </li>
              ))}
            </ol>
          )}
        </Kept>
      </div>
      <CursorPager pages={pages} next={records.data?.next} what="the audit log" />
    </Page>
  );
}

function AuditRow({ record }: { readonly record: AuditRecord }) {
  const { atMs, actor, action, target, address, requestId, details } = record;
  const words = detailWords(details);
  return (
    <div className="tl-audit-row">
      <span className="tl-num tl-faint">{formatDateTime(atMs)}</span>
      <span className="tl-chip tl-audit-action">{action}</span>
      <span className="tl-event-text">
        <span className="tl-break">
          <b>{actor}</b>
          {target !== '' && (
            <>
              {' '}
              → <span className="tl-mono">{target}</span>
            </>
          )}
        </span>
        {words !== '' && <small className="tl-faint tl-break">{words}</small>}
        {(address !== '' || requestId !== '') && (
          <small className="tl-faint tl-break">
            {address !== '' && `from ${address}`}
            {address !== '' && requestId !== '' && ', '}
            {requestId !== '' && `request ${requestId}`}
          </small>
        )}
      </span>
    </div>
  );
}
