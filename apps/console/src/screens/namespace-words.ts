/**
 * A namespace's options as sentences: who may do what, what is kept, what happens to a client that was away or is too slow. Pure. A rule
 * is marked as changed when any of the options it speaks of differs from the default.
 */
import type { NamespaceSummary } from '@trunkline/contracts/node';
import { formatCount, formatTtl, plural } from '../format.js';
import { keepsHistory } from './words.js';

export interface Rule {
  readonly term: string;
  readonly sentences: readonly string[];
  readonly changed: boolean;
}

export interface ConfiguredOption {
  readonly name: string;
  readonly value: string;
  readonly changed: boolean;
}

export function namespaceTitle(name: string): string {
  if (name === '') return 'default (no colon)';
  return name === '*' ? '* (any other prefix)' : `${name}:`;
}

export function rulesOf(one: NamespaceSummary): readonly Rule[] {
  const rule = (term: string, options: readonly string[], ...sentences: (string | undefined)[]): Rule => ({
    term,
    sentences: sentences.filter((text) => text !== undefined),
    changed: one.changed.some((name) =>
      options.some((option) => name === option || name.startsWith(`${option}.`)),
    ),
  });
  return [
    rule('Subscribe', ['allowSubscribe', 'channelPattern'], mayWords(one.allowSubscribe), patternWords(one)),
    rule('Publish', ['allowPublish', 'publishDebounceMs'], publishWords(one), debounceWords(one)),
    rule('Read history', ['allowHistory'], mayWords(one.allowHistory)),
    rule('See presence', ['allowPresence'], mayWords(one.allowPresence)),
    rule('Numbered by', ['class'], classWords(one)),
    rule('History', ['historySize', 'historyTtlMs', 'metaTtlMs', 'map'], ...historyRule(one)),
    rule('Recovery', ['forceRecovery', 'forcePositioning', 'recoveryMode'], ...recoveryRule(one)),
    rule('Slow readers', ['overflow'], OVERFLOWS[one.overflow] ?? one.overflow),
    rule(
      'Presence',
      ['presence', 'joinLeave', 'forceJoinLeave', 'mapClientsPrefix', 'mapUsersPrefix'],
      ...presenceRule(one),
    ),
    rule('Limits', ['maxSubscribers', 'allowTagsFilter', 'allowDelta'], ...limitsRule(one)),
  ];
}

/** Every option under the name it has in the configuration's code, as a value one could write. */
export function optionsOf(one: NamespaceSummary): readonly ConfiguredOption[] {
  const { name: _, changed, channels: _channels, subscribers: _subscribers, map, ...options } = one;
  const entries = [
    ...Object.entries(options),
    ...Object.entries(map ?? {}).map(([name, value]) => [`map.${name}`, value] as const),
  ];
  return entries.map(([name, value]) => ({
    name,
    value: value === null ? 'unlimited' : JSON.stringify(value),
    changed: changed.includes(name),
  }));
}

const AUDIENCES: Readonly<Record<string, string>> = {
  user: 'any signed-in user of the org',
  anonymous: 'clients without a user',
  subscriber: 'whoever is subscribed to the channel',
};

const OVERFLOWS: Readonly<Record<string, string>> = {
  recover:
    'A reader whose outbox is full is cut off and comes back by its position, so that nothing is missed.',
  latest: 'A reader that cannot keep up is given the newest value of each key; older ones are replaced.',
  gap: 'Publications are skipped for a reader that cannot keep up, and it is told which.',
};

function mayWords(audiences: readonly string[]): string {
  if (audiences.length === 0) return 'Nobody, unless the token grants the channel.';
  const words = audiences.map((one) => AUDIENCES[one] ?? `role ${one}`);
  return `${capital(words.join(', or '))}.`;
}

function publishWords(one: NamespaceSummary): string {
  return one.class === 'live' ? mayWords(one.allowPublish) : 'Only the module that owns it.';
}

function patternWords({ channelPattern }: NamespaceSummary): string | undefined {
  return channelPattern === undefined ? undefined : `Only names that match ${channelPattern}.`;
}

