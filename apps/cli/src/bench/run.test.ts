// The whole bench on the fake clock against a small server of doubles: what it counts, how it comes back, how it ends.
import { createSeededRandom } from '@trunkline/base';
import { FakeClock, settle } from '@trunkline/base/testing';
import { describe, expect, test } from 'vitest';
import type { SendOutcome } from '../api.js';
import type { SocketEnd } from '../sockets.js';
import { createFakeSockets, type FakeSocket } from '../testing.js';
import { resolveBenchOptions, type BenchOptions } from './options.js';
import type { Draft } from './publisher.js';
import { runBench, type BenchProgress, type BenchResult } from './run.js';

interface Publication {
  readonly data: object;
  readonly offset: number;
}

/** A server that numbers, keeps and delivers; a test may break it. */
class SmallServer {
  readonly histories = new Map<string, Publication[]>();
  readonly readers = new Map<string, Set<FakeSocket>>();
  epoch = 'e1';
  /** Called for each delivery; returns how often, and with what documents in which order, it is delivered. */
  deliver: (publication: Publication, socket: FakeSocket) => readonly Publication[] = (publication) => [
    publication,
  ];
  answerPublish: (drafts: readonly Draft[]) => SendOutcome | undefined = () => undefined;
  denied: { code: number; message: string } | undefined;
  attempts: number[] = [];
  refuse: (attempt: number) => SocketEnd | undefined = () => undefined;

  readonly clock: FakeClock;

  constructor(clock: FakeClock) {
    this.clock = clock;
  }

  readonly sockets = createFakeSockets(
    ({ method, params }, socket) => {
      if (method === 'connect') return { result: { client: 'c' } };
      if (method !== 'subscribe') return undefined;
      if (this.denied !== undefined) return { error: this.denied };
      const channel = String(params['channel']);
      const history = this.histories.get(channel) ?? [];
      const recovering = params['recover'] === true;
      const recovered = recovering && params['epoch'] === this.epoch;
      const set = this.readers.get(channel) ?? new Set();
      this.readers.set(channel, set.add(socket));
      return {
        result: {
          recoverable: true,
          epoch: this.epoch,
          offset: history.length,
          ...(recovering ? { was_recovering: true, recovered } : {}),
          publications: recovered ? history.filter(({ offset }) => offset > Number(params['offset'])) : [],
        },
      };
    },
    (attempt) => {
      this.attempts.push(this.clock.monotonic());
      return this.refuse(attempt);
    },
  );

  readonly send = async (drafts: readonly Draft[]): Promise<SendOutcome> => {
    const special = this.answerPublish(drafts);
    if (special !== undefined) return special;
    for (const { channel, data } of drafts) {
      const history = this.histories.get(channel) ?? [];
      this.histories.set(channel, history);
      const publication = { data, offset: history.length + 1 };
      history.push(publication);
      for (const socket of this.readers.get(channel) ?? [])
        for (const pub of this.deliver(publication, socket)) socket.push({ push: { channel, pub } });
    }
    return { kind: 'replies', replies: drafts.map(() => undefined) };
  };

  /** Every connection ends as in a crash. */
  crash(): void {
    this.readers.clear();
    for (const socket of this.sockets.sockets) socket.end({ kind: 'closed', code: 1006, reason: '' });
  }
}

async function bench(
  options: Partial<BenchOptions>,
  prepare: (server: SmallServer, clock: FakeClock, interrupt: () => void) => void = () => undefined,
): Promise<{ result: BenchResult; server: SmallServer; progress: BenchProgress[] }> {
  const clock = new FakeClock();
  const server = new SmallServer(clock);
  const interruption = new AbortController();
  const progress: BenchProgress[] = [];
  prepare(server, clock, () => interruption.abort());
  let result: BenchResult | undefined;
  const running = runBench(
    {
      clock,
      random: createSeededRandom(5),
      open: server.sockets.open,
      publishPort: () => ({ send: server.send, close: () => undefined }),
      signal: interruption.signal,
      onProgress: (now) => void progress.push(now),
    },
    { url: 'ws://x', token: 't' },
    resolveBenchOptions({ connections: 4, ratePerSecond: 50, durationMs: 2_000, ...options }),
  ).then((found) => (result = found));
  for (let step = 0; result === undefined && step < 2_000; step++) await clock.advance(50);
  await settle();
  return { result: await running, server, progress };
}

