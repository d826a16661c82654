/**
 * A connection of one's own to an API server, for what takes it over after its handshake: opened as the wire for requests opens its own, with the same TLS, and through the same proxy
 * where that is one of HTTP.
 */
import type { LookupFunction } from 'node:net';
import type { Duplex } from 'node:stream';
import { buildConnector, Client } from 'undici';
import { codeOf } from '../credential.js';
import { KubeError } from '../errors.js';

/** As undici takes them. */
export interface TlsOptions {
  readonly rejectUnauthorized: boolean;
  readonly timeout: number;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
  readonly lookup?: LookupFunction;
}

export interface ConnectPlan {
  readonly origin: string;
  readonly proxyUrl?: string | undefined;
  readonly tls: TlsOptions;
  /** Of the connection to the proxy. */
  readonly connectTimeoutMs: number;
  readonly lookup?: LookupFunction | undefined;
}

/** Rejects with `kubeUnreachable`, `kubeRefused` for a proxy that cannot do this, or the reason of the signal. */
export async function connectThrough(plan: ConnectPlan, signal: AbortSignal): Promise<Duplex> {
  const { origin, proxyUrl, tls } = plan;
  try {
    if (proxyUrl === undefined) return await connect(new URL(origin), tls, signal);
    const tunnel = await openTunnel(proxyUrl, plan, signal);
    const target = new URL(origin);
    return target.protocol === 'https:' ? await connect(target, tls, signal, tunnel) : tunnel;
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof KubeError) throw cause;
    throw new KubeError('kubeUnreachable', codeOf(cause), { cause });
  }
}

function connect(url: URL, tls: TlsOptions, signal: AbortSignal, through?: Duplex): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const { protocol, port, host } = url;
    const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1');
    const onAbort = (): void => {
      through?.destroy();
      reject(signal.reason as Error);
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const target = { hostname, host, protocol, port, ...(through ? { httpSocket: through as never } : {}) };
    buildConnector(tls as never)(target, (error, socket) => {
      signal.removeEventListener('abort', onAbort);
      if (error !== null || socket === null) reject(error as Error);
      else if (signal.aborted) socket.destroy();
      else resolve(socket);
    });
  });
}

async function openTunnel(proxyUrl: string, plan: ConnectPlan, signal: AbortSignal): Promise<Duplex> {
  const proxy = new URL(proxyUrl);
  if (!/^https?:$/.test(proxy.protocol))
    throw new KubeError('kubeRefused', 'proxyUrl: WebSockets go through http and https proxies only');
  const target = new URL(plan.origin);
  const path = `${target.hostname}:${target.port || (target.protocol === 'https:' ? '443' : '80')}`;
  const { connectTimeoutMs: timeout, lookup } = plan;
  const client = new Client(proxy.origin, {
    connect: { timeout, ...(lookup === undefined ? {} : { lookup }) },
  });
  const headers = { host: path, ...authorizationOf(proxy) };
  const { socket, statusCode } = await client
    .connect({ path, signal, headers })
    .catch(async (cause: unknown) => {
      await client.destroy().catch(() => undefined);
      throw cause;
    });
  // The tunnel is the client's only connection, and ours from now on.
  void client.close().catch(() => undefined);
  socket.on('error', () => socket.destroy());
  if (statusCode === 200) return socket;
  socket.destroy();
  throw new KubeError('kubeUnreachable', `the proxy answered ${statusCode}`);
}

function authorizationOf({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}
