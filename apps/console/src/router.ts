/**
 * Where the reader is: the hash of the address, so that any screen can be linked to and no server route is needed. What a screen is narrowed
 * to stands behind a `?`, as in addresses of pages. An address that names no place is the overview.
 */
import { useMemo, useSyncExternalStore } from 'react';

export type Route =
  | { readonly screen: 'overview' }
  | { readonly screen: 'channels'; readonly namespace?: string }
  | { readonly screen: 'channel'; readonly channel: string }
  | { readonly screen: 'connections'; readonly client?: string; readonly channel?: string }
  | { readonly screen: 'namespaces' }
  | { readonly screen: 'events' }
  | {
      readonly screen: 'why';
      readonly channel?: string;
      readonly user?: string;
      readonly client?: string;
      readonly offset?: number;
    }
  | { readonly screen: 'node' }
  | { readonly screen: 'members' }
  | { readonly screen: 'keys' }
  | { readonly screen: 'secrets' }
  | { readonly screen: 'audit'; readonly actor?: string; readonly target?: string }
  | { readonly screen: 'orgs' }
  | { readonly screen: 'users' }
  | { readonly screen: 'clusters' }
  | ResourcesRoute;

/** A list of one kind of objects, and what of it is opened. What is absent is the reader's last choice, or the first there is. */
export interface ResourcesRoute {
  readonly screen: 'resources';
  readonly cluster?: string;
  /** `v1/pods`, `apps/v1/deployments`. */
  readonly kind?: string;
  /** Absent: all. */
  readonly namespace?: string;
  readonly search?: string;
  /** `name` or `-age`: a column, descending with the minus. */
  readonly sort?: string;
  /** Columns that are shown besides those that always are, separated by commas. */
  readonly columns?: string;
  /** `namespace/name`, or `name` where the kind has no namespaces. */
  readonly object?: string;
}

export function toHash(route: Route): string {
  switch (route.screen) {
    case 'channel':
      return `#/channels/${encodeURIComponent(route.channel)}`;
    case 'channels':
      return `#/channels${toQuery({ namespace: route.namespace })}`;
    case 'connections': {
      const client = route.client === undefined ? '' : `/${encodeURIComponent(route.client)}`;
      return `#/connections${client}${toQuery({ channel: route.channel })}`;
    }
    case 'why': {
      const { channel, user, client, offset } = route;
      return `#/why${toQuery({ channel, user, client, offset: offset === undefined ? undefined : String(offset) })}`;
    }
    case 'audit':
      return `#/audit${toQuery({ actor: route.actor, target: route.target })}`;
    case 'resources': {
      const { screen: _screen, ...asked } = route;
      return `#/resources${toQuery(asked)}`;
    }
    default:
      return `#/${route.screen}`;
  }
}

export function parseHash(hash: string): Route {
  const [path = '', query = ''] = split(hash.replace(/^#\/?/, ''), '?');
  const [screen, rest] = split(path, '/');
  const argument = decode(rest ?? '');
  const asked = new URLSearchParams(query);
  const text = (name: string): { readonly [key: string]: string } => {
    const value = asked.get(name);
    return value === null ? {} : { [name]: value };
  };
  switch (screen) {
    case 'channels':
      return argument === '' ? { screen, ...text('namespace') } : { screen: 'channel', channel: argument };
    case 'connections':
      return { screen, ...(argument !== '' && { client: argument }), ...text('channel') };
    case 'why': {
      const offset = Number(asked.get('offset'));
      return {
        screen,
        ...text('channel'),
        ...text('user'),
        ...text('client'),
        ...(Number.isInteger(offset) && offset > 0 && { offset }),
      };
    }
    case 'namespaces':
    case 'events':
    case 'node':
    case 'members':
    case 'keys':
    case 'secrets':
    case 'orgs':
    case 'users':
    case 'clusters':
      return { screen };
    case 'resources':
      return {
        screen,
        ...text('cluster'),
        ...text('kind'),
        ...text('namespace'),
        ...text('search'),
        ...text('sort'),
        ...text('columns'),
        ...text('object'),
      };
    case 'audit':
      return { screen, ...text('actor'), ...text('target') };
    default:
      return { screen: 'overview' };
  }
}

export function navigate(route: Route): void {
  location.hash = toHash(route);
}

/** Goes there in place of here: what is typed into a form is no place of its own to come back to. */
export function replace(route: Route): void {
  history.replaceState(history.state, '', toHash(route));
  dispatchEvent(new Event('hashchange'));
}

export function useRoute(): Route {
  const hash = useSyncExternalStore(onHashChange, () => location.hash);
  return useMemo(() => parseHash(hash), [hash]);
}

function onHashChange(changed: () => void): () => void {
  addEventListener('hashchange', changed);
  return () => removeEventListener('hashchange', changed);
}

function toQuery(fields: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) query.set(name, value);
  return query.size === 0 ? '' : `?${query.toString()}`;
}

/** At the first mark only. */
function split(text: string, mark: string): [string, string?] {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** A hand-typed `%` must not take the console down. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
