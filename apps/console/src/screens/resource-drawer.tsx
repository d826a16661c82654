/** One object: what it is, its YAML, what happened to it, what changes while one looks, and of a pod its log. */
import { SegmentedControl, Stack } from '@mantine/core';
import { Trash2 } from 'lucide-react';
import { memo, useMemo, useState } from 'react';
import { formatDateTime, formatDuration } from '../format.js';
import { useObject, type KubeObject } from '../kube/live.js';
import { parseKind } from '../kube/words.js';
import { toYaml } from '../kube/yaml.js';
import { ContinuityBadge } from '../parts/continuity.js';
import { Copy } from '../parts/copy.js';
import { Facts, type Fact } from '../parts/facts.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { useNow } from '../parts/now.js';
import { Panel } from '../parts/panel.js';
import { SideSheet } from '../parts/sheet.js';
import { ResourceChanges, useChangeLog } from './resource-changes.js';
import { ResourceEvents } from './resource-events.js';
import { ResourceLog } from './resource-log.js';

type Tab = 'about' | 'yaml' | 'events' | 'log';

export interface ResourceDrawerProps {
  readonly cluster: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** `namespace/name` or `name`; undefined: closed. */
  readonly object: string | undefined;
  readonly onClose: () => void;
}

/** Not drawn again with every change of the list beside it. */
export const ResourceDrawer = memo(function ResourceDrawer({
  object,
  onClose,
  ...rest
}: ResourceDrawerProps) {
  return (
    <SideSheet title={object?.split('/').at(-1)} width={720} onClose={onClose}>
      {object !== undefined && (
        <Details key={`${rest.cluster} ${rest.kind} ${object}`} object={object} {...rest} />
      )}
    </SideSheet>
  );
});

function Details({
  cluster,
  kind,
  namespaced,
  object: named,
}: Omit<ResourceDrawerProps, 'object' | 'onClose'> & { readonly object: string }) {
  const [namespace, name] = namespaced ? splitOnce(named) : [undefined, named];
  const question = useMemo(() => {
    const parsed = parseKind(kind);
    return parsed && { cluster, ...parsed, name, ...(namespace === undefined ? {} : { namespace }) };
  }, [cluster, kind, namespace, name]);
  const { object, deleted, continuity } = useObject(question ?? null);
  const changes = useChangeLog(object);
  const isPod = kind === 'v1/pods';
  const [tab, setTab] = useState<Tab>('about');
  const tabs: { readonly value: Tab; readonly label: string }[] = [
    { value: 'about', label: 'Overview' },
    { value: 'yaml', label: 'YAML' },
    { value: 'events', label: 'Events' },
    ...(isPod ? [{ value: 'log', label: 'Log' } as const] : []),
  ];
  return (
    <Stack gap="md" pb="xl">
      <div className="tl-drawer-head">
        <ContinuityBadge continuity={continuity} source={`${named} of ${cluster}`} />
        <SegmentedControl
          aria-label="What is shown"
          size="xs"
          value={tab}
          onChange={(next) => setTab(next as Tab)}
          data={tabs}
        />
      </div>
      {deleted && (
        <p className="tl-alarm" role="status">
          <Trash2 size={16} aria-hidden="true" />
          <span>Deleted. This is what it was last.</span>
        </p>
      )}
      {object === undefined ? (
        continuity.state === 'failed' ? (
          <Failure title="The object cannot be read" reason={continuity.reason} />
        ) : continuity.state === 'live' ? (
          <Empty icon={Trash2} title="Not there">
            No object of this name exists now. It appears here when it is made.
          </Empty>
        ) : (
          <Waiting
            label="Loading the object"
            rows={7}
            reason={continuity.state === 'connecting' ? continuity.reason : undefined}
          />
        )
      ) : tab === 'about' ? (
        <>
          <About object={object} />
          <ResourceChanges changes={changes} />
        </>
      ) : tab === 'yaml' ? (
        <Yaml object={object} />
      ) : tab === 'events' ? (
        <ResourceEvents cluster={cluster} object={object} />
      ) : (
        <ResourceLog cluster={cluster} pod={object} />
      )}
    </Stack>
  );
}

function splitOnce(text: string): readonly [namespace: string | undefined, name: string] {
  const at = text.indexOf('/');
  return at < 0 ? [undefined, text] : [text.slice(0, at), text.slice(at + 1)];
}

function About({ object }: { readonly object: KubeObject }) {
  const { metadata } = object;
  return (
    <Panel title={`${object.kind ?? 'Object'} ${metadata.name}`}>
      <Facts columns={1} facts={factsOf(object)} />
      <Pairs title="Labels" pairs={metadata.labels} />
      <Pairs title="Annotations" pairs={metadata.annotations} />
    </Panel>
  );
}

function factsOf(object: KubeObject): Fact[] {
  const { metadata } = object;
  const { creationTimestamp, deletionTimestamp, namespace, uid } = metadata;
  const owners = readList(metadata['ownerReferences']).map(({ kind, name }) => `${text(kind)} ${text(name)}`);
  const status = readRecord(object['status']);
  const spec = readRecord(object['spec']);
  const containers = readList(spec['containers']).map(({ name, image }) => `${text(name)}: ${text(image)}`);
  const one = (term: string, value: unknown): Fact[] =>
    value === undefined || value === ''
      ? []
      : [
          [
            term,
            <span key={term} className="tl-break">
              {String(value)}
            </span>,
          ],
        ];
  return [
    ...one('Namespace', namespace),
    ...one('Phase', status['phase']),
    ...one('Node', spec['nodeName']),
    ...one('Address', status['podIP']),
    ...(typeof spec['replicas'] === 'number'
      ? one('Replicas', `${Number(status['readyReplicas'] ?? 0)} of ${spec['replicas']} ready`)
      : []),
    ...containers.flatMap((container) => one('Container', container)),
    ...owners.flatMap((owner) => one('Owned by', owner)),
    ...(creationTimestamp === undefined
      ? []
      : ([['Made', <Made key="made" at={creationTimestamp} />]] as Fact[])),
    ...one('Being deleted since', deletionTimestamp),
    [
      'Uid',
      <code key="uid" className="tl-break">
        {uid}
      </code>,
    ],
  ];
}

function Made({ at }: { readonly at: string }) {
  const now = useNow();
  const atMs = Date.parse(at);
  return (
    <span className="tl-num" title={formatDateTime(atMs)}>
      {formatDuration(now - atMs)} ago
    </span>
  );
}

function Pairs({
  title,
  pairs,
}: {
  readonly title: string;
  readonly pairs: Readonly<Record<string, string>> | undefined;
}) {
  const entries = Object.entries(pairs ?? {});
  if (entries.length === 0) return null;
  return (
    <div className="tl-pairs">
      <h3>{title}</h3>
      <span className="tl-chips">
        {entries.map(([key, value]) => (
          <code key={key} className="tl-chip tl-break">
            {value === '' ? key : `${key}: ${value}`}
          </code>
        ))}
      </span>
    </div>
  );
}

function Yaml({ object }: { readonly object: KubeObject }) {
  const yaml = useMemo(() => {
    const { apiVersion, kind, metadata, ...rest } = object;
    return toYaml({ apiVersion, kind, metadata, ...rest });
  }, [object]);
  return (
    <Panel title="YAML" aside={<Copy text={() => yaml} what="the YAML" />}>
      <pre className="tl-pre tl-tall" tabIndex={0} aria-label="YAML of the object">
        {yaml}
      </pre>
    </Panel>
  );
}

function readRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}

function readList(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.map(readRecord) : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
