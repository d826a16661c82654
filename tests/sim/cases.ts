/** The channels of every world: one namespace of each class, type, outcome and recovery mode, under the same names in two orgs. */
import type { ModuleNamespace, NamespaceOptions } from '@trunkline/hub';

export type Given = Partial<NamespaceOptions> & { readonly name: string };

const open = { allowSubscribe: ['user'], allowPublish: ['user'], allowHistory: ['user'] } as const;
const map = { keyTtlMs: 0, streamSize: 200, streamTtlMs: 600_000, clientKey: 'none', maxKeys: 100 } as const;

export const NAMESPACES: readonly Given[] = [
  { ...open, name: 'log', historySize: 400, forceRecovery: true, presence: true, joinLeave: true },
  { ...open, name: 'short', historySize: 5, forceRecovery: true, presence: true },
  { ...open, name: 'feed', historySize: 40, overflow: 'gap', presence: true, allowDelta: ['fossil'] },
  { ...open, name: 'tail', historySize: 40, overflow: 'latest', allowDelta: ['fossil'] },
  { ...open, name: 'last', historySize: 1, recoveryMode: 'cache', forceRecovery: true },
  { ...open, name: 'tags', historySize: 100, allowTagsFilter: true, forceRecovery: true },
  { ...open, name: 'tagsgap', historySize: 100, allowTagsFilter: true, overflow: 'latest' },
  { ...open, name: 'diff', historySize: 60, allowDelta: ['fossil'], forceRecovery: true },
  { ...open, name: 'plain' },
  { ...open, name: 'keys', type: 'map', presence: true, map: { ...map, mode: 'persistent' } },
  {
    ...open,
    name: 'newest',
    type: 'map',
    overflow: 'latest',
    allowDelta: ['fossil'],
    map: { ...map, mode: 'persistent' },
  },
  { ...open, name: 'picked', type: 'map', allowTagsFilter: true, map: { ...map, mode: 'persistent' } },
  { ...open, name: 'brief', type: 'map', map: { ...map, mode: 'ephemeral', keyTtlMs: 20_000 } },
];

export const DURABLE: Omit<ModuleNamespace, 'authorise'> = {
  options: { ...open, name: 'inbox', class: 'durable', historySize: 60 },
};
export const LOCAL: Omit<ModuleNamespace, 'source'> = {
  options: { ...open, name: 'watch', class: 'local', overflow: 'gap' },
  lingerMs: 1_000,
};
export const LOCAL_MAP: Omit<ModuleNamespace, 'mapSource'> = {
  options: { ...open, name: 'rows', class: 'local', type: 'map', allowDelta: ['fossil'] },
  lingerMs: 1_000,
};

export interface Case {
  readonly channel: string;
  readonly kind: 'stream' | 'map';
  /** Who numbers; `plain` nobody. */
  readonly source: 'live' | 'durable' | 'local' | 'plain';
  readonly filter: boolean;
  readonly cache: boolean;
  /** Readers may ask for differences. */
  readonly delta: boolean;
  /** Unrecovered and conflated ranges are told rather than repaired. */
  readonly ephemeral: boolean;
}

const plainCase = {
  kind: 'stream',
  source: 'live',
  filter: false,
  cache: false,
  delta: false,
  ephemeral: false,
} as const;

export const CASES: readonly Case[] = [
  { ...plainCase, channel: 'log:1' },
  { ...plainCase, channel: 'log:2' },
  { ...plainCase, channel: 'short:1' },
  { ...plainCase, channel: 'feed:1', delta: true },
  { ...plainCase, channel: 'tail:1', delta: true },
  { ...plainCase, channel: 'last:1', cache: true },
  { ...plainCase, channel: 'tags:1', filter: true },
  { ...plainCase, channel: 'tagsgap:1', filter: true },
  { ...plainCase, channel: 'diff:1', delta: true },
  { ...plainCase, channel: 'plain:1', source: 'plain' },
  { ...plainCase, channel: 'inbox:1', source: 'durable' },
  { ...plainCase, channel: 'watch:1', source: 'local' },
  { ...plainCase, channel: 'keys:1', kind: 'map' },
  { ...plainCase, channel: 'newest:1', kind: 'map', delta: true },
  { ...plainCase, channel: 'picked:1', kind: 'map', filter: true },
  { ...plainCase, channel: 'brief:1', kind: 'map', ephemeral: true },
  { ...plainCase, channel: 'rows:1', kind: 'map', source: 'local', delta: true },
];

export const STREAMS = CASES.filter(({ kind }) => kind === 'stream');
export const MAPS = CASES.filter(({ kind }) => kind === 'map');
export const ORGS = ['acme', 'bolt'] as const;
/** What readers with a filter want. */
export const WANTED = { key: 'shade', cmp: 'eq', val: 'red' } as const;
export const SHADES = ['red', 'blue'] as const;

export function wants(tags: Readonly<Record<string, string>>): boolean {
  return tags[WANTED.key] === WANTED.val;
}
