/**
 * Serves the chat page, or another one, and the client SDK to it without a bundler: an import map in the page names the packages, this server
 * finds their files. The WebSocket goes through here too (as behind any reverse proxy), so that page and socket have one origin.
 *
 *   node examples/browser-chat/server.mjs [--port 8080] [--page examples/live-lists/index.html]
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { createRequire } from 'node:module';
import { dirname, extname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const target = new URL(process.env['TRUNKLINE_URL'] ?? 'http://localhost:8000');
const portAt = process.argv.indexOf('--port');
const port = Number(portAt > 0 ? process.argv[portAt + 1] : 8080);
const pageAt = process.argv.indexOf('--page');

const here = dirname(fileURLToPath(import.meta.url));
const page = pageAt > 0 ? (process.argv[pageAt + 1] ?? '') : join(here, 'index.html');
const packages = join(here, '..', '..', 'packages');
const require = createRequire(import.meta.url);

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.map': 'application/json',
};

/** @param {string} path @returns {string | undefined} text of what the page may load */
function find(path) {
  if (path === '/') return readFileSync(page, 'utf8');
  if (path === '/vendor/centrifuge.mjs')
    return readFileSync(require.resolve('centrifuge').replace(/index\.js$/, 'index.mjs'), 'utf8');
  const [, name, rest] = /^\/sdk\/(base|protocol|client)\/(.+)$/.exec(path) ?? [];
  if (name === undefined || rest === undefined) return undefined;
  const folder = join(packages, name, 'dist') + sep;
  const file = normalize(join(folder, rest));
  return file.startsWith(folder) ? readFileSync(file, 'utf8') : undefined;
}

const server = createServer((request, response) => {
  const path = new URL(request.url ?? '/', 'http://localhost').pathname;
  let text;
  try {
    text = find(path);
  } catch {
    text = undefined;
  }
  if (text === undefined) return void response.writeHead(404).end();
  response
    .writeHead(200, { 'content-type': TYPES[path === '/' ? '.html' : extname(path)] ?? 'text/plain' })
    .end(text);
});

server.on('upgrade', (request, near, head) => {
  const far = connect({ host: target.hostname, port: Number(target.port || 80) }, () => {
    const headers = [];
    for (let at = 0; at < request.rawHeaders.length; at += 2)
      headers.push(`${request.rawHeaders[at]}: ${request.rawHeaders[at + 1]}`);
    far.write(`GET ${request.url} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`);
    far.write(head);
    near.pipe(far).pipe(near);
  });
  far.on('error', () => near.destroy());
  near.on('error', () => far.destroy());
  near.on('close', () => far.destroy());
});

server.on('error', (error) => {
  console.error(`cannot listen on port ${port}: ${error.message}`);
  process.exitCode = 1;
});
server.listen(port, '127.0.0.1', () =>
  console.log(`open http://localhost:${server.address().port} in two windows (server: ${target.origin})`),
);
