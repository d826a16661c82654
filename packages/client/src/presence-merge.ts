/**
 * Who is on a channel, pure: a full list and the joins and leaves around it merged into one picture, whatever their order of arrival. Events
 * that arrive while a list is being fetched are kept and applied after it; both are idempotent, so an event the list already shows is harmless.
 */
import type { ClientInfo } from './reader.js';

export type Members = ReadonlyMap<string, ClientInfo>;

export interface PresenceState {
  /** By client id. */
  readonly members: Members;
  /** A list is on its way; events since it was asked for, in order. */
  readonly fetching: readonly PresenceEvent[] | undefined;
  /** More events came than may be kept: the list on its way is too old, another must be fetched. */
  readonly overflowed: boolean;
}

export type PresenceEvent = { readonly kind: 'join' | 'leave'; readonly info: ClientInfo };

/** Events kept while a list is fetched. */
export const MAX_HELD_EVENTS = 10_000;

export const NOBODY: PresenceState = { members: new Map(), fetching: undefined, overflowed: false };

export function beginFetch(state: PresenceState): PresenceState {
  return { members: state.members, fetching: [], overflowed: false };
}

/** The same state object where nothing changed. */
export function applyEvent(state: PresenceState, event: PresenceEvent): PresenceState {
  const members = applyTo(state.members, event);
  if (state.fetching === undefined) return members === state.members ? state : { ...state, members };
  if (state.fetching.length >= MAX_HELD_EVENTS) return { members, fetching: [], overflowed: true };
  return { ...state, members, fetching: [...state.fetching, event] };
}

/** The list replaces the picture, except for what happened after it was asked for. Identities of unchanged members are kept. */
export function applyList(
  state: PresenceState,
  list: Iterable<ClientInfo>,
  same: (left: ClientInfo, right: ClientInfo) => boolean,
): PresenceState {
  let members: Members = new Map(
    [...list].map((info) => [info.client, keep(state.members.get(info.client), info, same)]),
  );
  for (const event of state.fetching ?? []) members = applyTo(members, event);
  const unchanged =
    members.size === state.members.size &&
    [...members].every(([client, info]) => state.members.get(client) === info);
  return { members: unchanged ? state.members : members, fetching: undefined, overflowed: false };
}

function applyTo(members: Members, { kind, info }: PresenceEvent): Members {
  const held = members.has(info.client);
  if (kind === 'join' ? held : !held) return members;
  const next = new Map(members);
  if (kind === 'join') next.set(info.client, info);
  else next.delete(info.client);
  return next;
}

function keep(
  held: ClientInfo | undefined,
  info: ClientInfo,
  same: (left: ClientInfo, right: ClientInfo) => boolean,
): ClientInfo {
  return held !== undefined && same(held, info) ? held : info;
}
