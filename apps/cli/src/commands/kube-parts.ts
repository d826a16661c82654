/** What the commands of `trunkline kube` have in common: the options that say which objects, the connection they run on, and rows of windows. */
import type { WindowColumn, WindowRow } from '@trunkline/contracts/kube';
import type { Command } from 'commander';
import { settingsOf, withToken, type ConnectionOptions } from '../connection-options.js';
import { CliError } from '../exit.js';
import type { Column } from '../format.js';
import type { Io } from '../io.js';
import { cellText } from '../kube/words.js';
import type { Connect, LiveConnection } from '../live.js';

export interface ScopeOptions extends ConnectionOptions {
  readonly cluster?: string;
  readonly namespace?: readonly string[];
  readonly selector?: string;
  readonly fieldSelector?: string;
}

export function withScope(command: Command): Command {
  return withToken(command)
    .option('--cluster <id>', 'the cluster; absent: the only one')
    .option('-n, --namespace <name>', 'in this namespace (may be repeated); absent: all', collect)
    .option('-l, --selector <labels>', 'label selector, as Kubernetes writes it')
    .option('--field-selector <fields>', 'field selector, as Kubernetes writes it');
}

function collect(name: string, before: readonly string[] = []): readonly string[] {
  return [...before, name];
}

/** What of a question the options say. */
export function scopeOf({ namespace, selector, fieldSelector }: ScopeOptions): {
  readonly namespaces?: readonly string[];
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
} {
  return {
    ...(namespace === undefined ? {} : { namespaces: namespace }),
    ...(selector === undefined ? {} : { labelSelector: selector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
}

/** `-restarts` is `restarts`, descending. */
export function sortOf(text: string): { readonly column: string; readonly order: 'asc' | 'desc' } {
  return text.startsWith('-') ? { column: text.slice(1), order: 'desc' } : { column: text, order: 'asc' };
}

/** Runs on a live connection, until it is done, refused or interrupted. */
export async function withLive(
  io: Io,
  connect: Connect,
  options: ConnectionOptions,
  run: (live: LiveConnection) => Promise<void>,
): Promise<void> {
  const live = await connect(settingsOf(io, options), () => settingsOf(io, options));
  const interrupted = new Promise<never>((_resolve, reject) => {
    const end = (): void => reject(new CliError('interrupted', 'interrupted'));
    if (io.signal.aborted) end();
    else io.signal.addEventListener('abort', end, { once: true });
  });
  try {
    await Promise.race([run(live), live.failed, interrupted]);
  } finally {
    live.close();
  }
}

/** Columns of a window as columns of a table. */
export function tableColumns(columns: readonly WindowColumn[], now: number): readonly Column<WindowRow>[] {
  return columns.map(({ title, type }, at) => ({
    title: title.toUpperCase(),
    value: ({ cells }) => cellText(type, cells[at], now),
    ...(type === 'number' ? { align: 'right' as const } : {}),
  }));
}

/** Cells under the names of their columns, for scripts. */
export function toRecord({ id, uid, cells }: WindowRow, columns: readonly WindowColumn[]): object {
  return { id, uid, ...Object.fromEntries(columns.map(({ name }, at) => [name, cells[at] ?? null])) };
}
