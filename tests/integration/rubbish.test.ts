/**
 * 100,000 frames that no client should send, over many connections, beside a reader that behaves. Each frame gets its answer or the
 * connection its close code; the server lives, its memory comes back, and the neighbour misses nothing.
 */
import { describe, expect, it } from 'vitest';
import { createSeededRandom, randomInt } from '@trunkline/base';
import { CLOSE_CODES } from '@trunkline/protocol';
import {
  isProtobuf,
  openRawClient,
  protobufCodec,
  until,
  wait,
  WIRES,
  type Document,
  type Wire,
} from '@trunkline/testkit';
import { useBed } from '../support/bed.js';
import { orgKey, orgToken, TWO_ORGS } from '../support/orgs.js';
import { RawReader } from '../support/reader.js';
import { ProtobufRubbishMaker } from '../support/rubbish-protobuf.js';
import { RubbishMaker, type BadFrame } from '../support/rubbish.js';

const MAX_FRAME_BYTES = 64 * 1024;
const MAX_DEPTH = 64;
const FRAMES = 100_000;
/** Over each of the other transports and codecs. */
const FRAMES_OF_OTHERS = 1_500;
const FRAMES_PER_CONNECTION = 50;
const CONNECTIONS_AT_ONCE = 20;
const SEED = 20_240;

const bed = useBed(() => ({
  config: {
    ...TWO_ORGS,
    client: {
      maxFrameBytes: MAX_FRAME_BYTES,
      maxDepth: MAX_DEPTH,
      maxPublicationBytes: 20_000,
      firstCommandTimeout: '2s',
    },
  },
}));

/** Codes a connection may end with: ours, and those of RFC 6455 for frames that are too large (1009), not UTF-8 (1007) or malformed (1002). */
const KNOWN_CLOSES = new Set<number>([
  ...Object.values(CLOSE_CODES).map(({ code }) => code),
  1002,
  1003,
  1007,
  1009,
]);

/** How an HTTP transport refuses what is not even a stream. */
const KNOWN_STATUSES = new Set([400, 413, 431]);

interface Tally {
  opened: number;
  frames: number;
  answered: number;
  closed: number;
  readonly problems: string[];
  readonly closes: Map<number, number>;
}

/** One connection's share: a run of frames, then a ping whose answer proves that all before it were handled. */
async function run(
  maker: RubbishMaker,
  random: ReturnType<typeof createSeededRandom>,
  token: string,
  tally: Tally,
  wire: Wire = 'websocket json',
): Promise<void> {
  const answered = new Map<number, Document>();
  let pong = false;
  const raw = await openRawClient(bed.server.wsUrl, {
    wire,
    keep: false,
    onDocument: (document) => {
      if (document.id === 1_000_000) pong = true;
      else if (document.id !== undefined) answered.set(document.id, document);
    },
  });
  const early = randomInt(random, 20) === 0;
  if (!early) raw.send(JSON.stringify({ id: 1, connect: { token } }));
  const sent: BadFrame[] = [];
  const fatalAt = randomInt(random, 2) === 0 ? randomInt(random, FRAMES_PER_CONNECTION) : -1;
  for (let n = 0; n < FRAMES_PER_CONNECTION; n++) {
    const frame = maker.frame(n === fatalAt);
    sent.push(frame);
    raw.send(frame.frame);
    tally.frames++;
  }
  raw.send(JSON.stringify({ id: 1_000_000, ping: {} }));
  const mustClose = fatalAt >= 0 || early;
  const end = until('an end', () => pong && !mustClose, 60_000, 5).then(
    () => undefined,
    () => undefined,
  );
  const close = await Promise.race([raw.closed, end]);
  raw.dispose();
  if (close === undefined && !pong) tally.problems.push(`hung: ${sent.map(({ kind }) => kind).join(', ')}`);
  if (pong && mustClose)
    tally.problems.push(`went on after ${sent[fatalAt]?.kind ?? 'commands before connect'}`);
  if (close !== undefined) {
    tally.closed++;
    tally.closes.set(close.code, (tally.closes.get(close.code) ?? 0) + 1);
    if (!KNOWN_CLOSES.has(close.code) && !(wire !== 'websocket json' && KNOWN_STATUSES.has(close.code)))
      tally.problems.push(
        `closed with ${close.code} ${close.reason} after ${sent[fatalAt]?.kind ?? 'nothing fatal'}`,
      );
    return;
  }
  if (mustClose) tally.problems.push(`not closed after ${sent[fatalAt]?.kind ?? 'commands before connect'}`);
  for (const { kind, answers, frame } of sent) {
    for (const id of answers) {
      if (answered.has(id)) tally.answered++;
      else tally.problems.push(`no answer to ${kind}: ${String(frame).slice(0, 150)}`);
    }
  }
}