describe('a bench', () => {
  test('[CLI-24] counts what was published and delivered', async () => {
    const { result, progress } = await bench({ channels: 2, subscriptions: 2, publishers: 3 });
    expect(result.connectionsMade).toBe(4);
    expect(result.publications).toBeGreaterThan(90);
    expect(result.deliveries).toBe(result.publications * 4);
    expect(result).toMatchObject({ lost: 0, duplicated: 0, outOfOrder: 0, reconnects: 0, errors: [] });
    expect(result.latencyMs.samples).toBe(result.deliveries);
    expect(progress.at(0)).toMatchObject({ phase: 'publishing', connections: 4, open: 4 });
  });

  test('[CLI-24] finds what is lost, twice and out of order', async () => {
    const { result } = await bench({ connections: 1 }, (server) => {
      let held: Publication | undefined;
      server.deliver = (publication) => {
        if (publication.offset === 10) return [];
        if (publication.offset === 20) return [publication, publication];
        if (publication.offset === 30) {
          held = publication;
          return [];
        }
        if (publication.offset === 31 && held !== undefined) return [publication, held];
        return [publication];
      };
    });
    expect(result).toMatchObject({ lost: 1, duplicated: 1, outOfOrder: 1 });
  });

  test('[CLI-24] readers come back with their positions, and recovery leaves nothing lost', async () => {
    const { result } = await bench({}, (server, clock) => {
      clock.setTimeout(() => server.crash(), 1_000);
    });
    expect(result).toMatchObject({ lost: 0, duplicated: 0, outOfOrder: 0, reconnects: 4, unrecovered: 0 });
    expect(result.recovered).toBeGreaterThan(0);
    expect(result.errors).toEqual([{ code: 1006, message: 'connection closed', count: 4 }]);
  });

  test('[CLI-24] what a server forgot is lost, and the readers were told', async () => {
    const { result } = await bench({}, (server, clock) => {
      clock.setTimeout(() => {
        server.crash();
        server.epoch = 'e2';
      }, 1_000);
    });
    expect(result.unrecovered).toBe(4);
    expect(result.lost).toBeGreaterThan(0);
  });

  test('[CLI-24] an answer that was missed makes no duplicate of the server', async () => {
    const { result, server } = await bench({ connections: 1 }, (made) => {
      let missed = 0;
      const { send } = made;
      made.answerPublish = (drafts) => {
        if (missed++ !== 3) return undefined;
        // Taken, but the answer gets lost.
        made.answerPublish = () => undefined;
        void send(drafts);
        return { kind: 'unreachable', reason: 'connection closed' };
      };
    });
    expect(result.repeated).toBeGreaterThan(0);
    expect(result).toMatchObject({ duplicated: 0, lost: 0 });
    expect(server.sockets.sockets).toHaveLength(1);
  });

  test('[CLI-25] connections are attempted at the ramp, reconnects included', async () => {
    const { server } = await bench({ connections: 40, rampPerSecond: 20, durationMs: 500 });
    const most = server.attempts.filter((at) => at < 1_000).length;
    expect(most).toBeLessThanOrEqual(20);
    expect(server.attempts).toHaveLength(40);
  });

  test('[CLI-25] attempts that are refused are counted by status and made again', async () => {
    const { result } = await bench({ connections: 3 }, (server) => {
      server.refuse = (attempt) => (attempt === 2 ? { kind: 'refused', status: 429 } : undefined);
    });
    expect(result.connectionsMade).toBe(3);
    expect(result.errors).toEqual([{ code: 429, message: 'HTTP status instead of the upgrade', count: 1 }]);
  });

  test('[CLI-25] it ends early where every reader is sent away, and where a publication is refused for good', async () => {
    const denied = await bench({}, (server) => {
      server.denied = { code: 103, message: 'permission denied' };
    });
    expect(denied.result.ended).toEqual({
      kind: 'sentAway',
      error: { code: 103, message: 'permission denied' },
    });
    const refused = await bench({}, (server) => {
      server.answerPublish = (drafts) => ({
        kind: 'replies',
        replies: drafts.map(() => ({ code: 106, message: 'limit exceeded' })),
      });
    });
    expect(refused.result.ended).toEqual({
      kind: 'refused',
      error: { code: 106, message: 'limit exceeded' },
    });
  });

  test('[CLI-25] an interruption gives the numbers so far', async () => {
    const { result } = await bench({ durationMs: 60_000 }, (_server, clock, interrupt) => {
      clock.setTimeout(interrupt, 3_000);
    });
    expect(result.ended).toEqual({ kind: 'interrupted' });
    expect(result.publications).toBeGreaterThan(50);
    expect(result.lost).toBe(0);
    expect(result.durationMs).toBeLessThan(5_000);
  });

  test('[CLI-24] what unsubscribes a reader with 2500 makes it subscribe again from its position', async () => {
    const { result, server } = await bench({ connections: 1 }, (made, clock) => {
      clock.setTimeout(() => {
        const [channel, set] = [...made.readers][0] ?? ['', new Set<FakeSocket>()];
        for (const socket of set) {
          set.delete(socket);
          socket.push({ push: { channel, unsubscribe: { code: 2500, reason: 'insufficient state' } } });
        }
      }, 1_000);
    });
    expect(result.lost).toBe(0);
    expect(server.sockets.sockets[0]?.commands.filter(({ method }) => method === 'subscribe')).toHaveLength(
      2,
    );
  });
});
