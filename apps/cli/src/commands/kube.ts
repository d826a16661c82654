/** `trunkline kube`: the clusters that an org sees and what is in them. `clusters` and `get` ask once; what goes on (`watch`, `top`, `logs`) is in kube-live.ts. */
import type { ClusterRecord, DeniedScope } from '@trunkline/contracts/kube';
import type { Command } from 'commander';
import { parseCount } from '../arguments.js';
import { withExample, withToken, type ConnectionOptions } from '../connection-options.js';
import { CliError, exitOfCode } from '../exit.js';
import { count, oneLine, table, type Column } from '../format.js';
import type { Io } from '../io.js';
import { readWideColumns } from '../kube/columns.js';
import { chooseCluster, findKind, readClusters } from '../kube/kinds.js';
import type { KubeWindowQuestion, KubeWindowView } from '../kube/ports.js';
import type { Connect, LiveConnection, LivePublication } from '../live.js';
import { addKubeLive } from './kube-live.js';
import {
  scopeOf,
  sortOf,
  tableColumns,
  toRecord,
  withLive,
  withScope,
  type ScopeOptions,
} from './kube-parts.js';

interface GetOptions extends ScopeOptions {
  readonly search?: string;
  readonly sort?: string;
  readonly limit?: string;
  readonly wide?: boolean;
}

/** Rows of one window at most. */
const MAX_ROWS = 1_000;
/** Time for rows or an object to come once they were asked for. */
const ANSWER_TIMEOUT_MS = 15_000;

export function addKube(program: Command, io: Io, connect: Connect): void {
  const kube = program
    .command('kube')
    .summary('Kubernetes clusters, live')
    .description('Lists of Kubernetes clusters, kept up to date.');

  withExample(
    withToken(kube.command('clusters'))
      .summary('the clusters that the org sees')
      .description(
        'Lists the Kubernetes clusters that the org sees: whether they are reached, how fast they answer, and in whose name they are asked.',
      )
      .action((options: ConnectionOptions) =>
        withLive(io, connect, options, (live) => printClusters(io, live, options)),
      ),
    'trunkline kube clusters',
  );

  withExample(
    withScope(kube.command('get'))
      .summary('objects of a kind, or one object')
      .description(
        'Prints the objects of a kind as a table, in the columns that windows have; with a name, that object as JSON. A kind is a plural, a singular, a short name, or one of them with its API group behind a dot.',
      )
      .argument('<kind>')
      .argument('[name]')
      .option('--search <words>', 'rows that contain these words')
      .option('--sort <column>', 'by a column; with a minus in front, descending')
      .option('--limit <n>', 'rows at most', '500')
      .option('--wide', 'columns of lower priority as well')
      .action((kind: string, name: string | undefined, options: GetOptions) =>
        withLive(io, connect, options, (live) =>
          name === undefined
            ? printRows(io, live, kind, options)
            : printObject(io, live, kind, name, options),
        ),
      ),
    'trunkline kube get pods -n shop --sort -restarts',
    'trunkline kube get certificates.cert-manager.io --wide',
    'trunkline kube get deployments.apps web -n shop',
  );
  addKubeLive(kube, io, connect);
}

async function printClusters(io: Io, live: LiveConnection, { json }: ConnectionOptions): Promise<void> {
  const clusters = await readClusters(live);
  if (json === true) return void (await io.out(`${JSON.stringify(clusters)}\n`));
  if (clusters.length === 0) io.err('The org sees no cluster.\n');
  await io.out(table(clusters, CLUSTER_COLUMNS));
}

const CLUSTER_COLUMNS: readonly Column<ClusterRecord>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'NAME', value: ({ name }) => name },
  { title: 'REACH', value: ({ reach }) => reach },
  {
    title: 'LATENCY',
    value: ({ latencyMs }) => (latencyMs === undefined ? '-' : `${Math.round(latencyMs)} ms`),
    align: 'right',
  },
  { title: 'MODE', value: ({ mode, simulated }) => (simulated ? `${mode}, simulated` : mode) },
  { title: 'VERSION', value: ({ serverVersion = '-' }) => serverVersion },
  { title: 'ERROR', value: ({ error = '' }) => error },
];

