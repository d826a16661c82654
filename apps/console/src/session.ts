/**
 * The console's login session, kept by the server in a cookie. This file asks who is signed in, redeems one-time codes, fetches the
 * connection token and signs out; it never sees the cookie. Addresses are relative to the page, so a path prefix is fine.
 */
export interface Session {
  readonly user: string;
  readonly org: string;
  readonly roles: readonly string[];
}

/** An org that may be switched to. */
export interface OrgChoice {
  readonly org: string;
  readonly name: string;
  readonly roles: readonly string[];
}

/** How one may sign in. */
export interface Ways {
  /** The identity provider's name, where there is one. */
  readonly provider?: string | undefined;
}

export class SessionError extends Error {
  /** HTTP status; 0 where the server did not answer. */
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = 'SessionError';
    this.status = status;
  }
}

const address = (path: string): string => new URL(path, document.baseURI).href;

/** Undefined where nobody is signed in. Throws `SessionError` where the server cannot say. */
export async function fetchSession(): Promise<Session | undefined> {
  const response = await ask('console/session');
  if (response.status === 401) return undefined;
  if (!response.ok) throw new SessionError(response.status, `The server answered ${response.status}.`);
  const { user, org, roles } = (await response.json()) as Partial<Session>;
  return { user: user ?? '', org: org ?? '', roles: roles ?? [] };
}

/** The code of the link printed at start, or the link itself. Throws `SessionError` with a sentence to show. */
export async function redeemCode(pasted: string): Promise<Session> {
  const code = codeOf(pasted);
  if (code === '') throw new SessionError(400, 'Paste the code, or the whole link.');
  const response = await ask('console/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code }),
  });
  if (response.status === 429)
    throw new SessionError(429, 'Too many attempts from this address. Wait a minute, then try again.');
  if (!response.ok)
    throw new SessionError(
      response.status,
      'This code is not valid: it was used already, has expired, or belongs to another start of the server.',
    );
  const session = await fetchSession();
  if (!session)
    throw new SessionError(
      401,
      'The code was accepted, but the browser did not keep the session. Are cookies allowed for this address?',
    );
  return session;
}

/** The link alone where the server does not say: signing in must not fail for want of this answer. */
export async function fetchWays(): Promise<Ways> {
  try {
    const response = await ask('console/ways');
    if (!response.ok) return {};
    const { oidc } = (await response.json()) as { readonly oidc?: { readonly name?: string } };
    return oidc === undefined ? {} : { provider: oidc.name ?? 'single sign-on' };
  } catch {
    return {};
  }
}

/** Where the browser goes to sign in with the identity provider. */
export function providerAddress(): string {
  return address('console/oidc/login');
}

/** Orgs of the signed-in person; none where the server cannot say. */
export async function fetchOrgs(): Promise<readonly OrgChoice[]> {
  const response = await ask('console/orgs');
  if (!response.ok) return [];
  const { orgs } = (await response.json()) as { readonly orgs?: readonly OrgChoice[] };
  return orgs ?? [];
}

/** In the org, or in the one that comes first. Throws `SessionError` with 404 where the person may not enter it. */
export async function fetchToken(org?: string): Promise<string> {
  const which = org === undefined || org === '' ? '' : `?org=${encodeURIComponent(org)}`;
  const response = await ask(`console/token${which}`, { method: 'POST' });
  if (!response.ok)
    throw new SessionError(response.status, `No connection token: the server answered ${response.status}.`);
  return ((await response.json()) as { token: string }).token;
}

/** Ends the session on the server. Where the identity provider has a session of its own, the address that ends that one too. */
export async function signOut(): Promise<string | undefined> {
  const response = await ask('console/logout', { method: 'POST' });
  if (response.status !== 200) return undefined;
  return ((await response.json()) as { readonly logoutUrl?: string }).logoutUrl;
}

/** Where the live connection is opened. */
export function socketAddress(): string {
  return address('connection/websocket').replace(/^http/, 'ws');
}

/** Takes `https://host/console/login?code=X`, `code=X` or `X`. */
export function codeOf(pasted: string): string {
  const text = pasted.trim();
  const found = /[?&]?\bcode=([^&#\s]+)/.exec(text);
  return found?.[1] === undefined ? text : decodeURIComponent(found[1]);
}

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(address(path), {
      credentials: 'same-origin',
      headers: { accept: 'application/json' },
      ...init,
    });
  } catch (cause) {
    throw new SessionError(
      0,
      `The server cannot be reached (${cause instanceof Error ? cause.message : 'network error'}).`,
    );
  }
}

/** The same person in another of the orgs: an operator is an administrator of every org. Pure. */
export function sessionIn(session: Session, orgs: readonly OrgChoice[], org: string): Session {
  const operator = seesNode(session);
  const own = orgs.find((one) => one.org === org)?.roles ?? [];
  const roles = new Set([...own, ...(operator ? ['admin', 'operator'] : [])]);
  return { ...session, org, roles: [...roles] };
}

/** Whether the signed-in person manages people, keys and secrets of the org. */
export function administers({ roles }: Session): boolean {
  return roles.includes('admin') || roles.includes('operator');
}

/** Whether the signed-in person may see the whole node, and not their org alone. */
export function seesNode({ roles }: Session): boolean {
  return roles.includes('operator');
}
