/** Listening, and what to say when that does not work. */
import { isIPv6 } from 'node:net';

/** The server could not listen. The message says what to change. */
export class ListenError extends Error {
  constructor(host: string, port: number, cause: NodeJS.ErrnoException) {
    super(explain(host, port, cause), { cause });
    this.name = 'ListenError';
  }
}

function explain(host: string, port: number, { code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'EADDRINUSE':
      return `port ${port} on ${host} is in use by another program; end that program, or choose another port with --port ${port + 1 > 65_535 ? 0 : port + 1} (server.port, TRUNKLINE_SERVER_PORT)`;
    case 'EACCES':
      return `this user may not listen on port ${port}; choose one from 1024 up with --port 8000 (server.port, TRUNKLINE_SERVER_PORT)`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is not an address of this machine; choose one with --host 127.0.0.1, or 0.0.0.0 for all (server.host, TRUNKLINE_SERVER_HOST)`;
    default:
      return `cannot listen on ${host}, port ${port}: ${message}`;
  }
}

/** The address a person can open. "All addresses" is none; this machine's name for itself stands for it. */
export function addressOf(host: string, port: number, tls: boolean): string {
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : isIPv6(host) ? `[${host}]` : host;
  return `${tls ? 'https' : 'http'}://${name}:${port}`;
}
