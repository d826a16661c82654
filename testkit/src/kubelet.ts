/**
 * A stand-in for a kubelet: what an API server asks it here is the log of a container, from a time or a number of lines on, with the times of lines or without; and a program in one, over a
 * WebSocket, which whatever it is called gives back what it is given. It knows what the test printed and nothing of pods; lines that are printed while somebody follows are handed on at once.
 */
import { createServer, type Server } from 'node:https';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Disposable } from '@trunkline/base';
import { WebSocketServer, type WebSocket } from 'ws';
import { clock } from './waiting.js';

export interface Kubelet extends Disposable {
  readonly port: number;
  /** The container prints lines, now. */
  print(namespace: string, pod: string, container: string, ...lines: readonly string[]): void;
  /** The container is gone: whoever follows its log gets to the end of it. */
  close(namespace: string, pod: string, container: string): void;
}

interface Line {
  readonly atMs: number;
  readonly text: string;
}

interface Log {
  readonly lines: Line[];
  /** What each of them asked for. */
  readonly followers: Map<ServerResponse, URLSearchParams>;
}

export async function startKubelet(tls: { readonly key: string; readonly cert: string }): Promise<Kubelet> {
  const logs = new Map<string, Log>();
  const logOf = (id: string): Log => {
    const log = logs.get(id) ?? { lines: [], followers: new Map() };
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
  const programs = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has(EXEC_PROTOCOL) ? EXEC_PROTOCOL : false),
  });
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    if (!request.url?.startsWith('/exec/')) socket.destroy();
    else programs.handleUpgrade(request, socket, head, serveCat);
  });
  await listen(server);
  return {
    port: (server.address() as AddressInfo).port,
    print: (namespace, pod, container, ...lines) => {
      const log = logOf(`${namespace}/${pod}/${container}`);
      const printed = lines.map((text) => ({ atMs: clock.now(), text }));
      log.lines.push(...printed);
      for (const [follower, query] of log.followers) follower.write(toText(printed, query));
    },
    close: (namespace, pod, container) => {
      for (const follower of logOf(`${namespace}/${pod}/${container}`).followers.keys()) follower.end();
    },
    dispose: () => {
      for (const one of programs.clients) one.terminate();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

const EXEC_PROTOCOL = 'v4.channel.k8s.io';

/** Standard input is stream 0, output 1, and 3 tells how it ended: here after an empty frame of input. */
function serveCat(ws: WebSocket): void {
  ws.on('error', () => ws.terminate());
  ws.send(Uint8Array.of(1));
  ws.on('message', (data: Buffer) => {
    if (data[0] !== 0) return;
    if (data.length > 1) {
      ws.send(Buffer.concat([Uint8Array.of(1), data.subarray(1)]));
      return;
    }
    ws.send(Buffer.concat([Uint8Array.of(3), Buffer.from('{"metadata":{},"status":"Success"}')]));
    ws.close(1000);
  });
}

function serveLog(log: Log, query: URLSearchParams, response: ServerResponse): void {
  const [tail, sinceTime, sinceSeconds] = ['tailLines', 'sinceTime', 'sinceSeconds'].map((name) =>
    query.get(name),
  );
  // As the real one: a time of whole seconds, of which nothing may be missing.
  const sinceMs = sinceTime
    ? Date.parse(sinceTime)
    : sinceSeconds
      ? clock.now() - Number(sinceSeconds) * 1_000
      : 0;
  const since = log.lines.filter(({ atMs }) => atMs >= sinceMs);
  const lines = tail ? since.slice(Math.max(0, since.length - Number(tail))) : since;
  response.writeHead(200, { 'Content-Type': 'text/plain' });
  response.flushHeaders();
  response.write(toText(lines, query));
  if (query.get('follow') !== 'true') {
    response.end();
    return;
  }
  log.followers.set(response, query);
  response.on('close', () => log.followers.delete(response));
}

function toText(lines: readonly Line[], query: URLSearchParams): string {
  const stamped = query.get('timestamps') === 'true';
  return lines
    .map(({ atMs, text }) => `${stamped ? `${new Date(atMs).toISOString()} ` : ''}${text}\n`)
    .join('');
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve());
  });
}
