/**
 * Where the reader is: the hash of the address, so that any screen can be linked to and no server route is needed. Five places exist;
 * an address that names none of them is the overview.
 */
import { useSyncExternalStore } from 'react';

export type Route =
  | { readonly screen: 'overview' }
  | { readonly screen: 'channels' }
  | { readonly screen: 'channel'; readonly channel: string }
  | { readonly screen: 'connections'; readonly client?: string }
  | { readonly screen: 'node' };

export function toHash(route: Route): string {
  if (route.screen === 'channel') return `#/channels/${encodeURIComponent(route.channel)}`;
  if (route.screen === 'connections' && route.client !== undefined)
    return `#/connections/${encodeURIComponent(route.client)}`;
  return `#/${route.screen}`;
}

export function parseHash(hash: string): Route {
  const [screen = '', ...rest] = hash.replace(/^#\/?/, '').split('/');
  const argument = decode(rest.join('/'));
  if (screen === 'channels') return argument === '' ? { screen } : { screen: 'channel', channel: argument };
  if (screen === 'connections') return argument === '' ? { screen } : { screen, client: argument };
  return screen === 'node' ? { screen } : { screen: 'overview' };
}

export function navigate(route: Route): void {
  location.hash = toHash(route);
}

export function useRoute(): Route {
  const hash = useSyncExternalStore(onHashChange, () => location.hash);
  return parseHash(hash);
}

function onHashChange(changed: () => void): () => void {
  addEventListener('hashchange', changed);
  return () => removeEventListener('hashchange', changed);
}

/** A hand-typed `%` must not take the console down. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
