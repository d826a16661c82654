/**
 * What browsers are told about answers of this server: everything from here, nothing from elsewhere, in nobody's frame, and types are
 * what they say they are (the OWASP secure headers list). Sent with every answer, whatever it is.
 */

/** Without a policy; `secure` (this server speaks TLS itself) adds a year of strict transport security. */
export function securityHeaders(secure: boolean): Readonly<Record<string, string>> {
  return {
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'origin-agent-cluster': '?1',
    'x-dns-prefetch-control': 'off',
    'x-permitted-cross-domain-policies': 'none',
    ...(secure ? { 'strict-transport-security': 'max-age=31536000' } : {}),
  };
}

/**
 * The content security policy (CSP Level 3). Styles may be inline because the console's component library sets them so. WebSocket to
 * this host is named outright: older browsers do not count it as `'self'`.
 */
export function contentSecurityPolicy(host: string | undefined): string {
  return [
    "default-src 'self'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self' data:",
    `connect-src 'self'${webSocketOf(host)}`,
    "worker-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** The host header is a stranger's text: what is not a plain host and port goes nowhere. */
function webSocketOf(host: string | undefined): string {
  return host !== undefined && /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?$/i.test(host)
    ? ` ws://${host} wss://${host}`
    : '';
}
