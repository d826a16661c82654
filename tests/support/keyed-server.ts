/**
 * A server of the wire that does one thing: it executes calls, each once under its idempotency key, remembers the answers, and fails on command. What it
 * was asked and what it did are there for a test to read.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Disposable } from '@trunkline/base';

export interface KeyedServer extends Disposable {
  readonly url: string;
  /** Params of what was executed, in order. */
  readonly effects: unknown[];
  /** Keys as they arrived, repeats included. */
  readonly arrivals: string[];
  /** Most calls that were worked on at one time. */
  readonly atOnce: number;
  /** The next calls are executed, and the connection is cut before the answer leaves. */
  loseAnswers(count: number): void;
  /** How long a call takes. Default 0. */
  setDelay(ms: number): void;
  /** Cuts all connections and takes no new ones, until `up`. */
  down(): void;
  up(): void;
}

interface Command {
  readonly id: number;
  readonly connect?: object;
  readonly rpc?: {
    readonly method: string;
    readonly data: { readonly params: unknown; readonly key?: string };
  };
}

export async function startKeyedServer(): Promise<KeyedServer> {
  const effects: unknown[] = [];
  const arrivals: string[] = [];
  const answers = new Map<string, unknown>();
  const state = { down: false, losing: 0, delayMs: 0, working: 0, atOnce: 0, clients: 0 };
  const http = createServer();
  const sockets = new WebSocketServer({ noServer: true });

  const execute = (key: string, method: string, params: unknown): unknown => {
    arrivals.push(key);
    if (!answers.has(key)) {
      effects.push(params);
      answers.set(key, { method, number: effects.length });
    }
    return answers.get(key);
  };
  const call = async (socket: WebSocket, { id, rpc }: Command): Promise<void> => {
    state.atOnce = Math.max(state.atOnce, ++state.working);
    if (state.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, state.delayMs));
    state.working--;
    const result = execute(rpc?.data.key ?? '', rpc?.method ?? '', rpc?.data.params);
    if (state.losing > 0) {
      state.losing--;
      return socket.terminate();
    }
    socket.send(JSON.stringify({ id, rpc: { data: { result } } }));
  };
  const handle = (socket: WebSocket, command: Command): void => {
    if (command.rpc) return void call(socket, command);
    if (command.connect) {
      const data = { tl: { extensions: ['rpc'], version: '0', limits: {} } };
      socket.send(
        JSON.stringify({
          id: command.id,
          connect: { client: `c${++state.clients}`, ping: 25, pong: true, data },
        }),
      );
    }
  };
  http.on('upgrade', (request, socket, head) => {
    if (state.down) return void socket.destroy();
    sockets.handleUpgrade(request, socket, head, (opened) => {
      opened.on('message', (data: Buffer) => {
        for (const line of data.toString('utf8').split('\n')) {
          if (line !== '' && line !== '{}') handle(opened, JSON.parse(line) as Command);
        }
      });
    });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const socket of sockets.clients) socket.terminate();
  };
  return {
    url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/connection/websocket`,
    effects,
    arrivals,
    get atOnce() {
      return state.atOnce;
    },
    loseAnswers: (count) => void (state.losing = count),
    setDelay: (ms) => void (state.delayMs = ms),
    down: () => {
      state.down = true;
      cut();
    },
    up: () => void (state.down = false),
    dispose: () => {
      cut();
      return new Promise<void>((resolve) => http.close(() => resolve()));
    },
  };
}
