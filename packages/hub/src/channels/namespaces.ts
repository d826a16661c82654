/**
 * From a channel name to its options. Operator namespaces and the reserved ones of modules live in one table; a name that resolves to
 * nothing is denied exactly as a forbidden one is (spec WALL-3).
 */
import { mergeOptions, requireNumber } from '@trunkline/base';
import { namespaceOf } from '@trunkline/protocol';
import type { ModuleNamespace } from '../ports/module.js';
import type { Audience, DeltaKind, MapOptions, NamespaceOptions } from '../ports/namespace.js';
import type { Principal } from '../ports/principal.js';

export const MAP_DEFAULTS: MapOptions = {
  mode: 'ephemeral',
  keyTtlMs: -1,
  streamSize: 1_000,
  streamTtlMs: 300_000,
  clientKey: 'none',
  maxKeys: 100_000,
};

export const NAMESPACE_DEFAULTS: NamespaceOptions = {
  name: '',
  type: 'stream',
  class: 'live',
  historySize: 0,
  historyTtlMs: 300_000,
  metaTtlMs: 2_592_000_000,
  presence: false,
  joinLeave: false,
  forceJoinLeave: false,
  forcePositioning: false,
  forceRecovery: false,
  recoveryMode: 'stream',
  allowSubscribe: [],
  allowPublish: [],
  allowPresence: [],
  allowHistory: [],
  allowTagsFilter: false,
  allowDelta: [],
  overflow: 'recover',
  maxSubscribers: Infinity,
  publishDebounceMs: 0,
  map: MAP_DEFAULTS,
  mapClientsPrefix: '',
  mapUsersPrefix: '',
};

/** What a durable channel keeps where its namespace does not say: the newest thousand, however old. */
const DURABLE_DEFAULTS: NamespaceOptions = { ...NAMESPACE_DEFAULTS, historySize: 1_000, historyTtlMs: 0 };

const DELTA_KINDS: readonly DeltaKind[] = ['fossil'];

/** Stands for every namespace that is not defined by itself; what development has, so that any name can be tried out. */
export const ANY_NAMESPACE = '*';

export interface Namespace {
  readonly options: NamespaceOptions;
  readonly pattern: RegExp | undefined;
  /** Present for a module's namespace. */
  readonly module: ModuleNamespace | undefined;
  /** Whether a subscription can be positioned and recovered. */
  readonly numbered: boolean;
}

/** Merges defaults and checks; throws a RangeError that names the namespace and the field. */
export function resolveNamespace(
  given: Partial<NamespaceOptions> & { readonly name: string },
  module?: ModuleNamespace,
): Namespace {
  const merged = mergeOptions(given.class === 'durable' ? DURABLE_DEFAULTS : NAMESPACE_DEFAULTS, given);
  const map = mergeOptions(MAP_DEFAULTS, given.map);
  const options: NamespaceOptions = {
    ...merged,
    map: {
      ...map,
      keyTtlMs: map.keyTtlMs >= 0 ? map.keyTtlMs : map.mode === 'ephemeral' ? 60_000 : 0,
      streamSize: map.mode === 'ephemeral' ? 0 : map.streamSize,
    },
  };
  const where = `namespace '${options.name}'`;
  if (options.name.includes(':')) throw new RangeError(`${where}: name must not contain ':'`);
  for (const field of [
    'historySize',
    'historyTtlMs',
    'metaTtlMs',
    'maxSubscribers',
    'publishDebounceMs',
  ] as const) {
    requireNumber(`${where}: ${field}`, options[field], 0);
  }
  const numbered =
    options.class !== 'live' ||
    (options.type === 'stream' ? options.historySize > 0 : options.map.mode === 'persistent');
  if ((options.forcePositioning || options.forceRecovery) && !numbered) {
    throw new RangeError(
      `${where}: ${options.forceRecovery ? 'forceRecovery' : 'forcePositioning'} needs history (historySize above 0, or a persistent map)`,
    );
  }
  for (const kind of options.allowDelta)
    if (!DELTA_KINDS.includes(kind))
      throw new RangeError(`${where}: allowDelta must hold only 'fossil', got '${kind}'`);
  if (options.class === 'durable' && options.type !== 'stream')
    throw new RangeError(`${where}: class 'durable' is for type 'stream'`);
  if (options.class === 'local' && options.type !== 'stream' && options.type !== 'map')
    throw new RangeError(`${where}: class 'local' is for types 'stream' and 'map'`);
  if (
    options.class === 'local' &&
    (options.type === 'map' ? module?.mapSource : module?.source) === undefined
  )
    throw new RangeError(
      `${where}: class 'local' needs a ${options.type === 'map' ? 'mapSource' : 'source'}`,
    );
  let pattern: RegExp | undefined;
  if (options.channelPattern !== undefined) {
    try {
      pattern = new RegExp(`^(?:${options.channelPattern})$`, 'u');
    } catch (cause) {
      throw new RangeError(`${where}: channelPattern is not a regular expression`, { cause });
    }
  }
  return { options, pattern, module, numbered };
}

export class Namespaces {
  readonly #byName = new Map<string, Namespace>();

  /** Throws where the name is taken: one namespace, one owner. */
  add(namespace: Namespace): void {
    const { name } = namespace.options;
    if (this.#byName.has(name)) throw new RangeError(`namespace '${name}' is defined twice`);
    this.#byName.set(name, namespace);
  }

  remove(name: string): void {
    this.#byName.delete(name);
  }

  /** Undefined for a name no namespace covers. */
  find(channel: string): Namespace | undefined {
    const name = namespaceOf(channel);
    const own = this.#byName.get(name);
    const namespace = own ?? this.#byName.get(ANY_NAMESPACE);
    if (!namespace) return undefined;
    if (
      namespace.pattern &&
      !namespace.pattern.test(name === '' || !own ? channel : channel.slice(name.length + 1))
    )
      return undefined;
    return namespace;
  }

  list(): readonly NamespaceOptions[] {
    return [...this.#byName.values()].map((namespace) => namespace.options);
  }
}

/** Whether one of the audiences covers a principal; `subscribed` says whether it is on the channel now. */
export function inAudience(
  audience: readonly Audience[],
  principal: Principal,
  subscribed: boolean,
): boolean {
  for (const who of audience) {
    if (
      who === 'anonymous'
        ? principal.user === ''
        : who === 'user'
          ? principal.user !== ''
          : who === 'subscriber'
            ? subscribed
            : principal.roles.includes(who)
    ) {
      return true;
    }
  }
  return false;
}
