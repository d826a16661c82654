/**
 * Namespaces as the contract shows them: every option, which of them are not the default, and how many channels of one org stand in each
 * now. Pure. Which namespace rules a name is decided as the hub does: by prefix, then `*`.
 */
import type { NamespaceSummary } from '@trunkline/contracts/node';
import {
  NAMESPACE_DEFAULTS,
  type ChannelSummary,
  type MapOptions,
  type NamespaceOptions,
} from '@trunkline/hub';
import { namespaceOf } from '@trunkline/protocol';

const ANY = '*';

/** The name of the namespace that rules a channel; undefined where none does. */
export function namespaceFor(channel: string, names: ReadonlySet<string>): string | undefined {
  const own = namespaceOf(channel);
  if (names.has(own)) return own;
  return names.has(ANY) ? ANY : undefined;
}

/** Every namespace in the order it was defined, with the counts of `channels` in it. */
export function toNamespaces(
  namespaces: readonly NamespaceOptions[],
  channels: readonly ChannelSummary[],
): NamespaceSummary[] {
  const names = new Set(namespaces.map((one) => one.name));
  const counts = new Map<string, { channels: number; subscribers: number }>();
  for (const { channel, subscribers } of channels) {
    const name = namespaceFor(channel, names);
    if (name === undefined) continue;
    const count = counts.get(name) ?? { channels: 0, subscribers: 0 };
    count.channels++;
    count.subscribers += subscribers;
    counts.set(name, count);
  }
  return namespaces.map((one) => ({
    ...toNamespace(one),
    ...(counts.get(one.name) ?? { channels: 0, subscribers: 0 }),
  }));
}

function toNamespace(options: NamespaceOptions): Omit<NamespaceSummary, 'channels' | 'subscribers'> {
  const { map, channelPattern } = options;
  return {
    name: options.name,
    type: options.type,
    class: options.class,
    historySize: orUnlimited(options.historySize),
    historyTtlMs: orUnlimited(options.historyTtlMs),
    metaTtlMs: orUnlimited(options.metaTtlMs),
    presence: options.presence,
    joinLeave: options.joinLeave,
    forceJoinLeave: options.forceJoinLeave,
    forcePositioning: options.forcePositioning,
    forceRecovery: options.forceRecovery,
    recoveryMode: options.recoveryMode,
    overflow: options.overflow,
    allowSubscribe: [...options.allowSubscribe],
    allowPublish: [...options.allowPublish],
    allowPresence: [...options.allowPresence],
    allowHistory: [...options.allowHistory],
    allowTagsFilter: options.allowTagsFilter,
    allowDelta: [...options.allowDelta],
    ...(channelPattern !== undefined && { channelPattern }),
    maxSubscribers: orUnlimited(options.maxSubscribers),
    publishDebounceMs: options.publishDebounceMs,
    ...(options.type !== 'stream' && { map: toMap(map) }),
    mapClientsPrefix: options.mapClientsPrefix,
    mapUsersPrefix: options.mapUsersPrefix,
    changed: changedOptions(options),
  };
}

function toMap(map: MapOptions): NonNullable<NamespaceSummary['map']> {
  return {
    mode: map.mode,
    keyTtlMs: orUnlimited(map.keyTtlMs),
    streamSize: orUnlimited(map.streamSize),
    streamTtlMs: orUnlimited(map.streamTtlMs),
    clientKey: map.clientKey,
    maxKeys: orUnlimited(map.maxKeys),
  };
}

/** Names of the options that differ from the default; the name itself is none. Map options count only where there are maps. */
function changedOptions(options: NamespaceOptions): string[] {
  const differing = (given: object, defaults: object): string[] =>
    Object.keys(given).filter(
      (key) => key !== 'name' && key !== 'map' && !equal(valueOf(given, key), valueOf(defaults, key)),
    );
  const changed = differing(options, NAMESPACE_DEFAULTS);
  if (options.type === 'stream') return changed;
  return [...changed, ...differing(options.map, mapDefaults(options.map.mode)).map((key) => `map.${key}`)];
}

/** Two of a map's defaults depend on its mode; resolved, as the options compared with them are. */
function mapDefaults(mode: MapOptions['mode']): MapOptions {
  const { map } = NAMESPACE_DEFAULTS;
  return mode === 'ephemeral'
    ? { ...map, keyTtlMs: EPHEMERAL_KEY_TTL_MS, streamSize: 0 }
    : { ...map, keyTtlMs: 0 };
}

const EPHEMERAL_KEY_TTL_MS = 60_000;

function valueOf(fields: object, key: string): unknown {
  return (fields as Readonly<Record<string, unknown>>)[key];
}

function equal(left: unknown, right: unknown): boolean {
  if (!Array.isArray(left) || !Array.isArray(right)) return left === right;
  return left.length === right.length && left.every((one, index) => one === right[index]);
}

/** JSON has no infinity. */
export function orUnlimited(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