function debounceWords({ publishDebounceMs }: NamespaceSummary): string | undefined {
  return publishDebounceMs === 0
    ? undefined
    : `A client folds what it publishes within ${formatCount(publishDebounceMs)} ms.`;
}

function classWords(one: NamespaceSummary): string {
  switch (one.class) {
    case 'live':
      return one.type === 'stream' && !keepsHistory(one)
        ? 'Nobody: publications go out as they come, without offsets.'
        : 'The broker, so offsets are the same on all nodes.';
    case 'durable':
      return 'The store, in the transaction of the effect.';
    default:
      return 'A module on this node; another node begins anew.';
  }
}

function historyRule(one: NamespaceSummary): readonly string[] {
  if (one.map !== undefined) return mapRule(one.map);
  if (one.class === 'local') return ['The newest that its module published, on this node.'];
  if (one.class === 'durable') return ['Kept in the store.'];
  if (one.historySize === 0) return ['None is kept: who was away has missed it.'];
  const size =
    one.historySize === null
      ? 'All publications'
      : one.historySize === 1
        ? 'The last publication'
        : `The last ${plural(one.historySize, 'publication')}`;
  return [
    `${size}, ${one.historyTtlMs === null ? 'without a time limit' : `for ${formatTtl(one.historyTtlMs)}`}.`,
    ...(one.changed.includes('metaTtlMs')
      ? [`Its epoch ends ${formatTtl(one.metaTtlMs)} after the last use.`]
      : []),
  ];
}

function mapRule(map: NonNullable<NamespaceSummary['map']>): readonly string[] {
  return [
    map.maxKeys === null
      ? 'Entries by key, any number.'
      : `Entries by key, at most ${formatCount(map.maxKeys)}.`,
    map.keyTtlMs === null || map.keyTtlMs === 0
      ? 'An entry stays until it is removed.'
      : `An entry that is not written again goes after ${formatTtl(map.keyTtlMs)}.`,
    map.mode === 'persistent'
      ? `Changes are kept (${map.streamSize === null ? 'all' : formatCount(map.streamSize)}, for ${formatTtl(map.streamTtlMs)}), so a reader continues by offset.`
      : 'Changes are not kept: after a reconnect the whole state is taken again.',
    ...(map.clientKey === 'none' ? [] : [`What clients write goes under the key of their ${map.clientKey}.`]),
  ];
}

function recoveryRule(one: NamespaceSummary): readonly string[] {
  const numbered = one.map !== undefined ? one.map.mode === 'persistent' : keepsHistory(one);
  if (!numbered) return ['Not possible: there is nothing to continue from.'];
  return [
    one.forceRecovery
      ? 'Every subscription continues where it stopped.'
      : 'A subscription that asks for it continues where it stopped.',
    one.recoveryMode === 'cache'
      ? 'It is given the newest publication.'
      : 'It is given all it missed, or is told that it cannot be.',
    ...(one.forcePositioning ? ['Every subscription’s position is checked.'] : []),
  ];
}

function presenceRule(one: NamespaceSummary): readonly string[] {
  return [
    one.presence ? 'Who is on a channel is kept.' : 'Not kept.',
    ...(one.forceJoinLeave
      ? ['Joins and leaves are told to every subscriber.']
      : one.joinLeave
        ? ['Joins and leaves are told to subscribers who ask.']
        : []),
    ...[one.mapClientsPrefix, one.mapUsersPrefix]
      .filter((prefix) => prefix !== '')
      .map((prefix) => `A map of them is kept under ${prefix}`),
  ];
}

function limitsRule(one: NamespaceSummary): readonly string[] {
  return [
    one.maxSubscribers === null
      ? 'Any number of readers per channel.'
      : `At most ${plural(one.maxSubscribers, 'reader')} per channel on a node.`,
    one.allowTagsFilter ? 'Subscribers may filter by tags.' : 'No filtering by tags.',
    ...(one.allowDelta.length === 0 ? [] : [`Deltas on request: ${one.allowDelta.join(', ')}.`]),
  ];
}

function capital(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}
