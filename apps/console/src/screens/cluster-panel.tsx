/** One cluster: whether it is reached, in whose name it is asked, and the watches that this node keeps open towards it. */
import type { ClusterRecord, ReflectorRecord } from '@trunkline/contracts/kube';
import { Button, Title } from '@mantine/core';
import { Boxes, FlaskConical, KeyRound, TriangleAlert } from 'lucide-react';
import { useId, useState } from 'react';
import { formatBytes, formatCount, formatDuration } from '../format.js';
import { modeWords, reachMark, reflectorMark, scopeWords, type Mark } from '../kube/words.js';
import { Confirm, type Question } from '../parts/confirm.js';
import { Facts, type Fact } from '../parts/facts.js';
import { useNow } from '../parts/now.js';
import { Records, type RecordColumn } from '../parts/records.js';
import { toHash } from '../router.js';
import { CredentialDialog } from './credential-dialog.js';

export function ClusterPanel({
  cluster,
  reflectors,
  onChanged,
}: {
  readonly cluster: ClusterRecord;
  /** Undefined: not for this reader, or not known yet. */
  readonly reflectors: readonly ReflectorRecord[] | undefined;
  readonly onChanged: () => void;
}) {
  const heading = useId();
  const [leaving, setLeaving] = useState(false);
  const [question, setQuestion] = useState<Question>();
  return (
    <section className="tl-panel" aria-labelledby={heading}>
      <div className="tl-panel-head">
        <span className="tl-cluster-name">
          <Title order={2} size="h6" id={heading}>
            {cluster.name}
          </Title>
          <MarkText mark={reachMark(cluster)} />
          {cluster.simulated && (
            <span className="tl-chip tl-simulated">
              <FlaskConical size={12} aria-hidden="true" /> simulated
            </span>
          )}
        </span>
        <span className="tl-cluster-actions">
          {cluster.credential === 'present' && (
            <Button
              color="red"
              variant="subtle"
              size="xs"
              className="tl-danger"
              aria-label={`Forget the credential for ${cluster.name}`}
              onClick={() => setQuestion(forgetting(cluster))}
            >
              Forget credential
            </Button>
          )}
          {cluster.credential !== undefined && (
            <Button
              variant={cluster.credential === 'missing' ? 'filled' : 'default'}
              size="xs"
              leftSection={<KeyRound size={14} aria-hidden="true" />}
              onClick={() => setLeaving(true)}
            >
              {cluster.credential === 'missing' ? 'Leave a credential' : 'Replace credential'}
            </Button>
          )}
          <Button
            component="a"
            href={toHash({ screen: 'resources', cluster: cluster.id })}
            variant="default"
            size="xs"
            aria-label={`Resources of ${cluster.name}`}
            leftSection={<Boxes size={14} aria-hidden="true" />}
          >
            Resources
          </Button>
        </span>
      </div>
      <div className="tl-panel-body">
        {cluster.error !== undefined && (
          <p className="tl-alarm tl-above" role="status">
            <TriangleAlert size={16} aria-hidden="true" />
            <span>{cluster.error}</span>
          </p>
        )}
        <Facts facts={factsOf(cluster)} />
      </div>
      {reflectors !== undefined && (
        <div className="tl-panel-foot">
          {reflectors.length === 0 ? (
            <p className="tl-panel-body tl-quiet-note">Nothing is watched: nobody looks at a list of it.</p>
          ) : (
            <Watches cluster={cluster} reflectors={reflectors} />
          )}
        </div>
      )}
      <CredentialDialog
        cluster={leaving ? cluster : undefined}
        onClose={() => setLeaving(false)}
        onLeft={onChanged}
      />
      <Confirm question={question} onClose={() => setQuestion(undefined)} onDone={onChanged} />
    </section>
  );
}

function forgetting({ id, name }: ClusterRecord): Question {
  return {
    title: `Forget your credential for ${name}?`,
    text: 'Your lists of this cluster end, on every node. Nobody else is concerned.',
    action: 'Forget',
    danger: true,
    run: async (call) => {
      await call('kube.credentials.delete', { cluster: id });
      return 'The credential is forgotten.';
    },
  };
}

