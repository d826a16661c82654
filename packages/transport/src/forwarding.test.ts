import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { EntranceOptions } from './options.js';
import { FakeNodes, lineCodec, startRig, streaming, type Rig } from './testing.js';

const rigs: Rig[] = [];
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.stop();
});

interface Pair {
  /** Holds the streams. */
  readonly holder: Rig;
  /** Where their upstream arrives. */
  readonly entry: Rig;
}

async function pair(
  options: Partial<EntranceOptions> = {},
  profile: Parameters<typeof streaming>[0] = {},
  codec = lineCodec(),
): Promise<Pair> {
  const cluster = new Map<string, FakeNodes>();
  const [holder, entry] = await Promise.all(
    ['holder', 'entry'].map((id) =>
      startRig(streaming(profile, codec), options, { nodes: new FakeNodes(id, cluster) }),
    ),
  );
  if (!holder || !entry) throw new Error('two rigs are expected');
  rigs.push(holder, entry);
  return { holder, entry };
}

const error = (text: string): { code: number } => (JSON.parse(text) as { error: { code: number } }).error;
const post = (rig: Rig, session: string, data: string, node = 'holder') =>
  rig.upstream(session, data, { node });
/** Of a session of its own: each node numbers the same in these tests. */
const sessionOf = ({ transport }: { readonly transport: { readonly session?: string } }): string =>
  transport.session ?? '';

/** A request whose body comes in pieces. */
function slow(rig: Rig, length: number, first: string) {
  const socket = connect(rig.port, '127.0.0.1');
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
  socket.on('error', () => undefined);
  socket.write(
    `POST /emulation HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${first}`,
  );
  return { socket, received: () => received };
}

async function until(met: () => boolean): Promise<void> {
  while (!met()) await new Promise((resolve) => setImmediate(resolve));
}

/** Field of Protobuf with a short value. */
const field = (number: number, value: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([(number << 3) | 2, value.length]), value]);

