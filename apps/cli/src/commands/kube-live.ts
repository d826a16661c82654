/** `trunkline kube watch`, `top` and `logs`: what goes on in a cluster until Ctrl-C, and whether what is shown is the present. */
import type { Command } from 'commander';
import { changesBetween } from '@trunkline/contracts/kube-changes';
import { parseCount, parseDuration } from '../arguments.js';
import { withExample, withToken, type ConnectionOptions } from '../connection-options.js';
import { CliError, exitOfCode } from '../exit.js';
import { count, oneLine, table, timeOfDay } from '../format.js';
import type { Io } from '../io.js';
import { chooseCluster, findKind } from '../kube/kinds.js';
import type { KubeHealth, KubeListView, KubeObject, KubeWindowView } from '../kube/ports.js';
import { badge, changeText, keyOf } from '../kube/words.js';
import type { Connect, LiveConnection } from '../live.js';
import {
  scopeOf,
  sortOf,
  tableColumns,
  toRecord,
  withLive,
  withScope,
  type ScopeOptions,
} from './kube-parts.js';

interface TopOptions extends ScopeOptions {
  readonly search?: string;
  readonly sort?: string;
  readonly limit?: string;
}

interface LogsOptions extends ConnectionOptions {
  readonly cluster?: string;
  readonly namespace?: string;
  readonly container?: string;
  readonly tail?: string;
  readonly since?: string;
  readonly previous?: boolean;
  readonly timestamps?: boolean;
}

/** Screens are drawn at most this often. */
const FRAME_MS = 250;
const MAX_ROWS = 1_000;
const MAX_TAIL = 10_000;
/** Changed fields that one line names. */
const SHOWN_CHANGES = 3;

export function addKubeLive(kube: Command, io: Io, connect: Connect): void {
  withExample(
    withScope(kube.command('watch'))
      .summary('follow what changes in a list')
      .description(
        'Prints what is there as soon as the list is complete, then a line per object that is added, changed or deleted, with the fields that changed. Standard error says whether the list is the present. Ends with Ctrl-C.',
      )
      .argument('<kind>')
      .action((kind: string, options: ScopeOptions) =>
        following(io, connect, options, (live) => watch(io, live, kind, options)),
      ),
    'trunkline kube watch pods -n shop',
    'trunkline kube watch deploy --json | jq -c .name',
  );

  withExample(
    withScope(kube.command('top'))
      .summary('the first rows of a sorted list, kept up to date')
      .description(
        'Shows the first rows of a list in the order of a column and keeps them up to date, with the state of the list above them. On a terminal the screen is drawn again; elsewhere, and with --json, every turn is printed. Ends with Ctrl-C.',
      )
      .argument('<kind>')
      .option('--search <words>', 'rows that contain these words')
      .option('--sort <column>', 'by a column; with a minus in front, descending', '-age')
      .option('--limit <n>', 'rows', '20')
      .action((kind: string, options: TopOptions) =>
        following(io, connect, options, (live) => top(io, live, kind, options)),
      ),
    'trunkline kube top pods --sort -restarts',
  );

  withExample(
    withToken(kube.command('logs'))
      .summary("follow a container's log")
      .description(
        'Prints the last lines of a container and follows it until the log ends or Ctrl-C. A part that may be missing is said in its place on standard error. With --json every line is an object.',
      )
      .argument('<pod>')
      .requiredOption('-n, --namespace <name>', 'namespace of the pod')
      .option('--cluster <id>', 'the cluster; absent: the only one')
      .option('-c, --container <name>', 'absent: the only one')
      .option('--tail <n>', 'lines from before', '200')
      .option('--since <duration>', 'only lines of this long ago, e.g. 10m')
      .option('--previous', 'the run before this one')
      .option('--timestamps', 'begin lines with their time')
      .action((pod: string, options: LogsOptions) =>
        following(io, connect, options, (live) => logs(io, live, pod, options)),
      ),
    'trunkline kube logs web-5d9c7 -n shop --tail 50',
  );
}

/** Ctrl-C is the ordinary end. */
async function following(
  io: Io,
  connect: Connect,
  options: ConnectionOptions,
  run: (live: LiveConnection) => Promise<void>,
): Promise<void> {
  try {
    await withLive(io, connect, options, run);
  } catch (error) {
    if (!(error instanceof CliError) || error.exit !== 'interrupted' || !io.signal.aborted) throw error;
  }
}

/** Says each change of state once, on standard error; rejects where nothing can come any more. */
function stateTeller(io: Io, what: string, json: boolean, refuse: (error: CliError) => void) {
  let told = '';
  return (health: KubeHealth): void => {
    const { state, reason, code, sinceMs } = health;
    const key = `${state} ${reason ?? ''}`;
    if (key === told) return;
    told = key;
    if (state === 'failed' && code !== undefined)
      refuse(new CliError(exitOfCode(code), `${what}: ${reason ?? 'refused'} (${code})`, { code }));
    else if (json)
      void io.out(`${JSON.stringify({ type: 'state', state, reason, sinceMs, timeMs: io.clock.now() })}\n`);
    else io.err(`${timeOfDay(io.clock.now())}  ${what}: ${badge(health, io.clock.now(), io.paint)}\n`);
  };
}

async function watch(io: Io, live: LiveConnection, typed: string, options: ScopeOptions): Promise<void> {
  const cluster = await chooseCluster(live, options.cluster);
  const { group, version, resource } = await findKind(live, cluster, typed);
  const json = options.json === true;
  await new Promise<void>((_resolve, refuse) => {
    const tell = stateTeller(io, `${resource} in ${cluster}`, json, refuse);
    const print = changePrinter(io, json);
    live.kube.list({ cluster, group, version, resource, ...scopeOf(options) }, (view) => {
      print(view);
      tell(view.health);
    });
  });
}

