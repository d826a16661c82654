/**
 * The org that this tab looks into. Kept for the tab alone, so that two tabs may look into two orgs; gone with it. What of the address belongs to one
 * org's things is left behind at a switch.
 */
import { parseHash, replace } from './router.js';

const KEY = 'trunkline-org';

export function keptOrg(): string | undefined {
  try {
    return sessionStorage.getItem(KEY) ?? undefined;
  } catch {
    // Storage may be forbidden: then the choice lasts until the page is loaded again.
    return undefined;
  }
}

export function keepOrg(org: string | undefined): void {
  try {
    if (org === undefined) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, org);
  } catch {
    // As above.
  }
}

/** A channel or client of the org before means nothing in the next one; lists do. */
export function leaveDetails(): void {
  const { screen } = parseHash(location.hash);
  if (screen === 'channel') replace({ screen: 'channels' });
  else if (screen === 'connections') replace({ screen });
  else if (screen === 'why') replace({ screen });
  else if (screen === 'audit') replace({ screen });
}
