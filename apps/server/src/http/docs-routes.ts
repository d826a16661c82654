/**
 * The documents of a node: `/openapi.json` and `/asyncapi.json`, made on the first request and kept as text; `/docs`, where the first is
 * read and tried out; `/docs/errors`, every code. Everything comes from this server, and a page may load nothing from elsewhere.
 */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { Hub } from '@trunkline/hub';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { buildAsyncApi } from '../openapi/asyncapi.js';
import { MODULE_CONTRACTS } from '../openapi/contracts.js';
import { buildOpenApi } from '../openapi/openapi.js';
import { DOCS_PAGE, DOCS_SCRIPT, errorPage } from './docs-pages.js';

export interface DocsRoutesDeps {
  readonly hub: Pick<Hub, 'routes' | 'endpoints'>;
}

export interface DocsRoutesOptions {
  readonly version: string;
  readonly metrics: boolean;
}

/** Files of the page's library that are given out; the rest of it stays where it is. */
const FILES: ReadonlySet<string> = new Set([
  '/swagger-ui.css',
  '/swagger-ui-bundle.js',
  '/favicon-16x16.png',
  '/favicon-32x32.png',
]);

/** The page's library sets styles inline and draws its icons from data URLs. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export function registerDocsRoutes(
  app: FastifyInstance,
  { hub }: DocsRoutesDeps,
  { version, metrics }: DocsRoutesOptions,
): void {
  const give = (type: string, make: () => string) => {
    let made: { readonly text: string; readonly tag: string } | undefined;
    return (request: FastifyRequest, reply: FastifyReply) => {
      made ??= withTag(make());
      void reply
        .type(`${type}; charset=utf-8`)
        .headers({ 'cache-control': 'no-cache', etag: made.tag, 'content-security-policy': POLICY });
      return request.headers['if-none-match'] === made.tag ? reply.code(304).send() : reply.send(made.text);
    };
  };
  const json = (make: () => object) => give('application/json', () => JSON.stringify(make()));

  app.get(
    '/openapi.json',
    json(() => buildOpenApi({ version, metrics, routes: hub.routes() })),
  );
  app.get(
    '/asyncapi.json',
    json(() => buildAsyncApi({ version, contracts: MODULE_CONTRACTS, endpoints: nativeOf(hub.endpoints()) })),
  );
  app.get(
    '/docs',
    give('text/html', () => DOCS_PAGE),
  );
  app.get(
    '/docs/errors',
    give('text/html', () => errorPage(MODULE_CONTRACTS)),
  );
  app.get(
    '/docs/start.js',
    give('text/javascript', () => DOCS_SCRIPT),
  );
  void app.register(fastifyStatic, {
    // The package is found, not loaded.
    root: dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json')),
    prefix: '/docs/',
    decorateReply: false,
    index: false,
    allowedPath: (path) => FILES.has(path),
  });
}

/** Where the native wire is spoken; foreign wires have documents of their own. */
function nativeOf(endpoints: ReturnType<Hub['endpoints']>): readonly { path: string; transport: string }[] {
  return endpoints
    .filter(({ path }) => path.startsWith('/connection/'))
    .map(({ path, transport }) => ({ path, transport }));
}

function withTag(text: string): { readonly text: string; readonly tag: string } {
  return { text, tag: `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"` };
}