/** Compares each view with the one before; objects that did not change are the same. */
function changePrinter(io: Io, json: boolean): (view: KubeListView) => void {
  let shown: Map<string, KubeObject> | undefined;
  const line = (
    type: 'added' | 'changed' | 'deleted',
    key: string,
    object: KubeObject,
    before?: KubeObject,
  ): void => {
    const { name, namespace } = object.metadata;
    if (json)
      return void io.out(`${JSON.stringify({ type, name, namespace, timeMs: io.clock.now(), object })}\n`);
    const changes = before === undefined ? [] : changesBetween(before, object);
    const more = changes.length > SHOWN_CHANGES ? `, and ${changes.length - SHOWN_CHANGES} more` : '';
    const colour = { added: io.paint.green, changed: io.paint.yellow, deleted: io.paint.red }[type];
    void io.out(
      [
        io.paint.dim(timeOfDay(io.clock.now())),
        colour(type.padEnd(7)),
        oneLine(key),
        oneLine(changes.slice(0, SHOWN_CHANGES).map(changeText).join(', ')) + more,
      ]
        .join('  ')
        .trimEnd() + '\n',
    );
  };
  return ({ health, objects }) => {
    if (shown === undefined && (health.state === 'loading' || health.state === 'failed')) return;
    const before = shown ?? new Map<string, KubeObject>();
    const next = new Map(objects.map((object) => [keyOf(object), object]));
    shown = next;
    for (const [key, object] of before) {
      const now = next.get(key);
      if (now === undefined || now.metadata.uid !== object.metadata.uid) line('deleted', key, object);
    }
    for (const [key, object] of next) {
      const held = before.get(key);
      if (held === object) continue;
      const same = held !== undefined && held.metadata.uid === object.metadata.uid;
      line(same ? 'changed' : 'added', key, object, same ? held : undefined);
    }
  };
}

async function top(io: Io, live: LiveConnection, typed: string, options: TopOptions): Promise<void> {
  const limit = parseCount('--limit', options.limit ?? '20', 1, MAX_ROWS);
  const cluster = await chooseCluster(live, options.cluster);
  const { group, version, resource } = await findKind(live, cluster, typed);
  const sort = sortOf(options.sort ?? '-age');
  const json = options.json === true;
  const head = `${resource} in ${cluster}, by ${sort.column}${sort.order === 'desc' ? ' descending' : ''}`;
  await new Promise<void>((_resolve, refuse) => {
    let newest: KubeWindowView | undefined;
    let waiting = false;
    const draw = (): void => {
      waiting = false;
      if (newest !== undefined) void io.out(json ? toLine(newest) : screen(io, head, newest));
    };
    const question = {
      cluster,
      group,
      version,
      resource,
      ...scopeOf(options),
      ...(options.search === undefined ? {} : { search: options.search }),
      sort: [sort],
      limit,
    };
    live.kube.window(question, (view) => {
      const { state, code, reason } = view.health;
      if (state === 'failed' && code !== undefined)
        return refuse(new CliError(exitOfCode(code), `${head}: ${reason ?? 'refused'} (${code})`, { code }));
      if (state === 'loading' && reason === undefined && newest === undefined) return;
      newest = view;
      if (waiting) return;
      waiting = true;
      io.clock.setTimeout(draw, FRAME_MS);
    });
  });
}

function toLine({ health: { state, sinceMs, reason }, rows, columns, total }: KubeWindowView): string {
  return `${JSON.stringify({ state, sinceMs, reason, total, rows: rows.map((row) => toRecord(row, columns)) })}\n`;
}

/** From the upper left corner, on a terminal. */
function screen(io: Io, head: string, { health, columns, rows, total }: KubeWindowView): string {
  const now = io.clock.now();
  const title = `${badge(health, now, io.paint)}  ${head}: ${count(rows.length)} of ${count(total)}\n\n`;
  const text = `${title}${table(rows, tableColumns(columns, now))}`;
  return io.outputIsTerminal ? `\u001b[H\u001b[2J${text}` : `${text}\n`;
}

async function logs(io: Io, live: LiveConnection, pod: string, options: LogsOptions): Promise<void> {
  const { container, namespace = '', previous, timestamps } = options;
  const tail = parseCount('--tail', options.tail ?? '200', 0, MAX_TAIL);
  const sinceMs = options.since === undefined ? undefined : parseDuration('--since', options.since);
  const cluster = await chooseCluster(live, options.cluster);
  const json = options.json === true;
  const question = {
    cluster,
    namespace,
    pod,
    tail,
    ...(container === undefined ? {} : { container }),
    ...(sinceMs === undefined ? {} : { sinceSeconds: Math.max(1, Math.round(sinceMs / 1_000)) }),
    ...(previous === true ? { previous } : {}),
  };
  await new Promise<void>((resolve, refuse) => {
    const note = (type: 'gap' | 'end', reason: string): void => {
      if (json) void io.out(`${JSON.stringify({ type, reason, timeMs: io.clock.now() })}\n`);
      else io.err(`${io.paint.bold(type === 'gap' ? 'GAP' : 'end')}: ${oneLine(reason)}\n`);
    };
    live.kube.log(question, {
      health: stateTeller(io, `${namespace}/${pod}`, json, refuse),
      lines: (lines) => {
        const text = lines.map(({ time, text: line }) =>
          json
            ? `${JSON.stringify({ type: 'line', time, text: line })}\n`
            : `${timestamps === true && time !== undefined ? `${io.paint.dim(time)} ` : ''}${oneLine(line)}\n`,
        );
        void io.out(text.join(''));
      },
      gap: (reason) => note('gap', reason),
      end: (reason) => (note('end', reason), resolve()),
    });
  });
}
