/**
 * A TCP proxy that breaks on command: it stands between a client and a server and cuts, stalls, delays, truncates or swallows what
 * passes. It knows nothing of HTTP or WebSocket; faults are those of a network. Both directions keep their order under every fault.
 */
import { createServer, connect, type Server, type Socket } from 'node:net';
import { createSystemClock, type Clock, type Disposable } from '@trunkline/base';

/** `toServer`: what clients send. `toClient`: what the server sends. */
export type Direction = 'toServer' | 'toClient';

type Flow = 'pass' | 'stall';

export interface FaultProxy extends Disposable {
  readonly port: number;
  readonly url: string;
  /** The WebSocket address of the native wire through this proxy. */
  readonly wsUrl: string;
  /** Pairs open now. */
  readonly connections: number;
  /** Resets every connection and refuses new ones until `restore`. */
  cut(): void;
  /** Resets the present connections; new ones are welcome. */
  drop(): void;
  /** Ends every fault but half-openness. What a stall held back flows again, in order. */
  restore(): void;
  /** Stops reading in one direction or both: nothing is lost, nothing arrives, back-pressure reaches the sender. */
  stall(direction?: Direction): void;
  /** Present connections die without a word: both sides go on believing while all they send is lost, ends included. New ones pass. */
  halfOpen(): void;
  /** Delays what passes, each way, by `ms`. */
  delay(ms: number): void;
  /** Lets `bytes` more bytes reach each present client, then ends the pair: a message cut in its middle. */
  truncate(bytes: number): void;
  /** New connections go to another port of the loopback interface: what a load balancer does when a node is gone. */
  retarget(port: number): void;
}

/** Starts a proxy on a free port of the loopback interface towards another one there. */
export async function startProxy(firstTarget: number): Promise<FaultProxy> {
  let targetPort = firstTarget;
  const faults = { refusing: false, toServer: 'pass' as Flow, toClient: 'pass' as Flow, delayMs: 0 };
  const clock = createSystemClock();
  const pairs = new Set<Pair>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (faults.refusing) {
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const pair = new Pair(
      client,
      connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true }),
      faults,
      clock,
    );
    pairs.add(pair);
    pair.onGone = () => pairs.delete(pair);
  });
  const port = await listen(server);
  const eachPair = (run: (pair: Pair) => void): void => {
    for (const pair of [...pairs]) run(pair);
  };
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    wsUrl: `ws://127.0.0.1:${port}/connection/websocket`,
    get connections() {
      return pairs.size;
    },
    cut: () => {
      faults.refusing = true;
      eachPair((pair) => pair.reset());
    },
    drop: () => eachPair((pair) => pair.reset()),
    restore: () => {
      Object.assign(faults, { refusing: false, toServer: 'pass', toClient: 'pass', delayMs: 0 });
      eachPair((pair) => pair.apply());
    },
    stall: (direction) => {
      if (direction !== 'toClient') faults.toServer = 'stall';
      if (direction !== 'toServer') faults.toClient = 'stall';
      eachPair((pair) => pair.apply());
    },
    halfOpen: () => eachPair((pair) => pair.swallow()),
    delay: (ms) => {
      faults.delayMs = ms;
    },
    truncate: (bytes) => eachPair((pair) => pair.truncate(bytes)),
    retarget: (next) => {
      targetPort = next;
    },
    dispose: async () => {
      faults.refusing = true;
      eachPair((pair) => pair.reset());
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

interface Faults {
  readonly toServer: Flow;
  readonly toClient: Flow;
  readonly delayMs: number;
}

/** One client's connection and its other half. */
class Pair {
  onGone: () => void = () => undefined;
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #faults: Faults;
  readonly #clock: Clock;
  /** Bytes that may still reach the client; `Infinity`: no limit. */
  #budget = Infinity;
  #gone = false;
  #dead = false;

  constructor(client: Socket, upstream: Socket, faults: Faults, clock: Clock) {
    this.#client = client;
    this.#upstream = upstream;
    this.#faults = faults;
    this.#clock = clock;
    client.setNoDelay(true);
    upstream.setNoDelay(true);
    this.#forward(client, upstream, 'toServer');
    this.#forward(upstream, client, 'toClient');
    this.apply();
  }

  /** Brings reading in line with the faults of now. */
  apply(): void {
    if (this.#dead) return;
    for (const [socket, flow] of [
      [this.#client, this.#faults.toServer],
      [this.#upstream, this.#faults.toClient],
    ] as const) {
      if (flow === 'stall') socket.pause();
      else socket.resume();
    }
  }

  swallow(): void {
    this.#dead = true;
    this.#client.resume();
    this.#upstream.resume();
  }

  truncate(bytes: number): void {
    this.#budget = bytes;
  }

  reset(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#client.resetAndDestroy();
    this.#upstream.resetAndDestroy();
    this.onGone();
  }

  /** An end, not a reset: a reset would take the last allowed bytes with it. */
  #endAfterWhatWasWritten(): void {
    this.#upstream.destroy();
    this.#client.end(() => this.reset());
  }

  #forward(from: Socket, to: Socket, direction: Direction): void {
    let releaseAt = 0;
    const later = (run: () => void): void => {
      if (this.#faults.delayMs === 0 && releaseAt <= this.#clock.monotonic()) return run();
      releaseAt = Math.max(releaseAt, this.#clock.monotonic() + this.#faults.delayMs);
      this.#clock.setTimeout(run, releaseAt - this.#clock.monotonic());
    };
    from.on('data', (chunk: Buffer) => {
      later(() => {
        if (this.#dead) return;
        const allowed = direction === 'toClient' ? chunk.subarray(0, this.#budget) : chunk;
        if (direction === 'toClient') this.#budget -= allowed.length;
        if (!to.write(allowed) && this.#faults[direction] === 'pass') from.pause();
        if (this.#budget <= 0) this.#endAfterWhatWasWritten();
      });
    });
    to.on('drain', () => {
      if (this.#faults[direction] === 'pass') from.resume();
    });
    from.on('end', () => {
      if (!this.#dead) later(() => to.end());
    });
    from.on('error', () => {
      if (!this.#dead) this.reset();
    });
    from.on('close', () => {
      if (this.#dead || this.#gone) return;
      later(() => {
        if (this.#client.destroyed && this.#upstream.destroyed) this.reset();
        else if (from.errored) this.reset();
      });
    });
  }
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}
