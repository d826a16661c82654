/**
 * A stand-in for a kubelet: the one question that an API server asks it here is for the log of a container. It knows what the test printed and nothing of pods;
 * lines that are printed while somebody follows are handed on at once.
 */
import { createServer, type Server } from 'node:https';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Disposable } from '@trunkline/base';

export interface Kubelet extends Disposable {
  readonly port: number;
  /** The container prints lines, now. */
  print(namespace: string, pod: string, container: string, ...lines: readonly string[]): void;
  /** The container is gone: whoever follows its log gets to the end of it. */
  close(namespace: string, pod: string, container: string): void;
}

interface Log {
  readonly lines: string[];
  readonly followers: Set<ServerResponse>;
}

export async function startKubelet(tls: { readonly key: string; readonly cert: string }): Promise<Kubelet> {
  const logs = new Map<string, Log>();
  const logOf = (id: string): Log => {
    const log = logs.get(id) ?? { lines: [], followers: new Set() };
    logs.set(id, log);
    return log;
  };
  const server = createServer(tls, (request, response) => {
    const url = new URL(request.url ?? '/', 'https://kubelet');
    const [kind, ...id] = url.pathname.split('/').filter(Boolean);
    if (kind !== 'containerLogs' || id.length !== 3) {
      response.writeHead(404).end();
      return;
    }
    serveLog(logOf(id.join('/')), url.searchParams, response);
  });
  await listen(server);
  return {
    port: (server.address() as AddressInfo).port,
    print: (namespace, pod, container, ...lines) => {
      const log = logOf(`${namespace}/${pod}/${container}`);
      log.lines.push(...lines);
      for (const follower of log.followers) follower.write(toText(lines));
    },
    close: (namespace, pod, container) => {
      for (const follower of logOf(`${namespace}/${pod}/${container}`).followers) follower.end();
    },
    dispose: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function serveLog(log: Log, query: URLSearchParams, response: ServerResponse): void {
  const tail = query.get('tailLines');
  const lines = tail === null ? log.lines : log.lines.slice(Math.max(0, log.lines.length - Number(tail)));
  response.writeHead(200, { 'Content-Type': 'text/plain' });
  response.flushHeaders();
  response.write(toText(lines));
  if (query.get('follow') !== 'true') {
    response.end();
    return;
  }
  log.followers.add(response);
  response.on('close', () => log.followers.delete(response));
}

function toText(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve());
  });
}
