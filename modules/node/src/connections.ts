/**
 * Connections as rows, and the search through them. A row says how much waits and how far readers are behind; the subscriptions
 * themselves are a list of their own, because one connection may have ten thousand. Pure.
 */
import type { ConnectionRow, SubscriptionSummary } from '@trunkline/contracts/node';
import type { ConnectionSummary } from '@trunkline/hub';

/** What a list of connections may be narrowed by. */
export interface ConnectionFilter {
  readonly search?: string | undefined;
  readonly channel?: string | undefined;
  readonly state?: 'behind' | 'waiting' | 'dropped' | undefined;
}

export function isFiltered({ search, channel, state }: ConnectionFilter): boolean {
  return (search ?? '') !== '' || (channel ?? '') !== '' || state !== undefined;
}

export function matches(
  connection: ConnectionSummary,
  { search, channel, state }: ConnectionFilter,
): boolean {
  if (search !== undefined && !mentions(connection, search.toLowerCase())) return false;
  if (channel !== undefined && channel !== '') {
    const fits = toMatcher(channel);
    if (!connection.subscriptions.some((one) => fits(one.channel))) return false;
  }
  switch (state) {
    case 'behind':
      return connection.subscriptions.some((one) => one.delivery !== 'flowing');
    case 'waiting':
      return connection.outboxBytes > 0 || connection.outboxMessages > 0;
    case 'dropped':
      return connection.subscriptions.some((one) => one.dropped > 0);
    case undefined:
      return true;
  }
}

export function toRow({ subscriptions, extensions, ...same }: ConnectionSummary): ConnectionRow {
  let behind = 0;
  let dropped = 0;
  for (const one of subscriptions) {
    if (one.delivery !== 'flowing') behind++;
    dropped += one.dropped;
  }
  return {
    ...same,
    extensions: [...extensions],
    subscriptions: subscriptions.length,
    behind,
    dropped,
    delivery: worstOf(subscriptions),
  };
}

/** A page of a connection's subscriptions, in the order of their names. */
export function subscriptionPage(
  { subscriptions }: Pick<ConnectionSummary, 'subscriptions'>,
  {
    search = '',
    limit,
    offset,
  }: { readonly search?: string | undefined; readonly limit: number; readonly offset: number },
): { readonly subscriptions: SubscriptionSummary[]; readonly total: number } {
  const text = search.toLowerCase();
  const found = subscriptions.filter((one) => one.channel.toLowerCase().includes(text));
  return {
    subscriptions: found
      .sort((left, right) => (left.channel < right.channel ? -1 : 1))
      .slice(offset, offset + limit)
      .map(toSubscription),
    total: found.length,
  };
}

export function toSubscription(one: ConnectionSummary['subscriptions'][number]): SubscriptionSummary {
  return { ...one, position: { ...one.position } };
}

function worstOf(subscriptions: ConnectionSummary['subscriptions']): ConnectionRow['delivery'] {
  const present = new Set(subscriptions.map((one) => one.delivery));
  return (['cut', 'gapping', 'conflating'] as const).find((one) => present.has(one)) ?? 'flowing';
}

function mentions(connection: ConnectionSummary, text: string): boolean {
  const { user, client, remoteAddress, name, transport } = connection;
  return [user, client, remoteAddress, name, transport].some((field) => field.toLowerCase().includes(text));
}

/** A name, or a pattern with `*` for any run of characters. Linear: no regular expression is made of what a caller typed. */
function toMatcher(pattern: string): (name: string) => boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return (name) => name === pattern;
  const last = rest.pop() ?? '';
  return (name) => {
    if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length)
      return false;
    let from = first.length;
    for (const part of rest) {
      const at = name.indexOf(part, from);
      if (at < 0 || at + part.length > name.length - last.length) return false;
      from = at + part.length;
    }
    return true;
  };
}
