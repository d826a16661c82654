/** Any kind of objects of a cluster as a live table: what is looked at stands in the address, so that it can be linked to and come back to. */
import type { ClusterRecord, WindowSort } from '@trunkline/contracts/kube';
import { NativeSelect, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { FlaskConical, Lock, Search, ShipWheel, TriangleAlert } from 'lucide-react';
import { useEffect, useMemo, useState } from 'react';
import { useAsked } from '../asked.js';
import { formatCount, formatDuration } from '../format.js';
import { kindGroups, type KindChoice, type KindGroup } from '../kube/kinds.js';
import { useRows, type RowsQuestion } from '../kube/live.js';
import { parseKind } from '../kube/words.js';
import type { Continuity } from '../live.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { useNow } from '../parts/now.js';
import { Page } from '../parts/page.js';
import { navigate, replace, toHash, type ResourcesRoute } from '../router.js';
import { ResourceDrawer } from './resource-drawer.js';
import { ResourceTable } from './resource-table.js';

const CLUSTERS_MS = 10_000;
const NAMESPACES_MS = 10_000;
const KINDS_MS = 30_000;
const PAUSE_MS = 250;
const DEFAULT_KIND = 'v1/pods';

export function Resources({ route }: { readonly route: ResourcesRoute }) {
  const clusters = useAsked('kube.clusters', {}, CLUSTERS_MS);
  const list = clusters.data?.clusters;
  const cluster =
    route.cluster === undefined
      ? // Rather one that the reader can look into.
        (list?.find(({ credential }) => credential !== 'missing') ?? list?.[0])
      : list?.find(({ id }) => id === route.cluster);
  if (cluster !== undefined)
    return <Browser key={cluster.id} route={route} cluster={cluster} clusters={list ?? []} />;
  return (
    <Page
      title="Resources"
      name="Resources"
      continuity={clusters.continuity}
      source={`kube.clusters, every ${CLUSTERS_MS / 1_000} s`}
      lead="Every kind of objects of your clusters, as it changes."
    >
      <div className="tl-panel">
        {list === undefined ? (
          clusters.error ? (
            <Failure
              title="The clusters cannot be listed"
              reason={clusters.error.message}
              retry={clusters.ask}
            />
          ) : (
            <Waiting label="Loading the clusters" rows={7} />
          )
        ) : (
          <Empty icon={ShipWheel} title={list.length === 0 ? 'No cluster yet' : 'No such cluster'}>
            <a href={toHash({ screen: 'clusters' })} className="tl-link">
              {list.length === 0 ? 'Connect one, or start a simulated one' : 'See those there are'}
            </a>
          </Empty>
        )}
      </div>
    </Page>
  );
}

function Browser({
  route,
  cluster,
  clusters,
}: {
  readonly route: ResourcesRoute;
  readonly cluster: ClusterRecord;
  readonly clusters: readonly ClusterRecord[];
}) {
  const resources = useAsked('kube.resources', { cluster: cluster.id }, KINDS_MS, { keep: true });
  const namespaces = useAsked('kube.namespaces', { cluster: cluster.id }, NAMESPACES_MS, { keep: true });
  const groups = useMemo(() => kindGroups(resources.data?.resources ?? []), [resources.data]);
  const kind = route.kind ?? DEFAULT_KIND;
  const choice = groups.flatMap(({ kinds }) => kinds).find((one) => one.kind === kind);
  const namespaced = choice?.namespaced ?? true;
  const [typed, setTyped] = useState(route.search ?? '');
  const [search] = useDebouncedValue(typed.trim(), PAUSE_MS);
  const sort = useMemo(() => sortOf(route.sort), [route.sort]);
  const here = { screen: 'resources', cluster: cluster.id, kind } as const;
  const go = (changed: Changed, how = navigate): void => {
    const { object: _object, ...kept } = route;
    how(withoutAbsent({ ...kept, ...here, ...changed }));
  };
  useEffect(() => {
    if ((route.search ?? '') !== search) go({ search: search === '' ? undefined : search }, replace);
    // Only what was typed moves the address.
  }, [search]);
  const question = useMemo((): RowsQuestion | null => {
    const parsed = parseKind(kind);
    if (!parsed) return null;
    return {
      cluster: cluster.id,
      ...parsed,
      ...(namespaced && route.namespace !== undefined ? { namespaces: [route.namespace] } : {}),
      search,
      sort: sort ? [sort] : [],
    };
  }, [cluster.id, kind, namespaced, route.namespace, search, sort]);
  const [range, setRange] = useState({ first: 0, last: 0 });
  const view = useRows(question, range);
  const label = choice?.label ?? kind;
  return (
    <Page
      title={
        <>
          Resources
          {cluster.simulated && (
            <span className="tl-chip tl-simulated tl-beside">
              <FlaskConical size={12} aria-hidden="true" /> simulated
            </span>
          )}
        </>
      }
      name="Resources"
      continuity={view.continuity}
      source={`${label} of ${cluster.name}`}
      actions={
        <span className="tl-foot tl-num" role="status">
          {view.total === undefined
            ? ''
            : `${formatCount(view.total)} ${view.total === 1 ? 'object' : 'objects'}`}
        </span>
      }
    >
      <div className="tl-toolbar tl-pickers">
        <NativeSelect
          aria-label="Cluster"
          value={cluster.id}
          onChange={(event) => navigate({ screen: 'resources', cluster: event.currentTarget.value, kind })}
          data={clusters.map(({ id, name, simulated }) => ({
            value: id,
            label: simulated ? `${name} (simulated)` : name,
          }))}
        />
        <KindPicker groups={groups} kind={kind} onPick={(next) => go({ kind: next, sort: undefined })} />
        {namespaced && (
          <NativeSelect
            aria-label="Namespace"
            value={route.namespace ?? ''}
            onChange={(event) => go({ namespace: event.currentTarget.value || undefined })}
            data={namespaceChoices(
              namespaces.data?.namespaces ?? [],
              route.namespace,
              namespaces.data?.all !== false,
            )}
          />
        )}
        <TextInput
          className="tl-grow"
          aria-label="Search the rows"
          placeholder="Search"
          leftSection={<Search size={16} aria-hidden="true" />}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          spellCheck={false}
          autoCapitalize="none"
        />
      </div>
      <MaybeOld continuity={view.continuity} />
      {view.denied.length > 0 && (
        <p className="tl-alarm" role="status">
          <Lock size={16} aria-hidden="true" />
          <span>
            {view.denied
              .slice(0, 3)
              .map(({ namespace, reason }) => (namespace === undefined ? reason : `${namespace}: ${reason}`))
              .join(' ')}
            {view.denied.length > 3 && ` And ${view.denied.length - 3} more.`}
          </span>
        </p>
      )}
      <ResourceTable
        label={label}
        view={view}
        sort={sort}
        isNarrowed={search !== '' || route.namespace !== undefined}
        hrefOf={(object) => toHash(withoutAbsent({ ...route, ...here, object }))}
        onSort={(next) => go({ sort: next }, replace)}
        onRange={setRange}
      />
      <ResourceDrawer
        cluster={cluster.id}
        kind={kind}
        namespaced={namespaced}
        object={route.object}
        onClose={() => go({})}
      />
    </Page>
  );
}

/** What the badge says in one word, as a sentence: since when these rows may be old, and why. */
function MaybeOld({ continuity }: { readonly continuity: Continuity }) {
  const now = useNow();
  if (continuity.state !== 'stale' && continuity.state !== 'recovering') return null;
  return (
    <p className="tl-alarm" role="status">
      <TriangleAlert size={16} aria-hidden="true" />
      <span>
        These rows may be old{' '}
        <span className="tl-num" aria-hidden="true">
          since {formatDuration(now - continuity.sinceMs)}
        </span>
        {continuity.reason === '' ? '.' : `: ${continuity.reason}.`}
      </span>
    </p>
  );
}

function KindPicker({
  groups,
  kind,
  onPick,
}: {
  readonly groups: readonly KindGroup[];
  readonly kind: string;
  readonly onPick: (kind: string) => void;
}) {
  const known = groups.some(({ kinds }) => kinds.some((one) => one.kind === kind));
  return (
    <NativeSelect aria-label="Kind" value={kind} onChange={(event) => onPick(event.currentTarget.value)}>
      {!known && <option value={kind}>{kind}</option>}
      {groups.map(({ label, kinds }) => (
        <optgroup key={label} label={label}>
          {kinds.map((one: KindChoice) => (
            <option key={one.kind} value={one.kind}>
              {one.label}
            </option>
          ))}
        </optgroup>
      ))}
    </NativeSelect>
  );
}

function namespaceChoices(
  known: readonly string[],
  chosen: string | undefined,
  all: boolean,
): { readonly value: string; readonly label: string }[] {
  const names = chosen === undefined || known.includes(chosen) ? known : [...known, chosen].sort();
  return [
    { value: '', label: all ? 'All namespaces' : 'All that you may see' },
    ...names.map((name) => ({ value: name, label: name })),
  ];
}

function sortOf(text: string | undefined): (WindowSort & { readonly column: string }) | undefined {
  if (text === undefined || text === '' || text === '-') return undefined;
  return text.startsWith('-') ? { column: text.slice(1), order: 'desc' } : { column: text, order: 'asc' };
}

/** Undefined takes a part away. */
type Changed = { readonly [K in keyof ResourcesRoute]?: ResourcesRoute[K] | undefined };

function withoutAbsent(route: Changed): ResourcesRoute {
  return Object.fromEntries(
    Object.entries(route).filter(([, value]) => value !== undefined),
  ) as unknown as ResourcesRoute;
}
