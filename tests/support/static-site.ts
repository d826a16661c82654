/** A tiny web site of given files, for pages that must come from somewhere else than the server under test. */
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import type { Disposable } from '@trunkline/base';

export interface StaticSite extends Disposable {
  readonly origin: string;
}

/** `files` maps a path to a file's URL; `/` is an empty page that loads every script among them. */
export async function serveSite(files: Readonly<Record<string, URL>>): Promise<StaticSite> {
  const scripts = Object.keys(files).map((path) => `<script src="${path}"></script>`);
  const server = createServer((request, response) => {
    const file = files[request.url ?? ''];
    if (file !== undefined) {
      readFile(file).then(
        (content) => response.writeHead(200, { 'content-type': 'text/javascript' }).end(content),
        () => response.writeHead(404).end(),
      );
    } else if (request.url === '/') {
      response
        .writeHead(200, { 'content-type': 'text/html' })
        .end(`<!doctype html><html lang="en"><title>page</title>${scripts.join('')}</html>`);
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    dispose: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
