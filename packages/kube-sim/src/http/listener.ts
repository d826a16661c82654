/** The sockets: listens, hands requests over, and can let go of everything at once, come back on the same port, or stop for good. */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Counters } from '../counters.js';
import type { KubeSimOptions } from '../options.js';
import { responseOn, type Pipeline } from './pipeline.js';

export class Listener {
  readonly #options: KubeSimOptions;
  readonly #pipeline: Pipeline;
  readonly #counters: Counters;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port: number;

  constructor(options: KubeSimOptions, pipeline: Pipeline, counters: Counters) {
    this.#options = options;
    this.#pipeline = pipeline;
    this.#counters = counters;
    this.#port = options.port;
  }

  get port(): number {
    return this.#port;
  }

  /** Listens, on the port it had before if there was one. */
  async open(): Promise<void> {
    const server = this.#make();
    server.on('connection', (socket: Socket) => this.#hold(socket));
    // Watches are quiet for long, and slow answers are wanted.
    server.requestTimeout = 0;
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      // A peer may reset the connection at any moment of the handshake.
      socket.on('error', () => socket.destroy());
      void this.#pipeline.handle(request, responseOn(request, socket), { socket, head });
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, this.#options.host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Breaks every connection; new ones are welcome. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Stops listening and breaks every connection. May be called twice. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    this.dropConnections();
    await closed;
  }

  #make(): Server {
    const { tls } = this.#options;
    const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
      response.on('error', () => response.destroy());
      void this.#pipeline.handle(request, response);
    };
    if (tls === undefined) return createHttpServer(onRequest);
    const { key, cert, clientCa } = tls;
    const asking =
      clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: false };
    return createHttpsServer({ key, cert, ...asking }, onRequest);
  }

  #hold(socket: Socket): void {
    const close = this.#counters.connectionOpened();
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      close();
    });
  }
}
