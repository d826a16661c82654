/**
 * The columns that a custom resource brings along: those of its definition, which the API server shows in tables. They are read with the connection that carries the list, through the same
 * ports as everything else; where that may not read definitions, or one does not come soon, there are none. A column says nothing of any object.
 */
import type { Clock } from '@trunkline/base';
import type { ReflectorLease, ResourceInfo } from '@trunkline/kube-client';
import type { Identity, Upstreams } from '../ports.js';
import { columnsOf, type RowKind } from './engine/columns.js';
import { read, readList, readNumber, readText } from './engine/parts.js';
import { compilePrinterPath } from './engine/printer-path.js';
import type { PrinterColumn } from './messages.js';

/** Longest wait for a definition, in milliseconds. */
const WAIT_MS = 1_500;
const MAX_COLUMNS = 20;

/** API groups of the server itself: their kinds have no definition. */
const OWN_GROUPS = new Set([
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'certificates.k8s.io',
  'coordination.k8s.io',
  'discovery.k8s.io',
  'events.k8s.io',
  'flowcontrol.apiserver.k8s.io',
  'metrics.k8s.io',
  'networking.k8s.io',
  'node.k8s.io',
  'rbac.authorization.k8s.io',
  'resource.k8s.io',
  'scheduling.k8s.io',
  'storage.k8s.io',
]);

const TYPES: Readonly<Record<string, PrinterColumn['type']>> = {
  integer: 'number',
  number: 'number',
  boolean: 'boolean',
  date: 'time',
};

export interface DefinitionsDeps {
  readonly clock: Clock;
  readonly upstreams: Pick<Upstreams, 'lease'>;
}

/** Those of a kind in one version, without the ones of lower priority and those that rows have anyway. */
export async function readPrinterColumns(
  deps: DefinitionsDeps,
  cluster: string,
  upstream: Identity,
  { group, version, resource }: Pick<ResourceInfo, 'group' | 'version' | 'resource'>,
  rows: RowKind,
): Promise<readonly PrinterColumn[]> {
  if (!group.includes('.') || OWN_GROUPS.has(group)) return [];
  const definition = await readDefinition(deps, cluster, upstream, `${resource}.${group}`);
  const versions = readList(definition, 'spec', 'versions');
  const found = versions.find((one) => readText(one, 'name') === version);
  const taken = new Set(columnsOf(rows).map(({ column }) => column.name));
  const columns: PrinterColumn[] = [];
  for (const one of readList(found, 'additionalPrinterColumns')) {
    const [title, path] = [readText(one, 'name').slice(0, 64), readText(one, 'jsonPath').slice(0, 300)];
    const name = title
      .toLowerCase()
      .replace(/[^a-z0-9]+/gu, '-')
      .replace(/^-|-$/gu, '');
    const shown =
      (readNumber(one, 'priority') ?? 0) === 0 && read(one, 'jsonPath') !== '.metadata.creationTimestamp';
    if (!shown || name === '' || taken.has(name) || compilePrinterPath(path) === undefined) continue;
    taken.add(name);
    columns.push({ name, title, type: TYPES[readText(one, 'type')] ?? 'text', path });
  }
  return columns.slice(0, MAX_COLUMNS);
}

/** Undefined where there is none, or none that may be read, or none in time. */
function readDefinition(
  { clock, upstreams }: DefinitionsDeps,
  cluster: string,
  upstream: Identity,
  name: string,
): Promise<unknown> {
  return new Promise((resolve) => {
    let lease: ReflectorLease | undefined;
    let done = false;
    const settle = (late: boolean): void => {
      const view = lease?.view;
      if (done || (!late && (view === undefined || view.state.kind === 'loading'))) return;
      done = true;
      timer.cancel();
      const object = view?.get(name);
      lease?.dispose();
      resolve(object?.value);
    };
    const timer = clock.setTimeout(() => settle(true), WAIT_MS);
    const question = {
      group: 'apiextensions.k8s.io',
      version: 'v1',
      resource: 'customresourcedefinitions',
      fieldSelector: `metadata.name=${name}`,
    };
    const told = (): void => settle(false);
    try {
      lease = upstreams.lease(cluster, upstream, question, {
        onChanges: told,
        onState: told,
        onLost: () => settle(true),
      });
      told();
    } catch {
      settle(true);
    }
  });
}