/**
 * As `run`, with bytes of which only one thing is owed: an end with a code, or an answer to the ping behind them. Every second connection is
 * let in before the bytes come, so that some are read by a connection and some by one that is still being asked who it is.
 */
async function runBytes(maker: ProtobufRubbishMaker, token: string, tally: Tally, wire: Wire): Promise<void> {
  let connected = false;
  let pong = false;
  const raw = await openRawClient(bed.server.wsUrl, {
    wire,
    keep: false,
    onDocument: ({ id, error }) => {
      if (id === 1) connected = true;
      if (id === 1_000_000) pong = true;
      if (id !== undefined) tally.answered++;
      if (error?.code === 100) tally.problems.push(`an internal error: ${error.message}`);
    },
  });
  raw.sendAll([{ id: 1, connect: { token } }]);
  if (tally.opened++ % 2 === 0) await until('it is let in', () => connected, 30_000, 5);
  const kinds: string[] = [];
  for (let n = 0; n < 10; n++) {
    const { kind, frame } = maker.frame();
    kinds.push(kind);
    raw.send(frame);
    tally.frames++;
  }
  raw.send(protobufCodec.encode([{ id: 1_000_000, ping: {} }]));
  const answered = until('an end', () => pong, 60_000, 5).then(
    () => undefined,
    () => undefined,
  );
  const close = await Promise.race([raw.closed, answered]);
  raw.dispose();
  if (close === undefined && !pong) tally.problems.push(`hung: ${kinds.join(', ')}`);
  if (close === undefined) return;
  tally.closed++;
  if (!KNOWN_CLOSES.has(close.code))
    tally.problems.push(`closed with ${close.code} ${close.reason} after ${kinds.join(', ')}`);
}