function factsOf({
  id,
  mode,
  latencyMs,
  serverVersion,
  allows,
  namespaces,
  credential,
}: ClusterRecord): Fact[] {
  return [
    ['Id', <code key="id">{id}</code>],
    [
      'Latency',
      <span key="latency" className="tl-num">
        {latencyMs === undefined ? '—' : `${formatCount(Math.max(1, Math.round(latencyMs)))} ms`}
      </span>,
    ],
    ['Mode', modeWords(mode)],
    ['Version', serverVersion ?? '—'],
    ...(allows === undefined ? [] : ([['Besides reading', allowsWords(allows)]] as Fact[])),
    ...(namespaces === undefined ? [] : ([['Namespaces of this org', namespaces.join(', ')]] as Fact[])),
    ...(credential === undefined
      ? []
      : ([['Your credential', credential === 'present' ? 'left' : 'none yet']] as Fact[])),
  ];
}

function allowsWords(allows: NonNullable<ClusterRecord['allows']>): string {
  const words = { writes: 'changes', exec: 'exec, attach, port-forward' };
  return `${allows.map((one) => words[one]).join('; ')}, in the audit log`;
}

function Watches({
  cluster,
  reflectors,
}: {
  readonly cluster: ClusterRecord;
  readonly reflectors: readonly ReflectorRecord[];
}) {
  const now = useNow();
  const rows = [...reflectors].sort(
    (left, right) => right.readers - left.readers || right.bytes - left.bytes,
  );
  return (
    <Records
      label={`Watches of ${cluster.name}`}
      records={rows}
      keyOf={keyOf}
      columns={[...COLUMNS, heardColumn(now)]}
    />
  );
}

function keyOf(record: ReflectorRecord): string {
  const { group, version, resource, credential = '' } = record;
  return [group, version, resource, scopeWords(record), credential].join(' ');
}

const COLUMNS: readonly RecordColumn<ReflectorRecord>[] = [
  {
    title: 'Kind',
    width: 'minmax(0, 1.8fr)',
    cell: (record) => (
      <span className="tl-two">
        <b>{record.group === '' ? record.resource : `${record.resource}.${record.group}`}</b>
        <small>
          {scopeWords(record)}
          {record.credential !== undefined && `, with ${record.credential}`}
        </small>
      </span>
    ),
  },
  { title: 'State', width: 'minmax(0, 1.3fr)', cell: ({ state }) => <StateOf state={state} /> },
  { title: 'Readers', width: '70px', cell: ({ readers }) => <Count value={readers} /> },
  { title: 'Objects', width: '80px', cell: ({ objects }) => <Count value={objects} /> },
  {
    title: 'Bytes read',
    width: '90px',
    cell: ({ bytes }) => <span className="tl-num">{formatBytes(bytes)}</span>,
  },
  {
    title: 'Lists, watches, failures',
    width: '160px',
    cell: ({ lists, watches, failures }) => (
      <span className="tl-num">
        {formatCount(lists)}, {formatCount(watches)}, {formatCount(failures)}
      </span>
    ),
  },
];

function heardColumn(now: number): RecordColumn<ReflectorRecord> {
  return {
    title: 'Heard',
    width: '90px',
    cell: ({ heardMs }) => (
      <span className="tl-num">
        {heardMs === undefined ? 'not yet' : `${formatDuration(now - heardMs)} ago`}
      </span>
    ),
  };
}

function Count({ value }: { readonly value: number }) {
  return <span className="tl-num">{formatCount(value)}</span>;
}

function StateOf({ state }: { readonly state: ReflectorRecord['state'] }) {
  const now = useNow();
  const { sinceMs, reason } = state;
  return (
    <span className="tl-state">
      <MarkText mark={reflectorMark(state)} />
      {sinceMs !== undefined && (
        <small className="tl-num">
          since {formatDuration(now - sinceMs)}
          {reason !== undefined && reason !== '' && `: ${reason}`}
        </small>
      )}
    </span>
  );
}

export function MarkText({ mark: { tone, label } }: { readonly mark: Mark }) {
  return (
    <span className="tl-mark" data-tone={tone}>
      <span className="tl-dot" aria-hidden="true" />
      {label}
    </span>
  );
}
