/**
 * The origin rule of browsers: absent is fine where browsers always name one (then it is none), the server's own is fine, a configured one is fine, `*` only where
 * it was asked for. The answer is a fact for endpoints; this file refuses nobody.
 */

export interface OriginQuestion {
  readonly origin: string | undefined;
  readonly host: string | undefined;
  /** True where the browser is known to speak TLS (to this server or to a trusted proxy); then an `http:` page is foreign. */
  readonly secure: boolean;
  /** Present for requests on which browsers leave the origin out (GET of their own origin, or in a mode without answers to read). */
  readonly quiet?: {
    /** `Sec-Fetch-Site` (W3C Fetch Metadata), where the browser says it. */
    readonly site: string | undefined;
  };
}

/** Names that no other machine can be: RFC 6761 section 6.3, RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3. */
const LOOPBACK_NAME = /^(localhost|.+\.localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/;

export type OriginRule = (question: OriginQuestion) => boolean;

/**
 * With `loopbackOnly`, the server's own origin counts only under a name of this machine: a page whose name was made to point at 127.0.0.1
 * (DNS rebinding) sends its own name as origin and host alike. Throws a RangeError that names the entry at fault.
 */
export function createOriginRule(allowedOrigins: readonly string[], loopbackOnly = false): OriginRule {
  const any = allowedOrigins.includes('*');
  const allowed = new Set(
    allowedOrigins.map((entry, index) => (entry === '*' ? entry : toOrigin(entry, index))),
  );

  return ({ origin, host, secure, quiet }) => {
    if (any) return true;
    if (origin === undefined) {
      if (quiet === undefined) return true;
      if (quiet.site === 'cross-site' || quiet.site === 'same-site') return false;
      return !loopbackOnly || LOOPBACK_NAME.test(parse(`http://${host ?? ''}`)?.hostname ?? '');
    }
    const url = parse(origin);
    if (url === undefined) return false;
    if (allowed.has(url.origin)) return true;
    if (secure && url.protocol !== 'https:') return false;
    if (loopbackOnly && !LOOPBACK_NAME.test(url.hostname)) return false;
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