async function printRows(io: Io, live: LiveConnection, typed: string, options: GetOptions): Promise<void> {
  const limit = parseCount('--limit', options.limit ?? '500', 1, MAX_ROWS);
  const cluster = await chooseCluster(live, options.cluster);
  const { group, version, resource } = await findKind(live, cluster, typed);
  const kind = { group, version, resource };
  const wide =
    options.wide === true ? await readWideColumns(live, cluster, kind, options.namespace) : undefined;
  const { columns, rows, total, denied } = await firstView(io, live, {
    cluster,
    ...kind,
    ...scopeOf(options),
    ...(options.search === undefined ? {} : { search: options.search }),
    ...(wide === undefined ? {} : { columns: wide.names }),
    sort: options.sort === undefined ? [] : [sortOf(options.sort)],
    limit,
  });
  for (const { namespace, reason } of denied)
    io.err(
      `${io.paint.yellow('denied')}${namespace === undefined ? '' : ` in ${namespace}`}: ${oneLine(reason)}\n`,
    );
  if (options.json === true)
    return void (await io.out(`${JSON.stringify(rows.map((row) => toRecord(row, columns)))}\n`));
  await io.out(table(rows, tableColumns(columns, io.clock.now())));
  if (wide !== undefined && wide.missing.length > 0)
    io.err(`Only the cluster's own tables have: ${oneLine(wide.missing.join(', '))}.\n`);
  if (rows.length === 0) io.err(`No ${resource} found.\n`);
  else if (total > rows.length)
    io.err(`${count(rows.length)} of ${count(total)}; --limit shows more, --search fewer.\n`);
}

/** A window as soon as it is the present, as far as it may be seen. */
function firstView(io: Io, live: LiveConnection, question: KubeWindowQuestion): Promise<KubeWindowView> {
  return new Promise((resolve, reject) => {
    let newest: KubeWindowView | undefined;
    const timer = io.clock.setTimeout(() => {
      const { state = 'loading', reason = '' } = newest?.health ?? {};
      reject(new CliError('failure', `the list is ${state}${reason === '' ? '' : `: ${reason}`}`));
    }, ANSWER_TIMEOUT_MS);
    live.kube.window(question, (view) => {
      newest = view;
      const { state, code, reason } = view.health;
      if (state === 'live' || state === 'partial') resolve(view);
      else if (state === 'failed' && code !== undefined)
        reject(
          new CliError(exitOfCode(code), `the server refused: ${reason ?? 'denied'} (${code})`, { code }),
        );
      else return;
      timer.cancel();
    });
  });
}

async function printObject(
  io: Io,
  live: LiveConnection,
  typed: string,
  name: string,
  options: GetOptions,
): Promise<void> {
  const cluster = await chooseCluster(live, options.cluster);
  const { group, version, resource } = await findKind(live, cluster, typed);
  const { lists, denied } = (await live.rpc('kube.open', {
    cluster,
    group,
    version,
    resource,
    ...scopeOf(options),
    name,
  })) as { readonly lists: readonly { readonly channel: string }[]; readonly denied: readonly DeniedScope[] };
  const [refusal] = denied;
  if (lists.length === 0)
    throw new CliError('denied', `the cluster refused: ${refusal?.reason ?? 'no list may be seen'}`, {
      code: refusal?.code,
    });
  const found = await Promise.all(lists.map(({ channel }) => firstSnapshot(io, live, channel)));
  const [object] = found.flat();
  if (object === undefined)
    throw new CliError('notFound', `${resource} "${name}" is not there`, {
      advice: options.namespace === undefined ? 'Name its namespace with -n.' : undefined,
    });
  await io.out(`${JSON.stringify(object.data, undefined, options.json === true ? undefined : 2)}\n`);
}

/** The entries that a map begins with. */
function firstSnapshot(io: Io, live: LiveConnection, channel: string): Promise<readonly LivePublication[]> {
  return new Promise((resolve, reject) => {
    const timer = io.clock.setTimeout(
      () => reject(new CliError('failure', 'the object did not come in time')),
      ANSWER_TIMEOUT_MS,
    );
    const done = (entries: readonly LivePublication[]): void => (timer.cancel(), resolve(entries));
    live.follow(
      channel,
      { map: true },
      {
        snapshot: done,
        publication: () => undefined,
        gap: () => undefined,
        reset: () => undefined,
        state: () => undefined,
      },
    );
  });
}
