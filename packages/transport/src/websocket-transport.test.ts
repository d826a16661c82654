import { EventEmitter, once } from 'node:events';
import { Duplex } from 'node:stream';
import { silentLogger } from '@trunkline/base';
import { FakeClock, MemoryLogger, settle } from '@trunkline/base/testing';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { BatchFramer, joinedFrames } from './frames.js';
import { accepting, document, lineCodec, rawUpgrade, startRig, type Accepted, type Rig } from './testing.js';
import { WebSocketTransport } from './websocket-transport.js';

let rig: Rig | undefined;
afterEach(async () => {
  await rig?.stop();
  rig = undefined;
});

/** Writes 64 KiB documents until the peer is reported behind. */
function fill(accepted: Accepted): number {
  const block = document('x'.repeat(65_536));
  for (let written = 1; written <= 2_000; written++) {
    if (!accepted.transport.write([block])) return written;
  }
  throw new Error('a reader that does not read was never behind');
}

describe('writing', () => {
  it('[WS-12] several documents travel in one frame where the profile joins, in order', async () => {
    rig = await startRig([accepting({ joinDocuments: true })]);
    const { client, accepted } = await rig.pair();
    expect(accepted.transport.write([document('a'), document('b'), document('c')])).toBe(true);
    accepted.transport.write([document('d')]);
    await client.until(() => client.received.length === 2);
    expect(client.received).toEqual(['a\nb\nc', 'd']);
  });

  it('[WS-12] otherwise each has its own frame', async () => {
    rig = await startRig([accepting({ joinDocuments: false }, lineCodec(true))]);
    const { client, accepted } = await rig.pair();
    accepted.transport.write([document('a'), document('b')]);
    await client.until(() => client.received.length === 2);
    expect(client.received).toEqual([Buffer.from('a'), Buffer.from('b')]);
  });

  it('[WS-11] two receivers are written the same frame of a document', async () => {
    rig = await startRig([accepting()]);
    const [one, two] = [await rig.pair(), await rig.pair()];
    const hello = document('hello');
    one.accepted.transport.write([hello]);
    const framed = hello.wire;
    two.accepted.transport.write([hello]);
    expect(framed).toBeDefined();
    expect(hello.wire).toBe(framed);
    await Promise.all([one, two].map(({ client }) => client.until(() => client.received.length === 1)));
    expect([one.client.received, two.client.received]).toEqual([['hello'], ['hello']]);
  });

  it('[WS-10] batches of documents of any size arrive whole and in order', async () => {
    rig = await startRig([accepting({ joinDocuments: true })], { sharedBatchMaxBytes: 100_000 });
    const { client, accepted } = await rig.pair();
    const sizes = fc.array(
      fc.oneof(fc.integer({ min: 0, max: 70_000 }), fc.constantFrom(0, 1, 125, 126, 127, 65_535, 65_536)),
      { minLength: 1, maxLength: 5 },
    );
    await fc.assert(
      fc.asyncProperty(sizes, async (lengths) => {
        client.received.length = 0;
        const texts = lengths.map((length, index) => String(index % 10).repeat(length));
        accepted.transport.write(texts.map(document));
        const expected = texts.join('\n');
        await client.until(
          () => client.received.join('\n').length >= expected.length && client.received.length > 0,
        );
        expect(client.received.join('\n')).toBe(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('[WS-13] control frames of ws come between data frames, never inside', async () => {
    rig = await startRig([accepting()], { sharedBatchMaxBytes: 1_000 });
    const { client, accepted } = await rig.pair();
    // Every ping of the peer is answered in the turn in which data of all three kinds (single, joined, gathered) is written.
    const big = 'b'.repeat(70_000);
    const rounds = 40;
    accepted.onFrame = () => {
      accepted.transport.write([document('single')]);
      accepted.transport.write([document('j'), document('k')]);
      accepted.transport.write([document(big), document(big)]);
    };
    for (let round = 0; round < rounds; round++) {
      client.ws.ping(`p${round}`);
      client.ws.send('go');
      if (round % 8 === 0) await client.until(() => client.pongs.length === round + 1);
    }
    await client.until(() => client.received.length === rounds * 4 && client.pongs.length === rounds);
    expect(client.received).toEqual(
      Array.from({ length: rounds }, () => ['single', 'j\nk', big, big]).flat(),
    );
    expect(client.pongs).toEqual(Array.from({ length: rounds }, (_, round) => `p${round}`));
    accepted.transport.write([document(big)]);
    accepted.transport.write([document('last')]);
    accepted.transport.close(4000, 'done');
    accepted.transport.write([document('after the close')]);
    expect(await client.closed()).toEqual({ code: 4000, reason: 'done' });
    expect(client.received.slice(-2)).toEqual([big, 'last']);
  });

  it('[WS-14] a reader that stops reading is reported behind once, and caught up once', async () => {
    rig = await startRig([accepting()]);
    const { client, accepted } = await rig.pair();
    client.ws.pause();
    const written = fill(accepted);
    expect(accepted.transport.bufferedBytes()).toBeGreaterThan(65_536);
    expect(accepted.transport.write([document('one more')])).toBe(false);
    await settle();
    expect(accepted.drains).toBe(0);
    client.ws.resume();
    await accepted.until(() => accepted.drains === 1);
    expect(accepted.transport.bufferedBytes()).toBe(0);
    await client.until(() => client.received.length === written + 1);
    expect(accepted.drains).toBe(1);
    expect(accepted.transport.write([document('and on')])).toBe(true);
  });

  it("[WS-14] below the stream's own mark nobody is behind, as no drain would follow", async () => {
    const taken: (() => void)[] = [];
    const socket = new Duplex({
      highWaterMark: 100,
      read: () => undefined,
      write: (_chunk, _encoding, done) => void taken.push(done),
    });
    const ws = Object.assign(new EventEmitter(), { readyState: WebSocket.OPEN }) as WebSocket;
    const framer = new BatchFramer({ sharedBatches: 0, sharedBatchMaxBytes: 0 });
    const deps = { clock: new FakeClock(), logger: silentLogger, framer };
    const transport = new WebSocketTransport(
      deps,
      { highWaterBytes: 10, closeTimeoutMs: 1 },
      joinedFrames(lineCodec()),
      ws,
      socket,
    );
    let drains = 0;
    transport.start({ onFrame() {}, onAlive() {}, onClosed() {}, onDrain: () => void drains++ });
    expect(transport.write([document('x'.repeat(50))])).toBe(true);
    expect(transport.write([document('x'.repeat(50))])).toBe(false);
    expect(transport.write([])).toBe(false);
    taken.shift()?.();
    await settle();
    expect([drains, transport.write([])]).toEqual([0, false]);
    taken.shift()?.();
    await settle();
    expect([drains, transport.write([])]).toEqual([1, true]);
  });

  it('[WS-14] a reader that never reads can be dropped', async () => {
    rig = await startRig([accepting()]);
    const { client, accepted } = await rig.pair();
    client.ws.pause();
    fill(accepted);
    accepted.transport.destroy();
    await accepted.until(() => accepted.closes.length === 1);
    expect(accepted.closes).toEqual([{ code: 1006, reason: '' }]);
    expect(accepted.drains).toBe(0);
    client.ws.terminate();
  });
});

describe('reading', () => {
  it('[WS-15] text arrives as a string, binary as bytes, in order', async () => {
    rig = await startRig([accepting()]);
    const { client, accepted } = await rig.pair();
    client.ws.send('grüße');
    client.ws.send(Buffer.from([1, 2, 255]));
    client.ws.send('');
    await accepted.until(() => accepted.frames.length === 3);
    expect(accepted.frames[0]).toBe('grüße');
    expect(Buffer.from(accepted.frames[1] as Uint8Array)).toEqual(Buffer.from([1, 2, 255]));
    expect(accepted.frames[2]).toBe('');
  });

  it('[WS-15] what the peer sends with the handshake is not lost', async () => {
    rig = await startRig([accepting()]);
    const arrival = rig.hub.next();
    const socket = rawUpgrade(rig.port, '/ws');
    socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
    const accepted = await arrival;
    await accepted.until(() => accepted.frames.length === 1);
    expect(accepted.frames).toEqual(['hi']);
    socket.destroy();
  });

  it('[WS-15] a frame of the limit passes, a larger one is closed with 1009', async () => {
    rig = await startRig([accepting({ maxFrameBytes: 100 })]);
    const { client, accepted } = await rig.pair();
    client.ws.send('x'.repeat(100));
    client.ws.send('x'.repeat(101));
    expect((await client.closed()).code).toBe(1009);
    await accepted.until(() => accepted.closes.length === 1);
    expect(accepted.frames.map((frame) => frame.length)).toEqual([100]);
  });

  it('[WS-15] text that is not UTF-8 is closed with 1007', async () => {
    rig = await startRig([accepting()]);
    const { client, accepted } = await rig.pair();
    client.ws.send(Buffer.from([0xc3, 0x28]), { binary: false });
    expect((await client.closed()).code).toBe(1007);
    await accepted.until(() => accepted.closes.length === 1);
    expect(accepted.frames).toEqual([]);
  });

  it('[WS-15] a peer that breaks the protocol and stays is dropped', async () => {
    rig = await startRig([accepting()]);
    const arrival = rig.hub.next();
    const socket = rawUpgrade(rig.port, '/ws');
    const accepted = await arrival;
    const bytes: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => bytes.push(chunk));
    socket.write(Buffer.from([0x81, 0x02, 0x68, 0x69])); // not masked
    await once(socket, 'data');
    const closed = once(socket, 'close');
    await rig.clock.advance(5_000);
    await closed;
    await accepted.until(() => accepted.closes.length === 1);
    expect(accepted.frames).toEqual([]);
  });

  it('[WS-15] a paused reader leaves the peer waiting, a resumed one misses nothing', async () => {
    rig = await startRig([accepting({ maxFrameBytes: 100_000 })]);
    const { client, accepted } = await rig.pair();
    accepted.transport.pause();
    for (let index = 0; index < 20; index++) client.ws.send(`${index}:${'x'.repeat(90_000)}`);
    // Meanwhile another connection goes back and forth often enough for a reader that was not paused to be done.
    const other = await rig.pair();
    for (let turn = 1; turn <= 50; turn++) {
      other.client.ws.ping();
      await other.client.until(() => other.client.pongs.length === turn);
    }
    expect(accepted.frames.length).toBeLessThanOrEqual(1);
    accepted.transport.resume();
    await accepted.until(() => accepted.frames.length === 20);
    expect(accepted.frames.map((frame) => String(frame).split(':')[0])).toEqual(
      Array.from({ length: 20 }, (_, index) => String(index)),
    );
  });

  it('[WS-16] pings and pongs are signs of life', async () => {
    rig = await startRig([accepting()]);
    const { client, accepted } = await rig.pair();
    accepted.transport.ping?.();
    await accepted.until(() => accepted.alive === 1);
    client.ws.ping('?');
    await accepted.until(() => accepted.alive === 2);
    await client.until(() => client.pongs.length === 1);
    expect(client.pongs).toEqual(['?']);
  });
});

describe('closing', () => {
  it('[WS-16] this side closes: the peer is told, onClosed comes once with that code', async () => {
    rig = await startRig([accepting()]);
    const { client, accepted } = await rig.pair();
    accepted.transport.pause();
    accepted.transport.close(3001, 'shutdown');
    accepted.transport.close(3000, 'again');
    client.ws.send('too late');
    expect(await client.closed()).toEqual({ code: 3001, reason: 'shutdown' });
    await accepted.until(() => accepted.closes.length > 0);
    await settle();
    expect(accepted.closes).toEqual([{ code: 3001, reason: 'shutdown' }]);
    expect(accepted.frames).toEqual([]);
  });

  it('[WS-16] the peer closes: its code and reason', async () => {
    rig = await startRig([accepting()]);
    const { client, accepted } = await rig.pair();
    client.ws.close(4321, 'enough');
    await accepted.until(() => accepted.closes.length > 0);
    expect(accepted.closes).toEqual([{ code: 4321, reason: 'enough' }]);
    expect(accepted.transport.write([document('x')])).toBe(true);
    accepted.transport.ping?.();
    accepted.transport.close(3000, '');
    accepted.transport.destroy();
    await settle();
    expect(accepted.closes).toHaveLength(1);
  });

  it('[WS-16] a peer that does not answer a close is dropped after the timeout', async () => {
    rig = await startRig([accepting()], { closeTimeoutMs: 2_000 });
    const { client, accepted } = await rig.pair();
    client.ws.pause();
    accepted.transport.close(3008, 'slow');
    await rig.clock.advance(1_999);
    expect(accepted.closes).toEqual([]);
    await rig.clock.advance(1);
    await accepted.until(() => accepted.closes.length === 1);
    expect(accepted.closes).toEqual([{ code: 3008, reason: 'slow' }]);
    client.ws.terminate();
  });

  it('[WS-16] codes and reasons that no close frame can carry are made to fit', async () => {
    rig = await startRig([accepting()]);
    const { client, accepted } = await rig.pair();
    accepted.transport.close(1006, 'ü'.repeat(100));
    expect(await client.closed()).toEqual({ code: 1011, reason: 'ü'.repeat(61) });
  });

  it('[WS-16] a handler that throws ends its own connection with 3004', async () => {
    const logger = new MemoryLogger();
    rig = await startRig([accepting()], {}, { logger });
    const [bad, good] = [await rig.pair(), await rig.pair()];
    bad.accepted.failure = new Error('broken invariant');
    bad.client.ws.send('x');
    expect((await bad.client.closed()).code).toBe(3004);
    expect(logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    good.client.ws.send('y');
    await good.accepted.until(() => good.accepted.frames.length === 1);
  });
});
