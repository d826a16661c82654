/** Words and checks of the screens of people, keys, secrets and the audit log. Pure. */
import type { AuditRecord, KeyRecord, OrgRole, Quotas } from '@trunkline/contracts/directory';
import { formatCount, formatDateTime, formatDuration } from '../format.js';

export const ROLES: readonly { readonly value: OrgRole; readonly label: string; readonly text: string }[] = [
  { value: 'viewer', label: 'Viewer', text: 'looks, changes nothing' },
  { value: 'member', label: 'Member', text: 'uses what the org has' },
  { value: 'admin', label: 'Admin', text: 'also manages people, keys and secrets, and sees this console' },
];

export type Tone = 'live' | 'wait' | 'bad' | 'off';

export interface KeyState {
  readonly tone: Tone;
  readonly label: string;
  /** Until when, or since when. */
  readonly note: string;
  readonly works: boolean;
}

/** How a key stands now. One that was replaced works until both have overlapped. */
export function keyState(
  { expiresMs, revokedMs }: Pick<KeyRecord, 'expiresMs' | 'revokedMs'>,
  nowMs: number,
): KeyState {
  if (revokedMs !== null && revokedMs <= nowMs)
    return { tone: 'off', label: 'revoked', note: formatDateTime(revokedMs), works: false };
  if (expiresMs !== null && expiresMs <= nowMs)
    return { tone: 'off', label: 'expired', note: formatDateTime(expiresMs), works: false };
  if (revokedMs !== null)
    return {
      tone: 'wait',
      label: 'replaced',
      note: `${formatDuration(revokedMs - nowMs)} left`,
      works: true,
    };
  const note = expiresMs === null ? 'without end' : `${formatDuration(expiresMs - nowMs)} left`;
  return { tone: 'live', label: 'works', note, works: true };
}

const HANDLE = /^[\w.:@-]{1,64}$/;

/** Why a text is no name of a key, secret or group; undefined where it is one. */
export function handleFault(text: string): string | undefined {
  if (text === '' || HANDLE.test(text)) return undefined;
  return text.length > 64 ? 'At most 64 characters' : 'Letters, digits and _ . : @ - only';
}

/** Scopes as people type them, apart by commas or spaces; none: all. */
export function parseScopes(text: string): { readonly scopes: string[] } | { readonly fault: string } {
  const scopes = text.split(/[\s,]+/).filter((word) => word !== '');
  const wrong = scopes.find((word) => !/^(\*|[a-z][A-Za-z0-9_]{0,63})$/.test(word));
  return wrong === undefined
    ? { scopes: scopes.length === 0 ? ['*'] : [...new Set(scopes)] }
    : { fault: `${wrong} is no method or module` };
}

/** `cluster/namespace`, a line each. Names of clusters may hold a slash, names of namespaces not. */
export function parseNamespaces(
  text: string,
): { readonly kubernetes: { cluster: string; namespace: string }[] } | { readonly fault: string } {
  const lines = linesOf(text);
  const wrong = lines.find((line) => !/^[\w.:@/-]+\/[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(line));
  if (wrong !== undefined) return { fault: `Expected cluster/namespace, found ${wrong}` };
  return {
    kubernetes: lines.map((line) => {
      const at = line.lastIndexOf('/');
      return { cluster: line.slice(0, at), namespace: line.slice(at + 1) };
    }),
  };
}

/** What stands in a box of lines, without empty ones and repeats. */
export function linesOf(text: string): string[] {
  return [...new Set(text.split(/[\n,]+/).map((line) => line.trim()))].filter((line) => line !== '');
}

export type QuotaName = keyof Quotas;

export const QUOTAS: readonly {
  readonly name: QuotaName;
  readonly label: string;
  readonly unit: string;
  readonly least: number;
}[] = [
  { name: 'maxConnections', label: 'Connections', unit: 'connections', least: 0 },
  {
    name: 'maxSubscriptionsPerConnection',
    label: 'Subscriptions each',
    unit: 'subscriptions each',
    least: 1,
  },
  { name: 'commandsPerSecond', label: 'Commands per second', unit: 'commands/s', least: 1 },
  {
    name: 'publicationsPerSecond',
    label: 'Publications per second',
    unit: 'publications/s',
    least: 1,
  },
];

/** What an org is limited to beyond the node's own limits; empty: nothing. */
export function quotaWords(quotas: Quotas): readonly string[] {
  return QUOTAS.flatMap(({ name, unit }) => {
    const value = quotas[name];
    return value === null || value === undefined ? [] : [`${formatCount(value)} ${unit}`];
  });
}

/** The families of actions that the log can be narrowed to. */
export const ACTIONS: readonly { readonly value: string; readonly label: string }[] = [
  { value: '', label: 'Every action' },
  { value: 'member.', label: 'Members' },
  { value: 'invitation.', label: 'Invitations' },
  { value: 'group.', label: 'Groups' },
  { value: 'key.', label: 'API keys' },
  { value: 'secret.', label: 'Secrets' },
  { value: 'secrets.', label: 'Encryption keys' },
  { value: 'org.', label: 'Orgs' },
  { value: 'user.', label: 'Users' },
  { value: 'operator.', label: 'Operators' },
  { value: 'session.', label: 'Sessions' },
  { value: 'kube.', label: 'Kubernetes' },
];

/** What was changed, as `name value` pairs in one line; long values are cut. */
export function detailWords(details: AuditRecord['details'], limit = 160): string {
  const text = Object.entries(details)
    .map(([name, value]) => [name, valueWords(value)] as const)
    .filter(([, words]) => words !== '')
    .map(([name, words]) => `${name} ${words}`)
    .join(' · ');
  return text.length > limit ? `${text.slice(0, limit)}…` : text;
}

/** '' for what says nothing. */
function valueWords(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(valueWords).join(', ');
  return typeof value === 'object' && Object.keys(value).length === 0 ? '' : JSON.stringify(value);
}

/** When somebody was seen last, roughly. */
export function seenWords(lastSeenMs: number | null, nowMs: number): string {
  if (lastSeenMs === null) return 'never';
  const ago = nowMs - lastSeenMs;
  return ago < 90_000 ? 'just now' : `${formatDuration(ago).split(' ').slice(0, 2).join(' ')} ago`;
}
