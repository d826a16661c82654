import { MemoryLogger, settle } from '@trunkline/base/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { document, startRig, streaming, type Accepted, type Rig } from './testing.js';

let rig: Rig | undefined;
afterEach(async () => {
  await rig?.stop();
  rig = undefined;
});

/** Writes 64 KiB documents until the peer is reported behind. */
function fill(accepted: Accepted): number {
  const block = document('x'.repeat(65_536));
  for (let written = 1; written <= 2_000; written++) if (!accepted.transport.write([block])) return written;
  throw new Error('a reader that does not read was never behind');
}

describe('down the stream', () => {
  it('[WS-11] receivers share the bytes of a document, whatever their transport', async () => {
    rig = await startRig(streaming());
    const [one, two] = [await rig.stream(), await rig.stream()];
    const hello = document('hello');
    one.accepted.transport.write([hello]);
    const framed = hello.wire;
    two.accepted.transport.write([hello]);
    expect(framed).toBeDefined();
    expect(hello.wire).toBe(framed);
    for (const { stream } of [one, two])
      expect(await stream.until((text) => text !== '')).toBe('data: hello\n\n');
  });

  it('[STREAM-2] what is written together leaves as one chunk, large batches too, in order', async () => {
    rig = await startRig(streaming(), { sharedBatchMaxBytes: 1_000 });
    const { stream, accepted } = await rig.stream('/stream', { method: 'POST', body: 'x' });
    const chunks: string[] = [];
    stream.response.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
    accepted.transport.write([document('a'), document('b'), document('c')]);
    await stream.until((text) => text.includes('c'));
    expect(chunks).toEqual(['a\nb\nc\n']);
    accepted.transport.write([document('y'.repeat(900)), document('z'.repeat(900))]);
    accepted.transport.write([document('end')]);
    const text = await stream.until((all) => all.endsWith('end\n'));
    expect(text).toBe(`a\nb\nc\n${'y'.repeat(900)}\n${'z'.repeat(900)}\nend\n`);
  });

  it('[STREAM-9] a reader that stops reading is reported behind once, and caught up once', async () => {
    rig = await startRig(streaming());
    const { stream, accepted } = await rig.stream();
    stream.response.pause();
    const written = fill(accepted);
    expect(accepted.transport.bufferedBytes()).toBeGreaterThan(65_536);
    expect(accepted.transport.write([document('one more')])).toBe(false);
    await settle();
    expect(accepted.drains).toBe(0);
    stream.response.resume();
    await accepted.until(() => accepted.drains === 1);
    expect(accepted.transport.bufferedBytes()).toBe(0);
    const text = await stream.until((all) => all.endsWith('one more\n\n'));
    expect(text.split('\n\n')).toHaveLength(written + 2);
    expect(accepted.drains).toBe(1);
    expect(accepted.transport.write([document('and on')])).toBe(true);
  });

  it('[STREAM-9] one that takes nothing at all is dropped', async () => {
    rig = await startRig(streaming(), { stallTimeoutMs: 1_000 });
    const { stream, accepted } = await rig.stream();
    stream.response.pause();
    fill(accepted);
    // Until the operating system takes no more, time passes without anything taken.
    for (let turn = 0; turn < 20 && accepted.closes.length === 0; turn++) {
      await settle();
      await rig.clock.advance(1_000);
    }
    await accepted.until(() => accepted.closes.length === 1);
    expect(accepted.closes).toEqual([{ code: 1006, reason: '' }]);
  });

  it('[STREAM-9] a paused connection takes no frames, and all of them later', async () => {
    rig = await startRig(streaming());
    const { accepted } = await rig.stream();
    accepted.transport.pause();
    const answers = ['a', 'b'].map((data) => rig?.upstream(accepted.transport.session, data));
    expect((await rig.upstream('nobody', '')).status).toBe(404);
    expect(accepted.frames).toEqual(['hello']);
    accepted.transport.resume();
    expect((await Promise.all(answers)).map((answer) => answer?.status)).toEqual([204, 204]);
    expect(accepted.frames.toSorted()).toEqual(['a', 'b', 'hello']);
  });

  it('[STREAM-9] one whose requests pile up is closed with 3013', async () => {
    rig = await startRig(streaming(), { upstreamMaxRequests: 2 });
    const { stream, accepted } = await rig.stream();
    accepted.transport.pause();
    await Promise.all(['a', 'b', 'c'].map((data) => rig?.upstream(accepted.transport.session, data)));
    expect((await stream.ended()).text).toContain('disconnect 3013');
    expect(accepted.frames).toEqual(['hello']);
  });
});

describe('the end of a stream', () => {
  it('[STREAM-7] this side closes: everything written, the disconnect, then the end', async () => {
    rig = await startRig(streaming());
    const { stream, accepted } = await rig.stream();
    accepted.transport.write([document('last')]);
    accepted.transport.close(3001, 'shutdown');
    accepted.transport.close(3000, 'again');
    accepted.transport.write([document('never')]);
    expect(await stream.ended()).toEqual({
      text: 'data: last\n\ndata: disconnect 3001 shutdown\n\n',
      complete: true,
    });
    await accepted.until(() => accepted.closes.length === 1);
    expect(accepted.closes).toEqual([{ code: 3001, reason: 'shutdown' }]);
  });

  it('[STREAM-7] the peer goes: 1006, once', async () => {
    rig = await startRig(streaming());
    const { stream, accepted } = await rig.stream();
    stream.leave();
    await accepted.until(() => accepted.closes.length === 1);
    await settle();
    expect(accepted.closes).toEqual([{ code: 1006, reason: '' }]);
  });

  it('[STREAM-7] a peer that does not take its farewell is dropped', async () => {
    rig = await startRig(streaming(), { closeTimeoutMs: 1_000 });
    const { stream, accepted } = await rig.stream();
    stream.response.pause();
    fill(accepted);
    accepted.transport.close(3008, 'slow');
    await settle();
    expect(accepted.closes).toEqual([]);
    await rig.clock.advance(1_000);
    await accepted.until(() => accepted.closes.length === 1);
    expect(accepted.closes[0]?.code).toBe(3008);
  });

  it('[WS-16] a handler that throws ends its own connection with 3004', async () => {
    const logger = new MemoryLogger();
    rig = await startRig(streaming(), {}, { logger });
    const { stream, accepted } = await rig.stream();
    accepted.failure = new Error('broken');
    expect((await rig.upstream(accepted.transport.session, 'x')).status).toBe(204);
    expect((await stream.ended()).text).toContain('disconnect 3004');
    expect(logger.lines.some(({ level }) => level === 'error')).toBe(true);
  });

  it('[WS-17] dispose drops what is open', async () => {
    rig = await startRig(streaming());
    const { stream } = await rig.stream();
    rig.entrance.dispose();
    expect((await stream.ended()).complete).toBe(false);
    expect(rig.entrance.connections).toBe(0);
  });
});
