/** What a table of objects is narrowed to: cluster, kind, namespace and words. It is drawn when one of these changes, not with every row. */
import type { ClusterRecord } from '@trunkline/contracts/kube';
import { NativeSelect } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { memo, useEffect, useRef, useState, type ReactNode } from 'react';
import type { Result } from '../asked.js';
import type { KindChoice, KindGroup } from '../kube/kinds.js';
import { SearchField } from '../parts/search-field.js';
import { navigate, replace, type ResourcesRoute } from '../router.js';

const PAUSE_MS = 250;

/** What is looked at otherwise; undefined takes a part away. */
export type Picked = {
  readonly [K in Exclude<keyof ResourcesRoute, 'screen'>]?: ResourcesRoute[K] | undefined;
};

export interface ResourcePickersProps {
  readonly cluster: ClusterRecord;
  readonly clusters: readonly ClusterRecord[];
  readonly groups: readonly KindGroup[];
  readonly kind: string;
  /** Undefined: the kind lies in none. */
  readonly namespaces: Pick<Result<'kube.namespaces'>, 'namespaces' | 'all'> | undefined;
  readonly namespace: string | undefined;
  readonly search: string;
  readonly onPick: (changed: Picked, how?: typeof navigate) => void;
  /** At the end of the row. */
  readonly children?: ReactNode;
}

export const ResourcePickers = memo(function ResourcePickers({
  cluster,
  clusters,
  groups,
  kind,
  namespaces,
  namespace,
  search,
  onPick,
  children,
}: ResourcePickersProps) {
  return (
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
      <KindPicker
        groups={groups}
        kind={kind}
        onPick={(next) => onPick({ kind: next, sort: undefined, columns: undefined })}
      />
      {namespaces && (
        <NativeSelect
          aria-label="Namespace"
          value={namespace ?? ''}
          onChange={(event) => onPick({ namespace: event.currentTarget.value || undefined })}
          data={namespaceChoices(namespaces.namespaces, namespace, namespaces.all)}
        />
      )}
      <RowSearch search={search} onSearch={(next) => onPick({ search: next || undefined }, replace)} />
      {children}
    </div>
  );
});

/** Says what is wanted once nothing was typed for a moment; follows an address that changes by other ways. */
function RowSearch({
  search,
  onSearch,
}: {
  readonly search: string;
  readonly onSearch: (search: string) => void;
}) {
  const [typed, setTyped] = useState(search);
  const [paused] = useDebouncedValue(typed.trim(), PAUSE_MS);
  const told = useRef(search);
  useEffect(() => {
    if (paused === told.current) return;
    told.current = paused;
    onSearch(paused);
    // Only what was typed moves the address.
  }, [paused]);
  useEffect(() => {
    if (search === told.current) return;
    told.current = search;
    setTyped(search);
  }, [search]);
  return <SearchField label="Search the rows" value={typed} onChange={setTyped} />;
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