describe('rubbish', () => {
  it('[WIRE-29] 100,000 bad frames: each gets its code, the server lives, the neighbour loses nothing', async () => {
    const random = createSeededRandom(SEED);
    const maker = new RubbishMaker(random, { maxFrameBytes: MAX_FRAME_BYTES, maxDepth: MAX_DEPTH });
    const token = await orgToken('acme', 'mallory');
    const neighbour = new RawReader(
      'neighbour',
      bed.server.wsUrl,
      'open:neighbour',
      await orgToken('acme', 'ann'),
    );
    await neighbour.open();
    const { pid } = bed.server;
    let seq = 0;
    let publishing = true;
    const publisher = (async () => {
      while (publishing) {
        await bed.server.api('publish', { channel: 'open:neighbour', data: { seq: ++seq } }, orgKey('acme'));
        await wait(10);
      }
    })();
    const tally: Tally = { opened: 0, frames: 0, answered: 0, closed: 0, problems: [], closes: new Map() };
    const wave = async (frames: number): Promise<void> => {
      const until = tally.frames + frames;
      await Promise.all(
        Array.from({ length: CONNECTIONS_AT_ONCE }, async () => {
          while (tally.frames < until) await run(maker, random, token, tally);
        }),
      );
    };
    await wave(FRAMES * 0.4);
    const first = await bed.server.memory();
    await wave(FRAMES * 0.6);
    publishing = false;
    await publisher;
    await until('the neighbour has everything', () => neighbour.checker.last === seq);
    neighbour.checker.verify(seq);
    neighbour.dispose();
    expect([...new Set(tally.problems)].slice(0, 20), `seed ${SEED}`).toEqual([]);
    expect(tally.frames).toBeGreaterThanOrEqual(FRAMES);
    expect(tally.answered).toBeGreaterThan(FRAMES / 4);
    expect(tally.closed).toBeGreaterThan(500);
    expect(bed.server.pid).toBe(pid);
    expect(bed.server.running).toBe(true);
    await until(
      'nobody is left',
      async () =>
        (await bed.server.api('connections', {}, orgKey('acme'))).text.includes('mallory') === false,
    );
    const second = await bed.server.memory();
    expect(second.rss - first.rss, 'the second wave leaves nothing behind').toBeLessThan(64 * 1024 * 1024);
    expect(second.rss).toBeLessThan(500 * 1024 * 1024);
  }, 240_000);

  it.each(WIRES.slice(1))(
    '[WIRE-29] [STREAM-5] bad frames over %s: each gets its code, and nothing of them stays',
    async (wire) => {
      const random = createSeededRandom(SEED);
      const json = new RubbishMaker(random, { maxFrameBytes: MAX_FRAME_BYTES, maxDepth: MAX_DEPTH });
      const bytes = new ProtobufRubbishMaker(random, { maxFrameBytes: MAX_FRAME_BYTES });
      const token = await orgToken('acme', 'mallory');
      const { pid } = bed.server;
      const tally: Tally = { opened: 0, frames: 0, answered: 0, closed: 0, problems: [], closes: new Map() };
      await Promise.all(
        Array.from({ length: CONNECTIONS_AT_ONCE }, async () => {
          while (tally.frames < FRAMES_OF_OTHERS)
            await (isProtobuf(wire)
              ? runBytes(bytes, token, tally, wire)
              : run(json, random, token, tally, wire));
        }),
      );
      expect([...new Set(tally.problems)].slice(0, 20), `seed ${SEED}`).toEqual([]);
      expect(tally.answered).toBeGreaterThan(isProtobuf(wire) ? 50 : 100);
      expect(tally.closed).toBeGreaterThan(10);
      expect([bed.server.pid, bed.server.running]).toEqual([pid, true]);
      await until(
        'nobody is left',
        async () =>
          (await bed.server.api('connections', {}, orgKey('acme'))).text.includes('mallory') === false,
      );
    },
    120_000,
  );

  it('[STREAM-3] [STREAM-5] bodies that are none: a status each, and the server lives', async () => {
    const random = createSeededRandom(SEED);
    const maker = new ProtobufRubbishMaker(random, { maxFrameBytes: MAX_FRAME_BYTES });
    const statuses = new Map<string, Set<number>>();
    const post = async (path: string, type: string): Promise<void> => {
      const answer = await fetch(bed.server.url + path, {
        method: 'POST',
        headers: { 'content-type': type },
        body: Buffer.from(maker.frame().frame),
      });
      // A stream that was opened ends by itself: what began it was no connect.
      await answer.text();
      statuses.set(path, (statuses.get(path) ?? new Set()).add(answer.status));
    };
    for (let turn = 0; turn < 2; turn++) {
      const posts = ['/emulation', '/connection/http_stream'].flatMap((path) =>
        ['application/json', 'application/octet-stream'].flatMap((type) =>
          Array.from({ length: 75 }, () => post(path, type)),
        ),
      );
      await Promise.all(posts);
    }
    for (const status of statuses.get('/emulation') ?? []) expect([400, 404, 413]).toContain(status);
    for (const status of statuses.get('/connection/http_stream') ?? []) expect([200, 413]).toContain(status);
    expect((await fetch(`${bed.server.url}/health/ready`)).status).toBe(200);
  });

  it('[SESS-3] a connection that says nothing, or only half a request, is closed', async () => {
    const raw = await bed.raw();
    expect(await raw.closed).toMatchObject({ code: 3502 });
  });
});
