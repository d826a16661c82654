/** Any kind of objects of a cluster as a live table: what is looked at stands in the address, so that it can be linked to and come back to. */
import type { ClusterRecord, WindowSort } from '@trunkline/contracts/kube';
import { FlaskConical, KeyRound, Lock, ShipWheel, TriangleAlert } from 'lucide-react';
import { useCallback, useMemo, useRef, useState } from 'react';
import { useAsked } from '../asked.js';
import { formatCount, formatDuration } from '../format.js';
import { firstOf, useRows, type RowsQuestion } from '../kube/live.js';
import { useKinds } from '../kube/use-kinds.js';
import { parseKind } from '../kube/words.js';
import type { Continuity } from '../live.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { useNow } from '../parts/now.js';
import { Page } from '../parts/page.js';
import { navigate, replace, toHash, type ResourcesRoute } from '../router.js';
import { ColumnPicker } from './resource-columns.js';
import { ResourceDrawer } from './resource-drawer.js';
import { ResourcePickers, type Picked } from './resource-pickers.js';
import { ResourceTable } from './resource-table.js';

const CLUSTERS_MS = 10_000;
const NAMESPACES_MS = 10_000;
const DEFAULT_KIND = 'v1/pods';
const NO_NAMESPACES = { namespaces: [], all: true };

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
  const namespaces = useAsked('kube.namespaces', { cluster: cluster.id }, NAMESPACES_MS, { keep: true });
  const groups = useKinds(cluster.id);
  const kind = route.kind ?? DEFAULT_KIND;
  const choice = groups.flatMap(({ kinds }) => kinds).find((one) => one.kind === kind);
  const namespaced = choice?.namespaced ?? true;
  const search = route.search ?? '';
  const sort = useMemo(() => sortOf(route.sort), [route.sort]);
  const here = useRef<ResourcesRoute>(route);
  here.current = { ...route, cluster: cluster.id, kind };
  // One function for as long as the page is there: what is not concerned is not drawn again.
  const go = useCallback((changed: Picked, how = navigate): void => {
    const { object: _object, ...kept } = here.current;
    how(withoutAbsent({ ...kept, ...changed }));
  }, []);
  const close = useCallback(() => go({}), [go]);
  const hrefOf = useCallback(
    (object: string) => toHash({ ...route, cluster: cluster.id, kind, object }),
    [route, cluster.id, kind],
  );
  const question = useMemo((): RowsQuestion | null => {
    const parsed = parseKind(kind);
    if (!parsed) return null;
    return {
      cluster: cluster.id,
      ...parsed,
      ...(namespaced && route.namespace !== undefined ? { namespaces: [route.namespace] } : {}),
      search,
      sort: sort ? [sort] : [],
      columns: listOf(route.columns),
    };
  }, [cluster.id, kind, namespaced, route.namespace, search, sort, route.columns]);
  const columns = useMemo(
    () => (
      <ColumnPicker
        cluster={cluster.id}
        kind={kind}
        namespace={namespaced ? route.namespace : undefined}
        chosen={route.columns}
        onPick={go}
      />
    ),
    [cluster.id, kind, namespaced, route.namespace, route.columns, go],
  );
  const [first, setFirst] = useState(0);
  const onRange = useCallback((range: { readonly first: number }) => setFirst(firstOf(range)), []);
  const view = useRows(question, first);
  const label = choice?.label ?? parseKind(kind)?.resource ?? kind;
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
      <ResourcePickers
        cluster={cluster}
        clusters={clusters}
        groups={groups}
        kind={kind}
        namespaces={namespaced ? (namespaces.data ?? NO_NAMESPACES) : undefined}
        namespace={route.namespace}
        search={search}
        onPick={go}
      >
        {columns}
      </ResourcePickers>
      {/* Without rows the table itself says that it failed. */}
      {(view.continuity.state !== 'failed' || (view.total ?? 0) > 0) && (
        <MaybeOld continuity={view.continuity} />
      )}
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
      {view.continuity.state === 'failed' && cluster.credential === 'missing' ? (
        <div className="tl-panel">
          <Empty icon={KeyRound} title="No credential of yours">
            This cluster is asked with what each user leaves for it.{' '}
            <a href={toHash({ screen: 'clusters' })} className="tl-link">
              Leave yours
            </a>
          </Empty>
        </div>
      ) : (
        <ResourceTable
          label={label}
          view={view}
          sort={sort}
          isNarrowed={search !== '' || route.namespace !== undefined}
          hrefOf={hrefOf}
          onSort={(next) => go({ sort: next }, replace)}
          of={question}
          onRange={onRange}
        />
      )}
      <ResourceDrawer
        cluster={cluster.id}
        kind={kind}
        namespaced={namespaced}
        object={route.object}
        onClose={close}
      />
    </Page>
  );
}

/** What the badge says in one word, as a sentence: since when these rows may be old, and why. */
function MaybeOld({ continuity }: { readonly continuity: Continuity }) {
  const now = useNow();
  const { state } = continuity;
  if (state !== 'stale' && state !== 'recovering' && state !== 'failed') return null;
  return (
    <p className="tl-alarm" role="status">
      <TriangleAlert size={16} aria-hidden="true" />
      <span>
        {state === 'failed' ? (
          'These rows are what they were last'
        ) : (
          <>
            These rows may be old{' '}
            <span className="tl-num" aria-hidden="true">
              since {formatDuration(now - continuity.sinceMs)}
            </span>
          </>
        )}
        {continuity.reason === '' ? '.' : `: ${continuity.reason}.`}
      </span>
    </p>
  );
}

function sortOf(text: string | undefined): (WindowSort & { readonly column: string }) | undefined {
  if (text === undefined || text === '' || text === '-') return undefined;
  return text.startsWith('-') ? { column: text.slice(1), order: 'desc' } : { column: text, order: 'asc' };
}

function listOf(text = ''): readonly string[] {
  return text.split(',').filter((name) => name !== '');
}

function withoutAbsent(route: Picked & Pick<ResourcesRoute, 'screen'>): ResourcesRoute {
  return Object.fromEntries(
    Object.entries(route).filter(([, value]) => value !== undefined),
  ) as unknown as ResourcesRoute;
}