describe('upstream frames at another node', () => {
  it('[STREAM-10] are handed to the node that holds the stream, and answered when it took them', async () => {
    const { holder, entry } = await pair();
    const { accepted } = await holder.stream('/stream', { method: 'POST', body: 'first' });
    expect((await post(entry, sessionOf(accepted), 'second "€"\n')).status).toBe(204);
    expect((await post(holder, sessionOf(accepted), 'third')).status).toBe(204);
    expect((await post(entry, sessionOf(accepted), 'fourth')).status).toBe(204);
    expect(accepted.frames.map(String)).toEqual(['first', 'second "€"\n', 'third', 'fourth']);
  });

  it('[STREAM-10] in Protobuf too, byte for byte', async () => {
    const { holder, entry } = await pair({}, {}, lineCodec(true));
    const { accepted } = await holder.stream('/stream', { method: 'POST', body: 'x' });
    const data = Uint8Array.from([0, 10, 13, 34, 128, 255]);
    const body = Buffer.concat([
      field(1, Buffer.from('holder')),
      field(2, Buffer.from(sessionOf(accepted))),
      field(3, data),
    ]);
    const answer = await entry.ask('/emulation', {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body,
    });
    expect(answer.status).toBe(204);
    expect(Buffer.from(accepted.frames[1] as Uint8Array)).toEqual(Buffer.from(data));
  });

  it('[STREAM-10] 404 where that node does not know the session, or is not there', async () => {
    const { holder, entry } = await pair();
    const { accepted, stream } = await holder.stream('/stream', { method: 'POST', body: 'x' });
    expect((await post(entry, 'x'.repeat(32), 'a')).status).toBe(404);
    expect((await post(entry, sessionOf(accepted), 'a', 'gone')).status).toBe(404);
    expect((await post(entry, sessionOf(accepted), 'a', 'entry')).status).toBe(404);
    stream.leave();
    await accepted.until(() => accepted.closes.length === 1);
    expect((await post(entry, sessionOf(accepted), 'a')).status).toBe(404);
  });

  it('[STREAM-10] 503 with a code where that node does not answer', async () => {
    const { holder, entry } = await pair();
    const { accepted } = await holder.stream('/stream', { method: 'POST', body: 'x' });
    holder.hub.nodes.silent = true;
    const answer = await post(entry, sessionOf(accepted), 'a');
    expect([answer.status, error((await answer.ended()).text).code, answer.headers['retry-after']]).toEqual([
      503,
      1001,
      '5',
    ]);
  });

  it('[STREAM-10] a frame above the limit of its connection is answered 413 and ends it, a body above that of the node too', async () => {
    const { holder, entry } = await pair({ upstreamBodyMaxBytes: 5_000 }, { maxFrameBytes: 1_000 });
    const { accepted } = await holder.stream('/stream', { method: 'POST', body: 'x' });
    expect((await post(entry, sessionOf(accepted), 'a'.repeat(1_001))).status).toBe(413);
    const other = (await holder.stream('/stream', { method: 'POST', body: 'x' })).accepted;
    expect((await post(entry, sessionOf(other), 'a'.repeat(6_000))).status).toBe(413);
    await other.until(() => other.closes.length === 1);
    expect(other.closes[0]?.code).toBe(3501);
  });

  it('[STREAM-10] [STREAM-6] requests that come through one node keep the order in which they began', async () => {
    const { holder, entry } = await pair();
    const { accepted } = await holder.stream('/stream', { method: 'POST', body: 'x' });
    const session = sessionOf(accepted);
    const body = JSON.stringify({ session, node: 'holder', data: 'early' });
    const late = slow(entry, body.length, body.slice(0, -4));
    // Seen, not whole.
    await until(() => entry.entrance.connections >= 0 && late.socket.bytesWritten > 0);
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    const others = Array.from({ length: 20 }, (_, n) => post(entry, session, `later ${n}`));
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(accepted.frames).toHaveLength(1);
    late.socket.write(body.slice(-4));
    await Promise.all(others);
    expect(accepted.frames[1]).toBe('early');
    expect([...accepted.frames.slice(2)].sort()).toEqual(
      Array.from({ length: 20 }, (_, n) => `later ${n}`).sort(),
    );
    await until(() => late.received().includes('204'));
    late.socket.destroy();
  });

  it('[STREAM-10] while the hub has paused reading, requests wait at both nodes', async () => {
    const { holder, entry } = await pair();
    const { accepted } = await holder.stream('/stream', { method: 'POST', body: 'x' });
    accepted.transport.pause();
    const waiting = post(entry, sessionOf(accepted), 'a');
    await until(() => holder.hub.nodes.asked === 1);
    expect(accepted.frames).toHaveLength(1);
    accepted.transport.resume();
    expect((await waiting).status).toBe(204);
  });

  it('[STREAM-4] guesses at sessions of other nodes count as attempts, what was there does not', async () => {
    const { holder, entry } = await pair({ attemptsPerSecond: 1, attemptsBurst: 3 });
    const { accepted } = await holder.stream('/stream', { method: 'POST', body: 'x' });
    for (let n = 0; n < 10; n++) expect((await post(entry, sessionOf(accepted), `${n}`)).status).toBe(204);
    const guesses = [];
    for (let n = 0; n < 5; n++) guesses.push((await post(entry, `guess${n}`, 'a')).status);
    expect(guesses).toEqual([404, 404, 404, 429, 429]);
    const asked = holder.hub.nodes.asked;
    expect((await post(entry, 'another', 'a')).status).toBe(429);
    expect(holder.hub.nodes.asked).toBe(asked);
    // The one that is known is none.
    expect((await post(entry, sessionOf(accepted), 'still')).status).toBe(204);
  });

  it('[STREAM-11] bodies of sessions that no node has proven hold a bounded number of bytes together', async () => {
    const { holder, entry } = await pair({ upstreamBodyMaxBytes: 100_000 }, { maxFrameBytes: 90_000 });
    const { accepted } = await holder.stream('/stream', { method: 'POST', body: 'x' });
    const begun = (session: string) =>
      slow(entry, 99_999, `{"session":"${session}","node":"holder","data":"${'x'.repeat(95_000)}`);
    const strangers = Array.from({ length: 20 }, (_, n) => begun(`stranger${n}`));
    await until(() => strangers.some(({ received }) => received().includes('503')));
    // A large first frame goes through where there is room, and a proven session is not held back by strangers.
    for (const { socket } of strangers.slice(5)) socket.destroy();
    expect((await post(entry, sessionOf(accepted), 'proof')).status).toBe(204);
    expect((await post(entry, sessionOf(accepted), 'y'.repeat(80_000))).status).toBe(204);
    for (const { socket } of strangers) socket.destroy();
    expect(accepted.frames).toHaveLength(3);
  });

  it('[STREAM-10] remembers a bounded number of sessions, and goes on with the others', async () => {
    const { holder, entry } = await pair({ forwardMaxSessions: 2 });
    const streams = [];
    for (let n = 0; n < 5; n++)
      streams.push((await holder.stream('/stream', { method: 'POST', body: 'x' })).accepted);
    for (let turn = 0; turn < 2; turn++)
      for (const one of streams) expect((await post(entry, sessionOf(one), 'a')).status).toBe(204);
    for (const one of streams) expect(one.frames).toHaveLength(3);
  });
});
