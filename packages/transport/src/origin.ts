/**
 * The origin rule of browser upgrades: absent is fine (no browser), the server's own is fine, a configured one is fine, `*` only where
 * it was asked for. The answer is a fact for endpoints; this file refuses nobody.
 */

export interface OriginQuestion {
  readonly origin: string | undefined;
  readonly host: string | undefined;
  /** True where the browser is known to speak TLS (to this server or to a trusted proxy); then an `http:` page is foreign. */
  readonly secure: boolean;
}

export type OriginRule = (question: OriginQuestion) => boolean;

/** Throws a RangeError that names the entry at fault. */
export function createOriginRule(allowedOrigins: readonly string[]): OriginRule {
  const any = allowedOrigins.includes('*');
  const allowed = new Set(
    allowedOrigins.map((entry, index) => (entry === '*' ? entry : toOrigin(entry, index))),
  );

  return ({ origin, host, secure }) => {
    if (origin === undefined || any) return true;
    const url = parse(origin);
    if (url === undefined) return false;
    if (allowed.has(url.origin)) return true;
    if (secure && url.protocol !== 'https:') return false;
    // The host header is read with the origin's scheme, so that a default port counts as the same whether written or not.
    return host !== undefined && parse(`${url.protocol}//${host}`)?.host === url.host;
  };
}

function toOrigin(entry: string, index: number): string {
  const url = parse(entry);
  if (
    url === undefined ||
    url.hostname.includes('*') ||
    url.pathname !== '/' ||
    url.search !== '' ||
    url.hash !== ''
  ) {
    throw new RangeError(
      `allowedOrigins[${index}] must be an origin such as https://console.example.com, got ${entry}`,
    );
  }
  return url.origin;
}

/** Undefined for anything but `http:` and `https:` (so also for `null`, the origin of sandboxed documents). */
function parse(text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const web = url.protocol === 'http:' || url.protocol === 'https:';
  return web && url.username === '' && url.password === '' ? url : undefined;
}
