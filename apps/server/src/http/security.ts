/** What browsers are told about pages of this server: everything from here, nothing from elsewhere, in nobody's frame. */
import type { IncomingMessage } from 'node:http';

/**
 * Styles may be inline because the console's component library sets them so. WebSocket to this host is named outright: older browsers
 * do not count it as `'self'`.
 */
export function contentSecurityPolicy() {
  return {
    useDefaults: false,
    directives: {
      defaultSrc: ["'self'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'", "'unsafe-inline'"],
      imgSrc: ["'self'", 'data:'],
      fontSrc: ["'self'", 'data:'],
      connectSrc: ["'self'", (request: IncomingMessage) => webSocketOf(request.headers.host)],
      workerSrc: ["'self'", 'blob:'],
      objectSrc: ["'none'"],
      baseUri: ["'self'"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
    },
  };
}

/** The host header is a stranger's text: what is not a plain host and port goes nowhere. */
function webSocketOf(host: string | undefined): string {
  return host !== undefined && /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?$/i.test(host) ? `ws://${host} wss://${host}` : "'self'";
}
