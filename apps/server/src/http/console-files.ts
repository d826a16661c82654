/** The built console at `/`. Paths without a file are the console's own pages, so browsers get its first page for them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { page } from './page.js';

/** Never answered with the console's first page: a wrong path there is a mistake that must be seen. */
const OTHER_PATHS = /^\/(api|connection|console|docs|health|metrics|emulation)(\/|$|\?)/;

/** True where the request is a browser's for a page, and was answered with one. */
export type ConsolePages = (request: FastifyRequest, reply: FastifyReply) => boolean;

export function registerConsoleFiles(app: FastifyInstance, consoleDir: string): ConsolePages {
  if (!existsSync(join(consoleDir, 'index.html'))) {
    app.get('/', (_request, reply) => reply.type('text/html; charset=utf-8').send(NOT_BUILT));
    return () => false;
  }
  void app.register(fastifyStatic, {
    root: consoleDir,
    dotfiles: 'deny',
    cacheControl: false,
    setHeaders: (response, path) => {
      // Files below assets/ carry a hash of their content in their name.
      response.setHeader(
        'cache-control',
        /[\\/]assets[\\/]/.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache',
      );
    },
  });
  return (request, reply) => {
    if (
      request.method !== 'GET' ||
      OTHER_PATHS.test(request.url) ||
      !(request.headers.accept ?? '').includes('text/html')
    )
      return false;
    void reply.code(200).sendFile('index.html');
    return true;
  };
}

const NOT_BUILT = page(
  'The server runs; its console is not built',
  '<p>Run <code>npm run build</code> in the checkout and reload this page. The wire, the HTTP API, <code>/health/ready</code> and <code>/metrics</code> work without it.</p>',
);
